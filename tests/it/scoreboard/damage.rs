//! R8: whatever bit of an archive flips, and whatever page of it is lost, no read gives a wrong
//! answer without an error, and no panic leaves the API.

/// Small archives with everything in them, and all that their public face answers.
pub(super) mod sample;

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use sessiondb::testing::{self, Bug};
use sessiondb::{Archive, StoreError};

use self::sample::{Answers, IMAGE, Memory, Questions, Sample};
use super::row::{Dice, Row, by_form, seed};

const PAGE: usize = 4096;

#[test]
fn r8_damage_is_an_error_and_never_a_wrong_answer() {
    let mut row = Row::new("R8");
    let samples = [sample::small(), sample::large()];
    let [small, large] = &samples;
    for sample in &samples {
        an_intact_one_answers_everything(&mut row, sample);
    }
    let page_by_page = pages(small, by_form(4, 1)).into_iter();
    for case in page_by_page.chain((IMAGE * 8..(IMAGE + 320) * 8).map(Damage::Flip)) {
        row.case(judge(small, case, true));
    }
    let drawn_of_large = drawn(large, by_form(400, 20_000));
    for (case, number) in drawn_of_large.chain(pages(large, by_form(60, 4))).zip(0..) {
        row.case(judge(large, case, number % 4 == 0));
    }
    if super::row::deep() {
        every_bit(&mut row, small);
    } else {
        for (case, number) in drawn(small, 17_000).zip(0..) {
            row.case(judge(small, case, number % 6 == 0));
        }
    }
    row.finish(by_form(20_000, 500_000));
}

/// Most damage of pages that hold something is noticed, or the row would prove little.
#[test]
fn r8_damage_is_noticed() {
    let sample = sample::small();
    let noticed = |case: Damage| {
        let mut bytes = sample.bytes.clone();
        case.apply(&mut bytes);
        judged(&sample, &bytes, true).is_ok_and(|seen| seen.errors > 0)
    };
    let header = (0..64).filter(|at| noticed(Damage::Flip((IMAGE + at) * 8)));
    assert!(header.count() > 16);
    let drawn: Vec<Damage> = drawn(&sample, 400).collect();
    let flips = drawn.iter().filter(|case| noticed(**case)).count();
    assert!(flips > 40, "{flips} of {} flips", drawn.len());
    let pages = pages(&sample, 10);
    let lost = pages.iter().filter(|case| noticed(**case)).count();
    assert!(lost * 4 > pages.len(), "{lost} of {} pages", pages.len());
}

fn an_intact_one_answers_everything(row: &mut Row, sample: &Sample) {
    let judged = judged(sample, &sample.bytes, true);
    row.case(judged.and_then(|seen| match seen {
        Seen { errors: 0, .. } => Ok(()),
        Seen { errors, .. } => Err(format!("{}: {errors} errors of an intact one", sample.name)),
    }));
}

/// One thing that happens to the bytes of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// A bit, counted from the file's first one.
    Flip(usize),
    /// The file ends here.
    Cut(usize),
    /// A page, by its number in the file, is overwritten.
    Fill(usize, u8),
    /// Two pages change places.
    Swap(usize, usize),
}

impl Damage {
    pub(super) fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip(bit) => bytes[bit / 8] ^= 1 << (bit % 8),
            Self::Cut(len) => bytes.truncate(len),
            Self::Fill(page, byte) => bytes[page * PAGE..(page + 1) * PAGE].fill(byte),
            Self::Swap(one, other) => {
                let (low, high) = (one.min(other), one.max(other));
                let (front, back) = bytes.split_at_mut(high * PAGE);
                front[low * PAGE..(low + 1) * PAGE].swap_with_slice(&mut back[..PAGE]);
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip(bit) => write!(f, "bit {} of byte {}", bit % 8, bit / 8),
            Self::Cut(len) => write!(f, "cut to {len} bytes"),
            Self::Fill(page, byte) => write!(f, "page {page} filled with {byte:#04x}"),
            Self::Swap(one, other) => write!(f, "pages {one} and {other} swapped"),
        }
    }
}

/// A damaged archive, and what it was.
pub(super) struct Damaged {
    pub(super) what: String,
    pub(super) damage: Damage,
    pub(super) bytes: Vec<u8>,
    pub(super) original: std::sync::Arc<Sample>,
}

/// Archives with damage of all kinds, as many as `flips` and some hundred more.
pub(super) fn damaged_samples(flips: usize) -> impl Iterator<Item = Damaged> {
    let sample = std::sync::Arc::new(sample::small());
    let cases: Vec<Damage> = drawn(&sample, flips).chain(pages(&sample, 4)).collect();
    cases.into_iter().map(move |case| {
        let mut bytes = sample.bytes.clone();
        case.apply(&mut bytes);
        Damaged {
            what: format!("{}: {case}", sample.name),
            damage: case,
            bytes,
            original: std::sync::Arc::clone(&sample),
        }
    })
}

