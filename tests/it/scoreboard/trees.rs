//! R8 trees: damage of archives whose tables have trees of two and three levels, before they are
//! opened, while they are open and between two reads, with changes, checkpoints, compactions and
//! commits of another handle between the damage and the next read.

/// A disk in memory that cases share until they write to it.
mod layered;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTableMetadata};
use serde_json::{Map, Value};
use sessiondb::archive::CompactMode;
use sessiondb::testing::{self, Bug, Opening};
use sessiondb::{Archive, Log, Store, StoreError};
use uuid::Uuid;

use self::layered::{Layered, PAGE};
use super::damage::sample::{IMAGE, JOURNAL_BYTES, names_damage};
use super::row::{Dice, Row, by_form, seed};
use crate::raw::raw;

/// When everything was written.
const AT_MS: u64 = 1_700_000_000_000;
/// How many segments are asked about, each of which stands in pages of its own.
const TARGETS: usize = 40;

/// An archive, and what a page of it was before its last change.
struct Sample {
    bytes: Arc<Vec<u8>>,
    older: Vec<u8>,
    segments: u128,
    /// Segments, with the pages of the image that name them.
    targets: Vec<(u128, Vec<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    FlipInId,
    FlipAnywhere,
    Zero,
    Swap,
    Older,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    BeforeOpening,
    WhileOpen,
    BetweenReads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Nothing,
    Change,
    Checkpoint,
    Compaction,
    OtherHandle,
}

const HARMS: [Harm; 5] = [
    Harm::FlipInId,
    Harm::FlipAnywhere,
    Harm::Zero,
    Harm::Swap,
    Harm::Older,
];
const WHENS: [When; 3] = [When::BeforeOpening, When::WhileOpen, When::BetweenReads];
const STEPS: [Step; 5] = [
    Step::Nothing,
    Step::Change,
    Step::Checkpoint,
    Step::Compaction,
    Step::OtherHandle,
];

#[test]
fn r8_damage_in_deep_trees_is_an_error_whatever_is_written_meanwhile() {
    let mut row = Row::new("R8 trees");
    let samples = [sample(150), sample(3_000)];
    assert_eq!(heights(&samples[0].bytes), [2, 2]);
    assert_eq!(heights(&samples[1].bytes), [3, 3]);
    let mut dice = Dice::new(seed());
    let mut reached = BTreeSet::new();
    let mut noticed = 0;
    for number in 0..by_form(1_500, 100_500) {
        let (size, rest) = (number % 2, number / 2);
        let case = (HARMS[rest % 5], WHENS[rest / 5 % 3], STEPS[rest / 15 % 5]);
        reached.insert((size, case));
        let judged = judge(&samples[size], case, &mut dice);
        noticed += u64::from(judged == Ok(true));
        let what = |violation| format!("case {number}, sample {size}, {case:?}: {violation}");
        row.case(judged.map(drop).map_err(what));
    }
    assert_eq!(reached.len(), 2 * 5 * 3 * 5, "combinations");
    assert!(noticed * 8 > row.cases(), "only {noticed} were noticed");
    row.finish(by_form(1_500, 100_000));
}

/// Whether the row would see the bug.
pub(super) fn catches(bug: Bug) -> bool {
    let sample = sample(150);
    let mut dice = Dice::new(seed());
    testing::seed(Some(bug));
    let case = (Harm::FlipInId, When::BeforeOpening, Step::Checkpoint);
    let caught = (0..200).any(|_| judge(&sample, case, &mut dice).is_err());
    testing::seed(None);
    caught
}

fn session(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + ((number / 3) << 72))
}

fn segment(number: u128) -> Uuid {
    Uuid::from_u128(0x0191_0000_0000_7000_8000_0000_0000_0000 + (number << 72) + number)
}

fn entry(number: u128, index: u64) -> String {
    format!(r#"{{"segment":{number},"entry":{index}}}"#)
}

fn name(number: u128) -> String {
    format!("worker-{number:05}")
}

fn sample(segments: u128) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trees.sessiondb");
    testing::create_file(&path, JOURNAL_BYTES).unwrap();
    let mut versions = Vec::new();
    for round in 0..2 {
        let archive = Archive::open(&path).unwrap();
        let all: Vec<u128> = (0..segments).collect();
        for numbers in all.chunks(500) {
            let mut batch = archive.batch();
            for number in numbers {
                let (session, segment) = (session(*number), segment(*number));
                let log = archive.log(session, segment).with_timestamp(AT_MS);
                batch
                    .append(&log, &raw(entry(*number, round).as_bytes()))
                    .unwrap();
                if round == 0 {
                    let trace = archive.trace(session, segment).with_timestamp(AT_MS);
                    batch
                        .append(&trace, &raw(entry(*number, 7).as_bytes()))
                        .unwrap();
                    batch.write_name(&name(*number), &record(*number)).unwrap();
                    batch.set_metadata(session, &metadata(*number)).unwrap();
                }
                if number % 10 == 9 {
                    let branch = segment_of_branch(*number, round);
                    batch.branch(&log, round + 1, branch);
                }
            }
            batch.commit().unwrap();
        }
        archive.close().unwrap();
        versions.push(std::fs::read(&path).unwrap());
    }
    let bytes = versions.pop().unwrap();
    let step = usize::try_from(segments).unwrap() / TARGETS;
    let targets = (0..segments).step_by(step).map(|number| {
        let id = segment(number);
        let named = (IMAGE / PAGE..bytes.len() / PAGE).filter(|page| {
            let page = &bytes[page * PAGE..(page + 1) * PAGE];
            memchr::memmem::find(page, id.as_bytes()).is_some()
        });
        (number, named.collect())
    });
    Sample {
        targets: targets.collect(),
        bytes: Arc::new(bytes),
        older: versions.pop().unwrap(),
        segments,
    }
}

