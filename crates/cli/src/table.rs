//! A table that fits the terminal: columns as wide as their widest cell, those that may be narrower
//! clipped, and those that matter least left out.

use std::io::{self, Write};

use clap::builder::styling::Style;

use crate::output::Out;
use crate::width;

const HEADING: Style = Style::new().bold();
const GAP: usize = 2;
/// What a cell that may be clipped has in the narrowest terminal.
const ABSOLUTELY_LEAST: usize = 8;
/// What it has in a row with a long id.
const LEAST_IN_A_ROW: usize = 4;
/// Ids that are longer are seldom.
const ID_COLUMNS: usize = 18;

/// A table with a heading.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

/// A column: its heading and how its cells are laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Filled up behind the text, and as wide as its widest cell.
    Left(&'static str),
    /// As `Left`, but a few cells that are much longer take their room from the texts of their rows.
    Id(&'static str),
    /// Filled up before the text, and as wide as its widest cell.
    Right(&'static str),
    /// As `Left`, clipped if need be.
    Text(&'static str, Fit),
    /// As `Text`, but it is the end of a cell that stays.
    Path(&'static str, Fit),
    /// As `Right`, and left out if need be: those with the highest number first.
    Number(&'static str, u8),
}

/// How a column gives way in a narrow terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    /// The fewest columns of the terminal that are worth showing.
    pub(crate) least: usize,
    /// The columns with the highest number are left out first; those with 0 never.
    pub(crate) leaves: u8,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn write(&self, out: &mut Out) -> io::Result<()> {
        let headings = self.columns.map(|column| column.heading().to_owned());
        let shown = |row: &[String; N]| row.each_ref().map(|cell| out.shown(cell).into_owned());
        let rows: Vec<[String; N]> = self.rows.iter().map(shown).collect();
        let mut widths = [0; N];
        for row in rows.iter().chain([&headings]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(width::of(cell));
            }
        }
        for (at, (width, column)) in widths.iter_mut().zip(self.columns).enumerate() {
            if let Column::Id(heading) = column {
                let cells = rows.iter().filter_map(|row| row.get(at));
                let short = cells
                    .map(|cell| width::of(cell))
                    .filter(|it| *it <= ID_COLUMNS);
                if let Some(widest) = short.max() {
                    *width = widest.max(width::of(heading));
                }
            }
        }
        let widths = self.fitted(widths, width::columns());
        out.painted(HEADING, self.line(&widths, &headings))?;
        writeln!(out)?;
        for row in &rows {
            writeln!(out, "{}", self.line(&widths, row))?;
        }
        Ok(())
    }

    /// The widths in which the columns fit; `None` for those that are left out.
    fn fitted(&self, natural: [usize; N], columns: usize) -> [Option<usize>; N] {
        let mut widths = natural.map(Some);
        let fits = self.columns.map(Column::fit);
        loop {
            let shown = widths.iter().flatten().count();
            let gaps = GAP * shown.saturating_sub(1);
            let least = |(width, fit): (&Option<usize>, &Option<Fit>)| match (width, fit) {
                (Some(width), Some(fit)) => (*width).min(fit.least),
                (width, _) => width.unwrap_or(0),
            };
            let needed: usize = widths.iter().zip(&fits).map(least).sum::<usize>() + gaps;
            let leaves = |at: &usize| fits.get(*at).copied().flatten().map_or(0, |fit| fit.leaves);
            let first_out = (0..N)
                .filter(|at| widths.get(*at).is_some_and(Option::is_some) && leaves(at) > 0)
                .max_by_key(leaves);
            match first_out.and_then(|at| widths.get_mut(at)) {
                Some(width) if needed > columns => *width = None,
                _ => {
                    let columns = columns.saturating_sub(gaps);
                    shrink(&mut widths, &fits, columns, 0);
                    shrink(&mut widths, &fits, columns, ABSOLUTELY_LEAST);
                    return widths;
                }
            }
        }
    }

    fn line(&self, widths: &[Option<usize>; N], row: &[String; N]) -> String {
        let mut widths = *widths;
        self.make_room(&mut widths, row);
        let cells: Vec<String> = self
            .columns
            .iter()
            .zip(widths)
            .zip(row)
            .filter_map(|((column, width), cell)| Some(column.cell(cell, width?)))
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

impl<const N: usize> Table<N> {
    /// Takes what a long id needs from the texts of its row, paths first.
    fn make_room(&self, widths: &mut [Option<usize>; N], row: &[String; N]) {
        let ids = self.columns.iter().zip(&*widths).zip(row);
        let over = ids.map(|((column, columns), id)| match (column, columns) {
            (Column::Id(_), Some(columns)) => width::of(id).saturating_sub(*columns),
            _ => 0,
        });
        let mut over: usize = over.sum();
        for is_path in [true, false] {
            for (column, columns) in self.columns.iter().zip(&mut *widths) {
                let is_next = match column {
                    Column::Path(..) => is_path,
                    Column::Text(..) => !is_path,
                    _ => false,
                };
                if let Some(columns) = columns.as_mut().filter(|_| is_next) {
                    let given = over.min(columns.saturating_sub(LEAST_IN_A_ROW));
                    *columns -= given;
                    over -= given;
                }
            }
        }
    }
}

/// Takes columns away from the widest that may be narrower, until all fit. With `floor` they may be
/// narrower than what is worth showing.
fn shrink<const N: usize>(
    widths: &mut [Option<usize>; N],
    fits: &[Option<Fit>; N],
    columns: usize,
    floor: usize,
) {
    loop {
        let sum: usize = widths.iter().flatten().sum();
        let over = sum.saturating_sub(columns);
        let widest = widths
            .iter_mut()
            .zip(fits)
            .filter_map(|(width, fit)| {
                let least = (*fit)?.least;
                let is_whole = floor == 0 || least == usize::MAX;
                Some((width.as_mut()?, if is_whole { least } else { floor }))
            })
            .filter(|(width, least)| **width > *least)
            .max_by_key(|(width, _)| **width);
        match widest {
            Some((width, _)) if over > 0 => *width -= 1,
            _ => return,
        }
    }
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Left(heading)
            | Self::Id(heading)
            | Self::Right(heading)
            | Self::Text(heading, _)
            | Self::Path(heading, _)
            | Self::Number(heading, _) => heading,
        }
    }

    fn fit(self) -> Option<Fit> {
        match self {
            Self::Left(_) | Self::Id(_) | Self::Right(_) => None,
            Self::Text(_, fit) | Self::Path(_, fit) => Some(fit),
            Self::Number(_, leaves) => Some(Fit {
                least: usize::MAX,
                leaves,
            }),
        }
    }

    fn cell(self, text: &str, columns: usize) -> String {
        match self {
            Self::Left(_) | Self::Id(_) => width::left(text, columns),
            Self::Right(_) | Self::Number(..) => width::right(text, columns),
            Self::Text(..) => width::left(&width::clip(text, columns), columns),
            Self::Path(..) => width::left(&width::clip_front(text, columns), columns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let fit = |least, leaves| Fit { least, leaves };
        Table::new([
            Column::Left("ID"),
            Column::Text("TITLE", fit(5, 0)),
            Column::Path("FOLDER", fit(6, 1)),
        ])
    }

    #[test]
    fn the_widest_gives_way_first_and_the_least_important_leaves() {
        let table = table();
        assert_eq!(table.fitted([4, 20, 8], 36), [Some(4), Some(20), Some(8)]);
        assert_eq!(table.fitted([4, 20, 8], 26), [Some(4), Some(10), Some(8)]);
        assert_eq!(table.fitted([4, 20, 8], 19), [Some(4), Some(5), Some(6)]);
        assert_eq!(table.fitted([4, 20, 8], 18), [Some(4), Some(12), None]);
        assert_eq!(table.fitted([4, 20, 8], 3), [Some(4), Some(5), None]);
        assert_eq!(table.fitted([40, 20, 8], 50), [Some(40), Some(8), None]);
    }
}
