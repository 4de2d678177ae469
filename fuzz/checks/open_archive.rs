//! Any file at all gives an error or a report, never a panic, and no entry that was not stored.
//!
//! The first byte of the input says what the file is: 0, the rest of the input; 2, a real archive
//! whose process died with entries in the journal; else one that was closed. The real ones are
//! changed: each 6 bytes of the rest are one change: the offset (4 bytes, little-endian, modulo
//! the length), what to do there (0: cut the file off; 1: fill a page of 4 KiB; else: change one
//! byte), and a value.

use std::path::Path;
use std::sync::OnceLock;

use sessiondb::{Archive, Log, RawJson, StoreError, testing};
use tempfile::TempDir;
use uuid::Uuid;

const ENTRIES: [&str; 4] = [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":4}"#];

pub(crate) fn check(data: &[u8]) {
    thread_local! {
        static FOLDER: TempDir = folder();
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("input.sessiondb");
        std::fs::write(&path, file(data)).expect("the input is written");
        for read_only in [true, false] {
            if let Err(err) = look(&path, read_only) {
                assert!(!err.to_string().is_empty());
            }
        }
    });
}

/// Uses all that reads an archive as a whole. What recovers one belongs here as well.
fn look(path: &Path, read_only: bool) -> Result<(), StoreError> {
    let options = Archive::options().create(false).read_only(read_only);
    let archive = options.open(path)?;
    archive.stats()?;
    archive.names()?;
    archive.check(None)?;
    for (index, entry) in log(&archive).read(..)?.enumerate() {
        assert_eq!(ENTRIES.get(index), Some(&entry?.as_str()));
    }
    archive.close().map(drop)
}

fn log(archive: &Archive) -> Log {
    let log = archive.log(Uuid::from_u128(1), Uuid::from_u128(2));
    log.with_timestamp(1)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn file(data: &[u8]) -> Vec<u8> {
    static ARCHIVES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let Some((kind, rest)) = data.split_first() else {
        return Vec::new();
    };
    let [closed, left] = ARCHIVES.get_or_init(real_archives);
    let mut file = match kind {
        0 => return rest.to_vec(),
        2 => left.clone(),
        _ => closed.clone(),
    };
    for &[a, b, c, d, what, value] in rest.as_chunks::<6>().0 {
        let offset = u32::from_le_bytes([a, b, c, d]) as usize % file.len().max(1);
        match what {
            0 => file.truncate(offset),
            1 => file
                .iter_mut()
                .skip(offset)
                .take(4096)
                .for_each(|byte| *byte = value),
            _ => file
                .iter_mut()
                .skip(offset)
                .take(1)
                .for_each(|byte| *byte ^= value),
        }
    }
    file
}

/// An archive with all the entries that was closed, and one left with the last in its journal.
fn real_archives() -> [Vec<u8>; 2] {
    let folder = folder();
    let path = folder.path().join("real.sessiondb");
    testing::create_file(&path, 16 << 10).expect("a new archive");
    let archive = Archive::open(&path).expect("it opens");
    let (tables, journal) = ENTRIES.split_at(2);
    let append = |entries: &[&str]| {
        log(&archive)
            .append_many(
                entries
                    .iter()
                    .map(|entry| RawJson::new(*entry).expect("JSON")),
            )
            .map(drop)
    };
    append(tables).expect("whole entries");
    archive.checkpoint().expect("a checkpoint");
    for entry in journal {
        append(&[entry]).expect("a whole entry");
    }
    let left = std::fs::read(&path).expect("it is there");
    archive.close().expect("it closes");
    [std::fs::read(path).expect("it is there"), left]
}
