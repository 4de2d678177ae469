//! The charts of the page as SVG: bars for what was measured once, lines for what grows.

mod bars;
mod growth;
mod headline;
mod paint;

use self::bars::Panel;
use crate::figures::{Section, Unit, growth_of};

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
pub(super) fn all(sections: &[Section]) -> Vec<Chart> {
    let headline = headline::chart(sections).map(|svg| Chart {
        file: HEADLINE.to_owned(),
        svg,
    });
    let others = sections.iter().filter_map(|section| {
        let file = file_of(section);
        Some(Chart {
            file,
            svg: of(section)?,
        })
    });
    headline.into_iter().chain(others).collect()
}

fn of(section: &Section) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_chart_names_every_system_of_its_section() {
        for section in sample::sections() {
            let svg = of(&section).unwrap();
            let texts: Vec<&str> = svg.lines().collect();
            let cells = section.rows.iter().flat_map(|row| &row.cells);
            for (engine, _) in cells {
                assert!(texts.contains(&engine.name()), "{engine}: {svg}");
            }
        }
    }

    #[test]
    fn charts_are_well_formed() {
        let charts = all(&sample::sections());
        assert_eq!(charts[0].file, HEADLINE);
        for chart in charts {
            assert!(is_balanced(&chart.svg), "{}", chart.svg);
            assert!(
                !chart.svg.contains("NaN") && !chart.svg.contains("inf"),
                "{}",
                chart.svg
            );
        }
    }

    /// Whether every element is closed, in the right order, and no text is taken for markup.
    fn is_balanced(svg: &str) -> bool {
        let mut open = Vec::new();
        for part in svg.split('<').skip(1) {
            let Some((tag, _)) = part.split_once('>') else {
                return false;
            };
            let name = tag.split(' ').next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(closed) if open.pop() != Some(closed) => return false,
                None if !tag.ends_with('/') => open.push(name),
                _ => {}
            }
        }
        open.is_empty() && !svg.replace("&amp;", "").contains("& ")
    }
}
