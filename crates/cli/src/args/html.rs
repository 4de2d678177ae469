//! The arguments of `html`, and moments as people write them.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use clap::Args;
use clap::builder::{
    NonEmptyStringValueParser, OsStringValueParser, PossibleValuesParser, TypedValueParser,
};
use sessiondb_agents::agents;

use crate::values::age;

/// Write sessions as one HTML page that needs no network
///
/// The page lists the sessions, with filters and a search of all transcripts, and shows each with its
/// forks, its tools folded and what it used. Whatever a log says is text in it: nothing runs, nothing is
/// loaded, no link leads anywhere. Only its owner may read the file. It appears when it is whole.
#[derive(Debug, Args)]
pub(crate) struct HtmlArgs {
    /// The page to be made
    pub(crate) out: PathBuf,
    /// The sessions; all of them if none is given
    #[arg(value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sessions: Vec<String>,
    /// Only sessions of this agent; may be given several times
    #[arg(long = "agent", value_name = "NAME", value_parser = PossibleValuesParser::new(agents().iter().map(|agent| agent.name())))]
    pub(crate) agents: Vec<String>,
    /// Only sessions that began in this folder or below it
    #[arg(long, value_name = "DIR", value_parser = OsStringValueParser::new().try_map(std::path::absolute))]
    pub(crate) cwd: Option<PathBuf>,
    /// Only sessions that were active since then: 3d, 2026-11-01, 2026-11-01T12:00
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,
    /// Only sessions that were last active before then
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Moment>,
    /// Only the N sessions that were active last
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Replace OUT if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print what was written as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A moment: an age, a date, or a date with a time, which are local unless they say otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) ms: i64,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = |at: DateTime<Local>| Self {
            ms: at.timestamp_millis(),
        };
        if let Ok(age) = age(text) {
            let age = chrono::Duration::from_std(age).ok();
            let then = age.and_then(|age| Local::now().checked_sub_signed(age));
            return then.map(at).ok_or_else(|| "too long ago".to_owned());
        }
        if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
            return Ok(at(exact.with_timezone(&Local)));
        }
        let day =
            NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
        let forms = [
            "%Y-%m-%dT%H:%M:%S",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%d %H:%M",
        ];
        let mut times = forms
            .iter()
            .map(|form| NaiveDateTime::parse_from_str(text, form));
        let local = day.ok().or_else(|| times.find_map(Result::ok));
        let known = local.and_then(|local| Local.from_local_datetime(&local).earliest());
        known.map(at).ok_or_else(|| {
            "give an age such as 3d, a date such as 2026-11-01, or a time such as 2026-11-01T12:00"
                .to_owned()
        })
    }
}
