//! R8: what is recovered from a damaged archive holds no wrong entry and every undamaged one.

use std::collections::BTreeMap;
use std::path::Path;

use sessiondb::doctor::{RecoverBasis, RecoverReport, recover};
use sessiondb::{Archive, StoreError};
use uuid::Uuid;

use super::damage::sample::{IMAGE, Sample};
use super::damage::{Damage, Damaged, damaged_samples};
use super::row::{Row, by_form};

#[test]
fn r8_recover_yields_no_wrong_entry_and_every_undamaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut row = Row::new("R8 recover");
    let mut complete = 0;
    for damaged in damaged_samples(by_form(400, 3_000)) {
        let judged = judge(&damaged, folder.path());
        complete += u32::from(judged == Ok(true));
        row.case(
            judged
                .map(drop)
                .map_err(|violation| format!("{}: {violation}", damaged.what)),
        );
    }
    assert!(complete > 400, "{complete}");
    row.finish(by_form(600, 3_200));
}

/// Whether all was there.
fn judge(damaged: &Damaged, folder: &Path) -> Result<bool, String> {
    let (broken, new) = (folder.join("broken"), folder.join("new"));
    std::fs::write(&broken, &damaged.bytes).unwrap();
    let _ = std::fs::remove_file(&new);
    let report = match recover(&broken, &new, None) {
        Ok(report) => report,
        Err(StoreError::NotAnArchive { .. }) if nothing_tells_what_it_is(damaged) => {
            return Ok(false);
        }
        Err(err) => return Err(err.to_string()),
    };
    if std::fs::read(&broken).unwrap() != damaged.bytes {
        return Err("the damaged file was changed".to_owned());
    }
    let archive = Archive::open(&new).map_err(|err| err.to_string())?;
    let found = archive.check(None).map_err(|err| err.to_string())?;
    if !found.is_clean() {
        return Err(format!("the new archive is damaged: {:?}", found.problems));
    }
    if report.basis != RecoverBasis::Newest {
        // The report says that removed entries may be there.
        return Ok(false);
    }
    let entries = no_wrong_entry(&damaged.original, &archive, &report)?;
    let all: u64 = damaged
        .original
        .content
        .logs
        .values()
        .flatten()
        .map(|log| log.len() as u64)
        .sum();
    if report.complete != (entries == all) && report.complete {
        return Err(format!(
            "{entries} of {all} entries, and it is said to be complete"
        ));
    }
    // One bit is put right, whatever it belongs to.
    if matches!(damaged.damage, Damage::Flip(_)) && entries != all {
        return Err(format!("{entries} of {all} entries: {:?}", report.problems));
    }
    Ok(report.complete)
}

/// Whether neither the superblock nor the database's header is where it was.
fn nothing_tells_what_it_is(damaged: &Damaged) -> bool {
    let header = IMAGE / 4096;
    match damaged.damage {
        Damage::Cut(len) => len <= IMAGE,
        Damage::Swap(one, other) => one == 0 && other == header,
        Damage::Flip(_) | Damage::Fill(..) => false,
    }
}

/// Compares every entry with the one that was in its place. Returns how many there are.
fn no_wrong_entry(
    original: &Sample,
    archive: &Archive,
    report: &RecoverReport,
) -> Result<u64, String> {
    let mut pieces: BTreeMap<(Uuid, bool), (Uuid, Option<u64>)> = BTreeMap::new();
    for log in &report.logs {
        for piece in &log.parts {
            pieces.insert((piece.segment, log.traces), (log.segment, piece.from));
        }
    }
    let mut count = 0;
    for session in archive.sessions().unwrap() {
        let session = session.unwrap().id;
        for segment in archive.segments(session).unwrap() {
            let segment = segment.unwrap();
            for traces in [false, true] {
                let log = if traces {
                    archive.trace(session, segment.id)
                } else {
                    archive.log(session, segment.id)
                };
                let piece = pieces.get(&(segment.id, traces)).copied();
                let (own, from) = piece.unwrap_or((segment.id, Some(0)));
                let Some(from) = from else { continue };
                let was = original.content.logs.get(&(session, own));
                let was = was.map_or(&[][..], |logs| &logs[usize::from(traces)]);
                let entries = log.read(..).map_err(|err| err.to_string())?;
                for (entry, index) in entries.zip(from..) {
                    let entry = entry.map_err(|err| err.to_string())?;
                    let expected = was.get(usize::try_from(index).unwrap());
                    if expected.is_none_or(|expected| expected != entry.as_str()) {
                        return Err(format!(
                            "segment {own}, entry {index}: {}; {:?}, {:?}",
                            entry.as_str(),
                            report.problems,
                            report.notes
                        ));
                    }
                    count += 1;
                }
            }
        }
    }
    Ok(count)
}
