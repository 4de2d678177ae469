//! What sets and removes notes.

use serde::Serialize;

use super::record::{MAX_RECORD_BYTES, within};
use crate::engine::{NOTE_MARK, Op};
use crate::error::StoreError;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 4096;
/// Notes are stored among the names of workers, none of which may hold this character.
pub(super) const MARK: &str = NOTE_MARK;

/// Sets a note to JSON that is there already.
pub(super) fn raw_op(key: &str, json: Vec<u8>) -> Result<Op, StoreError> {
    within(format!("the key {key:?}"), key.len(), MAX_KEY_BYTES)?;
    within(format!("note {key:?}"), json.len(), MAX_RECORD_BYTES)?;
    let name = format!("{MARK}{key}");
    Ok(Op::SetName { name, json })
}

pub(super) fn write_op<T: Serialize + ?Sized>(key: &str, note: &T) -> Result<Op, StoreError> {
    raw_op(key, serde_json::to_vec(note)?)
}

pub(super) fn delete_op(key: &str) -> Op {
    let name = format!("{MARK}{key}");
    Op::DeleteName { name }
}
