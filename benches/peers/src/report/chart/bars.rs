//! Bars: one panel for each row, one bar for each system, the figure at its end.

use super::paint::{FLOOR, Hold, MARGIN, Sheet, Style, WIDTH, colour, width_of};
use crate::figures::{Row, count};
use crate::systems::Engine;

/// A row with the title that it has in the chart.
pub(super) struct Panel<'a> {
    pub(super) title: String,
    pub(super) row: &'a Row,
}

/// Where figures lie further apart than this, bars show their logarithms.
const LINEAR_WITHIN: f64 = 50.0;

const PITCH: f64 = 17.0;
const THICK: f64 = 12.0;
const LABEL: f64 = 11.0;
/// The title and the line below it.
const PANEL_HEAD: f64 = 36.0;
const GAP: f64 = 18.0;
const TOP: f64 = 44.0;

/// A chart of panels; `None` if nothing can be shown. Many panels are set in two columns.
pub(super) fn chart(title: &str, panels: &[Panel<'_>]) -> Option<String> {
    let drawn: Vec<Drawn<'_>> = panels.iter().filter_map(Drawn::of).collect();
    let columns = if drawn.len() < 3 { 1 } else { 2 };
    if drawn.is_empty() {
        return None;
    }
    let lines = drawn
        .chunks(columns)
        .map(|line| line.iter().map(Drawn::height).fold(0.0, f64::max));
    let lines: Vec<f64> = lines.collect();
    let mut sheet = Sheet::new(TOP + lines.iter().sum::<f64>(), title);
    if drawn.len() > 1 {
        let style = Style::of(10.0).pale().held(Hold::End);
        sheet.text(WIDTH - MARGIN, 26.0, style, "each panel has its own scale");
    }
    let labels = drawn.iter().map(Drawn::label_width).fold(0.0, f64::max);
    let free = WIDTH - 2.0 * MARGIN;
    let width = if columns == 1 {
        free
    } else {
        (free - GAP) / 2.0
    };
    let mut y = TOP;
    for (line, height) in drawn.chunks(columns).zip(lines) {
        for (panel, x) in line.iter().zip([MARGIN, MARGIN + width + GAP]) {
            panel.paint(&mut sheet, (x, y), width, labels);
        }
        y += height;
    }
    Some(sheet.finish())
}

/// A bar: whose it is, how it looks, the figure.
struct Bar {
    name: String,
    colour: &'static str,
    bold: bool,
    figure: f64,
}

/// A panel with its bars.
struct Drawn<'a> {
    panel: &'a Panel<'a>,
    bars: Vec<Bar>,
    scale: Scale,
}

impl<'a> Drawn<'a> {
    fn of(panel: &'a Panel<'a>) -> Option<Self> {
        let bars = bars(panel.row);
        let scale = Scale::of(&bars)?;
        Some(Self { panel, bars, scale })
    }

    fn height(&self) -> f64 {
        PANEL_HEAD + PITCH * count(self.bars.len()) + GAP
    }

    fn label_width(&self) -> f64 {
        let widths = self.bars.iter().map(|bar| width_of(&bar.name, LABEL));
        widths.fold(0.0, f64::max)
    }

    fn paint(&self, sheet: &mut Sheet, (x, y): (f64, f64), width: f64, labels: f64) {
        let unit = self.panel.row.unit;
        sheet.text(x, y + 12.0, Style::of(12.0).bold(), &self.panel.title);
        sheet.text(
            x,
            y + 27.0,
            Style::of(10.0).pale(),
            note(self.panel.row, &self.scale),
        );
        let figures = self
            .bars
            .iter()
            .map(|bar| width_of(&unit.show(bar.figure), LABEL));
        let figures = figures.fold(0.0, f64::max);
        let left = x + labels + 8.0;
        let longest = (width - labels - figures - 18.0).max(20.0);
        for (bar, number) in self.bars.iter().zip(0_u32..) {
            let top = y + PANEL_HEAD + PITCH * f64::from(number);
            let length = longest * self.scale.part(bar.figure);
            let style = Style::of(LABEL);
            let style = if bar.bold { style.bold() } else { style };
            sheet.text(left - 6.0, top + 10.0, style.held(Hold::End), &bar.name);
            sheet.bar(left, top, (length.max(1.0), THICK), bar.colour);
            sheet.text(
                left + length + 5.0,
                top + 10.0,
                style,
                unit.show(bar.figure),
            );
        }
    }
}

/// The bars of a row, the floor at the end.
fn bars(row: &Row) -> Vec<Bar> {
    let systems = row.cells.iter().map(|(engine, rounds)| Bar {
        name: engine.name().to_owned(),
        colour: colour(*engine),
        bold: *engine == Engine::Sessiondb,
        figure: rounds.median(),
    });
    let floor = row.floor.iter().map(|(_, rounds)| Bar {
        name: "floor".to_owned(),
        colour: FLOOR,
        bold: false,
        figure: rounds.median(),
    });
    let bars = systems.chain(floor);
    bars.filter(|bar| bar.figure.is_finite() && bar.figure >= 0.0)
        .collect()
}

/// From figures to lengths.
enum Scale {
    /// From zero to the highest.
    Linear(f64),
    /// From a power of ten below the lowest to the highest.
    Log(f64, f64),
}

impl Scale {
    fn of(bars: &[Bar]) -> Option<Self> {
        let figures = bars.iter().map(|bar| bar.figure);
        let high = figures.clone().max_by(f64::total_cmp)?;
        let low = figures.filter(|figure| *figure > 0.0).fold(high, f64::min);
        if high <= low * LINEAR_WITHIN {
            return Some(Self::Linear(high));
        }
        // The shortest bar is to be seen, too.
        let base = 10_f64.powf((low / 1.5).log10().floor());
        Some(Self::Log(base, high))
    }

    /// The part of the full length, from 0 to 1.
    fn part(&self, figure: f64) -> f64 {
        match self {
            Self::Linear(high) if *high > 0.0 => figure / high,
            Self::Log(base, high) if figure > *base => (figure / base).ln() / (high / base).ln(),
            _ => 0.0,
        }
    }

    /// What a length means where it is not the figure.
    fn note(&self) -> &'static str {
        match self {
            Self::Linear(_) => "",
            Self::Log(..) => "; log scale",
        }
    }
}

/// What is better, what the lengths mean, and what the floor is.
fn note(row: &Row, scale: &Scale) -> String {
    let better = if row.unit.more_is_better() {
        "more is better"
    } else {
        "less is better"
    };
    let floor = row.floor.as_ref();
    let floor = floor.map_or_else(String::new, |(name, _)| format!("; floor: {name}"));
    format!("{better}{}{floor}", scale.note())
}
