//! Points in time, in milliseconds since 1970 in UTC.

use crate::json::Raw;

const MS_A_DAY: i64 = 86_400_000;

/// A time as agents write it: a text as in RFC 3339, or a number since 1970 in seconds,
/// milliseconds, microseconds or nanoseconds, which its size tells.
pub(crate) fn time_ms(raw: Raw<'_>) -> Option<i64> {
    match raw.short_text() {
        Some(text) => utc_ms(&text).or_else(|| rfc3339_ms(&text)),
        None => number_ms(raw),
    }
}

/// The time of a text of just the shape `2026-02-03T10:00:00.123Z`, which nearly all have.
fn utc_ms(text: &str) -> Option<i64> {
    let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
    let shape = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    if !bytes.iter().zip(shape).all(fits) {
        return None;
    }
    let digit = |at: usize| {
        bytes
            .get(at)
            .map_or(0, |byte| i64::from(byte.saturating_sub(b'0')))
    };
    let two = |at: usize| digit(at) * 10 + digit(at + 1);
    let (hours, minutes, seconds) = (two(11), two(14), two(17));
    if hours > 24 || minutes > 59 || seconds > 60 {
        return None;
    }
    let days = days_since_1970(two(0) * 100 + two(2), two(5), two(8))?;
    let clock_ms = ((hours * 60 + minutes) * 60 + seconds) * 1_000 + two(20) * 10 + digit(22);
    Some(days * MS_A_DAY + clock_ms)
}

fn number_ms(raw: Raw<'_>) -> Option<i64> {
    let number = raw.integer()?;
    match number.unsigned_abs() {
        // Until the year 5138 in seconds; from 1973 on in milliseconds.
        0..100_000_000_000 =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the bound above keeps it small"
            )]
            raw.float()
                .map(|seconds| (seconds * 1_000.0).round() as i64)
        }
        100_000_000_000..100_000_000_000_000 => Some(number),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number / 1_000),
        _ => Some(number / 1_000_000),
    }
}

/// The time of a text such as `2026-02-03T10:00:00.123Z`; without an offset it is one of UTC.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (year, month_day) = date.split_once('-')?;
    let (month, day) = month_day.split_once('-')?;
    let days = days_since_1970(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?)?;

    let end = time.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'));
    let (clock, offset) = time.split_at_checked(end.unwrap_or(time.len()))?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.split(':');
    let hours = digits(parts.next()?, 2)?;
    let minutes = digits(parts.next()?, 2)?;
    let seconds = digits(parts.next().unwrap_or("00"), 2)?;
    if hours > 24 || minutes > 59 || seconds > 60 || parts.next().is_some() {
        return None;
    }
    let clock_ms = ((hours * 60 + minutes) * 60 + seconds) * 1_000 + fraction_ms(fraction);
    Some(days * MS_A_DAY + clock_ms - offset_ms(offset)?)
}

fn fraction_ms(fraction: &str) -> i64 {
    fraction
        .bytes()
        .chain([b'0'; 3])
        .take(3)
        .fold(0, |ms, digit| {
            ms * 10 + i64::from(digit.saturating_sub(b'0').min(9))
        })
}

fn offset_ms(offset: &str) -> Option<i64> {
    let (sign, clock) = match offset.trim() {
        "" | "Z" | "z" => return Some(0),
        other if other.starts_with('-') => (-1, other.get(1..)?),
        other => (1, other.strip_prefix('+')?),
    };
    let (hours, minutes) = match clock.split_once(':') {
        Some(parts) => parts,
        None => clock.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() {
        0
    } else {
        digits(minutes, 2)?
    };
    Some(sign * (digits(hours, 2)? * 60 + minutes) * 60_000)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// Counted in years that begin with March, so that the day that some years have more is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let march_year = if month < 3 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let leap_days =
        march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    Some(march_year * 365 + leap_days + (153 * months + 2) / 5 + day - 1 - 719_468)
}

/// Year, month, day, hour, minute, second and millisecond in UTC.
pub(crate) fn civil(ms: i64) -> [i64; 7] {
    let days = ms.div_euclid(MS_A_DAY) + 719_468;
    let in_day = ms.rem_euclid(MS_A_DAY);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let month = if months < 10 { months + 3 } else { months - 9 };
    [
        year_of_era + era * 400 + i64::from(month < 3),
        month,
        day_of_year - (153 * months + 2) / 5 + 1,
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1_000 % 60,
        in_day % 1_000,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(rfc3339_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            rfc3339_ms("2025-12-18T10:00:00.250Z"),
            Some(1_766_052_000_250)
        );
        assert_eq!(
            rfc3339_ms("2025-12-18T12:00:00.25+02:00"),
            Some(1_766_052_000_250)
        );
        assert_eq!(rfc3339_ms("2025-12-18 10:00:00"), Some(1_766_052_000_000));
        assert_eq!(
            rfc3339_ms("1960-02-29T00:00:00-0100"),
            Some(-310_518_000_000)
        );
        for bad in [
            "",
            "today",
            "2025-13-01T00:00:00Z",
            "2025-12-18T10:00:00é",
            "2025-12-18T1é",
        ] {
            assert_eq!(rfc3339_ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_usual_shape_is_read_as_any_other() {
        for text in [
            "2025-12-18T10:00:00.250Z",
            "1960-02-29T01:59:58.007Z",
            "2025-02-31T24:59:60.999Z",
        ] {
            assert_eq!(utc_ms(text), rfc3339_ms(text), "{text}");
        }
        for text in [
            "2025-13-18T10:00:00.250Z",
            "2025-12-18T10:00:00.25dZ",
            "2025-12-18T10:60:00.250Z",
        ] {
            assert_eq!(utc_ms(text), None, "{text}");
        }
    }

    #[test]
    fn numbers() {
        let read = |text| time_ms(Raw::new(text));
        assert_eq!(read("1766052000"), Some(1_766_052_000_000));
        assert_eq!(read("1766052000.25"), Some(1_766_052_000_250));
        assert_eq!(read("1766052000250"), Some(1_766_052_000_250));
        assert_eq!(read("1766052000250000"), Some(1_766_052_000_250));
        assert_eq!(read("true"), None);
    }

    #[test]
    fn there_and_back() {
        assert_eq!(civil(1_766_052_000_250), [2025, 12, 18, 10, 0, 0, 250]);
        assert_eq!(civil(-310_518_000_000), [1960, 2, 29, 1, 0, 0, 0]);
        for day in (-200_000..200_000).step_by(17) {
            let [year, month, day_of_month, ..] = civil(day * MS_A_DAY);
            assert_eq!(days_since_1970(year, month, day_of_month), Some(day));
        }
    }
}
