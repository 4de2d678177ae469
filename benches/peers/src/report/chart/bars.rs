//! Bars: one panel for each row, one bar for each system, the figure at its end.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, INK, PALE_INK, colour, sheet, text};
use crate::Result;
use crate::figures::Row;
use crate::systems::Engine;

/// A row with the title that it has in the chart.
pub(super) struct Panel<'a> {
    pub(super) title: String,
    pub(super) row: &'a Row,
}

/// Where figures lie further apart than this, bars show their logarithms.
const LINEAR_WITHIN: f64 = 50.0;

const PITCH: u32 = 17;
/// The title of a panel, the line below it, and the space to the next one.
const PANEL_HEAD: u32 = 64;
const TOP: u32 = 40;
/// The widths of a system's name and of a figure.
const NAME: u32 = 128;
const FIGURE: u32 = 74;

/// A chart of panels; `None` if nothing can be shown. Many panels are set in two columns.
pub(super) fn chart(title: &str, panels: &[Panel<'_>]) -> Result<Option<String>> {
    let shown = panels.iter().map(|panel| (panel, bars(panel.row)));
    let shown: Vec<_> = shown.filter(|(_, bars)| !bars.is_empty()).collect();
    let Some(most) = shown.iter().map(|(_, bars)| bars.len()).max() else {
        return Ok(None);
    };
    let most = u32::try_from(most)?;
    let columns = if shown.len() < 3 { 1 } else { 2 };
    let lines = shown.len().div_ceil(columns);
    let height = TOP + (PANEL_HEAD + PITCH * most) * u32::try_from(lines)?;
    let scales = if lines > 1 {
        " (each panel has its own scale)"
    } else {
        ""
    };
    sheet(height, &format!("{title}{scales}"), |area| {
        for ((panel, bars), area) in shown.iter().zip(area.split_evenly((lines, columns))) {
            paint(&area, panel, bars, most)?;
        }
        Ok(())
    })
}

/// A bar: whose it is, how it looks, the figure.
struct Bar {
    name: &'static str,
    colour: RGBColor,
    weight: FontStyle,
    figure: f64,
}

/// The bars of a row, the floor at the end.
fn bars(row: &Row) -> Vec<Bar> {
    let systems = row.cells.iter().map(|(engine, rounds)| Bar {
        name: engine.name(),
        colour: colour(*engine),
        weight: match engine {
            Engine::Sessiondb => FontStyle::Bold,
            _ => FontStyle::Normal,
        },
        figure: rounds.median(),
    });
    let floor = row.floor.iter().map(|(_, rounds)| Bar {
        name: "floor",
        colour: RGBColor(0x9a, 0xa5, 0xb1),
        weight: FontStyle::Normal,
        figure: rounds.median(),
    });
    let bars = systems.chain(floor);
    bars.filter(|bar| bar.figure.is_finite() && bar.figure >= 0.0)
        .collect()
}

/// One panel, with room for `most` bars.
fn paint(area: &Area<'_>, panel: &Panel<'_>, bars: &[Bar], most: u32) -> Result<()> {
    let high = bars.iter().map(|bar| bar.figure).fold(0.0, f64::max);
    let base = log_from(bars, high);
    let note = note(panel.row, base.is_some());
    let area = area
        .titled(&panel.title, text(12, INK, FontStyle::Bold))?
        .titled(&note, text(10, PALE_INK, FontStyle::Normal))?;
    let mut chart = ChartBuilder::on(&area)
        .margin_left(NAME)
        .margin_right(FIGURE)
        .margin_bottom(16)
        .build_cartesian_2d(0.0..1.0, f64::from(most)..0.0)?;
    for (bar, top) in bars.iter().zip((0_u32..).map(f64::from)) {
        let part = match base {
            Some(base) => (bar.figure / base).ln() / (high / base).ln(),
            None => bar.figure / high,
        };
        // The shortest bar is to be seen, too.
        let length = part.max(0.003);
        let style = |side| text(11, INK, bar.weight).pos(Pos::new(side, VPos::Center));
        chart.draw_series([Rectangle::new(
            [(0.0, top + 0.15), (length, top + 0.85)],
            bar.colour.filled(),
        )])?;
        let name = Text::new(bar.name.to_owned(), (-6, 0), style(HPos::Right));
        chart.draw_series([EmptyElement::at((0.0, top + 0.5)) + name])?;
        let figure = panel.row.unit.show(bar.figure);
        let figure = Text::new(figure, (5, 0), style(HPos::Left));
        chart.draw_series([EmptyElement::at((length, top + 0.5)) + figure])?;
    }
    Ok(())
}

/// The power of ten below the lowest figure from which bars show logarithms, if figures lie far apart.
fn log_from(bars: &[Bar], high: f64) -> Option<f64> {
    let figures = bars.iter().map(|bar| bar.figure);
    let low = figures.filter(|figure| *figure > 0.0).fold(high, f64::min);
    (high > low * LINEAR_WITHIN).then(|| 10_f64.powf((low / 1.5).log10().floor()))
}

/// What is better, what the lengths mean, and what the floor is.
fn note(row: &Row, is_log: bool) -> String {
    let better = if row.unit.more_is_better() {
        "more is better"
    } else {
        "less is better"
    };
    let scale = if is_log { "; log scale" } else { "" };
    let floor = row.floor.as_ref();
    let floor = floor.map_or_else(String::new, |(name, _)| format!("; floor: {name}"));
    format!("{better}{scale}{floor}")
}
