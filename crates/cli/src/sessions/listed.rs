//! A session as a list shows it.

use serde::Serialize;
use serde_json::{Map, Value};
use sessiondb::{SegmentId, SessionId, SessionInfo, Snapshot, StoreError};

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
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    pub(crate) info: SessionInfo,
    #[serde(flatten)]
    summary: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
    /// The segment that the summary is of.
    #[serde(skip)]
    pub(crate) segment: Option<SegmentId>,
}

impl Listed {
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
        let metadata = now.metadata(info.id)?;
        let summary = sessiondb_logs::summary(now, &info, *left)?;
        *left = left.saturating_sub(summary.read_bytes);
        Ok(Self::new(
            info,
            summary.fields.unwrap_or_default(),
            metadata,
        ))
    }

    /// A title and a folder that a person has set in the metadata come before those of the summary.
    pub(crate) fn new(
        info: SessionInfo,
        mut summary: Map<String, Value>,
        metadata: Option<Map<String, Value>>,
    ) -> Self {
        let segment = summary.remove("segment");
        let segment = segment.as_ref().and_then(Value::as_str);
        let segment = segment.and_then(|segment| SegmentId::try_parse(segment).ok());
        summary.remove("entries");
        for key in SUMMARY_KEYS {
            summary.entry(key).or_insert(Value::Null);
        }
        if let Some(fields) = &metadata {
            if let Some(title) = fields.get("title").filter(|title| title.is_string()) {
                summary.insert("title".to_owned(), title.clone());
                summary.insert("title_source".to_owned(), "custom".into());
            }
            if let Some(cwd) = fields.get("cwd").filter(|cwd| cwd.is_string()) {
                summary.insert("cwd".to_owned(), cwd.clone());
            }
        }
        Self {
            info,
            summary,
            metadata,
            segment,
        }
    }

    /// A text of the summary; empty if it is not known.
    pub(crate) fn text(&self, key: &str) -> &str {
        let text = self.summary.get(key).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    /// What is known of it, but for counts and metadata.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.summary
    }

    /// A number of the summary; 0 if it is not known.
    pub(crate) fn number(&self, key: &str) -> u64 {
        let number = self.summary.get(key).and_then(Value::as_u64);
        number.unwrap_or_default()
    }

    /// What the session cost, where its log says so.
    pub(crate) fn cost_usd(&self) -> Option<f64> {
        self.summary.get("cost_usd")?.as_f64()
    }

    /// The tokens of one sort; `None` where the log says nothing of them.
    pub(crate) fn tokens(&self, sort: &str) -> Option<u64> {
        self.summary.get("tokens")?.get(sort)?.as_u64()
    }

    /// A time of the summary.
    pub(crate) fn time_ms(&self, key: &str) -> Option<i64> {
        self.summary.get(key)?.as_i64()
    }

    /// When it was active last: as its entries say, or else when it was written to.
    pub(crate) fn activity_ms(&self) -> i64 {
        self.time_ms("last_activity_ms")
            .unwrap_or_else(|| to_signed(self.info.updated_ms))
    }

    /// The session's title, or its first prompt, on one line.
    pub(crate) fn title(&self) -> String {
        let title = [self.text("title"), self.text("first_prompt")];
        let title = title.into_iter().find(|title| !title.trim().is_empty());
        render::clip(title.unwrap_or_default(), TITLE_CHARS)
    }

    /// The models, in the order of their first use.
    pub(crate) fn models(&self) -> Vec<&str> {
        let models = self.summary.get("models").and_then(Value::as_array);
        let models = models.into_iter().flatten();
        models.filter_map(Value::as_str).collect()
    }

    /// The native id of the session that this one comes from, and that of the last entry that both have.
    pub(crate) fn parent(&self) -> Option<(&str, Option<&str>)> {
        let parent = self.summary.get("parent")?;
        let at = parent.get("at").and_then(Value::as_str);
        Some((parent.get("id")?.as_str()?, at))
    }
}

/// A time that the archive keeps.
pub(crate) fn to_signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A folder with the home folder as `~`.
pub(crate) fn with_home(folder: &str) -> String {
    let home = std::env::home_dir();
    let home = home.as_deref().and_then(|home| home.to_str());
    let below = home
        .filter(|home| home.len() > 1)
        .and_then(|home| folder.strip_prefix(home));
    match below {
        Some(below) if below.is_empty() || below.starts_with(['/', '\\']) => format!("~{below}"),
        _ => folder.to_owned(),
    }
}
