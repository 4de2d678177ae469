//! NUL bytes in a line: the holes that a crash leaves where a file had grown and its content was not
//! on the disk yet. What stood there is gone, at times with the line end.

use std::borrow::Cow;
use std::fmt;

use super::values::{Values, count_values, is_blank, is_value};

/// The NUL bytes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nuls {
    pub(super) count: u64,
    /// Where in the file the first one is.
    pub(super) byte_offset: u64,
}

impl fmt::Display for Nuls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, byte_offset } = self;
        let noun = if *count == 1 { "byte" } else { "bytes" };
        write!(
            f,
            "{count} NUL {noun} at byte offset {byte_offset}, as a crash leaves them"
        )
    }
}

/// What is left of a line without its NULs.
pub(super) struct Left<'a> {
    pub(super) values: Vec<Cow<'a, [u8]>>,
    /// What the user should know of it.
    pub(super) remark: String,
}

/// Drops the NULs. The pieces between them are entries if all are whole values; else what they are
/// together, if that is one value; else those that are whole, as the others are torn.
pub(super) fn drop_nuls<'a>(line: &'a [u8], nuls: &Nuls) -> Left<'a> {
    let pieces: Vec<&[u8]> = line
        .split(|byte| *byte == 0)
        .filter(|piece| !is_blank(piece))
        .collect();
    let mut values = Vec::new();
    let mut torn_bytes = 0;
    for piece in &pieces {
        match std::str::from_utf8(piece) {
            Ok(text) if count_values(text).is_some() => {
                values.extend(Values::new(text).map(Cow::Borrowed));
            }
            _ => torn_bytes += piece.len(),
        }
    }
    let joined: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
    if torn_bytes > 0 && is_value(&joined) {
        return Left {
            values: vec![Cow::Owned(joined)],
            remark: format!("dropped {nuls}; what stood in their place in the entry is missing"),
        };
    }
    let torn = match torn_bytes {
        0 => String::new(),
        bytes => format!("; left out {bytes} bytes beside them, which are no whole JSON value"),
    };
    let kept = match values.len() {
        0 => String::new(),
        1 => "; kept the JSON value beside them".to_owned(),
        count => format!("; kept the {count} JSON values beside them"),
    };
    Left {
        values,
        remark: format!("dropped {nuls}{kept}{torn}"),
    }
}