fn metadata(number: u128) -> Map<String, Value> {
    Map::from_iter([("of".to_owned(), Value::from((number / 3).to_string()))])
}

fn record(number: u128) -> Value {
    Value::Object(metadata(3 * number))
}

fn segment_of_branch(number: u128, round: u64) -> Uuid {
    Uuid::from_u128(segment(number).as_u128() + (u128::from(round + 1) << 40))
}

/// The heights of the trees of heads and runs.
fn heights(bytes: &[u8]) -> [u32; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, &bytes[IMAGE..]).unwrap();
    let image = redb::Database::open(&path).unwrap();
    let txn = image.begin_read().unwrap();
    let tables: Vec<_> = txn.list_tables().unwrap().collect();
    ["heads", "runs"].map(|wanted| {
        let table = tables
            .iter()
            .find(|table| redb::TableHandle::name(*table) == wanted);
        let table = txn.open_untyped_table(table.unwrap().clone()).unwrap();
        table.stats().unwrap().tree_height()
    })
}

fn open(disk: &Arc<Layered>) -> Result<Archive, StoreError> {
    let opening = Opening {
        shared: true,
        lock_timeout: Duration::from_secs(60),
        ..Opening::default()
    };
    testing::open(disk.handle(), opening)
}

/// Whether the damage was noticed; `Err` says what was answered wrongly.
fn judge(sample: &Sample, case: (Harm, When, Step), dice: &mut Dice) -> Result<bool, String> {
    let (harm, when, step) = case;
    let disk = Layered::over(&sample.bytes);
    let (target, pages) = &sample.targets[dice.index(sample.targets.len())];
    let other = u128::from(dice.below(u64::try_from(sample.segments).unwrap()));
    let mut seen = Seen::default();
    if when == When::BeforeOpening {
        do_harm(&disk, sample, *target, pages, harm, dice);
    }
    let Some(mut archive) = seen.take("open", open(&disk))? else {
        return Ok(true);
    };
    if when == When::BetweenReads {
        seen.ask(&archive, other, 2)?;
    }
    if when != When::BeforeOpening {
        do_harm(&disk, sample, *target, pages, harm, dice);
    }
    // Far from what is damaged, and in the way of what follows.
    let far = (target + sample.segments / 2) % sample.segments;
    let log_beside = |archive: &Archive| {
        let log = archive.log(session(far), Uuid::from_u128(1_000));
        log.with_timestamp(AT_MS)
    };
    let beside = log_beside(&archive);
    let mut acknowledged = 0;
    if step != Step::Nothing {
        let changed = seen.take("a change", beside.append(&raw(b"1")))?;
        acknowledged += u64::from(changed.is_some());
    }
    match step {
        Step::Nothing | Step::Change => {}
        Step::Checkpoint => drop(seen.take("a checkpoint", archive.checkpoint())?),
        Step::Compaction => {
            let compacted = archive.compact(None).map_err(StoreError::from);
            let compacted = seen.take("a compaction", compacted)?;
            let Some((again, done)) = compacted else {
                return Ok(true);
            };
            assert_eq!(done.mode, CompactMode::InPlace);
            archive = again;
        }
        Step::OtherHandle => {
            if let Some(second) = seen.take("another open", open(&disk))? {
                let changed = seen.take("its change", log_beside(&second).append(&raw(b"1")))?;
                acknowledged += u64::from(changed.is_some());
                seen.take("its checkpoint", second.checkpoint())?;
            }
        }
    }
    for number in [*target, other, (target + 1) % sample.segments] {
        seen.ask(&archive, number, 2)?;
    }
    let log = archive.log(session(*target), segment(*target));
    let appended = append_third(&log, *target, &mut seen)?;
    seen.take("close", archive.close())?;
    let Some(archive) = seen.take("open again", open(&disk))? else {
        return Ok(true);
    };
    let entries = 2 + u64::from(appended);
    let lens = [entries, 2 + u64::from(seen.errors > 0)];
    seen.ask_one_of(&archive, *target, &lens)?;
    match seen.take("a length", len_if_there(&log_beside(&archive)))? {
        Some(len) if len.unwrap_or(0) < acknowledged => {
            Err(format!("{acknowledged} acknowledged, {len:?} are there"))
        }
        _ => Ok(seen.errors > 0),
    }
}

