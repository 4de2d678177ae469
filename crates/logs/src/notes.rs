//! What an archive remembers of where its logs came from.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sessiondb::{SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::{Agent, Fold};
use uuid::Uuid;

use crate::database::DatabaseNote;
use crate::stored::StoredSummary;

/// A file whose time of modification is no older than this when it is read may change once more
/// within the same tick of the file system's clock.
const TICK: Duration = Duration::from_secs(2);

/// What a file was when it was read: the note `sessiondb/source/{path}`.
///
/// ```
/// use sessiondb_logs::SourceNote;
///
/// let note: SourceNote = serde_json::from_str(
///     r#"{"session":"0198c1f2-0000-7000-8000-00000000000a",
///         "segment":"0198c1f2-0000-7000-8000-00000000000a",
///         "entries":2,"len_bytes":30,"modified_ns":1,"file":"1:2","settled":true}"#,
/// )?;
/// assert_eq!((note.entries, note.len_bytes), (2, 30));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceNote {
    /// The session that it came into.
    pub session: SessionId,
    /// The segment.
    pub segment: SegmentId,
    /// The number of its entries.
    pub entries: u64,
    /// The number of entries of it that are stored.
    #[serde(default)]
    pub stored: u64,
    /// Its length, in bytes.
    pub len_bytes: u64,
    /// When it was last written, in nanoseconds since the Unix epoch.
    pub modified_ns: u64,
    /// Which file it is, where the system tells: device and number.
    #[serde(default)]
    pub file: String,
    /// Whether it had been left alone long enough, when it was read, for its time to tell.
    pub settled: bool,
    /// Whether all that the file holds is in the archive, byte for byte.
    #[serde(default)]
    pub whole: bool,
}

/// The form of a log as a text, as far as its entries do not say.
///
/// ```
/// use sessiondb_logs::TextForm;
///
/// let usual = TextForm::default();
/// assert!(usual.final_line_end && !usual.byte_order_mark);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextForm {
    /// Whether a byte order mark stands before the first line.
    pub byte_order_mark: bool,
    /// Whether the last line has a line end.
    pub final_line_end: bool,
    /// Whether the entries, a line each, are all else that the file held.
    pub is_exact: bool,
}

impl Default for TextForm {
    fn default() -> Self {
        Self {
            byte_order_mark: false,
            final_line_end: true,
            is_exact: true,
        }
    }
}

/// Where a log came from: the note `session/{session}/log/{segment}`.
///
/// ```
/// use sessiondb_logs::LogNote;
///
/// let note: LogNote = serde_json::from_str(r#"{"agent":"claude","path":"/logs/s1.jsonl"}"#)?;
/// assert!(note.header.is_none() && note.text.final_line_end);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LogNote {
    /// The agent that wrote it.
    pub agent: String,
    /// The file that it came from last.
    pub path: String,
    /// How many entries that file had.
    pub entries: u64,
    /// The form of the text.
    pub text: TextForm,
    /// Whether it came in as one JSON document.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_document: bool,
    /// What a document says of the session as a whole; for lines, what the agent wrote of them into a
    /// file beside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Box<RawValue>>,
    /// The agent's id of the subagent whose log it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subagent: Option<String>,
    /// What is known after its entries, for logs that may grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
}

/// The key of a session's summary.
pub(crate) fn key_of_summary(session: SessionId) -> String {
    format!("session/{session}/summary")
}

pub(crate) fn read_summary(
    now: &Snapshot,
    session: SessionId,
) -> Result<Option<Map<String, Value>>, StoreError> {
    lenient(now.read_note(&key_of_summary(session)))
}

/// The same, of which only what is asked for is taken apart.
pub(crate) fn read_stored(
    now: &Snapshot,
    session: SessionId,
) -> Result<StoredSummary<'static>, StoreError> {
    let json: Option<Box<RawValue>> = lenient(now.read_note(&key_of_summary(session)))?;
    let json = json.map(|json| String::from(Box::<str>::from(json)));
    Ok(json.map(StoredSummary::of).unwrap_or_default())
}

/// The segment that a stored summary is of.
pub(crate) fn segment_of(summary: &Map<String, Value>) -> Option<SegmentId> {
    let segment = summary.get("segment")?.as_str()?;
    SegmentId::try_parse(segment).ok()
}

pub(crate) fn key_of_log(session: SessionId, segment: SegmentId) -> String {
    format!("session/{session}/log/{segment}")
}

const SOURCES: &str = "sessiondb/source/";