/// Each cut, each page lost in two ways, and one of so many pairs of pages swapped.
fn pages(sample: &Sample, one_in: u64) -> Vec<Damage> {
    let len = sample.bytes.len();
    let pages = len / PAGE;
    let used: Vec<usize> = (0..pages)
        .filter(|page| is_used(sample, page * PAGE..))
        .collect();
    let cuts = (0..len).step_by(by_form(8 * 512, 512)).map(Damage::Cut);
    let fills = (0..pages).flat_map(|page| [Damage::Fill(page, 0), Damage::Fill(page, 0xff)]);
    let mut dice = Dice::new(seed());
    let swaps = used
        .iter()
        .flat_map(|one| used.iter().map(|other| (*one, *other)));
    let swaps = swaps.filter(|(one, other)| one < other && dice.one_in(one_in));
    let swaps = swaps.map(|(one, other)| Damage::Swap(one, other));
    cuts.chain(fills).chain(swaps.collect::<Vec<_>>()).collect()
}

fn is_used(sample: &Sample, from: std::ops::RangeFrom<usize>) -> bool {
    sample.bytes[from.start..from.start + PAGE]
        .iter()
        .any(|byte| *byte != 0)
}

/// Flips of bits where something is: half of them anywhere, half in headers and beginnings of
/// pages.
fn drawn(sample: &Sample, count: usize) -> impl Iterator<Item = Damage> {
    let used: Vec<usize> = (IMAGE..sample.bytes.len())
        .step_by(64)
        .filter(|start| {
            sample.bytes[*start..start + 64]
                .iter()
                .any(|byte| *byte != 0)
        })
        .collect();
    let beginnings: Vec<usize> = used.iter().copied().filter(|at| at % PAGE < 256).collect();
    let superblock: Vec<usize> = vec![0, 64, 4032];
    let mut dice = Dice::new(seed() ^ count as u64);
    (0..count).map(move |number| {
        let places = match number % 16 {
            0 => &superblock,
            1..8 => &beginnings,
            _ => &used,
        };
        Damage::Flip((places[dice.index(places.len())] * 8) + dice.index(64 * 8))
    })
}

fn every_bit(row: &mut Row, sample: &Sample) {
    let bits = sample.bytes.len() * 8;
    std::thread::scope(|scope| {
        let halves = [0..bits / 2, bits / 2..bits].map(|half| {
            scope.spawn(move || {
                let mut row = Row::new("R8");
                for bit in half {
                    row.case(judge(sample, Damage::Flip(bit), bit % 37 == 0));
                }
                row
            })
        });
        for half in halves {
            row.absorb(half.join().unwrap());
        }
    });
}

/// What was seen of one archive.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// Opens and writes that failed, and questions that an error answered.
    errors: u32,
}

fn judge(sample: &Sample, case: Damage, write: bool) -> Result<(), String> {
    let mut bytes = sample.bytes.clone();
    case.apply(&mut bytes);
    let judged = judged(sample, &bytes, write).map(drop);
    judged.map_err(|violation| format!("{}, {case}: {violation}", sample.name))
}

/// Reads, and if asked to, writes and reads again.
fn judged(sample: &Sample, bytes: &[u8], write: bool) -> Result<Seen, String> {
    quietly(|| {
        let mut seen = Seen::default();
        for_reading(sample, bytes, &mut seen)?;
        if write {
            for_writing(sample, bytes, &mut seen)?;
        }
        Ok(seen)
    })
}

fn for_reading(sample: &Sample, bytes: &[u8], seen: &mut Seen) -> Result<(), String> {
    let Some(archive) = opened(&Memory::new(bytes.to_vec()), true, seen)? else {
        return Ok(());
    };
    seen.errors += asked(&archive, &sample.questions)
        .agree_with(&[&sample.content])
        .map_err(|err| format!("read only: {err}"))?;
    Ok(())
}

fn for_writing(sample: &Sample, bytes: &[u8], seen: &mut Seen) -> Result<(), String> {
    let storage = Memory::new(bytes.to_vec());
    let Some(archive) = opened(&storage, false, seen)? else {
        return Ok(());
    };
    seen.errors += asked(&archive, &sample.questions)
        .agree_with(&[&sample.content])
        .map_err(|err| format!("for writing: {err}"))?;
    let appended = sample::append_one(&archive, &sample.questions);
    let after = [&sample.appended, &sample.content];
    let after = if appended.is_ok() {
        &after[..1]
    } else {
        &after[..]
    };
    if let Err(err) = &appended {
        seen.errors += 1;
        must_name_damage("append", err)?;
    }
    seen.errors += asked(&archive, &sample.questions)
        .agree_with(after)
        .map_err(|err| format!("after an append that gave {appended:?}: {err}"))?;
    if let Err(err) = archive.close() {
        seen.errors += 1;
        must_name_damage("close", &err)?;
    }
    let Some(archive) = opened(&storage, false, seen)? else {
        return Ok(());
    };
    seen.errors += asked(&archive, &sample.questions)
        .agree_with(after)
        .map_err(|err| format!("opened again: {err}"))?;
    Ok(())
}

