//! R15: what is just within a limit is stored and read back, what is just beyond is refused with
//! its length and the limit; and neither opening and closing nor an idle process costs space.

/// The log of these cases.
mod entries;
/// What must not cost space.
mod leaks;

use std::path::Path;

use serde_json::{Map, Value};
use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::{Archive, Durability, MAX_ENTRY_BYTES, StoreError, testing};

use self::entries::{JOURNAL_BYTES, ensure, entry, log, texts};
pub(super) use self::leaks::{cycle, stay};
use self::leaks::{cycles, idle};
use super::row::{Dice, Row, by_form, seed};
use crate::raw::raw;
use crate::scratch::Scratch;

const MAX_NAME_BYTES: usize = 1024;
const MAX_RECORD_BYTES: usize = 1 << 20;
/// What a frame has besides the entry that it appends.
const APPEND_BYTES: usize = 91;
/// The largest row that holds more than one entry, and what it has besides its entries.
const MAX_SHARED_ROW_BYTES: usize = 65_400;
const ROW_HEADER_BYTES: usize = 68;
const MAX_RUN_BYTES: usize = 1 << 20;

#[test]
fn limits_hold_and_nothing_leaks() {
    let mut row = Row::new("R15");
    entry_lengths(&mut row);
    entry_without_pattern(&mut row);
    name_lengths(&mut row);
    record_lengths(&mut row);
    frame_lengths(&mut row);
    two_frames_in_a_half(&mut row);
    row_lengths(&mut row);
    journal_lengths(&mut row);
    cycles(&mut row);
    idle(&mut row);
    row.finish(by_form(46, 47));
}

/// One below a limit, the limit, and one beyond.
fn around(limit: usize) -> [usize; 3] {
    [limit - 1, limit, limit + 1]
}

/// The refusal names subject, length and limit.
fn refused<T: std::fmt::Debug>(
    outcome: Result<T, StoreError>,
    subject: &str,
    bytes: usize,
    limit: usize,
) -> Result<(), String> {
    let Err(err @ StoreError::TooLarge { .. }) = outcome else {
        return Err(format!("{subject} of {bytes} bytes: {outcome:.200?}"));
    };
    let message = err.to_string();
    let told = [subject, &bytes.to_string(), &limit.to_string()];
    ensure(told.iter().all(|part| message.contains(part)), || {
        format!("{told:?} are not all in: {message:.300}")
    })
}

/// The log holds these entries, also in an archive that is opened once more on a copy of the file
/// as it is, and the check finds nothing.
fn holds(archive: &Archive, scratch: &Scratch, expected: &[String]) -> Result<(), String> {
    let named = |err: StoreError| err.to_string();
    let copy = scratch.fresh();
    std::fs::copy(archive.path(), &copy).map_err(|err| err.to_string())?;
    let copy = Archive::open(&copy).map_err(named)?;
    for archive in [archive, &copy] {
        let stored = texts(&log(archive)).map_err(named)?;
        let lens = |texts: &[String]| texts.iter().map(String::len).collect::<Vec<_>>();
        ensure(stored == expected, || {
            format!("{:?} stored, not {:?}", lens(&stored), lens(expected))
        })?;
        let report = archive.check(None).map_err(named)?;
        ensure(report.is_clean(), || {
            format!("check: {:?}", report.problems)
        })?;
    }
    Ok(())
}

fn small_archive(scratch: &Scratch) -> Archive {
    let path = scratch.fresh();
    testing::create_file(&path, JOURNAL_BYTES as u64).expect("an archive is made");
    Archive::options()
        .durability(Durability::Written)
        .open(path)
        .expect("the archive opens")
}

fn entry_lengths(row: &mut Row) {
    let scratch = Scratch::new();
    let [below, limit, beyond] = around(MAX_ENTRY_BYTES);
    // The largest take a quarter of a minute each.
    let lengths = by_form(
        vec![MAX_ENTRY_BYTES / 4, beyond],
        vec![below, limit, beyond],
    );
    for bytes in lengths {
        let archive = small_archive(&scratch);
        let text = entry(bytes);
        let appended = log(&archive).append(&raw(text.as_bytes()));
        row.case(if bytes > MAX_ENTRY_BYTES {
            refused(appended, "entry 0 of this call", bytes, MAX_ENTRY_BYTES).and_then(|()| {
                let there = log(&archive).exists().map_err(|err| err.to_string())?;
                ensure(!there, || "the log of a refused entry is there".to_owned())
            })
        } else {
            appended
                .map_err(|err| format!("entry of {bytes} bytes: {err}"))
                .and_then(|_| holds(&archive, &scratch, &[text]))
        });
    }
}

