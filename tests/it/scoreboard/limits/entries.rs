//! The one log of these cases, entries of any length for it, and what it holds.

use sessiondb::{Archive, Log, StoreError};
use uuid::Uuid;

/// The shortest journal.
pub(super) const JOURNAL_BYTES: usize = 16 << 10;

pub(super) fn log(archive: &Archive) -> Log {
    archive.log(Uuid::from_u128(1), Uuid::from_u128(2))
}

/// A JSON string of so many bytes. The text shows where it was cut or shifted.
pub(super) fn entry(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes);
    text.push('"');
    text.extend(
        "0123456789abcdefghijklmnopqrstuvwxyz="
            .chars()
            .cycle()
            .take(bytes - 2),
    );
    text.push('"');
    text
}

pub(super) fn ensure(condition: bool, violation: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(violation()) }
}

pub(super) fn texts(log: &Log) -> Result<Vec<String>, StoreError> {
    log.read(..)?
        .map(|entry| Ok(entry?.as_str().to_owned()))
        .collect()
}
