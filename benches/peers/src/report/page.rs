//! The page: all figures of a run as Markdown, with the command on top and charts beside.

use std::fs;
use std::path::Path;

use super::chart::{self, Chart};
use super::has_percentile;
use super::machine::Header;
use super::notes::{self, Note};
use super::standing::{self, Place, Standing};
use super::table::table;
use super::why::{self, Reason};
use crate::Result;
use crate::figures::{Rounds, Row, Section, Unit};
use crate::systems::Engine;

/// The folder of the charts, beside the page.
const CHARTS: &str = "benchmarks";

/// Writes `benchmarks.md` and its charts into `dir`, and warns of rows that are behind and nobody says
/// why.
pub(crate) fn write(dir: &Path, header: &Header, sections: &[Section]) -> Result<()> {
    let reasons = why::reasons();
    let charts = chart::all(sections)?;
    let folder = dir.join(CHARTS);
    fs::create_dir_all(&folder)?;
    for chart in &charts {
        fs::write(folder.join(&chart.file), &chart.svg)?;
    }
    let file = dir.join("benchmarks.md");
    let before = fs::read_to_string(&file).unwrap_or_default();
    let page = text(header, sections, &charts, &reasons, by_hand(&before));
    fs::write(file, page)?;
    for warning in notes::warnings(sections, &reasons) {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// What stands in the page between these is of other commands, and stays.
const BY_HAND: &str = "<!-- by hand -->\n";
const BY_THE_RUN: &str = "<!-- by the run -->\n\n";

fn by_hand(page: &str) -> &str {
    let from = page.find(BY_HAND);
    let to = page.find(BY_THE_RUN).map(|to| to + BY_THE_RUN.len());
    from.zip(to)
        .and_then(|(from, to)| page.get(from..to))
        .unwrap_or_default()
}

fn text(
    header: &Header,
    sections: &[Section],
    charts: &[Chart],
    reasons: &[Reason<'_>],
    by_hand: &str,
) -> String {
    let mut page = top(header);
    page += &picture(charts, chart::HEADLINE, "The headline figures");
    page += &summary(sections, reasons);
    for section in sections {
        page += &one(section, charts, reasons);
    }
    page += by_hand;
    page += &targets(sections, reasons);
    page += &settings(header);
    page += MEASURED;
    page
}

fn top(header: &Header) -> String {
    let command = &header.command;
    let facts = header.facts.iter();
    let facts: Vec<String> = facts
        .map(|(name, fact)| format!("- {name}: {fact}"))
        .collect();
    let facts = facts.join("\n");
    format!(
        "# Benchmarks\n\nsessiondb beside each store that one would take in its place, with the same \
         entries and the same promises, in one run. This page and its charts are written by that \
         run, but for the figures of other commands before the targets:\n\n```sh\n{command}\n```\n\n{facts}\n\n"
    )
}

/// The chart in that file, if there is one.
fn picture(charts: &[Chart], file: &str, about: &str) -> String {
    if charts.iter().any(|chart| chart.file == file) {
        format!("![{about}]({CHARTS}/{file})\n\n")
    } else {
        String::new()
    }
}

fn summary(sections: &[Section], reasons: &[Reason<'_>]) -> String {
    let heading = [
        "workload",
        "metric",
        "sessiondb",
        "best peer",
        "ratio",
        "to the floor",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for section in sections {
        let notes = notes::of(section, reasons);
        let lines = section.main_rows();
        rows.extend(lines.map(|row| summary_row(section, row, &notes)));
    }
    format!(
        "## Summary\n\n{} A ratio is the figure of sessiondb over that of the best of the others, turned \
         round where more is better: 1.00x is equal, and below it sessiondb is ahead. fjall and redb \
         are for one process, so they are compared with an archive for one process (exclusive) where \
         that was measured. For slopes it is the difference. The floor is what the machine does without \
         any store.\n\n{}\n",
        standing::tally(sections),
        table(&rows, 2)
    )
}

fn summary_row(section: &Section, row: &Row, notes: &[Note]) -> Vec<String> {
    let show = |engine| row.of(engine).map(|of| row.unit.show(of.median()));
    let standing = Standing::of(row);
    let peer = standing.and_then(|of| Some(format!("{} {}", of.best, show(of.best)?)));
    let ratio = standing.map(|standing| {
        let note = notes.iter().find(|note| note.metrics.contains(&row.metric));
        match (standing.place(), note) {
            (Place::Behind, Some(note)) => {
                format!("**{}** [behind](#{})", standing.ratio(), note.anchor)
            }
            _ => standing.ratio(),
        }
    });
    vec![
        format!("[{}](#{})", section.workload, anchor(section)),
        row.metric.clone(),
        standing::ours(row).unwrap_or_default(),
        peer.unwrap_or_default(),
        ratio.unwrap_or_default(),
        standing::over_floor(row).unwrap_or_default(),
    ]
}

fn anchor(section: &Section) -> String {
    format!("w-{}", section.workload)
}

fn one(section: &Section, charts: &[Chart], reasons: &[Reason<'_>]) -> String {
    let Section { title, note, .. } = section;
    let mut text = format!(
        "<a id=\"{}\"></a>\n\n## {title}\n\n{note}\n\n{}",
        anchor(section),
        picture(charts, &chart::file_of(section), title)
    );
    if !section.rows.is_empty() {
        text += &table(&figures(section), 1);
        text += "\n";
    }
    let notes = notes::of(section, reasons).into_iter();
    text.extend(notes.map(|note| format!("<a id=\"{}\"></a>\n\n{}\n\n", note.anchor, note.text)));
    text
}

/// What each system has in each row of a section, the best of a row in bold.
fn figures(section: &Section) -> Vec<Vec<String>> {
    let systems = Engine::ALL.map(|engine| engine.name().to_owned());
    let heading = std::iter::once("metric".to_owned()).chain(systems);
    let mut rows = vec![heading.chain(["floor".to_owned()]).collect()];
    for row in &section.rows {
        let best = row.best().map(|(engine, _)| engine);
        let systems = Engine::ALL.into_iter().map(|engine| match row.of(engine) {
            Some(rounds) if best == Some(engine) => format!("**{}**", cell(row.unit, rounds)),
            Some(rounds) => cell(row.unit, rounds),
            None => String::new(),
        });
        let floor = row.floor.as_ref();
        let floor = floor.map(|(name, rounds)| format!("{name} {}", cell(row.unit, rounds)));
        let line = std::iter::once(row.metric.clone()).chain(systems);
        rows.push(line.chain([floor.unwrap_or_default()]).collect());
    }
    rows
}

fn cell(unit: Unit, rounds: &Rounds) -> String {
    let median = unit.show(rounds.median());
    if has_percentile(unit, rounds) {
        format!("{median} (p99 {})", unit.show(rounds.p99()))
    } else {
        median
    }
}

fn targets(sections: &[Section], reasons: &[Reason<'_>]) -> String {
    let (rows, met) = standing::targets(sections);
    if rows.len() < 2 {
        return String::new();
    }
    let all = rows.len() - 1;
    let table = table(&rows, 1);
    let missed = sections.iter().flat_map(|section| &section.targets);
    let missed = missed.filter(|target| !target.is_met());
    let why: String = missed
        .filter_map(|target| {
            let mut reasons = reasons.iter();
            let reason = reasons.find(|of| of.is_for(why::TARGETS, &target.what))?;
            Some(format!("**{}.** {}\n\n", target.what, reason.text))
        })
        .collect();
    format!("## Targets\n\n{met} of {all} are met.\n\n{table}\n{why}")
}

fn settings(header: &Header) -> String {
    let mut rows = vec![
        ["system", "promise", "settings"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(header.settings.iter().map(|(engine, promise, settings)| {
        vec![
            engine.name().to_owned(),
            promise.name().to_owned(),
            (*settings).to_owned(),
        ]
    }));
    format!(
        "## Settings\n\n`synced` is an append that survives the loss of power when it returns, \
         `written` one that survives the death of its process. Each system is set up as its own \
         documentation advises for the promise.\n\n{}\n",
        table(&rows, 3)
    )
}

const MEASURED: &str = "## How it is measured

- The systems take turns, round by round, in one run. A figure is the median of the medians of the
  rounds, and p99 is taken over all rounds together.
- A ratio is the median of the ratios within each round, so that a disk or a processor that is slow for
  a while is slow for both sides.
- All that was written is read back and compared; one wrong byte ends the run with an error.
- All systems of a row get the same entries in the same order and make the same promise, or the note says
  which one makes another; who cannot do it has no figure.
";

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn page(reasons: &[Reason<'_>]) -> String {
        let sections = sample::sections();
        let header = Header::read(Path::new("/"), "cargo run --quiet-machine");
        text(
            &header,
            &sections,
            &chart::all(&sections).unwrap(),
            reasons,
            "",
        )
    }

    #[test]
    fn every_link_and_picture_of_the_page_is_there() {
        let page = page(&[]);
        let charts = chart::all(&sample::sections()).unwrap();
        let targets = page
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let (anchors, files): (Vec<_>, Vec<_>) = targets.partition(|to| to.starts_with('#'));
        assert!(anchors.len() > 3 && files.len() == charts.len());
        for anchor in anchors {
            let id = anchor.replacen('#', "", 1);
            assert!(page.contains(&format!("<a id=\"{id}\">")), "{anchor}");
        }
        for chart in charts {
            assert!(files.contains(&format!("{CHARTS}/{}", chart.file).as_str()));
        }
    }

    #[test]
    fn what_is_of_other_commands_stays() {
        let before = format!("# Old\n\n{BY_HAND}\n## Search\n\n{BY_THE_RUN}## Targets\n");
        let kept = by_hand(&before);
        assert_eq!(kept, format!("{BY_HAND}\n## Search\n\n{BY_THE_RUN}"));
        assert_eq!(by_hand("# Old\n"), "");
    }

    #[test]
    fn the_best_of_a_row_is_bold_and_the_floor_has_its_name() {
        let row = sample::row("1 thread", Unit::PerSecond, &[300.0, 400.0, 100.0]);
        let mut section = Section::new("append", "Append", "");
        section
            .rows
            .push(row.with_floor("bare write", Rounds::once(900.0)));
        let table = table(&figures(&section), 1);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[0],
            "| metric   | sessiondb |     JSONL | SQLite |            floor |"
        );
        assert_eq!(
            lines[2],
            "| 1 thread |     300/s | **400/s** |  100/s | bare write 900/s |"
        );
    }
}
