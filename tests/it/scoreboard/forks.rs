//! R20: a process that forks while it has an archive open. What it had opened is the parent's alone; a child
//! that opens the archive anew writes beside it; and no acknowledged entry of either is lost.

/// The processes of a family.
mod family;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sessiondb::testing::Bug;
use sessiondb::{Archive, StoreError};

pub(super) use self::family::live;
use self::family::{Family, SEGMENT, SESSION, Word};
use super::child::{Child, Task};
use super::row::{Dice, Row, by_form};
use crate::scratch::Scratch;

/// What is seen of the families.
#[derive(Default)]
struct Seen {
    /// Which depth, in which kind of family.
    met: BTreeSet<(bool, bool, bool, usize)>,
    /// How many parents were killed by a child.
    orphans: u64,
    in_a_write: u64,
    acknowledged: u64,
}

/// Lets a family live, and looks at what it leaves.
fn watch(family: &Family, seen: &mut Seen) -> Result<(), String> {
    let mut first = Child::start(Task::Fork, family);
    let mut stored: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    loop {
        match first.hear().ok_or("the family ended early")? {
            Word::Stored { who, number, index } => {
                if let Some(other) = stored.insert(index, (who, number)) {
                    return Err(format!("entry {index} is {other:?} and {who}, {number}"));
                }
            }
            Word::Forked { depth, in_a_write } => {
                seen.met
                    .insert((family.synced, family.exclusive, family.beside, depth));
                seen.in_a_write += u64::from(in_a_write);
            }
            Word::Broken(how) => return Err(how),
            Word::End => break,
        }
    }
    seen.orphans += u64::from(family.orphan);
    seen.acknowledged += stored.len() as u64;
    verify(&family.path, &stored)
}

fn verify(path: &Path, stored: &BTreeMap<u64, (u64, u64)>) -> Result<(), String> {
    let failed = |err: StoreError| err.to_string();
    let archive = Archive::options()
        .create(false)
        .open(path)
        .map_err(failed)?;
    let entries = archive.log(SESSION, SEGMENT).read(..).map_err(failed)?;
    let found: Vec<_> = entries.decode().collect::<Result<_, _>>().map_err(failed)?;
    for (index, entry) in stored {
        if usize::try_from(*index).ok().and_then(|at| found.get(at)) != Some(entry) {
            return Err(format!(
                "entry {index}, {entry:?}, was acknowledged and is not there"
            ));
        }
    }
    if found.len() != stored.len() {
        return Err(format!(
            "{} entries, {} acknowledged",
            found.len(),
            stored.len()
        ));
    }
    let check = archive.check(None).map_err(failed)?;
    if !check.problems.is_empty() {
        return Err(format!("{:?}", check.problems));
    }
    Ok(())
}

fn families(scratch: &Scratch, dice: &mut Dice, rounds: u64) -> Vec<Family> {
    let mut families = Vec::new();
    for _ in 0..rounds {
        for kind in 0..8 {
            let (synced, exclusive, beside) = (kind & 1 == 0, kind & 2 != 0, kind & 4 != 0);
            let checkpoint = dice.one_in(3);
            families.push(Family {
                path: scratch.fresh(),
                synced,
                exclusive,
                forks: vec![if beside { 6 } else { 2 }, 1, 1],
                beside,
                reading: families.len() % 3 == 0 || dice.one_in(4),
                checkpoint,
                orphan: false,
                bug: false,
            });
            if !beside {
                let mut orphan = families[families.len() - 1].clone();
                (orphan.path, orphan.orphan) = (scratch.fresh(), true);
                // A thread that reads ahead in the instant of the fork leaves its descriptor open
                // in the child, and with it the locks of a parent that dies (`docs/limits.md`).
                orphan.reading = false;
                families.push(orphan);
            }
        }
    }
    families
}

#[test]
fn r20_forked_children_lose_nothing_and_disturb_nobody() {
    let mut row = Row::new("R20");
    let (scratch, mut seen) = (Scratch::new(), Seen::default());
    for family in families(&scratch, &mut Dice::new(super::row::seed()), by_form(1, 16)) {
        row.within(format!("{family:?}"));
        row.case(watch(&family, &mut seen));
        let _ = std::fs::remove_file(&family.path);
    }
    let Seen {
        met,
        orphans,
        in_a_write,
        acknowledged,
    } = seen;
    println!(
        "R20: {acknowledged} entries acknowledged, {in_a_write} forks in the midst of a write, {orphans} orphans, {met:?}"
    );
    for synced in [false, true] {
        for beside in [false, true] {
            for (exclusive, depth) in [(true, 1), (false, 1), (false, 2), (false, 3)] {
                let kind = (synced, exclusive, beside, depth);
                assert!(
                    row.violations() > 0 || met.contains(&kind),
                    "{kind:?} was never met"
                );
            }
        }
    }
    assert!(
        row.violations() > 0 || in_a_write > 0,
        "no fork was in the midst of a write"
    );
    row.finish(by_form(12, 192));
}

/// Whether a child that goes on with its parent's handle is found.
pub(super) fn catches(_bug: Bug) -> bool {
    let scratch = Scratch::new();
    let mut families = families(&scratch, &mut Dice::new(1), 1);
    let mut family = families.swap_remove(0);
    (family.bug, family.reading) = (true, false);
    watch(&family, &mut Seen::default()).is_err()
}
