//! R17: a merge that power loss or a failing disk ends. Each session is as before or merged, in
//! their order, and a second merge completes it.

use std::io;
use std::sync::Arc;

use sessiondb::portable::Merge;
use sessiondb::testing::{self, Opening, StorageBackend};
use sessiondb::{Archive, StoreError};
use uuid::Uuid;

use super::disk::{Disk, Fault, Pages, new_archive};
use super::power::crashes;
use super::row::{Dice, Row, by_form};
use crate::portable::{Content, record};
use crate::raw::raws;

const SESSIONS: u128 = 5;

/// One log that is to be: what the other archive has of it, and how much of that is here.
struct Plan {
    session: Uuid,
    segment: Uuid,
    traces: bool,
    entries: Vec<String>,
    here: usize,
    /// Whether something else follows here.
    contradicts: bool,
}

fn plans(dice: &mut Dice) -> Vec<Plan> {
    let mut plans = Vec::new();
    for number in 1..=SESSIONS {
        let contradicts = dice.one_in(5);
        let absent = dice.one_in(3);
        for segment in 0..=u128::from(dice.below(2)) {
            for traces in [false, true] {
                let many = dice.index(6);
                let len = |dice: &mut Dice| {
                    let large = if dice.one_in(8) { 9_000 } else { 0 };
                    large + dice.index(900)
                };
                let entries: Vec<String> = (0..many)
                    .map(|entry| format!("\"{entry}{}\"", "x".repeat(len(dice))))
                    .collect();
                plans.push(Plan {
                    session: Uuid::from_u128(number),
                    segment: Uuid::from_u128(number << 8 | segment),
                    traces,
                    here: if absent { 0 } else { dice.index(many + 1) },
                    contradicts: contradicts && !absent,
                    entries,
                });
            }
        }
    }
    plans
}

fn write(archive: &Archive, plan: &Plan, entries: &[String], of: u64) {
    let log = if plan.traces {
        archive.trace(plan.session, plan.segment)
    } else {
        archive.log(plan.session, plan.segment)
    };
    if !entries.is_empty() {
        log.with_timestamp(of).append_many(raws(entries)).unwrap();
    }
}

/// The archive as it is before the merge.
fn fill_here(archive: &Archive, plans: &[Plan]) {
    for plan in plans {
        write(archive, plan, &plan.entries[..plan.here], 1000);
        if plan.contradicts && plan.here < plan.entries.len() {
            write(archive, plan, &["[]".to_owned()], 1100);
        }
    }
}

/// The other archive, with its sessions up to number `last`.
fn other(plans: &[Plan], last: u128) -> Archive {
    let archive = Archive::in_memory().unwrap();
    let plans = plans.iter().filter(|plan| plan.session.as_u128() <= last);
    for plan in plans {
        write(&archive, plan, &plan.entries, 2000);
        if archive.session(plan.session).unwrap().is_some() {
            let cwd = [("cwd".to_owned(), "/a".into())].into_iter().collect();
            archive.set_metadata(plan.session, &cwd).unwrap();
        }
    }
    archive
}

fn open(disk: &Arc<Disk>) -> Result<Archive, StoreError> {
    let disk: Arc<dyn StorageBackend> = Arc::<Disk>::clone(disk);
    testing::open(disk, Opening::default())
}

/// A merge that is to be disturbed, and the states that it goes through.
struct Case {
    start: Pages,
    other: Archive,
    states: Vec<Content>,
}

impl Case {
    fn new(dice: &mut Dice) -> Result<Self, StoreError> {
        let plans = plans(dice);
        let mut states = Vec::new();
        for last in 0..=SESSIONS {
            let archive = Archive::in_memory()?;
            fill_here(&archive, &plans);
            Merge::new(&archive).run(&other(&plans, last), None)?;
            states.push(Content::of(&archive));
            if last == SESSIONS {
                archive.write_name("name", &record("name", Some(1)))?;
                states.push(Content::of(&archive));
            }
        }
        let disk = Disk::new(new_archive());
        let archive = open(&disk)?;
        fill_here(&archive, &plans);
        archive.close()?;
        let other = other(&plans, SESSIONS);
        other.write_name("name", &record("name", Some(1)))?;
        Ok(Self {
            start: disk.content(),
            other,
            states,
        })
    }

    /// Merges on a disk, and closes.
    fn merge(&self, disk: &Arc<Disk>) -> Result<(), StoreError> {
        let archive = open(disk)?;
        Merge::new(&archive).run(&self.other, None)?;
        archive.close().map(drop)
    }

    /// Opens what is left of a merge: one of the states, which a second merge completes.
    fn verify(&self, image: Pages) -> Result<(), String> {
        let told = |err: StoreError| err.to_string();
        let disk = Disk::new(image);
        let archive = open(&disk).map_err(told)?;
        if !self.states.contains(&Content::of(&archive)) {
            return Err("it is in no state that the merge goes through".to_owned());
        }
        Merge::new(&archive).run(&self.other, None).map_err(told)?;
        archive.close().map_err(told)?;
        self.is_complete(disk.content())
    }

    fn is_complete(&self, image: Pages) -> Result<(), String> {
        let archive = open(&Disk::new(image)).map_err(|err| err.to_string())?;
        if self.states.last() != Some(&Content::of(&archive)) {
            return Err("the merge is not complete".to_owned());
        }
        Ok(())
    }
}

fn lose_power(row: &mut Row, case: &Case, dice: &mut Dice) -> Result<(), String> {
    let disk = Disk::new(case.start.clone());
    case.merge(&disk).map_err(|err| err.to_string())?;
    case.is_complete(disk.content())?;
    let events = disk.events();
    let most = by_form(1, 8);
    crashes(&case.start, (&events, 0), dice, most, |crash, image| {
        let verified = case.verify(image);
        row.case(verified.map_err(|err| format!("{crash}: {err}")));
        true
    });
    Ok(())
}

fn fail(row: &mut Row, case: &Case) {
    for call in 0.. {
        let disk = Disk::new(case.start.clone());
        disk.set_fault(Some(Fault {
            at_call: call,
            from_then_on: call % 2 == 0,
            kind: io::ErrorKind::StorageFull,
            short: call % 3 == 0,
        }));
        let merged = case.merge(&disk);
        if disk.failed() == 0 {
            break;
        }
        let verified = match merged {
            Ok(()) => case.is_complete(disk.content()),
            Err(_) => case.verify(disk.content()),
        };
        row.case(verified.map_err(|err| format!("call {call}: {err}")));
    }
}

#[test]
fn r17_a_merge_that_ends_early_leaves_whole_sessions_and_can_be_completed() {
    let mut row = Row::new("R17");
    for number in 0..by_form(4, 60) {
        row.within(format!("merge {number}"));
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 0x12);
        let case = match Case::new(&mut dice) {
            Ok(case) => case,
            Err(err) => {
                row.case(Err(err.to_string()));
                continue;
            }
        };
        if let Err(err) = lose_power(&mut row, &case, &mut dice) {
            row.case(Err(err));
        }
        if number % 4 == 0 {
            fail(&mut row, &case);
        }
    }
    row.finish(by_form(300, 4_000));
}
