//! Recovering from damaged pages: every page, in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sessiondb::doctor::{RecoverBasis, RecoverReport, recover};
use uuid::Uuid;

use super::{Content, Id, closed_sample, closed_sample_with_runs_at_its_end, judge};
use crate::scratch::Scratch;

const IMAGE: usize = 8192 + (16 << 10);
const PAGE: usize = 4096;

/// An archive to be damaged, and what it held.
struct Patient {
    scratch: Scratch,
    bytes: Vec<u8>,
    was: Content,
    rows: BTreeMap<(Id, u64), Vec<Range<usize>>>,
    cases: u32,
    bases: BTreeMap<String, u32>,
}

impl Patient {
    fn new() -> Self {
        let scratch = Scratch::new();
        let archive = closed_sample(&scratch.fresh());
        Self::of(scratch, archive)
    }

    fn of(scratch: Scratch, (bytes, was): (Vec<u8>, Content)) -> Self {
        let rows = rows(&bytes);
        Self {
            scratch,
            bytes,
            was,
            rows,
            cases: 0,
            bases: BTreeMap::new(),
        }
    }

    fn pages(&self) -> Vec<usize> {
        (IMAGE..self.bytes.len()).step_by(PAGE).collect()
    }

    /// Recovers what is left of the archive. Returns the entries that are there.
    fn recover(&mut self, what: &str, bytes: &[u8]) -> (BTreeSet<(Id, u64)>, RecoverReport) {
        let (broken, new) = (
            self.scratch.path().join("broken"),
            self.scratch.path().join("new"),
        );
        std::fs::write(&broken, bytes).unwrap();
        let _ = std::fs::remove_file(&new);
        let report = recover(&broken, &new, None).unwrap_or_else(|err| panic!("{what}: {err}"));
        assert!(
            std::fs::read(&broken).unwrap() == bytes,
            "{what}: the file was changed"
        );
        let is = Content::of(&new);
        self.cases += 1;
        *self.bases.entry(format!("{:?}", report.basis)).or_default() += 1;
        if report.basis != RecoverBasis::Newest {
            // The report says that what was removed may be there.
            assert!(!report.complete, "{what}");
            return (BTreeSet::new(), report);
        }
        let there = judge(&self.was, &is, &report)
            .unwrap_or_else(|err| panic!("{what}: {err}; {report:?}"));
        if report.complete {
            assert_eq!(there.len() as u64, self.was.entries(), "{what}");
        }
        (there, report)
    }

    /// The entries that have a row which the bytes in the range are not part of, though they may
    /// have another, older one.
    fn untouched(&self, damaged: &Range<usize>) -> BTreeSet<(Id, u64)> {
        let touches = |row: &Range<usize>| row.start < damaged.end && damaged.start < row.end;
        let all = self.was.logs.iter().flat_map(|(id, log)| {
            let indexes = 0..log.len() as u64;
            indexes.map(|index| (*id, index))
        });
        let is_untouched = |entry: &(Id, u64)| !self.rows[entry].iter().any(touches);
        all.filter(is_untouched).collect()
    }
}

/// Where the rows are, live or not, that hold the entries with these numbers.
fn rows(bytes: &[u8]) -> BTreeMap<(Id, u64), Vec<Range<usize>>> {
    let uuid = |at: usize| Uuid::from_slice(&bytes[at..at + 16]).unwrap();
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut runs = Vec::new();
    let mut chunks: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for at in IMAGE..bytes.len() - 68 {
        if &bytes[at + 8..at + 12] == b"sRun" {
            let id = (uuid(at + 16), uuid(at + 32), bytes[at + 12] == 2);
            let (first, len) = (number(at + 48), number(at + 60));
            let count = u32::from_le_bytes(bytes[at + 56..at + 60].try_into().unwrap());
            let more = u16::from_le_bytes(bytes[at + 14..at + 16].try_into().unwrap());
            let span = at..at + 68 + usize::try_from(len).unwrap();
            if count == 0 {
                chunks.entry((id, first)).or_default().push(span);
            } else {
                runs.push((id, first, u64::from(count), u64::from(more), span));
            }
        }
    }
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, first, count, more, span) in runs {
        let numbers = first + 1..=first + more;
        let chunks = numbers.filter_map(|number| chunks.get(&(id, number)));
        let spans: Vec<_> = std::iter::once(&span).chain(chunks.flatten()).collect();
        for index in first..first + count {
            let all = rows.entry((id, index)).or_default();
            all.extend(spans.iter().map(|span| (*span).clone()));
        }
    }
    rows
}

fn is_branch(bytes: &[u8], page: usize) -> bool {
    bytes[page] == 2
}

#[test]
fn each_page_zeroed_or_filled_with_noise() {
    let mut patient = Patient::new();
    let mut lost_pages = 0;
    for page in patient.pages() {
        for noise in [false, true].into_iter().skip(page / PAGE % 2).take(1) {
            let mut bytes = patient.bytes.clone();
            for (at, byte) in bytes[page..page + PAGE].iter_mut().enumerate() {
                *byte = if noise {
                    u8::try_from((at * 31 + page) % 251).unwrap()
                } else {
                    0
                };
            }
            let what = format!("page at {page}, noise {noise}");
            let (there, report) = patient.recover(&what, &bytes);
            lost_pages += u32::from(!report.complete);
            if is_branch(&patient.bytes, page) || report.basis != RecoverBasis::Newest {
                continue;
            }
            let untouched = patient.untouched(&(page..page + PAGE));
            let missing: Vec<_> = untouched.difference(&there).collect();
            assert!(
                missing.is_empty(),
                "{what}: {} of {missing:?}",
                missing.len()
            );
        }
    }
    assert!(lost_pages > 20 && patient.cases > 100);
    // The page that the last state begins with, and the one that says how much of the journal is
    // in the tables.
    assert!(
        patient.bases["Newest"] + 2 >= patient.cases,
        "{:?}",
        patient.bases
    );
}

