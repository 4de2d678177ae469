//! What is wrong with a line, and what helps.

use std::fmt;

use serde::de::IgnoredAny;

use super::lines::Line;
use super::nuls::Nuls;
use super::values::{count_values, is_blank};

/// Finds out whether a line, of `limit_bytes` at most, is blank or one JSON value.
pub(super) fn check<'a>(line: &Line<'a>, limit_bytes: usize) -> Result<(), Defect<'a>> {
    if let Some(nuls) = line.nuls {
        return Err(Defect::Nuls(nuls));
    }
    if let Some(defect) = Defect::over_limit(line, limit_bytes) {
        return Err(defect);
    }
    if is_blank(line.bytes) {
        return Ok(());
    }
    let text = std::str::from_utf8(line.bytes).map_err(|error| Defect::NotUtf8 {
        column: error.valid_up_to().saturating_add(1),
    })?;
    serde_json::from_str::<IgnoredAny>(text)
        .map(drop)
        .map_err(|error| match count_values(text) {
            Some(values) => Defect::Fused { text, values },
            None => Defect::NotJson {
                message: without_position(&error),
                column: error.column(),
            },
        })
}

/// What is wrong with a line. Columns count bytes from 1.
#[derive(Debug)]
pub(super) enum Defect<'a> {
    Nuls(Nuls),
    NotUtf8 { column: usize },
    NotJson { message: String, column: usize },
    Fused { text: &'a str, values: u64 },
    OverLimit { len_bytes: u64, limit_bytes: usize },
}

impl fmt::Display for Defect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nuls(nuls) => write!(f, "{nuls}"),
            Self::NotUtf8 { column } => write!(f, "not valid UTF-8 (column {column})"),
            Self::NotJson { message, column } => {
                write!(f, "not valid JSON (column {column}: {message})")
            }
            Self::Fused { values, .. } => write!(f, "{values} JSON values on one line"),
            Self::OverLimit {
                len_bytes,
                limit_bytes,
            } => write!(
                f,
                "{len_bytes} bytes long, which is over the limit of {limit_bytes}"
            ),
        }
    }
}

impl Defect<'_> {
    /// That a line is over the limit, if it is.
    pub(super) fn over_limit(line: &Line<'_>, limit_bytes: usize) -> Option<Self> {
        let len_bytes = line.over_limit?;
        Some(Self::OverLimit {
            len_bytes,
            limit_bytes,
        })
    }

    /// Whether what comes next may make an entry of the line.
    pub(super) fn is_beginning(&self, line: &[u8]) -> bool {
        // What a crash cuts off may have zeros behind it.
        let line = match self {
            Self::Nuls(_) => line.split(|byte| *byte == 0).next().unwrap_or_default(),
            _ => line,
        };
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            // A character may be cut as well.
            Err(error) if error.error_len().is_none() => {
                let whole = line.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).unwrap_or_default()
            }
            Err(_) => return false,
        };
        !matches!(self, Self::OverLimit { .. })
            && !is_blank(text.as_bytes())
            && serde_json::Deserializer::from_str(text)
                .into_iter::<IgnoredAny>()
                .find_map(Result::err)
                .is_none_or(|error| error.is_eof())
    }

    /// What helps.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Fused { .. } => {
                "`--bad-lines=split` takes them apart, `=skip` leaves the line out, \
                 `=keep` stores its text"
            }
            Self::Nuls(_) => {
                "`--bad-lines=drop-nuls` drops them and keeps what is whole beside them, `=skip` \
                 leaves the line out, `=keep` stores its text"
            }
            Self::OverLimit { .. } => "`--bad-lines=skip` leaves the line out",
            Self::NotUtf8 { .. } | Self::NotJson { .. } => {
                "`--bad-lines=skip` leaves the line out, `=keep` stores its text"
            }
        }
    }
}

/// The message of a JSON error without its "at line 1 column 7".
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => message,
    }
}