/// Whether a third entry of the target was acknowledged.
fn append_third(log: &Log, target: u128, seen: &mut Seen) -> Result<bool, String> {
    let log = log.clone().with_timestamp(AT_MS);
    let appended = seen.take("append", log.append(&raw(entry(target, 2).as_bytes())))?;
    match &appended {
        Some(receipt) if receipt.len != 3 => {
            Err(format!("an append made it {} entries", receipt.len))
        }
        _ => Ok(appended.is_some()),
    }
}

fn do_harm(
    disk: &Layered,
    sample: &Sample,
    target: u128,
    pages: &[usize],
    harm: Harm,
    dice: &mut Dice,
) {
    let page = pages[dice.index(pages.len())];
    let mut bytes = disk.page(page);
    match harm {
        Harm::FlipInId => {
            let id = *segment(target).as_bytes();
            // Something else may stand there by now.
            let at = memchr::memmem::find(&bytes, &id).unwrap_or(64);
            bytes[at + dice.index(16)] ^= 1 << dice.below(8);
        }
        Harm::FlipAnywhere => bytes[dice.index(PAGE)] ^= 1 << dice.below(8),
        Harm::Zero => bytes.fill(0),
        Harm::Swap => {
            let other = pages[dice.index(pages.len())];
            let there = disk.page(other);
            disk.set_page(other, &bytes);
            bytes = there;
        }
        Harm::Older => {
            if let Some(older) = sample.older.get(page * PAGE..(page + 1) * PAGE) {
                bytes.copy_from_slice(older);
            }
        }
    }
    disk.set_page(page, &bytes);
}

fn len_if_there(log: &Log) -> Result<Option<u64>, StoreError> {
    let log = log.snapshot()?;
    Ok(if log.exists()? {
        Some(log.len()?)
    } else {
        None
    })
}

/// Counts errors, all of which must name damage.
#[derive(Default)]
struct Seen {
    errors: u32,
}

impl Seen {
    fn take<T>(&mut self, what: &str, outcome: Result<T, StoreError>) -> Result<Option<T>, String> {
        match outcome {
            Ok(answer) => Ok(Some(answer)),
            Err(err) if names_damage(&err) => {
                self.errors += 1;
                Ok(None)
            }
            Err(err) => Err(format!(
                "{what}: an error that does not name damage: {err:?}"
            )),
        }
    }

    fn ask(&mut self, archive: &Archive, number: u128, entries: u64) -> Result<(), String> {
        self.ask_one_of(archive, number, &[entries])
    }

    /// Asks all about a segment that has one of these numbers of entries.
    fn ask_one_of(&mut self, archive: &Archive, number: u128, lens: &[u64]) -> Result<(), String> {
        let (session, segment) = (session(number), segment(number));
        let log = archive.log(session, segment);
        let right = |what: &str, is_right: bool| {
            if is_right {
                Ok(())
            } else {
                Err(format!("{what} of segment {number}"))
            }
        };
        if let Some(exists) = self.take("exists", log.exists())? {
            right("existence", exists)?;
        }
        if let Some(len) = self.take("len", len_if_there(&log))? {
            right("length", len.is_some_and(|len| lens.contains(&len)))?;
        }
        for (log, first) in [(&log, 0), (&archive.trace(session, segment), 7)] {
            let entries = log.read(..).and_then(|entries| {
                let texts = entries.map(|entry| Ok(entry?.as_str().to_owned()));
                texts.collect::<Result<Vec<_>, StoreError>>()
            });
            if let Some(entries) = self.take("entries", entries)? {
                let len = entries.len() as u64;
                let is_len = if first == 0 {
                    lens.contains(&len)
                } else {
                    len == 1
                };
                let all = (first..)
                    .zip(&entries)
                    .all(|(at, text)| *text == entry(number, at));
                right("entries", is_len && all)?;
            }
        }
        if let Some(found) = self.take("session of", archive.lookup_session_of(segment))? {
            right("session", found == Some(session))?;
        }
        if let Some(found) = self.take("metadata", archive.metadata(session))? {
            right("metadata", found == Some(metadata(number)))?;
        }
        let found = archive.read_name_as::<Value>(&name(number));
        if let Some(found) = self.take("name", found)? {
            right("name", found == Some(record(number)))?;
        }
        if number % 10 == 9 {
            let branch = archive.log(session, segment_of_branch(number, 1));
            if let Some(len) = self.take("branch", len_if_there(&branch))? {
                right("branch", len == Some(2))?;
            }
        }
        Ok(())
    }
}
