//! Appends of one thread: the usual one, the synced one, and the slowest of many.

use super::{Lab, of, side_by_side};
use crate::Result;
use crate::report::{Rounds, Section, time, times};
use crate::systems::Kind;

const COLUMNS: [&str; 6] = ["median", "mean", "p99", "max", "sessiondb / it", "appends"];

pub(super) fn written(lab: &Lab) -> Result<Section> {
    let kinds = [
        Kind::Written,
        Kind::ExclusiveWritten,
        Kind::Jsonl,
        Kind::SqliteNormal,
    ];
    let rounds = lab.pick(10, 30, 30);
    let limit = lab.limit((500, 150), (1000, 1000));
    let results = side_by_side(lab, "written", &kinds, rounds, limit)?;
    let title = format!("written: appends of 1 KiB, one thread ({rounds} rounds)");
    let (mut section, ours) = table(title, &results, Kind::Written)?;
    for (peer, limit) in [(Kind::Jsonl, 1.5), (Kind::SqliteNormal, 0.35)] {
        let what = format!("Written append / {}", peer.name());
        section.at_most(what, ours.per_median(of(&results, peer)?), limit, times);
    }
    Ok(section)
}

pub(super) fn synced(lab: &Lab) -> Result<Section> {
    let kinds = [
        Kind::Synced,
        Kind::ExclusiveSynced,
        Kind::Bare,
        Kind::JsonlSync,
        Kind::SqliteFull,
    ];
    let rounds = lab.pick(15, 40, 40);
    let limit = lab.limit((50, 100), (100, 500));
    let results = side_by_side(lab, "synced", &kinds, rounds, limit)?;
    let title = format!("synced: appends of 1 KiB that are synced, one thread ({rounds} rounds)");
    let (mut section, ours) = table(title, &results, Kind::Synced)?;
    for (peer, limit) in [(Kind::Bare, 1.15), (Kind::SqliteFull, 1.0)] {
        let what = format!("Synced append / {}", peer.name());
        section.at_most(what, ours.per_median(of(&results, peer)?), limit, times);
    }
    Ok(section)
}

/// Each round is long enough for many checkpoints.
pub(super) fn stalls(lab: &Lab) -> Result<Section> {
    let kinds = [Kind::Written, Kind::Jsonl, Kind::SqliteNormal];
    let rounds = lab.pick(1, 3, 3);
    let limit = lab.limit((10_000, 1500), (30_000, 20_000));
    let results = side_by_side(lab, "stalls", &kinds, rounds, limit)?;
    let title = format!(
        "stalls: {} appends of 1 KiB in a row, checkpoints included ({rounds} rounds)",
        limit.appends
    );
    let (mut section, ours) = table(title, &results, Kind::Written)?;
    section.at_most("p99 of Written appends in a row", ours.p99(), 1e-3, time);
    Ok(section)
}

/// The table of the results, and our times.
fn table(title: String, results: &[(Kind, Rounds)], ours: Kind) -> Result<(Section, &Rounds)> {
    let ours = of(results, ours)?;
    let mut section = Section::new(title, &COLUMNS);
    for (kind, rounds) in results {
        let cells = [
            time(rounds.median()),
            time(rounds.mean()),
            time(rounds.p99()),
            time(rounds.max()),
            times(ours.per_median(rounds)),
            rounds.samples().to_string(),
        ];
        section.row(kind.name(), cells);
    }
    Ok((section, ours))
}
