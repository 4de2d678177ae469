//! R18: what was erased or redacted is not in the journal any more when that is acknowledged, and after a
//! compaction nothing that was erased, redacted, cut off, replaced or deleted is anywhere in the file, also
//! after power loss.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use sessiondb::testing::{Bug, entries_in};

use super::compaction::Folder;
use super::crash_oracle::{open, take};
use super::disk::{Disk, Event, Pages, new_archive};
use super::history::{History, Step};
use super::row::{Dice, Row, by_form};
use super::two_handles::erased_meanwhile;

const STEPS: usize = 40;
/// The journal of a new archive.
const JOURNAL: Range<usize> = 8192..8192 + (16 << 10);

/// Plays a history, and searches the disk after each step that promises something. Tells whether values were shared
/// when it ended.
fn search(row: &mut Row, number: u64) -> Result<bool, String> {
    let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 0x18);
    let history = History::random(&mut dice, STEPS);
    let disk = Disk::new(new_archive());
    let mut archive = open(&disk, &history).map_err(|err| err.to_string())?;
    for (step, kind) in history.steps.iter().enumerate() {
        archive = take(archive, &disk, &history, step)
            .map_err(|err| format!("step {step}, {kind:.200?}: {err}"))?;
        let gone = history.gone_after(step);
        for (image, what) in images(&disk) {
            let (bytes, found) = match kind {
                Step::Erase(..) | Step::Redact(..) => (image, "in the journal"),
                Step::Compact => (image, "in the file"),
                _ => continue,
            };
            let within = if matches!(kind, Step::Compact) {
                0..bytes.len()
            } else {
                JOURNAL
            };
            let left = left_in(&bytes[within], &gone);
            let left = left.map_err(|left| format!("step {step}, {what}: {left} is {found}"));
            row.case(left);
        }
    }
    drop(archive);
    let shares = memmem::find(&bytes_of(&disk.content()), b"sVal").is_some();
    let folder = Folder::new(disk.content(), None);
    folder.compact(&history).map_err(|err| err.to_string())?;
    let left = left_in(&bytes_of(&folder.content()), &history.gone_after(STEPS - 1));
    row.case(left.map_err(|left| format!("{left} is in a fresh copy")));
    Ok(shares)
}

/// What is on the disk, and what power loss would leave of it.
fn images(disk: &Arc<Disk>) -> [(Vec<u8>, &'static str); 2] {
    let events = disk.events();
    let synced = events
        .iter()
        .rposition(|event| matches!(event, Event::Sync));
    let mut left = new_archive();
    for event in &events[..synced.unwrap_or(0)] {
        left.apply(event);
    }
    [
        (bytes_of(&disk.content()), "as written"),
        (bytes_of(&left), "after power loss"),
    ]
}

fn bytes_of(pages: &Pages) -> Vec<u8> {
    let mut bytes = vec![0; pages.len()];
    pages.read(0, &mut bytes).expect("all of it");
    bytes
}

/// Fails if one of these entries is there, or half of its beginning: as plain bytes, or in a run
/// wherever one stands.
fn left_in(bytes: &[u8], gone: &[&str]) -> Result<(), String> {
    let text = [bytes, &entries_in(bytes)].concat();
    for entry in gone {
        for mark in marks(entry) {
            if memmem::find(&text, mark.as_bytes()).is_some() {
                return Err(format!("{mark} of {entry:.80}"));
            }
        }
    }
    Ok(())
}

/// The two halves of the first letters of an entry's pad, which no other entry has.
fn marks(entry: &str) -> [&str; 2] {
    let pad = entry.rsplit('"').nth(1).expect("an entry has a pad");
    [&pad[..20], &pad[20..40]]
}

/// Returns how many of the histories shared values.
fn search_all(row: &mut Row, histories: u64) -> u64 {
    let mut found = 0;
    for number in 0..histories {
        row.within(format!("history {number}"));
        match search(row, number) {
            Ok(shares) => found += u64::from(shares),
            Err(err) => row.case(Err(err)),
        }
        if row.violations() > 0 {
            break;
        }
    }
    found
}

#[test]
fn r18_what_is_gone_is_nowhere_in_the_file() {
    let mut row = Row::new("R18");
    let histories = by_form(60, 3_000);
    let shared = search_all(&mut row, histories);
    println!("R18: {shared} of {histories} histories shared values");
    row.finish(by_form(150, 8_000));
    assert!(shared >= histories / 10, "too few shared values");
}

#[test]
fn an_erasure_that_is_refused_has_changed_nothing() {
    let refused = (0..120).filter(|call| erased_meanwhile(*call).unwrap());
    assert!(refused.count() > 5);
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R18");
    search_all(&mut row, 60);
    row.violations() > 0
}
