//! Lines: what an operation costs among more and more entries, one panel for each operation, both axes
//! logarithmic.

use super::paint::{GRID, Hold, MARGIN, Sheet, Style, WIDTH, colour, width_of};
use crate::figures::{Section, count, growth_of, slope_metric, time};
use crate::systems::Engine;

const TOP: f64 = 44.0;
/// The height of the line that names the systems.
const LEGEND: f64 = 26.0;
const PANEL: f64 = 226.0;
const GAP: f64 = 22.0;
const PANEL_WIDTH: f64 = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
/// What the axes leave of a panel.
const LEFT: f64 = 58.0;
const HEAD: f64 = 40.0;
const FOOT: f64 = 34.0;

/// The chart of a section; `None` if no operation was measured among two numbers of entries.
pub(super) fn chart(section: &Section) -> Option<String> {
    let operations: Vec<Operation<'_>> = operations(section);
    if operations.is_empty() {
        return None;
    }
    let lines = operations.chunks(2);
    let height = TOP + LEGEND + PANEL * count(lines.len());
    let title = format!(
        "{}: time by entries, both logarithmic; lower and flatter is better",
        section.title
    );
    let mut sheet = Sheet::new(height, &title);
    legend(&mut sheet, &operations);
    let mut y = TOP + LEGEND;
    for line in lines {
        for (operation, x) in line.iter().zip([MARGIN, MARGIN + PANEL_WIDTH + GAP]) {
            operation.paint(&mut sheet, (x, y));
        }
        y += PANEL;
    }
    Some(sheet.finish())
}

fn legend(sheet: &mut Sheet, operations: &[Operation<'_>]) {
    let mut x = MARGIN;
    for engine in Engine::ALL {
        if !operations
            .iter()
            .any(|of| of.curves.iter().any(|(whose, _)| *whose == engine))
        {
            continue;
        }
        sheet.bar(x, TOP, (12.0, 12.0), colour(engine));
        sheet.text(x + 17.0, TOP + 10.0, Style::of(11.0), engine.name());
        x += 17.0 + width_of(engine.name(), 11.0) + 16.0;
    }
}

/// The times of an operation by the number of entries, for each system.
struct Operation<'a> {
    name: &'a str,
    curves: Vec<(Engine, Vec<(f64, f64)>)>,
    /// The slope of ours.
    slope: Option<f64>,
}

fn operations(section: &Section) -> Vec<Operation<'_>> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in section.rows.iter().filter_map(|row| growth_of(&row.metric)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let all = names.into_iter().map(|name| Operation::of(section, name));
    all.filter(|operation| !operation.curves.is_empty())
        .collect()
}

impl<'a> Operation<'a> {
    fn of(section: &Section, name: &'a str) -> Self {
        let curve = |engine| {
            let points = section.rows.iter().filter_map(|row| {
                let (operation, entries) = growth_of(&row.metric)?;
                let time = row.of(engine)?.median();
                (operation == name && time > 0.0).then(|| (count(entries), time))
            });
            let mut points: Vec<(f64, f64)> = points.collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            (points.len() > 1).then_some((engine, points))
        };
        let slopes = slope_metric(name);
        let slopes = section.rows.iter().find(|row| row.metric == slopes);
        Self {
            name,
            // Ours last, on top of the others.
            curves: Engine::ALL.into_iter().rev().filter_map(curve).collect(),
            slope: slopes.and_then(|row| Some(row.of(Engine::Sessiondb)?.median())),
        }
    }

    fn paint(&self, sheet: &mut Sheet, (x, y): (f64, f64)) {
        sheet.text(x, y + 12.0, Style::of(12.0).bold(), self.name);
        if let Some(slope) = self.slope {
            let note = format!("sessiondb: the time grows as n^{slope:.2}");
            sheet.text(x, y + 27.0, Style::of(10.0).pale(), note);
        }
        let across = Axis::of(
            self.points().map(|point| point.0),
            (x + LEFT, x + PANEL_WIDTH - 12.0),
        );
        let up = Axis::of(
            self.points().map(|point| point.1),
            (y + PANEL - FOOT, y + HEAD),
        );
        let up = up.widened();
        for power in up.powers() {
            let at = up.place(power);
            sheet.line((x + LEFT, at), (x + PANEL_WIDTH, at), GRID);
            let style = Style::of(10.0).pale().held(Hold::End);
            sheet.text(x + LEFT - 6.0, at + 3.5, style, round_time(power));
        }
        for entries in self.entries() {
            let style = Style::of(10.0).pale().held(Hold::Middle);
            sheet.text(
                across.place(entries),
                y + PANEL - FOOT + 15.0,
                style,
                short(entries),
            );
        }
        for (engine, points) in &self.curves {
            let points = points.iter().map(|(x, y)| (across.place(*x), up.place(*y)));
            let width = if engine.is_ours() { 2.6 } else { 1.6 };
            sheet.curve(&points.collect::<Vec<_>>(), width, colour(*engine));
        }
    }

    fn points(&self) -> impl Iterator<Item = &(f64, f64)> + Clone {
        self.curves.iter().flat_map(|(_, points)| points)
    }

    fn entries(&self) -> Vec<f64> {
        let mut entries: Vec<f64> = self.points().map(|point| point.0).collect();
        entries.sort_by(f64::total_cmp);
        entries.dedup();
        entries
    }
}

/// A logarithmic axis: the figures at its ends, and their places.
struct Axis {
    figures: (f64, f64),
    places: (f64, f64),
}

impl Axis {
    fn of(figures: impl Iterator<Item = f64> + Clone, places: (f64, f64)) -> Self {
        let low = figures.clone().fold(f64::INFINITY, f64::min);
        let figures = (low, figures.fold(low, f64::max));
        Self { figures, places }
    }

    /// The same from a power of ten to a power of ten.
    fn widened(mut self) -> Self {
        let low = self.figures.0.log10().floor();
        let high = self.figures.1.log10().ceil().max(low + 1.0);
        self.figures = (10_f64.powf(low), 10_f64.powf(high));
        self
    }

    /// The powers of ten from end to end.
    fn powers(&self) -> impl Iterator<Item = f64> + use<> {
        let (low, high) = (
            self.figures.0.log10().round(),
            self.figures.1.log10().round(),
        );
        let steps = (0_u32..).map(move |step| low + f64::from(step));
        steps
            .take_while(move |power| *power <= high)
            .map(|power| 10_f64.powf(power))
    }

    fn place(&self, figure: f64) -> f64 {
        let part = (figure / self.figures.0).ln() / (self.figures.1 / self.figures.0).ln();
        self.places.0 + part * (self.places.1 - self.places.0)
    }
}

/// A time at a mark of the axis, which is a power of ten.
fn round_time(seconds: f64) -> String {
    // A hair more, since a computed power may be a hair too small for its unit.
    let text = time(seconds * 1.000_001);
    text.replace(".00 ", " ").replace(".0 ", " ")
}

fn short(entries: f64) -> String {
    match entries {
        n if n >= 1e6 => format!("{} M", n / 1e6),
        n if n >= 1e3 => format!("{} k", n / 1e3),
        n => format!("{n}"),
    }
}
