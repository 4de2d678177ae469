//! Any file at all gives an error or a report, never a panic, and no entry that was not stored.
//!
//! The first byte of the input says what the file is: 0, the rest of the input; else a real
//! archive, changed. Each 6 bytes of the rest are then one change: the offset (4 bytes,
//! little-endian, modulo the length), what to do there (0: cut the file off; 1: fill a page of
//! 4 KiB; else: change one byte), and a value.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sessiondb::{Archive, Log, StoreError};
use tempfile::TempDir;
use uuid::Uuid;

const ENTRIES: [&str; 3] = [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#];

fuzz_target!(
    // Panics that the library turns into errors are none; one that reaches the target still is.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |data: &[u8]| {
        static FOLDER: OnceLock<TempDir> = OnceLock::new();
        let path = FOLDER.get_or_init(folder).path().join("input.sessiondb");
        std::fs::write(&path, file(data)).expect("the input is written");
        for read_only in [true, false] {
            if let Err(err) = look(Archive::options().create(false).read_only(read_only).open(&path)) {
                assert!(!err.to_string().is_empty());
            }
        }
    }
);

fn look(archive: Result<Archive, StoreError>) -> Result<(), StoreError> {
    let archive = archive?;
    archive.stats()?;
    archive.list_names()?;
    archive.check(&mut |_| ())?;
    for (entry, stored) in log(&archive).read_raw(..)?.zip(ENTRIES) {
        assert_eq!(entry?.as_str(), stored);
    }
    archive.close()
}

fn log(archive: &Archive) -> Log {
    archive.log(Uuid::from_u128(1), Uuid::from_u128(2))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn file(data: &[u8]) -> Vec<u8> {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    let Some((kind, rest)) = data.split_first() else {
        return Vec::new();
    };
    if *kind == 0 {
        return rest.to_vec();
    }
    let mut file = ARCHIVE.get_or_init(real_archive).clone();
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

fn real_archive() -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("real.sessiondb");
    let archive = Archive::open(&path).expect("a new archive");
    log(&archive)
        .with_timestamp(1)
        .append_many_raw(&ENTRIES)
        .expect("entries that are whole");
    archive.close().expect("it closes");
    std::fs::read(path).expect("it is there")
}
