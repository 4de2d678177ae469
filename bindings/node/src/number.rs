//! Numbers and ids between JavaScript and the library. A number is never rounded.

use sessiondb::{SegmentId, SessionId};
use uuid::Uuid;

use crate::error::Failure;

/// `Number.MAX_SAFE_INTEGER`: up to here each whole number is one of JavaScript.
const MOST: u64 = (1 << 53) - 1;

/// A number for JavaScript.
pub(crate) fn out(number: u64) -> Result<f64, Failure> {
    if number <= MOST {
        #[allow(clippy::cast_precision_loss)] // There is none up to here.
        return Ok(number as f64);
    }
    Err(Failure::Invalid(format!(
        "{number} is beyond 2^53 - 1, which is the largest number that JavaScript has exactly"
    )))
}

/// A number of JavaScript that counts something.
pub(crate) fn count(what: &str, number: f64) -> Result<u64, Failure> {
    #[allow(clippy::cast_precision_loss)] // There is none up to here.
    let in_range = (0.0..=MOST as f64).contains(&number);
    if in_range && number.fract() == 0.0 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It was looked at.
        return Ok(number as u64);
    }
    Err(Failure::Invalid(format!(
        "{what} is {number}; it has to be a whole number from 0 to 2^53 - 1"
    )))
}

/// The same for one that may be left out.
pub(crate) fn optional_count(what: &str, number: Option<f64>) -> Result<Option<u64>, Failure> {
    number.map(|number| count(what, number)).transpose()
}

/// A time, which may be before 1970.
pub(crate) fn time(what: &str, number: f64) -> Result<i64, Failure> {
    let magnitude = count(what, number.abs())?;
    let magnitude = i64::try_from(magnitude).unwrap_or(i64::MAX);
    Ok(if number < 0.0 { -magnitude } else { magnitude })
}

/// The id of a session.
pub(crate) fn session(text: &str) -> Result<SessionId, Failure> {
    id("session", text)
}

/// The id of a segment.
pub(crate) fn segment(text: &str) -> Result<SegmentId, Failure> {
    id("segment", text)
}

fn id(what: &str, text: &str) -> Result<Uuid, Failure> {
    Uuid::parse_str(text)
        .map_err(|error| Failure::Invalid(format!("{text:?} is no id of a {what}: {error}")))
}

/// The ids of several sessions.
pub(crate) fn sessions(texts: &[String]) -> Result<Vec<SessionId>, Failure> {
    texts.iter().map(|text| session(text)).collect()
}
