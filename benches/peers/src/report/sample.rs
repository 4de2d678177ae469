//! Made-up sections that the tests of this folder show.

use std::time::Duration;

use crate::figures::{self, Rounds, Row, Section, Unit, count, growth_metric, slope_metric};
use crate::systems::Engine;

/// The systems of a row of so many figures.
const ORDER: [Engine; 7] = [
    Engine::Sessiondb,
    Engine::Jsonl,
    Engine::Sqlite,
    Engine::Exclusive,
    Engine::Lmdb,
    Engine::Fjall,
    Engine::Redb,
];

/// A row with a figure for each of the first systems.
pub(crate) fn row(metric: &str, unit: Unit, figures: &[f64]) -> Row {
    let figures = figures.iter().map(|figure| Rounds::once(*figure));
    Row::new(metric, unit, ORDER.into_iter().zip(figures))
}

/// A run with all that a run can have.
pub(crate) fn sections() -> Vec<Section> {
    vec![append(), last(), size(), growth()]
}

fn append() -> Section {
    let title = "Appends that survive the loss of power";
    let mut section = Section::new(
        "append-synced",
        title,
        "Entries of 1 KiB, by 1 to 16 threads.",
    );
    let mut ours = Rounds::default();
    ours.push(&(90..140).map(Duration::from_micros).collect::<Vec<_>>());
    let times = [0.0, 165e-6, 133e-6, 104e-6, 160e-6, 210e-6, 910e-6];
    let mut alone = row("1 thread", Unit::Time, &times);
    if let Some((_, rounds)) = alone.cells.first_mut() {
        *rounds = ours;
    }
    let rates = [41e3, 6100.0, 3800.0, 44e3, 21e3, 9000.0, 1100.0];
    let bytes = [1597.0, 4096.0, 9000.0, 1597.0, 12e3, 1310.0, 7e4];
    section.rows = vec![
        alone.with_floor("bare write and fdatasync", Rounds::once(98e-6)),
        row("16 threads", Unit::PerSecond, &rates),
        row("bytes written", Unit::Bytes, &bytes).with_floor("the entry", Rounds::once(1024.0)),
    ];
    section.at_most("Synced append / bare write", 1.02, 1.15, figures::times);
    section.at_least("16 threads / 1 thread", 4.4, 8.0, figures::times);
    section.at_most("growth by 100 forks", 0.0067, 0.01, figures::per_cent);
    section
}

fn last() -> Section {
    let note = "Of a segment of 100,000 entries.";
    let mut section = Section::new("small-reads", "Small reads of a long segment", note);
    let costs = [3e-4, 2e-4, 15e-6, 3e-4, 3e-6, 8e-6, 5e-6];
    section.rows = vec![row("last 20", Unit::Time, &costs)];
    section
}

fn size() -> Section {
    let mut section = Section::new("size", "Size", "How often the files fit into their JSONL.");
    let written = [6.1, 1.0, 0.89, 6.1, 0.77, 2.4, 0.62];
    let given_back = [7.8, 1.0, 0.91, 7.8, 0.79, 2.5, 0.7];
    section.rows = vec![
        row("as agents write, by length", Unit::Factor, &written),
        row("space given back, by length", Unit::Factor, &given_back),
    ];
    section
}

fn growth() -> Section {
    let mut section = Section::new(
        "growth",
        "Growth",
        "Each cost in stores of more and more entries.",
    );
    for (operation, costs) in [
        (
            "append, synced",
            [1e-4, 1.6e-4, 1.3e-4, 9e-5, 1.6e-4, 2.1e-4, 9e-4],
        ),
        ("count", [1.1e-6, 4e-3, 9e-6, 9e-7, 2e-6, 5e-6, 4e-6]),
        (
            "list, <50> & more",
            [9e-5, 3e-2, 4e-4, 8e-5, 1e-4, 9e-4, 2e-4],
        ),
    ] {
        let slope = |place: usize| if place == 1 { 0.9 } else { 0.02 * count(place) };
        for entries in [10_000, 100_000, 1_000_000, 5_000_000] {
            let factor = |place| (count(entries) / 1e4_f64).powf(slope(place));
            let costs = costs.iter().enumerate();
            let costs: Vec<f64> = costs.map(|(place, cost)| cost * factor(place)).collect();
            section
                .rows
                .push(row(&growth_metric(operation, entries), Unit::Time, &costs));
        }
        let slopes: Vec<f64> = (0..costs.len()).map(slope).collect();
        section
            .rows
            .push(row(&slope_metric(operation), Unit::Slope, &slopes));
    }
    section
}
