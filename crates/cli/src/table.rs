//! A table that fits the terminal: columns as wide as their widest cell, those that may be narrower
//! clipped, and those that matter least left out.

use std::io::{self, Write};

use clap::builder::styling::Style;

use crate::output::{self, Out};
use crate::{cores, width};

const HEADING: Style = Style::new().bold();
const GAP: usize = 2;
/// So many groups of rows are laid out before they are written.
const AT_ONCE: usize = 8;
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
    rows: Vec<Rows<N>>,
}

/// Rows of a table: their cells in one text.
#[derive(Debug, Default)]
pub(crate) struct Rows<const N: usize> {
    text: String,
    cells: Vec<[Cell; N]>,
}

/// Where a cell ends in the text, and how many columns of the terminal it takes.
#[derive(Debug, Clone, Copy)]
struct Cell {
    end: usize,
    width: usize,
}

impl<const N: usize> Rows<N> {
    pub(crate) fn push(&mut self, row: [impl AsRef<str>; N]) {
        self.cells.push(row.map(|cell| {
            let cell = cell.as_ref();
            self.text.push_str(cell);
            Cell {
                end: self.text.len(),
                width: width::of(cell),
            }
        }));
    }

    /// The texts of the rows, with the columns that each takes.
    fn iter(&self) -> impl Iterator<Item = [(&str, usize); N]> {
        let mut from = 0;
        self.cells.iter().map(move |row| {
            row.map(|cell| {
                let text = self.text.get(from..cell.end).unwrap_or_default();
                from = cell.end;
                (text, cell.width)
            })
        })
    }

    /// The same without what a terminal obeys.
    fn harmless(&self) -> Self {
        let mut rows = Self::default();
        for row in self.iter() {
            rows.push(row.map(|(text, _)| output::harmless(text)));
        }
        rows
    }
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
            rows: vec![Rows::default()],
        }
    }

    pub(crate) fn push(&mut self, row: [impl AsRef<str>; N]) {
        if let Some(rows) = self.rows.last_mut() {
            rows.push(row);
        }
    }

    pub(crate) fn append(&mut self, rows: Rows<N>) {
        self.rows.push(rows);
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.iter().map(|rows| rows.cells.len()).sum()
    }

    pub(crate) fn write(mut self, out: &mut Out) -> io::Result<()> {
        if out.is_terminal() {
            self.rows = cores::each(&self.rows, 1, Rows::harmless);
        }
        let widths = self.fitted(self.natural(), width::columns());
        let mut heading = String::new();
        let headings = self.columns.map(Column::heading);
        let headings = headings.map(|text| (text, width::of(text)));
        self.put_line(&widths, headings, &mut heading);
        out.painted(HEADING, &heading)?;
        writeln!(out)?;
        let lines = |rows: &[Rows<N>]| {
            let mut lines = String::new();
            for row in rows.iter().flat_map(Rows::iter) {
                self.put_line(&widths, row, &mut lines);
                lines.push('\n');
            }
            lines
        };
        for rows in self.rows.chunks(AT_ONCE) {
            for lines in cores::pieces(rows, 1, lines) {
                out.write_all(lines.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The widths in which nothing is clipped but ids that are longer than most.
    fn natural(&self) -> [usize; N] {
        let headings = self.columns.map(|column| width::of(column.heading()));
        let (mut widest, mut widest_short) = (headings, headings);
        let mut has_short = [false; N];
        for row in self.rows.iter().flat_map(|rows| &rows.cells) {
            let widths = widest.iter_mut().zip(&mut widest_short).zip(&mut has_short);
            for (((widest, widest_short), has_short), cell) in widths.zip(row) {
                *widest = cell.width.max(*widest);
                if cell.width <= ID_COLUMNS {
                    *widest_short = cell.width.max(*widest_short);
                    *has_short = true;
                }
            }
        }
        let columns = self.columns.iter().zip(widest_short).zip(has_short);
        for (((column, short), has_short), widest) in columns.zip(&mut widest) {
            if matches!(column, Column::Id(_)) && has_short {
                *widest = short;
            }
        }
        widest
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

    /// Puts a row behind the lines, without the end of its line.
    fn put_line(&self, widths: &[Option<usize>; N], row: [(&str, usize); N], lines: &mut String) {
        let mut widths = *widths;
        self.make_room(&mut widths, &row);
        let begin = lines.len();
        let mut gap = 0;
        for ((column, columns), cell) in self.columns.iter().zip(widths).zip(row) {
            if let Some(columns) = columns {
                width::pad(lines, gap);
                column.put(lines, cell, columns);
                gap = GAP;
            }
        }
        let line = lines.get(begin..).unwrap_or_default();
        lines.truncate(begin + line.trim_end().len());
    }

    /// Takes what a long id needs from the texts of its row, paths first.
    fn make_room(&self, widths: &mut [Option<usize>; N], row: &[(&str, usize); N]) {
        let ids = self.columns.iter().zip(&*widths).zip(row);
        let over = ids.map(|((column, columns), (_, width))| match (column, columns) {
            (Column::Id(_), Some(columns)) => width.saturating_sub(*columns),
            _ => 0,
        });
        let mut over: usize = over.sum();
        for is_path in [true, false] {
            if over == 0 {
                return;
            }
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

    /// Puts a cell behind a line.
    fn put(self, line: &mut String, (text, width): (&str, usize), columns: usize) {
        let clipped = match self {
            Self::Text(..) if width > columns => width::clip(text, columns),
            Self::Path(..) if width > columns => width::clip_front(text, columns),
            _ => {
                let blanks = columns.saturating_sub(width);
                let is_right = matches!(self, Self::Right(_) | Self::Number(..));
                width::pad(line, if is_right { blanks } else { 0 });
                line.push_str(text);
                width::pad(line, if is_right { 0 } else { blanks });
                return;
            }
        };
        line.push_str(&clipped);
        width::pad(line, columns.saturating_sub(width::of(&clipped)));
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
