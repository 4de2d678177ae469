//! Archives whose journals hold every op that a journal can, in a random order, for readers that replay
//! them by themselves: `tests/data/journal` holds them as golden archives are held, with the notes beside.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use redb::backends::FileBackend;
use serde_json::{Map, Value, json};
use sessiondb::archive::Log;
use sessiondb::testing::{self, Opening};
use sessiondb::{Archive, RawJson};
use uuid::Uuid;

use super::{Golden, reading, tree, writing, writing_twice};
use crate::raw::raw;

const JOURNAL_BYTES: u64 = 32 << 10;
/// So many that more than two epochs are over, of which the last two are in the journal.
const CHANGES: usize = 500;
/// 2026-03-01, in ms.
const START_MS: u64 = 1_772_323_200_000;

#[test]
fn journals_with_every_op_are_read_as_they_were_written() {
    let names = ["ops-1", "ops-2"];
    for name in names {
        let golden = Golden::read(&folder().join(name).with_extension("sessiondb"));
        assert!(tree(&folder().join(name)).len() > 4, "{name} holds little");
        for opened in [reading, writing, writing_twice] {
            let found = opened(&golden.copy()).unwrap();
            golden.compare(&found).unwrap();
        }
    }
}

/// Makes them anew: `cargo test --all-features --test it make_archives_with_journals -- --ignored`.
#[test]
#[ignore = "a generator"]
fn make_archives_with_journals() {
    let _ = std::fs::remove_dir_all(folder());
    std::fs::create_dir_all(folder()).unwrap();
    for seed in [1, 2] {
        let file = folder().join(format!("ops-{seed}.sessiondb"));
        left(&file, seed);
        let copy = super::Copy::of(&file);
        let expected = writing(&copy).unwrap();
        let notes = notes_of(&Archive::open(&copy.path).unwrap());
        for (end, said) in [("json", expected.listing), ("notes.json", notes)] {
            let text = serde_json::to_string_pretty(&said).unwrap() + "\n";
            std::fs::write(file.with_extension(end), text).unwrap();
        }
        for (name, content) in expected.tree {
            let path = file.with_extension("").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal")
}

fn notes_of(archive: &Archive) -> Value {
    let snapshot = archive.snapshot().unwrap();
    let keys = snapshot.notes("").unwrap().into_iter();
    keys.map(|key| {
        let note = snapshot.read_note::<Value>(&key).unwrap();
        (key, note.unwrap())
    })
    .collect::<Map<_, _>>()
    .into()
}

/// What the death of a process leaves that has made many changes.
fn left(path: &Path, seed: u64) {
    testing::create_file(path, JOURNAL_BYTES).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(path);
    let storage = Arc::new(FileBackend::new(file.unwrap()).unwrap());
    let opening = Opening {
        shared: true,
        ..Opening::default()
    };
    let archive = testing::open(storage, opening).unwrap();
    let mut rng = Rng::with_seed(seed);
    for at in 0..CHANGES {
        let at_ms = START_MS + 1000 * at as u64;
        change(&archive, &mut rng, at_ms);
    }
    let whole = std::fs::read(path).unwrap();
    drop(archive);
    std::fs::write(path, whole).unwrap();
}

fn id(session: u8, segment: u8) -> Uuid {
    let id = u128::from(session) << 8 | u128::from(segment);
    Uuid::from_u128(0x019c_a6b1_dc00_7000_8000_0000_0000_0000 | id)
}

fn change(archive: &Archive, rng: &mut Rng, at_ms: u64) {
    let session = rng.u8(1..4);
    let other = id(session, rng.u8(1..20));
    let session = id(session, 0);
    // Mostly one that has entries, which others may share.
    let filled = archive.segments(session).unwrap().map(Result::unwrap);
    let filled: Vec<_> = filled.filter(|segment| segment.entries > 0).collect();
    let kind = rng.u8(0..100);
    // What is cut off or deleted should be shared, so that others take it over.
    let is_shared = filled.iter().any(|segment| segment.branches > 0);
    let cuts = (44..56).contains(&kind) || (76..85).contains(&kind);
    let filled: Vec<_> = filled
        .iter()
        .filter(|segment| !cuts || !is_shared || segment.branches > 0)
        .collect();
    let segment = match rng.choice(&filled) {
        Some(segment) if cuts || rng.u8(0..4) > 0 => segment.id,
        _ => other,
    };
    let log = archive.log(session, segment).with_timestamp(at_ms);
    let trace = archive.trace(session, segment).with_timestamp(at_ms);
    let len = if log.exists().unwrap() {
        log.len().unwrap()
    } else {
        0
    };
    match kind {
        0..30 => append(&log, rng),
        30..38 => append(&trace, rng),
        38..42 => log.replace(entries(rng)).unwrap(),
        42..44 => trace.replace(entries(rng)).unwrap(),
        44..56 if len > 0 => log.truncate(rng.u64(0..=len / 2)).unwrap(),
        // Refused where the other is there already.
        56..76 if len > 0 => drop(log.branch(rng.u64(0..=len), other)),
        76..85 => drop(log.delete().unwrap()),
        85 => drop(trace.delete().unwrap()),
        86 if rng.bool() => drop(archive.delete_session(session).unwrap()),
        87..91 => {
            let metadata = json!({"title": "Größe", "n": rng.u16(..)});
            archive
                .set_metadata(session, metadata.as_object().unwrap())
                .unwrap();
        }
        91..94 => {
            let name = format!("name-{}", rng.u8(0..6));
            let record = json!({"worker_name": name, "n": rng.u16(..)});
            archive.write_name(&name, &record).unwrap();
        }
        94 => drop(
            archive
                .delete_name(&format!("name-{}", rng.u8(0..6)))
                .unwrap(),
        ),
        95..98 => {
            let key = format!("session/{session}/{}", rng.u8(0..4));
            archive
                .write_note(&key, &json!({"n": rng.u16(..)}))
                .unwrap();
        }
        98 => archive.write_note("other", &rng.u16(..)).unwrap(),
        _ => {}
    }
}

fn append(log: &Log, rng: &mut Rng) {
    log.append_many(entries(rng)).unwrap();
}

fn entries(rng: &mut Rng) -> Vec<RawJson> {
    let entry = |rng: &mut Rng| raw(format!(r#"{{"kind":"said","n":{}}}"#, rng.u32(..)));
    (0..rng.usize(0..5)).map(|_| entry(rng)).collect()
}
