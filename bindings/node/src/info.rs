//! What the library tells, as objects of JavaScript.

use napi_derive::napi;
use sessiondb::archive::{ArchiveStats, Change, ChangeKind, Closed};

use crate::error::Failure;
use crate::number::out;

/// What an append gives back.
#[napi(object)]
pub struct Receipt {
    /// The number of the first entry that was appended, counted from 0.
    pub index: f64,
    /// How many entries the log has now.
    pub len: f64,
    /// Whether it is on the disk.
    pub synced: bool,
    /// The version of the archive in which it is.
    pub version: f64,
}

impl Receipt {
    pub(crate) fn of(receipt: &sessiondb::Receipt) -> Result<Self, Failure> {
        Ok(Self {
            index: out(receipt.index)?,
            len: out(receipt.len)?,
            synced: receipt.synced,
            version: out(receipt.version)?,
        })
    }
}

/// What an archive knows of a session without reading its entries.
#[napi(object)]
pub struct SessionInfo {
    /// Its id.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: f64,
    /// When it was written to last.
    pub updated_ms: f64,
    /// How many segments it has.
    pub segments: f64,
    /// How many entries.
    pub entries: f64,
    /// How many bytes these have.
    pub entry_bytes: f64,
    /// How many traces.
    pub traces: f64,
    /// How many bytes these have.
    pub trace_bytes: f64,
    /// Whether lists leave it out.
    pub hidden: bool,
    /// When it went into the trash, if it is there.
    pub trashed_ms: Option<f64>,
}

impl SessionInfo {
    pub(crate) fn of(info: &sessiondb::SessionInfo) -> Result<Self, Failure> {
        Ok(Self {
            id: info.id.to_string(),
            created_ms: out(info.created_ms)?,
            updated_ms: out(info.updated_ms)?,
            segments: out(info.segments)?,
            entries: out(info.entries)?,
            entry_bytes: out(info.entry_bytes)?,
            traces: out(info.traces)?,
            trace_bytes: out(info.trace_bytes)?,
            hidden: info.hidden,
            trashed_ms: info.trashed_ms.map(out).transpose()?,
        })
    }
}

/// The segment whose first entries another shares.
#[napi(object)]
pub struct SegmentParent {
    /// Which one.
    pub segment: String,
    /// How many entries are shared.
    pub len: f64,
}

/// What an archive knows of a segment without reading its entries.
#[napi(object)]
pub struct SegmentInfo {
    /// Its id.
    pub id: String,
    /// Its session.
    pub session: String,
    /// Whether it has a log of entries; one may have traces alone.
    pub exists: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: f64,
    /// When it was written to last.
    pub updated_ms: f64,
    /// How many entries it has, with those that it shares.
    pub entries: f64,
    /// How many bytes these have.
    pub entry_bytes: f64,
    /// How many traces.
    pub traces: f64,
    /// How many bytes these have.
    pub trace_bytes: f64,
    /// How many segments share entries of this one.
    pub branches: f64,
    /// Whose entries it shares.
    pub parent: Option<SegmentParent>,
}

impl SegmentInfo {
    pub(crate) fn of(info: &sessiondb::SegmentInfo) -> Result<Self, Failure> {
        let parent = info.parent.as_ref().map(|parent| {
            Ok::<_, Failure>(SegmentParent {
                segment: parent.segment.to_string(),
                len: out(parent.len)?,
            })
        });
        Ok(Self {
            id: info.id.to_string(),
            session: info.session.to_string(),
            exists: info.exists,
            created_ms: out(info.created_ms)?,
            updated_ms: out(info.updated_ms)?,
            entries: out(info.entries)?,
            entry_bytes: out(info.entry_bytes)?,
            traces: out(info.traces)?,
            trace_bytes: out(info.trace_bytes)?,
            branches: out(info.branches)?,
            parent: parent.transpose()?,
        })
    }
}