/// A JSON string of so many bytes of base64 that means nothing.
fn noise(bytes: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut dice = Dice::new(seed());
    let mut text = String::with_capacity(bytes);
    text.push('"');
    while text.len() < bytes - 1 {
        let mut bits = dice.next();
        for _ in 0..10.min(bytes - 1 - text.len()) {
            text.push(char::from(
                DIGITS[usize::try_from(bits & 63).expect("six bits")],
            ));
            bits >>= 6;
        }
    }
    text.push('"');
    text
}

/// The largest entry, in a row that is about as large: it is read, checked, and recovered.
fn entry_without_pattern(row: &mut Row) {
    let scratch = Scratch::new();
    let archive = small_archive(&scratch);
    let text = noise(by_form(3 << 20, MAX_ENTRY_BYTES));
    let stored = log(&archive).append(&raw(text.as_bytes()));
    let stored = stored.map_err(|err| err.to_string());
    let recovered = || {
        let (broken, whole) = (scratch.fresh(), scratch.fresh());
        std::fs::copy(archive.path(), &broken).map_err(|err| err.to_string())?;
        let report = sessiondb::doctor::recover(&broken, &whole, None);
        let report = report.map_err(|err| err.to_string())?;
        ensure(report.complete, || format!("recovery: {report:.500?}"))?;
        let recovered = Archive::open(&whole).map_err(|err| err.to_string())?;
        let back = texts(&log(&recovered)).map_err(|err| err.to_string())?;
        ensure(back == [text.as_str()], || {
            "another entry is recovered".to_owned()
        })
    };
    row.case(
        stored
            .and_then(|_| recovered())
            .and_then(|()| holds(&archive, &scratch, std::slice::from_ref(&text))),
    );
}

fn name_lengths(row: &mut Row) {
    let scratch = Scratch::new();
    let archive = small_archive(&scratch);
    for bytes in around(MAX_NAME_BYTES) {
        let name = "n".repeat(bytes);
        let record = WorkerRecord::new(WorkerName::new(&name).expect("a name"));
        let written = archive.write_name(&record.worker_name, &record);
        let found = archive.read_name(&name);
        row.case(if bytes > MAX_NAME_BYTES {
            refused(written, &name, bytes, MAX_NAME_BYTES).and_then(|()| match found {
                Ok(None) => Ok(()),
                found => Err(format!("a refused name reads {found:.200?}")),
            })
        } else {
            match (written, archive.checkpoint(), archive.read_name(&name)) {
                (Ok(()), Ok(()), Ok(Some(back))) if back == record => Ok(()),
                other => Err(format!("name of {bytes} bytes: {other:.200?}")),
            }
        });
    }
}

/// A JSON object of so many bytes with the fields of `base` in it.
fn padded(mut base: Map<String, Value>, bytes: usize) -> Map<String, Value> {
    base.insert("pad".to_owned(), Value::from(""));
    let short = serde_json::to_vec(&base).expect("JSON").len();
    base.insert("pad".to_owned(), Value::from("p".repeat(bytes - short)));
    base
}

fn record_lengths(row: &mut Row) {
    let scratch = Scratch::new();
    let archive = small_archive(&scratch);
    let session = log(&archive).session_id();
    log(&archive).append(&raw(b"1")).expect("an append");
    let of_name = |name: &str| Map::from_iter([("worker_name".to_owned(), Value::from(name))]);
    for bytes in around(MAX_RECORD_BYTES) {
        let metadata = padded(Map::new(), bytes);
        let set = archive.set_metadata(session, &metadata);
        let found = archive.metadata(session);
        row.case(if bytes > MAX_RECORD_BYTES {
            let subject = format!("metadata of session {session}");
            refused(set, &subject, bytes, MAX_RECORD_BYTES)
        } else {
            match (set, found) {
                (Ok(()), Ok(Some(back))) if back == metadata => Ok(()),
                other => Err(format!("metadata of {bytes} bytes: {other:.200?}")),
            }
        });
        let record = Value::Object(padded(of_name("agent"), bytes));
        let record: WorkerRecord = serde_json::from_value(record).expect("a record");
        let written = archive.write_name(&record.worker_name, &record);
        let found = archive.read_name("agent");
        row.case(if bytes > MAX_RECORD_BYTES {
            refused(written, "record of name \"agent\"", bytes, MAX_RECORD_BYTES)
        } else {
            match (written, found) {
                (Ok(()), Ok(Some(back))) if back == record => Ok(()),
                other => Err(format!("record of {bytes} bytes: {other:.200?}")),
            }
        });
    }
    // What was refused last has not replaced what was there.
    let kept = archive.metadata(session).ok().flatten();
    row.case(ensure(
        kept == Some(padded(Map::new(), MAX_RECORD_BYTES)),
        || "refused metadata took effect".to_owned(),
    ));
}

