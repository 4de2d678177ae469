//! Reads of a whole segment: its bytes, and its entries decoded.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::{InTurn, Lab, READERS, Subject, expect};
use crate::Result;
use crate::entries::log;
use crate::figures::{Row, Section, Unit, count, times};
use crate::systems::{Engine, decode};
use crate::talk;

/// With logs of the caller's.
const SEGMENT_BYTES: usize = 10_000_000;
/// With generated ones: about as much.
const ENTRIES: usize = 12_000;

pub(super) fn read(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let entries = if lab.data.is_some() {
        lab.entries(SEGMENT_BYTES, usize::MAX)?
    } else {
        talk::entries(lab.pick(ENTRIES / 3, ENTRIES))?
    };
    let bytes: usize = entries.iter().map(|entry| entry.len() + 1).sum();
    let note = format!(
        "A segment of {} entries of an agent's log, {:.1} MB of JSONL, of a store that was closed and opened again; \
         the page cache is warm. Raw: each entry is looked at as bytes. Typed: each is decoded by \
         serde_json.",
        entries.len(),
        count(bytes) / 1e6
    );
    let mut section = Section::new(name, "A whole segment", note);
    let mut subjects = lab.open_for_reads(name, &READERS)?;
    for subject in &mut subjects {
        subject.system()?.append_many(log(0), &entries)?;
        subject.settle()?;
    }
    let rounds = lab.pick(5, 15);
    let text = entries.join(&b'\n');
    let (raw, memcpy) = InTurn::new(lab, &mut subjects, rounds)
        .times_and_floor(|subject| raw(subject, &entries), || Ok(vec![copied(&text)]))?;
    let frame = zstd::bulk::compress(&text, 3)?;
    let unpack = || unpacked(&frame, &text);
    let (_, zstd) = InTurn::new(lab, &mut [] as &mut [Subject], rounds)
        .times_and_floor(|_| Ok(Vec::new()), unpack)?;
    let typed = typed(lab, &mut subjects, &entries, rounds)?;
    for subject in &mut subjects {
        subject.close()?;
    }
    let raw = Row::new("raw", Unit::Time, raw).with_floor("memcpy", memcpy);
    if let Some(typed) = &typed {
        promises(&mut section, &raw, typed)?;
    }
    let ours = raw.cells.iter().filter(|(engine, _)| engine.is_ours());
    let packed = Row::new("raw, beside zstd -d", Unit::Time, ours.cloned());
    section.rows = vec![raw, packed.with_floor("zstd -d", zstd)];
    section.rows.extend(typed);
    Ok(section)
}

fn promises(section: &mut Section, raw: &Row, typed: &Row) -> Result<()> {
    let figure = |row: &Row, engine| row.of(engine).cloned().ok_or("a system is missing");
    let parse = figure(typed, Engine::Jsonl)?;
    let ours = figure(raw, Engine::Sessiondb)?;
    let faster = parse.per(&ours);
    section.at_least("JSONL folder parsed / read raw", faster, 2.0, times);
    let (_, floor) = typed.floor.as_ref().ok_or("no floor")?;
    let ours = figure(typed, Engine::Sessiondb)?;
    section.at_most(
        "typed read / serde_json from memory",
        ours.per(floor),
        1.15,
        times,
    );
    Ok(())
}

fn raw(subject: &Subject, entries: &[Vec<u8>]) -> Result<Vec<Duration>> {
    let system = subject.system()?;
    let (mut found, mut bytes) = (0, 0);
    let start = Instant::now();
    system.read(log(0), &mut |entry| {
        found += 1;
        bytes += black_box(entry).len();
        Ok(())
    })?;
    let took = start.elapsed();
    expect(found == entries.len(), "entries are missing")?;
    let expected: usize = entries.iter().map(Vec::len).sum();
    expect(bytes == expected, "bytes of entries are missing")?;
    let mut expected = entries.iter();
    system.read(log(0), &mut |entry| {
        let right = expected.next().is_some_and(|expected| expected == entry);
        expect(right, "an entry is not what was written")
    })?;
    Ok(vec![took])
}

/// `None` if the entries are of another kind than those that agents log.
fn typed(
    lab: &Lab<'_>,
    subjects: &mut [Subject],
    entries: &[Vec<u8>],
    rounds: usize,
) -> Result<Option<Row>> {
    if entries.iter().any(|entry| decode(entry).is_err()) {
        return Ok(None);
    }
    let (typed, parse) = InTurn::new(lab, subjects, rounds).times_and_floor(
        |subject| {
            let mut found = 0;
            let start = Instant::now();
            subject.system()?.read_typed(log(0), &mut |entry| {
                found += 1;
                drop(black_box(entry));
                Ok(())
            })?;
            let took = start.elapsed();
            expect(found == entries.len(), "entries are missing")?;
            let mut expected = entries.iter();
            subject.system()?.read_typed(log(0), &mut |entry| {
                let expected = expected.next().ok_or("there are too many entries")?;
                expect(entry == decode(expected)?, "an entry is another one")
            })?;
            Ok(vec![took])
        },
        || {
            let start = Instant::now();
            for entry in entries {
                black_box(decode(entry)?);
            }
            Ok(vec![start.elapsed()])
        },
    )?;
    let row = Row::new("typed", Unit::Time, typed);
    Ok(Some(row.with_floor("serde_json from memory", parse)))
}

fn copied(text: &[u8]) -> Duration {
    let start = Instant::now();
    black_box(text.to_vec());
    start.elapsed()
}

fn unpacked(frame: &[u8], text: &[u8]) -> Result<Vec<Duration>> {
    let start = Instant::now();
    let found = zstd::bulk::decompress(frame, text.len())?;
    let took = start.elapsed();
    expect(found == text, "zstd did not give the text back")?;
    Ok(vec![took])
}
