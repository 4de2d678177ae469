//! The entries that steps append, and what stands in their place once they are erased.

use std::fmt::Write;

use serde_json::Value;

use crate::scoreboard::row::Dice;

/// An entry that no other is like, with a time or without. Of those that are long, some can be
/// compressed.
pub(super) fn entry(step: usize, number: usize, len: usize) -> String {
    let noise = if step.is_multiple_of(2) { len } else { 40 };
    let mut pad = noise_of(step << 16 | number, noise.min(len));
    pad.push_str(&"x".repeat(len - pad.len()));
    if number % 2 == 1 {
        return format!(r#"{{"ts":{step},"number":{number},"pad":"{pad}"}}"#);
    }
    format!("[{step},{number},\"{pad}\"]")
}

/// Letters and digits in no order.
fn noise_of(seed: usize, len: usize) -> String {
    let mut dice = Dice::new(seed as u64);
    let mut noise = String::new();
    while noise.len() < len {
        write!(noise, "{:016x}", dice.next()).expect("a text takes all");
    }
    noise.truncate(len);
    noise
}

/// What stands in the place of an entry once it is erased: its time stays, if it has one.
pub(super) fn tombstone(entry: &str) -> String {
    let entry: Value = serde_json::from_str(entry).expect("an entry is JSON");
    match entry.get("ts") {
        Some(ts) => format!(r#"{{"kind":"erased","ts":{ts}}}"#),
        None => r#"{"kind":"erased"}"#.to_owned(),
    }
}

/// What stands for a secret that was redacted.
const REDACTED: &str = "[redacted:secret]";

/// The entry without the first letters of its pad; `None` if there is nothing to be redacted.
pub(super) fn redacted(entry: &str) -> Option<String> {
    if is_tombstone(entry) || is_redacted(entry) {
        return None;
    }
    let pad = entry.rsplit('"').nth(1)?;
    let secret = pad.get(..40)?;
    Some(entry.replacen(secret, REDACTED, 1))
}

pub(super) fn is_redacted(entry: &str) -> bool {
    entry.contains(REDACTED)
}

pub(super) fn is_tombstone(entry: &str) -> bool {
    entry.starts_with(r#"{"kind":"erased""#)
}
