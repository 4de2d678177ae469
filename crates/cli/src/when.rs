//! Points in time for people: local, relative, and as they are typed.

use chrono::{
    DateTime, Datelike, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Timelike,
};

use crate::values;

/// A time that was typed: the moment at which it begins and the one at which it ends, which are the
/// same unless it is a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// An age such as `3d`, a day, or a day and a time, in the zone of this machine.
pub(crate) fn typed(text: &str) -> Result<Typed, String> {
    typed_at(text, Local::now())
}

fn typed_at(text: &str, now: DateTime<Local>) -> Result<Typed, String> {
    let moment = |ms: i64| Typed {
        from_ms: ms,
        to_ms: ms,
    };
    let today = now.date_naive();
    let day = match text {
        "today" => Some(today),
        "yesterday" => today.checked_sub_days(Days::new(1)),
        _ => text.parse::<NaiveDate>().ok(),
    };
    if let Some(day) = day {
        let next = day.checked_add_days(Days::new(1));
        if let (Some(from_ms), Some(to_ms)) = (midnight(day), next.and_then(midnight)) {
            return Ok(Typed { from_ms, to_ms });
        }
    }
    if let Ok(age) = values::age(text) {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        return Ok(moment(now.timestamp_millis().saturating_sub(age)));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment(at.timestamp_millis()));
    }
    for form in [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M",
    ] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form)
            && let Some(ms) = local_ms(at)
        {
            return Ok(moment(ms));
        }
    }
    Err(
        "give an age such as 3d or 12h, a day such as 2026-11-01, today or yesterday, or a time such \
         as \"2026-11-01 15:04\""
            .to_owned(),
    )
}

fn midnight(day: NaiveDate) -> Option<i64> {
    local_ms(day.and_time(NaiveTime::MIN))
}

/// A time of the clock that is left out or repeated here is the first moment from then on.
fn local_ms(at: NaiveDateTime) -> Option<i64> {
    let hour = TimeDelta::hours(1);
    let found = Local.from_local_datetime(&at).earliest();
    let found = found.or_else(|| Local.from_local_datetime(&(at + hour)).earliest());
    Some(found?.timestamp_millis())
}

fn local(ms: i64) -> Option<DateTime<Local>> {
    let at = Local.timestamp_millis_opt(ms).single()?;
    (0..=9999).contains(&at.year()).then_some(at)
}

fn formatted(ms: i64, form: &str) -> String {
    local(ms).map_or_else(|| "-".to_owned(), |at| at.format(form).to_string())
}

/// Date and time here; `-` if it has no date.
pub(crate) fn date_and_time(ms: i64) -> String {
    local(ms).map_or_else(
        || "-".to_owned(),
        |at| {
            let (hour, minute, second) = (at.hour(), at.minute(), at.second());
            format!("{} {hour:02}:{minute:02}:{second:02}", date(at))
        },
    )
}

/// Date and time here, without seconds.
pub(crate) fn date_and_minute(ms: i64) -> String {
    formatted(ms, "%Y-%m-%d %H:%M")
}

/// The day here.
pub(crate) fn day(ms: i64) -> String {
    local(ms).map_or_else(|| "-".to_owned(), date)
}

fn date(at: DateTime<Local>) -> String {
    format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day())
}

/// The time of the day here.
pub(crate) fn minute(ms: i64) -> String {
    formatted(ms, "%H:%M")
}

/// How long ago, or the day beyond a week.
pub(crate) fn ago(ms: i64) -> String {
    Now::here().ago(ms)
}

/// The time here, asked for once for many lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now(DateTime<Local>);

impl Now {
    pub(crate) fn here() -> Self {
        Self(Local::now())
    }

    /// How long ago, or the day beyond a week.
    pub(crate) fn ago(self, ms: i64) -> String {
        ago_at(ms, self.0)
    }
}

fn ago_at(ms: i64, now: DateTime<Local>) -> String {
    let seconds = (now.timestamp_millis() - ms) / 1000;
    let Some(at) = local(ms) else {
        return "-".to_owned();
    };
    let days = now
        .date_naive()
        .signed_duration_since(at.date_naive())
        .num_days();
    match (seconds, days) {
        // A clock that is a little ahead is no future.
        (-60..60, _) => "just now".to_owned(),
        (60..3600, _) => format!("{} min ago", seconds / 60),
        (3600..86_400, 0) => format!("{} h ago", seconds / 3600),
        (_, 1) => "yesterday".to_owned(),
        (_, 2..=7) => format!("{days} days ago"),
        _ => date(at),
    }
}

/// A length of time, in its two largest units.
pub(crate) fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Local> {
        let at = "2026-11-20T12:00:00".parse().unwrap();
        Local.from_local_datetime(&at).unwrap()
    }

    #[test]
    fn what_is_near_is_relative() {
        let ago = |seconds: i64| ago_at(noon().timestamp_millis() - seconds * 1000, noon());
        assert_eq!(ago(5), "just now");
        assert_eq!(ago(-5), "just now");
        assert_eq!(ago(5 * 60), "5 min ago");
        assert_eq!(ago(3 * 3600), "3 h ago");
        assert_eq!(ago(13 * 3600), "yesterday");
        assert_eq!(ago(3 * 86_400), "3 days ago");
        assert_eq!(ago(30 * 86_400), "2026-10-21");
        assert_eq!(ago(-3 * 86_400), "2026-11-23");
    }

    #[test]
    fn ages_days_and_times_are_read() {
        let typed = |text: &str| typed_at(text, noon());
        let noon = noon().timestamp_millis();
        let hour = 3_600_000;
        let day = Typed {
            from_ms: noon - 12 * hour,
            to_ms: noon + 12 * hour,
        };
        for text in ["2026-11-20", "today"] {
            assert_eq!(typed(text), Ok(day), "{text}");
        }
        for text in ["2026-11-20 09:00", "2026-11-20T09:00:00", "3h"] {
            assert_eq!(typed(text).unwrap().from_ms, noon - 3 * hour, "{text}");
        }
        assert_eq!(typed("1970-01-01T00:00:00Z").unwrap().to_ms, 0);
        assert!(typed("soon").unwrap_err().contains("3d"));
        assert!(typed("2026-13-01").is_err());
    }

    #[test]
    fn lengths_have_two_units() {
        let texts = [59, 60, 3_700, 90_000].map(|seconds| duration(seconds * 1000));
        assert_eq!(texts, ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