/// What the second half of the journal, the first to be used, holds in the file.
fn first_half_used(path: &Path) -> Vec<u8> {
    let file = std::fs::read(path).expect("the file");
    let start = 8192 + JOURNAL_BYTES / 2;
    file[start..start + JOURNAL_BYTES / 2].to_vec()
}

/// A frame leaves a sixteenth of a half of the journal free; with one byte more the change goes into the
/// tables.
fn frame_lengths(row: &mut Row) {
    const MOST: usize = JOURNAL_BYTES / 2 / 16 * 15;
    let scratch = Scratch::new();
    for bytes in around(MOST - APPEND_BYTES) {
        let archive = small_archive(&scratch);
        let text = entry(bytes);
        let appended = log(&archive).append(&raw(text.as_bytes()));
        let half = first_half_used(archive.path());
        let used = half
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        let expected = match bytes + APPEND_BYTES {
            frame if frame > MOST => 0,
            frame => frame,
        };
        row.case(
            appended
                .map_err(|err| err.to_string())
                .and_then(|_| holds(&archive, &scratch, &[text]))
                .and_then(|()| {
                    ensure(used == expected, || {
                        format!("a frame for {bytes} bytes took {used}, not {expected}")
                    })
                }),
        );
    }
}

/// Two frames that fill a half together, with one byte to spare, just so, and with one too many:
/// the second then begins the other half.
fn two_frames_in_a_half(row: &mut Row) {
    let scratch = Scratch::new();
    let first = 1000;
    for bytes in around(JOURNAL_BYTES / 2 - 2 * APPEND_BYTES - first) {
        let archive = small_archive(&scratch);
        let entries = [entry(first), entry(bytes), entry(10)];
        let appended: Result<Vec<_>, _> = entries
            .iter()
            .map(|text| log(&archive).append(&raw(text.as_bytes())))
            .collect();
        row.case(
            appended
                .map_err(|err| err.to_string())
                .and_then(|_| holds(&archive, &scratch, &entries)),
        );
    }
}

/// Rows about the largest that hold several entries, by one entry and by two, before and after
/// they were folded in.
fn row_lengths(row: &mut Row) {
    let scratch = Scratch::new();
    let limit = MAX_SHARED_ROW_BYTES - ROW_HEADER_BYTES;
    let run = MAX_RUN_BYTES;
    for payload in (limit - 2..=limit + 2)
        .chain([65_400, 65_401, 65_536])
        .chain(run - 2..=run + 2)
    {
        let first = payload / 3;
        for entries in [
            vec![entry(payload)],
            vec![entry(first), entry(payload - first - 1)],
            vec![entry(2), entry(payload), entry(2)],
        ] {
            let archive = small_archive(&scratch);
            let appended: Result<Vec<_>, _> = entries
                .iter()
                .map(|text| log(&archive).append(&raw(text.as_bytes())))
                .collect();
            row.case(
                appended
                    .and_then(|_| archive.checkpoint())
                    .map_err(|err| err.to_string())
                    .and_then(|()| holds(&archive, &scratch, &entries))
                    .map_err(|err| format!("a row of {payload} bytes of entries: {err}")),
            );
        }
    }
}

/// The shortest journal works, and no other than a multiple of it is taken for one.
fn journal_lengths(row: &mut Row) {
    let scratch = Scratch::new();
    for bytes in around(JOURNAL_BYTES)
        .into_iter()
        .chain([0, 2 * JOURNAL_BYTES])
    {
        let path = scratch.fresh();
        let created = testing::create_file(&path, bytes as u64);
        let opened = created.and_then(|()| Archive::open(&path));
        row.case(match (opened, bytes > 0 && bytes % JOURNAL_BYTES == 0) {
            (Ok(archive), true) => fill(&archive, &scratch),
            // Not even made, or not opened.
            (Err(err @ StoreError::Damaged { .. }), false) => {
                let told = err.to_string();
                ensure(!path.exists() || told.contains("superblock"), || told)
            }
            (other, _) => Err(format!("a journal of {bytes} bytes: {other:?}")),
        });
    }
}

/// Many times what the journal holds.
fn fill(archive: &Archive, scratch: &Scratch) -> Result<(), String> {
    let mut dice = Dice::new(seed());
    let entries: Vec<String> = (0..200).map(|_| entry(2 + dice.index(2000))).collect();
    for text in &entries {
        let log = log(archive).with_durability(Durability::Written);
        log.append(&raw(text.as_bytes()))
            .map_err(|err| err.to_string())?;
    }
    holds(archive, scratch, &entries)
}
