//! The charts of the page as SVG: bars for what was measured once, lines for what grows.

mod bars;
mod growth;
mod headline;

use plotters::coord::Shift;
use plotters::prelude::*;

use self::bars::Panel;
use crate::Result;
use crate::figures::{Section, Unit, growth_of};
use crate::systems::Engine;

/// A chart and the name of its file.
pub(super) struct Chart {
    pub(super) file: String,
    pub(super) svg: String,
}

/// The file of the chart that shows the run at a glance.
pub(super) const HEADLINE: &str = "headline.svg";

/// The file of the chart of a section.
pub(super) fn file_of(section: &Section) -> String {
    format!("{}.svg", section.workload)
}

/// The charts of a run: one at a glance, and one for each section that has something to show.
pub(super) fn all(sections: &[Section]) -> Result<Vec<Chart>> {
    let mut charts = Vec::new();
    let mut add = |file, svg: Option<String>| charts.extend(svg.map(|svg| Chart { file, svg }));
    add(HEADLINE.to_owned(), headline::chart(sections)?);
    for section in sections {
        add(file_of(section), of(section)?);
    }
    Ok(charts)
}

fn of(section: &Section) -> Result<Option<String>> {
    if section
        .rows
        .iter()
        .any(|row| growth_of(&row.metric).is_some())
    {
        return growth::chart(section);
    }
    // Slopes are around zero, so that the length of a bar says nothing.
    let rows = section.rows.iter().filter(|row| row.unit != Unit::Slope);
    let panels: Vec<Panel<'_>> = rows
        .map(|row| Panel {
            title: row.metric.clone(),
            row,
        })
        .collect();
    bars::chart(&section.title, &panels)
}

const WIDTH: u32 = 760;
const INK: RGBColor = RGBColor(0x1f, 0x29, 0x33);
const PALE_INK: RGBColor = RGBColor(0x61, 0x6e, 0x7c);
const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A white sheet with a title, so that what is on it can be read on a dark page too; `paint` has what is
/// below the title.
fn sheet(
    height: u32,
    title: &str,
    paint: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<Option<String>> {
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        sheet.fill(&WHITE)?;
        let inner = sheet.margin(8, 4, 4, 4);
        paint(&inner.titled(title, text(15, INK, FontStyle::Bold))?)?;
        sheet.present()?;
    }
    Ok(Some(svg))
}

/// The style of a text; plotters divides its size by 1.24.
fn text(size: u32, colour: RGBColor, weight: FontStyle) -> TextStyle<'static> {
    let font = ("sans-serif", f64::from(size) * 1.24, weight);
    font.into_font().color(&colour)
}

/// The colour of a system: ours stand out.
fn colour(engine: Engine) -> RGBColor {
    match engine {
        Engine::Sessiondb => RGBColor(0xd9, 0x48, 0x0f),
        Engine::Exclusive => RGBColor(0xff, 0xa2, 0x6b),
        Engine::Jsonl => RGBColor(0x88, 0x96, 0xa5),
        Engine::Sqlite => RGBColor(0x2f, 0x5d, 0x8a),
        Engine::Lmdb => RGBColor(0x6f, 0xa3, 0xd0),
        Engine::Fjall => RGBColor(0x52, 0x60, 0x6d),
        Engine::Redb => RGBColor(0x5f, 0x8f, 0x96),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_chart_names_every_system_of_its_section() {
        for section in sample::sections() {
            let svg = of(&section).unwrap().unwrap();
            let texts: Vec<&str> = svg.lines().collect();
            let cells = section.rows.iter().flat_map(|row| &row.cells);
            for (engine, _) in cells {
                assert!(texts.contains(&engine.name()), "{engine}: {svg}");
            }
        }
    }

    #[test]
    fn the_headline_comes_first_and_every_place_is_a_number() {
        let charts = all(&sample::sections()).unwrap();
        assert_eq!(charts[0].file, HEADLINE);
        for Chart { file, svg } in charts {
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{file}: {svg}"
            );
        }
    }
}