/// Something that was changed, by whichever process.
#[napi(object)]
pub struct ChangeInfo {
    /// What was done.
    #[napi(
        ts_type = "'append' | 'branch' | 'compaction' | 'deleteLog' | 'deleteName' | 'deleteSession' | 'erase' | 'gap' | 'metadata' | 'name' | 'replace' | 'truncate' | 'other'"
    )]
    pub kind: String,
    /// The session, where it is of one.
    pub session: Option<String>,
    /// The segment, where it is of one.
    pub segment: Option<String>,
    /// Whether it is of the segment's traces.
    pub trace: bool,
    /// The first entry that is concerned.
    pub from: f64,
    /// The number behind the last one.
    pub to: f64,
    /// The name, where it is of one.
    pub name: Option<String>,
    /// The version of the archive in which it is.
    pub version: f64,
}

impl ChangeInfo {
    pub(crate) fn of(change: Change) -> Result<Self, Failure> {
        let kind = match change.kind {
            ChangeKind::Append => "append",
            ChangeKind::Branch => "branch",
            ChangeKind::Compaction => "compaction",
            ChangeKind::DeleteLog => "deleteLog",
            ChangeKind::DeleteName => "deleteName",
            ChangeKind::DeleteSession => "deleteSession",
            ChangeKind::Erase => "erase",
            ChangeKind::Gap => "gap",
            ChangeKind::Metadata => "metadata",
            ChangeKind::Name => "name",
            ChangeKind::Replace => "replace",
            ChangeKind::Truncate => "truncate",
            // The kinds may grow.
            _ => "other",
        };
        Ok(Self {
            kind: kind.to_owned(),
            session: change.session.map(|id| id.to_string()),
            segment: change.segment.map(|id| id.to_string()),
            trace: change.trace,
            from: out(change.range.start)?,
            to: out(change.range.end)?,
            name: change.name,
            version: out(change.version)?,
        })
    }
}

/// How an archive was closed.
#[napi(object)]
pub struct ClosedInfo {
    /// Whether this process has the file open yet, by another handle.
    pub is_open_here: bool,
    /// Whether another process has it open.
    pub is_open_elsewhere: bool,
    /// Whether all of the journal is in the tables.
    pub is_journal_empty: bool,
}

impl ClosedInfo {
    pub(crate) fn of(closed: Closed) -> Self {
        Self {
            is_open_here: closed.is_open_here,
            is_open_elsewhere: closed.is_open_elsewhere,
            is_journal_empty: closed.is_journal_empty,
        }
    }
}

/// The sums of an archive.
#[napi(object)]
pub struct Stats {
    /// The id of the archive.
    pub archive_id: String,
    /// Where it is.
    pub path: String,
    /// The version of its format.
    pub format_version: u32,
    /// How long the file is.
    pub file_bytes: f64,
    /// How many sessions there are.
    pub sessions: f64,
    /// How many segments.
    pub segments: f64,
    /// How many entries.
    pub entries: f64,
    /// How many bytes these have.
    pub entry_bytes: f64,
    /// How many traces.
    pub traces: f64,
    /// How many bytes these have.
    pub trace_bytes: f64,
    /// How many names.
    pub names: f64,
    /// How many sessions are in the trash.
    pub trashed_sessions: f64,
    /// How many bytes the entries and traces of these have.
    pub trashed_bytes: f64,
}

impl Stats {
    pub(crate) fn of(stats: &ArchiveStats) -> Result<Self, Failure> {
        Ok(Self {
            archive_id: stats.archive_id.to_string(),
            path: stats.path.to_string_lossy().into_owned(),
            format_version: stats.format_version,
            file_bytes: out(stats.file_bytes)?,
            sessions: out(stats.sessions)?,
            segments: out(stats.segments)?,
            entries: out(stats.entries)?,
            entry_bytes: out(stats.entry_bytes)?,
            traces: out(stats.traces)?,
            trace_bytes: out(stats.trace_bytes)?,
            names: out(stats.names)?,
            trashed_sessions: out(stats.trashed_sessions)?,
            trashed_bytes: out(stats.trashed_bytes)?,
        })
    }
}
