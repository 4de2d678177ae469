//! Lines: what an operation costs among more and more entries, one panel for each operation, both axes
//! logarithmic.

use plotters::prelude::*;

use super::{Area, GRID, INK, PALE_INK, colour, sheet, text};
use crate::Result;
use crate::figures::{Section, count, growth_of, slope_metric, time};
use crate::systems::Engine;

const TOP: u32 = 70;
const PANEL: u32 = 226;

/// The chart of a section; `None` if no operation was measured among two numbers of entries.
pub(super) fn chart(section: &Section) -> Result<Option<String>> {
    let operations: Vec<Operation<'_>> = operations(section);
    if operations.is_empty() {
        return Ok(None);
    }
    let lines = operations.len().div_ceil(2);
    let title = format!(
        "{}: time by entries, both logarithmic; lower and flatter is better",
        section.title
    );
    sheet(TOP + PANEL * u32::try_from(lines)?, &title, |area| {
        let (names, area) = area.split_vertically(26);
        legend(&names, &operations)?;
        for (operation, area) in operations.iter().zip(area.split_evenly((lines, 2))) {
            operation.paint(&area)?;
        }
        Ok(())
    })
}

fn legend(area: &Area<'_>, operations: &[Operation<'_>]) -> Result<()> {
    let of = |engine: &Engine| {
        let mut curves = operations.iter().flat_map(|of| &of.curves);
        curves.any(|(whose, _)| whose == engine)
    };
    let engines: Vec<Engine> = Engine::ALL.into_iter().filter(of).collect();
    for (engine, area) in engines.iter().zip(area.split_evenly((1, engines.len()))) {
        area.draw(&Rectangle::new(
            [(16, 8), (28, 20)],
            colour(*engine).filled(),
        ))?;
        let style = text(11, INK, FontStyle::Normal);
        area.draw(&Text::new(engine.name(), (33, 9), style))?;
    }
    Ok(())
}

/// The times of an operation by the number of entries, for each system.
struct Operation<'a> {
    name: &'a str,
    curves: Vec<(Engine, Vec<(f64, f64)>)>,
    /// The slope of ours.
    slope: Option<f64>,
}

fn operations(section: &Section) -> Vec<Operation<'_>> {
    let mut all: Vec<Operation<'_>> = Vec::new();
    for (name, _) in section.rows.iter().filter_map(|row| growth_of(&row.metric)) {
        if all.iter().all(|operation| operation.name != name) {
            all.push(Operation::of(section, name));
        }
    }
    all.retain(|operation| !operation.curves.is_empty());
    all
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

    fn paint(&self, area: &Area<'_>) -> Result<()> {
        let pale = text(10, PALE_INK, FontStyle::Normal);
        let mut area = area.titled(self.name, text(12, INK, FontStyle::Bold))?;
        if let Some(slope) = self.slope {
            let note = format!("sessiondb: the time grows as n^{slope:.2}");
            area = area.titled(&note, &pale)?;
        }
        let points = self.curves.iter().flat_map(|(_, points)| points);
        let (least, most) = ends(points.clone().map(|point| point.0));
        let (low, high) = ends(points.map(|point| point.1));
        // From a power of ten to a power of ten, and a hair more, or those have no marks.
        let low = 10_f64.powf(low.log10().floor()) * 0.999;
        let high = 10_f64.powf(high.log10().ceil()).max(low * 10.0) * 1.001;
        let mut chart = ChartBuilder::on(&area)
            .margin_right(24)
            .margin_bottom(10)
            .x_label_area_size(22)
            .y_label_area_size(54)
            .build_cartesian_2d((least * 0.999..most).log_scale(), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(WHITE)
            .axis_style(GRID)
            .label_style(pale)
            .x_label_formatter(&|entries| short(*entries))
            .y_label_formatter(&|seconds| round_time(*seconds))
            .draw()?;
        for (engine, points) in &self.curves {
            let style = colour(*engine)
                .filled()
                .stroke_width(if engine.is_ours() { 3 } else { 2 });
            let line = LineSeries::new(points.iter().copied(), style);
            chart.draw_series(line.point_size(3))?;
        }
        Ok(())
    }
}

/// The lowest and the highest.
fn ends(figures: impl Iterator<Item = f64>) -> (f64, f64) {
    figures.fold((f64::INFINITY, 0.0), |(low, high), figure| {
        (low.min(figure), high.max(figure))
    })
}

/// A time at a mark of the axis, which is a power of ten.
fn round_time(seconds: f64) -> String {
    // A hair more, since a computed power may be a hair too small for its unit.
    let text = time(seconds * 1.000_001);
    text.replace(".00 ", " ").replace(".0 ", " ")
}

fn short(entries: f64) -> String {
    match entries.round() {
        n if n >= 1e6 => format!("{} M", n / 1e6),
        n if n >= 1e3 => format!("{} k", n / 1e3),
        n => format!("{n}"),
    }
}
