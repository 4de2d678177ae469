//! Which sessions are asked for.

use std::path::{Path, PathBuf};

#[cfg(feature = "remote")]
use sessiondb::SegmentId;
use sessiondb::Snapshot;

use super::listed::Listed;
use crate::args::FilterArgs;
use crate::exit::Failure;
use crate::when::Typed;

/// Which sessions are asked for; by default all that are conversations of a person and have an entry, and
/// are neither in the trash nor hidden.
#[derive(Debug)]
pub(crate) struct Filter {
    all: bool,
    /// Those that are hidden, too.
    hidden: bool,
    /// Those in the trash, or those that are not; with `None` both.
    trash: Option<bool>,
    agent: Option<String>,
    /// The folder as it was given, and without links.
    folders: Vec<PathBuf>,
    model: Option<String>,
    title: Option<String>,
    branch: Option<String>,
    since_ms: Option<i64>,
    /// The moment behind the last one.
    until_ms: Option<i64>,
}

impl Filter {
    pub(crate) fn new(args: &FilterArgs) -> Self {
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
        Self {
            all: args.all,
            hidden: args.all,
            trash: Some(false),
            agent: lower(&args.agent),
            folders: args.cwd.as_deref().map(folders).unwrap_or_default(),
            model: lower(&args.model),
            title: lower(&args.title),
            branch: args.branch.clone(),
            since_ms: args.period.since.map(|since| since.from_ms),
            until_ms: args.period.until.map(|until| until.to_ms),
        }
    }

    /// The same, wherever they are, those of subagents and those without entries too.
    pub(crate) fn with_all(self) -> Self {
        Self {
            all: true,
            hidden: true,
            trash: None,
            ..self
        }
    }

    /// The same of those in the trash.
    pub(crate) fn in_trash(self) -> Self {
        Self {
            trash: Some(true),
            ..self.with_all()
        }
    }

    /// The same, those in the trash too if they are asked for.
    pub(crate) fn and_trash(self, and_trash: bool) -> Self {
        let trash = if and_trash { None } else { self.trash };
        Self { trash, ..self }
    }

    /// The sessions in which something may be that is asked for: also those that were active later.
    pub(crate) fn of_sessions(args: &FilterArgs) -> Self {
        Self {
            until_ms: None,
            all: true,
            ..Self::new(args)
        }
    }

    /// All sessions that were active in a time, those of subagents and hidden ones too.
    pub(crate) fn all_between(since: Option<Typed>, until: Option<Typed>) -> Self {
        Self {
            all: true,
            hidden: true,
            since_ms: since.map(|since| since.from_ms),
            until_ms: until.map(|until| until.to_ms),
            ..Self::new(&FilterArgs::default())
        }
    }

    /// Whether a session may be taken that was active last at this moment or before.
    pub(crate) fn may_take_before(&self, ms: i64) -> bool {
        self.since_ms.is_none_or(|since| ms >= since)
    }

    /// Whether the session is asked for.
    pub(crate) fn takes(&self, now: &Snapshot, session: &Listed<'_>) -> Result<bool, Failure> {
        Ok(
            self.takes_apart_from_subagents(session)
                && (self.all || is_conversation(now, session)?),
        )
    }

    /// The same of a session that is in no archive at hand, and of which `is_subagent` says whether its summary is
    /// that of a subagent.
    #[cfg(feature = "remote")]
    pub(crate) fn takes_remote(
        &self,
        session: &Listed<'_>,
        is_subagent: impl Fn(SegmentId) -> bool,
    ) -> bool {
        let is_conversation = || {
            session.info.entries > 0
                && (session.parent().is_none() || !session.segment.is_some_and(is_subagent))
        };
        self.takes_apart_from_subagents(session) && (self.all || is_conversation())
    }

    fn takes_apart_from_subagents(&self, session: &Listed<'_>) -> bool {
        let is_trashed = session.info.trashed_ms.is_some();
        let is_place = self.trash.is_none_or(|trash| trash == is_trashed)
            && (self.hidden || !session.info.hidden);
        is_place && self.takes_summary(session)
    }

    fn takes_summary(&self, session: &Listed<'_>) -> bool {
        let holds = |wanted: &String, text: &str| text.to_lowercase().contains(wanted);
        let at = session.activity_ms();
        let is = |wanted: &Option<String>, key: &str| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|wanted| *wanted == session.text(key))
        };
        let is_in = |folder: &PathBuf| Path::new(&*session.text("cwd")).starts_with(folder);
        let has_model = |wanted: &String| {
            let models = session.models();
            models.iter().any(|model| holds(wanted, model))
        };
        let has_title = |wanted: &String| holds(wanted, &session.title());
        self.since_ms.is_none_or(|since| at >= since)
            && self.until_ms.is_none_or(|until| at < until)
            && is(&self.agent, "agent")
            && is(&self.branch, "git_branch")
            && (self.folders.is_empty() || self.folders.iter().any(is_in))
            && self.title.as_ref().is_none_or(has_title)
            && self.model.as_ref().is_none_or(has_model)
    }
}

/// Whether it has entries, and is not a subagent's alone.
fn is_conversation(now: &Snapshot, session: &Listed<'_>) -> Result<bool, Failure> {
    if session.info.entries == 0 {
        return Ok(false);
    }
    Ok(match (session.parent(), session.segment) {
        (Some(_), Some(segment)) => {
            sessiondb_logs::subagent_of(now, session.info.id, segment)?.is_none()
        }
        _ => true,
    })
}

/// The folder as sessions may name it.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let given = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut folders = vec![given.components().collect()];
    // On Windows a path of another machine, such as `/src/shop`, would get a drive.
    if folder.has_root() && given != folder {
        folders.push(folder.to_owned());
    }
    if let Ok(real) = given.canonicalize()
        && real != given
    {
        folders.push(real);
    }
    folders
}
