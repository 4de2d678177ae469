//! Any bytes as a journal: the scan finds the frames that count by `docs/format.md` and no other,
//! and reads as ops just those payloads that are some, byte for byte.
//!
//! The input is read as it is, and once more with the right checksum in each frame that begins
//! as one should, without which hardly any input would get further.

use sessiondb::testing::{journal_frames, recode_ops, scan_journal};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const HEADER: usize = 32;

pub(crate) fn check(data: &[u8]) {
    agree(data);
    let mut sealed = data.to_vec();
    seal(&mut sealed);
    agree(&sealed);
}

/// Writes the checksum of each frame that lacks nothing else to count.
pub(crate) fn seal(journal: &mut [u8]) {
    walk(journal, |frame, checksum| {
        frame[..8].copy_from_slice(&checksum.to_le_bytes());
        true
    });
}

/// The payloads of the frames that count.
pub(crate) fn naive_frames(journal: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    walk(&mut journal.to_vec(), |frame, checksum| {
        let counts = frame[..8] == checksum.to_le_bytes();
        if counts {
            payloads.push(frame[HEADER..].to_vec());
        }
        counts
    });
    payloads
}

fn agree(journal: &[u8]) {
    let naive = naive_frames(journal);
    assert_eq!(journal_frames(journal).as_ref(), Ok(&naive));
    for payload in &naive {
        let again = recode_ops(payload);
        match naive_ops(payload) {
            Some(ops) => assert_eq!(again, Ok(ops), "written again they differ"),
            None => assert!(again.is_err(), "accepts what are no ops: {again:?}"),
        }
    }
    let all_ops = naive.iter().all(|payload| naive_ops(payload).is_some());
    let bytes = naive.iter().map(|payload| payload.len() as u64).sum();
    assert_eq!(scan_journal(journal).ok(), all_ops.then_some(bytes));
}

/// Goes from frame to frame as long as epoch, number and length are right, and `visit`, which is
/// given the frame and the checksum that it should have, says that the frame counts.
fn walk(journal: &mut [u8], mut visit: impl FnMut(&mut [u8], u64) -> bool) {
    let half = journal.len() / 2;
    let (mut number, mut chain) = (0_u64, 0);
    // An odd epoch lies in the second half.
    for (epoch, half) in [(1_u64, half..2 * half), (2, 0..half)] {
        let mut rest = &mut journal[half];
        while rest.len() >= HEADER {
            let len = u32::from_le_bytes(rest[24..28].try_into().expect("4 bytes")) as usize;
            let follows =
                rest[8..16] == epoch.to_le_bytes() && rest[16..24] == number.to_le_bytes();
            if !follows || len > rest.len() - HEADER {
                break;
            }
            let (frame, behind) = rest.split_at_mut(HEADER + len);
            let checksum = xxh3_64_with_seed(&frame[8..], chain);
            if !visit(frame, checksum) {
                break;
            }
            (chain, number, rest) = (checksum, number + 1, behind);
        }
    }
}

/// Takes a payload apart by the tables on the page, and gives it as it is written now; `None` if it is not all ops.
fn naive_ops(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut again = Vec::new();
    while !rest.is_empty() {
        let before = rest;
        naive_op(&mut rest)?;
        let op = &before[..before.len() - rest.len()];
        match op {
            // Of format 2, which has no time there.
            [6, fields @ ..] => {
                let (session, json) = fields.split_at(16);
                again.extend([&[11], session, &[0; 8], json].concat());
            }
            op => again.extend_from_slice(op),
        }
    }
    Some(again)
}

fn naive_op(rest: &mut &[u8]) -> Option<()> {
    match take(rest, 1)?[0] {
        1 | 2 => {
            log(rest)?;
            number(rest)?;
            origin(rest)?;
            entries(rest)
        }
        3 => {
            log(rest)?;
            take(rest, 16).map(drop)
        }
        4 => log(rest),
        5 => take(rest, 16).map(drop),
        6 => {
            take(rest, 16)?;
            counted(rest).map(drop)
        }
        7 => {
            std::str::from_utf8(counted(rest)?).ok()?;
            counted(rest).map(drop)
        }
        8 => std::str::from_utf8(counted(rest)?).ok().map(drop),
        9 => {
            take(rest, 48 + 16)?;
            origin(rest)
        }
        10 => {
            log(rest)?;
            take(rest, 16)?;
            entries(rest)
        }
        11 => {
            take(rest, 16 + 8)?;
            counted(rest).map(drop)
        }
        _ => None,
    }
}

fn log(rest: &mut &[u8]) -> Option<()> {
    let kind = take(rest, 1)?[0];
    take(rest, 32)?;
    (kind == 1 || kind == 2).then_some(())
}

fn origin(rest: &mut &[u8]) -> Option<()> {
    match take(rest, 1)?[0] {
        0 => Some(()),
        1 | 2 => take(rest, 24).map(drop),
        _ => None,
    }
}

fn entries(rest: &mut &[u8]) -> Option<()> {
    let count = number(rest)?;
    let joined = counted(rest)?;
    let found = match count {
        0 if joined.is_empty() => 0,
        _ => joined.split(|byte| *byte == b'\n').count() as u64,
    };
    (found == count).then_some(())
}

fn counted<'r>(rest: &mut &'r [u8]) -> Option<&'r [u8]> {
    let len = number(rest)?;
    take(rest, usize::try_from(len).ok()?)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn take<'r>(rest: &mut &'r [u8], len: usize) -> Option<&'r [u8]> {
    let (field, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(field)
}
