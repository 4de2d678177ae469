//! A session as a list shows it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sessiondb::{SegmentId, SessionId, SessionInfo, Snapshot, StoreError};
use sessiondb_logs::StoredSummary;

use crate::exit::Failure;
use crate::render;

/// The fields of a summary, which every session has: null where they are not known.
const SUMMARY_KEYS: [&str; 19] = [
    "agent",
    "agent_version",
    "native_id",
    "title",
    "title_source",
    "first_prompt",
    "cwd",
    "git_branch",
    "repository",
    "models",
    "started_ms",
    "last_activity_ms",
    "turns",
    "messages",
    "tool_calls",
    "tokens",
    "cost_usd",
    "parent",
    "source_path",
];

/// The most characters of a title.
const TITLE_CHARS: usize = 200;

/// A session: its counts, the fields of its summary, and its metadata beside that.
#[derive(Debug)]
pub(crate) struct Listed<'j> {
    pub(crate) info: SessionInfo,
    summary: StoredSummary<'j>,
    metadata: Option<Map<String, Value>>,
    /// The segment that the summary is of.
    pub(crate) segment: Option<SegmentId>,
    activity_ms: i64,
}

impl Listed<'static> {
    /// The session with this id, with its summary.
    pub(crate) fn of(now: &Snapshot, session: SessionId) -> Result<Self, Failure> {
        let info = now.session(session)?;
        let info = info.ok_or(StoreError::SessionNotFound(session))?;
        let mut all = u64::MAX;
        Self::read(now, info, &mut all)
    }

    /// A session with its summary as it is now. Of entries that no summary covers, `left` bytes are read at
    /// most.
    pub(crate) fn read(now: &Snapshot, info: SessionInfo, left: &mut u64) -> Result<Self, Failure> {
        match Self::stored(now, &info)? {
            Some(listed) => Ok(listed),
            None => Self::read_new(now, info, left),
        }
    }

    /// A session with its stored summary; `None` if that does not cover all of its entries.
    pub(crate) fn stored(now: &Snapshot, info: &SessionInfo) -> Result<Option<Self>, Failure> {
        let Some(summary) = sessiondb_logs::stored_summary(now, info)? else {
            return Ok(None);
        };
        let metadata = now.metadata(info.id)?;
        Ok(Some(Self::new(info.clone(), summary, metadata)))
    }

    /// A session whose stored summary does not cover all of its entries: see [`read`](Self::read).
    pub(crate) fn read_new(
        now: &Snapshot,
        info: SessionInfo,
        left: &mut u64,
    ) -> Result<Self, Failure> {
        let metadata = now.metadata(info.id)?;
        let summary = sessiondb_logs::summary(now, &info, *left)?;
        *left = left.saturating_sub(summary.read_bytes);
        let json = summary.fields.map(|fields| Value::from(fields).to_string());
        let summary = json.map(StoredSummary::of).unwrap_or_default();
        Ok(Self::new(info, summary, metadata))
    }
}

impl<'j> Listed<'j> {
    /// A title and a folder that a person has set in the metadata come before those of the summary.
    pub(crate) fn new(
        info: SessionInfo,
        summary: StoredSummary<'j>,
        metadata: Option<Map<String, Value>>,
    ) -> Self {
        let active_ms = summary.time_ms("last_activity_ms");
        Self {
            segment: summary.segment(),
            activity_ms: active_ms.unwrap_or_else(|| to_signed(info.updated_ms)),
            info,
            summary,
            metadata,
        }
    }

    /// A text that a person has set in the place of that of the summary.
    fn custom(&self, key: &str) -> Option<&str> {
        let metadata = self.metadata.as_ref()?;
        metadata.get(key).and_then(Value::as_str)
    }

    /// A text of the summary; empty if it is not known.
    pub(crate) fn text(&self, key: &str) -> Cow<'_, str> {
        match key {
            "title" | "cwd" => self.custom(key).map(Cow::Borrowed),
            _ => None,
        }
        .unwrap_or_else(|| self.summary.text(key))
    }

    /// What is known of it, but for counts and metadata.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = self.summary.fields().unwrap_or_default();
        fields.remove("segment");
        fields.remove("entries");
        for key in SUMMARY_KEYS {
            fields.entry(key).or_insert(Value::Null);
        }
        if let Some(title) = self.custom("title") {
            fields.insert("title".to_owned(), title.into());
            fields.insert("title_source".to_owned(), "custom".into());
        }
        if let Some(cwd) = self.custom("cwd") {
            fields.insert("cwd".to_owned(), cwd.into());
        }
        fields
    }

    /// A number of the summary; 0 if it is not known.
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.summary.number(key).unwrap_or_default()
    }

    /// What the session cost, where its log says so.
    pub(crate) fn cost_usd(&self) -> Option<f64> {
        self.summary.cost_usd()
    }

    /// The tokens of one sort; `None` where the log says nothing of them.
    pub(crate) fn tokens(&self, sort: &str) -> Option<u64> {
        self.summary.tokens(sort)
    }

    /// A time of the summary.
    pub(crate) fn time_ms(&self, key: &str) -> Option<i64> {
        self.summary.time_ms(key)
    }

    /// When it was active last: as its entries say, or else when it was written to.
    pub(crate) fn activity_ms(&self) -> i64 {
        self.activity_ms
    }

    /// The session's title, or its first prompt, on one line.
    pub(crate) fn title(&self) -> String {
        let title = self.text("title");
        if !title.trim().is_empty() {
            return render::clip(&title, TITLE_CHARS);
        }
        render::clip(&self.text("first_prompt"), TITLE_CHARS)
    }

    /// The models, in the order of their first use.
    pub(crate) fn models(&self) -> Vec<Cow<'_, str>> {
        self.summary.models()
    }

    /// The native id of the session that this one comes from, and that of the last entry that both have.
    pub(crate) fn parent(&self) -> Option<(String, Option<String>)> {
        self.summary.parent()
    }
}

/// All fields on one level.
impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'l> {
            #[serde(flatten)]
            info: &'l SessionInfo,
            #[serde(flatten)]
            summary: Map<String, Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            metadata: Option<&'l Map<String, Value>>,
        }
        let whole = Whole {
            info: &self.info,
            summary: self.fields(),
            metadata: self.metadata.as_ref(),
        };
        whole.serialize(serializer)
    }
}

/// A time that the archive keeps.
pub(crate) fn to_signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A folder with the home folder as `~`.
pub(crate) fn with_home(folder: &str) -> String {
    static HOME: OnceLock<Option<PathBuf>> = OnceLock::new();
    let home = HOME.get_or_init(std::env::home_dir).as_deref();
    let home = home.and_then(Path::to_str);
    let below = home
        .filter(|home| home.len() > 1)
        .and_then(|home| folder.strip_prefix(home));
    match below {
        Some(below) if below.is_empty() || below.starts_with(['/', '\\']) => format!("~{below}"),
        _ => folder.to_owned(),
    }
}