/// The key of the note on a file, by its absolute path.
pub(crate) fn key_of_source(path: &Path) -> String {
    const MAX_BYTES: usize = 3_000;
    match path.to_str() {
        Some(text) if text.len() <= MAX_BYTES => format!("{SOURCES}{text}"),
        // A name that is no text, or too long for a key.
        _ => {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, path.as_os_str().as_encoded_bytes());
            format!("{SOURCES}{id}")
        }
    }
}

/// The path that the key is made of; `None` if it is made of another id.
pub(crate) fn path_of_source(key: &str) -> Option<PathBuf> {
    let path = Path::new(key.strip_prefix(SOURCES)?);
    path.is_absolute().then(|| path.to_owned())
}

/// The paths of all files that there are notes on.
pub(crate) fn sources(now: &Snapshot) -> Result<Vec<PathBuf>, StoreError> {
    let keys = now.notes(SOURCES)?;
    Ok(keys.iter().filter_map(|key| path_of_source(key)).collect())
}

pub(crate) fn read_log(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<Option<LogNote>, StoreError> {
    lenient(now.read_note(&key_of_log(session, segment)))
}

/// The agent that wrote a log, without reading all that is known of it.
pub(crate) fn agent_of_log(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<Option<&'static str>, StoreError> {
    #[derive(Deserialize)]
    struct OfAgent {
        agent: String,
    }
    let note: Option<OfAgent> = lenient(now.read_note(&key_of_log(session, segment)))?;
    let agent = note.and_then(|note| sessiondb_agents::by_name(&note.agent));
    Ok(agent.map(Agent::name))
}

/// The subagent whose log it is, without reading all that is known of the log.
pub(crate) fn subagent_of_log(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<Option<String>, StoreError> {
    #[derive(Deserialize)]
    struct OfSubagent {
        #[serde(default)]
        subagent: Option<String>,
    }
    let note: Option<OfSubagent> = lenient(now.read_note(&key_of_log(session, segment)))?;
    Ok(note.and_then(|note| note.subagent))
}

/// The path that a session in a database goes by.
pub(crate) fn below(database: &Path, id: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("/");
    path.push(id);
    PathBuf::from(path)
}

/// The notes on all sessions in a database, by their ids.
pub(crate) fn read_sources_below(
    now: &Snapshot,
    database: &Path,
) -> Result<Vec<(String, SourceNote)>, StoreError> {
    let prefix = key_of_source(&below(database, ""));
    let mut notes = Vec::new();
    for key in now.notes(&prefix)? {
        let id = key.get(prefix.len()..).unwrap_or_default();
        if let Some(note) = lenient(now.read_note(&key))? {
            notes.push((id.to_owned(), note));
        }
    }
    Ok(notes)
}

/// The key of the note on a database, by its absolute path.
pub(crate) fn key_of_database(path: &Path) -> String {
    key_of_source(path).replacen("/source/", "/database/", 1)
}

pub(crate) fn read_database(
    now: &Snapshot,
    path: &Path,
) -> Result<Option<DatabaseNote>, StoreError> {
    lenient(now.read_note(&key_of_database(path)))
}

pub(crate) fn read_source(now: &Snapshot, path: &Path) -> Result<Option<SourceNote>, StoreError> {
    lenient(now.read_note(&key_of_source(path)))
}

/// A note that another version wrote differently is as good as none: the file is read again.
fn lenient<T>(read: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(StoreError::Serde(_)) => Ok(None),
        read => read,
    }
}

/// What tells whether a file is the same as when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) len_bytes: u64,
    pub(crate) modified_ns: u64,
    pub(crate) file: String,
    pub(crate) settled: bool,
}

impl Stamp {
    /// How long ago the file was last written to.
    pub(crate) fn age(&self) -> Duration {
        let modified = UNIX_EPOCH + Duration::from_nanos(self.modified_ns);
        SystemTime::now()
            .duration_since(modified)
            .unwrap_or_default()
    }

    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = SystemTime::now().duration_since(modified);
        Self {
            len_bytes: metadata.len(),
            modified_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            file: file_number(metadata),
            settled: age.is_ok_and(|age| age > TICK),
        }
    }

    /// Whether the file is the one that the note is of, unchanged.
    pub(crate) fn is_of(&self, note: &SourceNote) -> bool {
        note.settled
            && (note.len_bytes, note.modified_ns) == (self.len_bytes, self.modified_ns)
            && note.file == self.file
    }
}

#[cfg(unix)]
fn file_number(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{}:{}", metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn file_number(_: &Metadata) -> String {
    String::new()
}
