//! What arguments say besides names and ids: times, sizes, numbers of entries.

use std::str::FromStr;
use std::time::Duration;

/// Numbers of entries that follow each other: `N`, `FROM..TO`, `FROM..`, `..TO`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryNumbers {
    pub(crate) from: u64,
    /// The number behind the last one; the end of the log if there is none.
    pub(crate) to: Option<u64>,
}

impl FromStr for EntryNumbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.parse::<u64>();
            number.map_err(|_| "give N, FROM..TO or FROM.., as in 3..5 for entries 3 and 4")
        };
        let Some((from, to)) = text.split_once("..") else {
            let from = number(text)?;
            let to = from.checked_add(1);
            return Ok(Self { from, to });
        };
        let from = if from.is_empty() { 0 } else { number(from)? };
        let to = match to {
            "" => None,
            to => Some(number(to)?),
        };
        if to.is_some_and(|to| to < from) {
            return Err("the entries end before they begin".to_owned());
        }
        Ok(Self { from, to })
    }
}

/// A number of entries or of sessions.
pub(crate) fn whole(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "must be a whole number, 0 or more".to_owned())
}

/// Permission bits of a file.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    // Without the first the export could not be completed later.
    let fits = mode.filter(|mode| mode & 0o600 == 0o600 && *mode <= 0o777);
    fits.ok_or_else(|| "give three octal digits of which the first is 6 or 7, as in 644".to_owned())
}

/// A length of time in seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|cause| cause.to_string())
}

/// A length of time with its unit.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let units = [("m", 60), ("h", 3600), ("d", 86_400), ("w", 7 * 86_400)];
    let seconds = with_unit(text, &units);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        "give a whole number and m, h, d or w for minutes, hours, days or weeks, as in 30d"
            .to_owned()
    })
}

/// A number of bytes, with or without a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let units = [
        ("K", 1 << 10),
        ("M", 1 << 20),
        ("G", 1 << 30),
        ("T", 1 << 40),
        ("", 1),
    ];
    with_unit(text.trim_end_matches("iB"), &units).ok_or_else(|| {
        "give a whole number of bytes, or with K, M, G or T of units of 1024, as in 2G".to_owned()
    })
}

/// A whole number times its unit, the first of those that the text ends with.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let is_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    number
        .parse::<u64>()
        .ok()
        .filter(|_| is_digits)?
        .checked_mul(*unit)
}
