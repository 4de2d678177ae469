//! What is printed: a table for each workload when it is done, one line for each row at the end.

use super::has_percentile;
use super::standing::{self, Standing};
use super::table::table;
use crate::figures::{Rounds, Row, Section};
use crate::systems::Engine;

/// Prints what a workload has measured, and its targets.
pub(crate) fn print_section(section: &Section) {
    println!("\n## {}\n\n{}", section.title, section.note);
    if !section.rows.is_empty() {
        print!("\n{}", table(&figures(section), 1));
    }
    if !section.targets.is_empty() {
        println!();
    }
    for target in &section.targets {
        println!(
            "{}: {} = {} ({})",
            standing::verdict(target),
            target.what,
            (target.show)(target.found),
            standing::limit(target)
        );
    }
}

/// Prints one line for each row of the run, how many of them are first, and the targets.
pub(crate) fn print_summary(sections: &[Section]) {
    let mut rows = vec![
        [
            "workload",
            "metric",
            "sessiondb",
            "best peer",
            "",
            "ratio",
            "/ floor",
            "",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for section in sections {
        rows.extend(section.main_rows().map(|row| summary(section, row)));
    }
    if rows.len() > 1 {
        println!("\n## Summary\n\n{}", table(&rows, 2));
        println!("{}", standing::tally(sections));
        println!("Ratios are to the best peer: 1.00x is equal, below 1 is better than it.");
    }
    let (targets, met) = standing::targets(sections);
    if targets.len() > 1 {
        println!("\n## Targets: {met} of {} met\n", targets.len() - 1);
        print!("{}", table(&targets, 1));
    }
}

fn summary(section: &Section, row: &Row) -> Vec<String> {
    let show = |engine| row.of(engine).map(|rounds| row.unit.show(rounds.median()));
    let standing = Standing::of(row);
    let of = |part: fn(Standing) -> String| standing.map_or_else(String::new, part);
    vec![
        section.workload.to_owned(),
        row.metric.clone(),
        standing::ours(row).unwrap_or_default(),
        standing
            .and_then(|standing| show(standing.best))
            .unwrap_or_default(),
        of(|standing| standing.best.name().to_owned()),
        of(Standing::ratio),
        standing::over_floor(row).unwrap_or_default(),
        of(|standing| standing.place().name().to_owned()),
    ]
}

/// The medians of all systems, below each the 99th percentiles if there are enough times.
fn figures(section: &Section) -> Vec<Vec<String>> {
    let systems = Engine::ALL.map(|engine| engine.name().to_owned());
    let others = ["floor", "ratio", "/ floor"].map(str::to_owned);
    let heading = std::iter::once(String::new()).chain(systems).chain(others);
    let mut rows = vec![heading.collect()];
    for row in &section.rows {
        let mut line = line(row, &row.metric, |of| Some(row.unit.show(of.median())));
        line.push(Standing::of(row).map_or_else(String::new, Standing::ratio));
        line.push(standing::over_floor(row).unwrap_or_default());
        rows.push(line);
        let p99 = |of: &Rounds| has_percentile(row.unit, of).then(|| row.unit.show(of.p99()));
        let mut line = self::line(row, "  p99", p99);
        if line.iter().skip(1).any(|cell| !cell.is_empty()) {
            line.extend([String::new(), String::new()]);
            rows.push(line);
        }
    }
    rows
}

/// A name, then what `show` says of each system and of the floor.
fn line(row: &Row, name: &str, show: impl Fn(&Rounds) -> Option<String>) -> Vec<String> {
    let systems = Engine::ALL.into_iter().map(|engine| row.of(engine));
    let floor = row.floor.as_ref().map(|(_, floor)| floor);
    let cells = systems.chain([floor]);
    let cells = cells.map(|rounds| rounds.and_then(&show).unwrap_or_default());
    std::iter::once(name.to_owned()).chain(cells).collect()
}