#[test]
fn pages_swapped() {
    let mut patient = Patient::new();
    let pages = patient.pages();
    let mut complete = 0;
    for (number, page) in pages.iter().enumerate() {
        let other = pages[(number * 7 + 3) % pages.len()];
        if other == *page {
            continue;
        }
        let mut bytes = patient.bytes.clone();
        bytes.copy_within(other..other + PAGE, *page);
        bytes[other..other + PAGE].copy_from_slice(&patient.bytes[*page..page + PAGE]);
        let (_, report) = patient.recover(&format!("{page} and {other} swapped"), &bytes);
        complete += u32::from(report.complete);
        // A page that lies over another one, which is gone: a write that went astray.
        let mut bytes = patient.bytes.clone();
        bytes.copy_within(other..other + PAGE, *page);
        patient.recover(&format!("{other} over {page}"), &bytes);
    }
    assert!(patient.cases > 100 && complete > 10);
}

#[test]
fn the_file_cut_off() {
    // What lies at the end of a sample's file depends on when its pages were given back: where that are no
    // runs, each cut takes a tree as well, and another sample is taken.
    const SAMPLES: u32 = 12;
    let missing = |_| cut_off_at_many_places();
    assert!((0..SAMPLES).map(missing).any(|missing| missing > 0));
}

/// How many entries were missing where not all of the file was searched.
fn cut_off_at_many_places() -> u64 {
    const CASES: usize = 30;
    let scratch = Scratch::new();
    let archive = closed_sample_with_runs_at_its_end(&scratch.fresh());
    let mut patient = Patient::of(scratch, archive);
    let len = patient.bytes.len();
    let mut missing = 0;
    for number in 0..CASES {
        // Most of them near the end, where a run may be gone and the trees are whole.
        let gone = (len - IMAGE - PAGE) * number.pow(2) / CASES.pow(2);
        let end = len - gone - number * 13 % 700 - 1;
        let bytes = patient.bytes[..end].to_vec();
        let what = format!("cut off at {end}");
        let (there, report) = patient.recover(&what, &bytes);
        if report.basis != RecoverBasis::Scan {
            let lost = patient.was.entries() - there.len() as u64;
            // Where a page of heads is gone all may be found by the runs, and that is not certain.
            let told = lost > 0 || !report.problems.is_empty();
            assert!(!report.complete || lost == 0, "{what}: {lost} lost");
            assert!(report.complete || told, "{what}: {report:?}");
            missing += lost;
        }
    }
    assert_eq!(patient.cases, 30);
    missing
}

#[test]
fn superblock_header_and_journal_damaged() {
    let mut patient = Patient::new();
    for (what, range) in [
        ("superblock", 0..4096),
        ("notes", 4096..8192),
        ("journal", 8192..IMAGE),
        ("mark of the database", IMAGE..IMAGE + 9),
        ("flags of the database", IMAGE + 9..IMAGE + 12),
        ("sizes of the database", IMAGE + 12..IMAGE + 40),
        ("unused of the header", IMAGE + 320..IMAGE + 4096),
    ] {
        for byte in [0, 0xff] {
            let mut bytes = patient.bytes.clone();
            bytes[range.clone()].fill(byte);
            let (there, report) = patient.recover(what, &bytes);
            assert_eq!(there.len() as u64, patient.was.entries(), "{what}");
            assert!(report.complete, "{what}: {:?}", report.problems);
        }
    }
    for slot in [64..192, 192..320, 64..320] {
        let mut bytes = patient.bytes.clone();
        bytes[IMAGE + slot.start..IMAGE + slot.end].fill(0);
        let (there, report) = patient.recover(&format!("slots {slot:?}"), &bytes);
        assert_eq!(
            there.len() as u64,
            patient.was.entries(),
            "{slot:?}: {:?}",
            report.problems
        );
        assert_eq!(report.basis, RecoverBasis::Newest, "{slot:?}");
    }
}

/// One bit of any page of a tree, of a slot, of the superblock: all is there, but for the run whose
/// row it is in.
#[test]
fn single_bits_flipped() {
    let mut patient = Patient::new();
    let mut rng = fastrand::Rng::with_seed(7);
    for number in 0..200 {
        let at = if number % 3 == 0 {
            rng.usize(IMAGE..IMAGE + 320)
        } else {
            rng.usize(IMAGE..patient.bytes.len())
        };
        let mut bytes = patient.bytes.clone();
        bytes[at] ^= 1 << rng.u8(..8);
        let what = format!("bit of byte {at}");
        let (there, _) = patient.recover(&what, &bytes);
        let untouched = patient.untouched(&(at..at + 1));
        let missing: Vec<_> = untouched.difference(&there).collect();
        assert!(
            missing.is_empty(),
            "{what}: {} of {missing:?}",
            missing.len()
        );
    }
    assert_eq!(patient.cases, 200);
}