fn opened(
    storage: &std::sync::Arc<Memory>,
    read_only: bool,
    seen: &mut Seen,
) -> Result<Option<Archive>, String> {
    match sample::open(storage, read_only) {
        Ok(archive) => Ok(Some(archive)),
        Err(err) => {
            seen.errors += 1;
            may_refuse(&err).map(|()| None)
        }
    }
}

fn asked(archive: &Archive, questions: &Questions) -> Answers {
    let mut answers = Answers::default();
    answers.ask(archive, questions);
    answers
}

/// What an open may say of a file that is damaged.
fn may_refuse(err: &StoreError) -> Result<(), String> {
    match err {
        StoreError::NotAnArchive { .. } | StoreError::UnsupportedVersion { .. } => Ok(()),
        err => must_name_damage("open", err),
    }
}

fn must_name_damage(what: &str, err: &StoreError) -> Result<(), String> {
    if sample::names_damage(err) {
        return Ok(());
    }
    Err(format!(
        "{what}: an error that does not name damage: {err:?}"
    ))
}

/// Turns a panic into a violation. Panics that the archive itself catches say nothing here.
fn quietly<T>(judge: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(true);
    let judged = catch_unwind(AssertUnwindSafe(judge));
    QUIET.set(false);
    judged.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!(
            "a panic left the API: {}",
            said.unwrap_or_default()
        ))
    })
}

/// A journal that nobody folded is cut off where it is damaged, and the archive is then exactly
/// what it was before that change.
#[test]
fn r8_damage_of_a_journal_leaves_an_earlier_state() {
    let sample = sample::small();
    let (bytes, states) = sample::unclosed(&sample);
    let judged = |bytes: Vec<u8>, read_only| match sample::open(&Memory::new(bytes), read_only) {
        Ok(archive) => {
            let answers = asked(&archive, &sample.questions);
            let agree = |state| answers.agree_with(&[state]).map(drop);
            let agreed = states.iter().rev().map(agree);
            agreed.reduce(Result::or).unwrap_or(Ok(()))
        }
        Err(err) => may_refuse(&err),
    };
    let mut row = Row::new("R8 journal");
    row.case(judged(bytes.clone(), true));
    let mut dice = Dice::new(seed());
    for number in 0..by_form(2_000, 60_000) {
        // The notes and the journal, where something is; now and then the image.
        let places = if number % 8 == 0 {
            IMAGE..bytes.len()
        } else {
            PAGE..IMAGE
        };
        let used: Vec<usize> = places.filter(|at| bytes[*at] != 0).collect();
        let bit = used[dice.index(used.len())] * 8 + dice.index(8);
        let mut damaged = bytes.clone();
        Damage::Flip(bit).apply(&mut damaged);
        let judged = quietly(|| judged(damaged, dice.one_in(2)));
        let what = |violation| format!("{}: {violation}", Damage::Flip(bit));
        row.case(judged.map_err(what));
    }
    row.finish(2_000);
}

/// Whether the row would see the bug: flips in what entries say.
#[allow(dead_code, reason = "for the row that seeds bugs")]
pub(super) fn catches(bug: Bug) -> bool {
    let sample = sample::small();
    let places = entries_of(&sample.bytes);
    let mut dice = Dice::new(seed());
    testing::seed(Some(bug));
    let caught = (0..200).any(|_| {
        let byte = IMAGE + places[dice.index(places.len())];
        judge(&sample, Damage::Flip(byte * 8), false).is_err()
    });
    testing::seed(None);
    caught
}

/// The places in the image of letters that entries are filled with.
fn entries_of(bytes: &[u8]) -> Vec<usize> {
    let image: Range<usize> = IMAGE..bytes.len();
    let image = &bytes[image];
    (0..image.len()).filter(|at| image[*at] == b'x').collect()
}

#[test]
fn r8_sees_a_checksum_that_is_not_compared() {
    assert!(catches(Bug::DropChecksum));
}

/// The same on real files, through the ordinary ways to open them.
#[test]
fn r8_on_real_files() {
    let sample = sample::small();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.sessiondb");
    let mut row = Row::new("R8 files");
    let cases = drawn(&sample, by_form(150, 3_000)).chain(pages(&sample, 1).into_iter().step_by(5));
    for case in cases {
        let mut bytes = sample.bytes.clone();
        case.apply(&mut bytes);
        let judged = quietly(|| on_disk(&sample, &bytes, &path));
        row.case(judged.map_err(|violation| format!("{case}: {violation}")));
    }
    row.finish(200);
}

fn on_disk(sample: &Sample, bytes: &[u8], path: &std::path::Path) -> Result<(), String> {
    for read_only in [true, false] {
        fs::write(path, bytes).unwrap();
        let archive = match Archive::options().read_only(read_only).open(path) {
            Ok(archive) => archive,
            Err(err) => {
                may_refuse(&err)?;
                continue;
            }
        };
        let answers = asked(&archive, &sample.questions);
        answers.agree_with(&[&sample.content])?;
        if !read_only && let Err(err) = sample::append_one(&archive, &sample.questions) {
            must_name_damage("append", &err)?;
        }
    }
    Ok(())
}
