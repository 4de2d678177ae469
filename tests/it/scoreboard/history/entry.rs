//! The entries that steps append, and what stands in their place once they are erased.

use std::fmt::Write;

use serde_json::Value;

use crate::scoreboard::row::Dice;

/// Longer entries have a value that some others have too.
const SHARING_BYTES: usize = 1_400;
/// Of such a value: more than the shortest that is stored once.
const SHARED_BYTES: usize = 1_100;

/// An entry that no other is like, with a time or without. Of those that are long, some can be
/// compressed, and all have a value that others have.
pub(super) fn entry(step: usize, number: usize, len: usize) -> String {
    if len >= SHARING_BYTES {
        let rest = entry(step, number, len - SHARED_BYTES - 10);
        let (before, behind) = rest.split_at(1);
        let shared = shared_value(step % 3);
        return match before {
            "{" => format!(r#"{before}"same":"{shared}",{behind}"#),
            _ => format!(r#"{before}"{shared}",{behind}"#),
        };
    }
    let noise = if step.is_multiple_of(2) { len } else { 40 };
    let mut pad = noise_of(step << 16 | number, noise.min(len));
    pad.push_str(&"x".repeat(len - pad.len()));
    if number % 2 == 1 {
        return format!(r#"{{"ts":{step},"number":{number},"pad":"{pad}"}}"#);
    }
    format!("[{step},{number},\"{pad}\"]")
}

/// A value that does not compress, so that it is smaller once it is stored a second time.
fn shared_value(number: usize) -> String {
    let mut dice = Dice::new(number as u64 ^ 0x5a5a);
    let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    let letter = |_| char::from(letters[dice.index(letters.len())]);
    (0..SHARED_BYTES).map(letter).collect()
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
