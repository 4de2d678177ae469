//! `ls`: the sessions of an archive, or the segments of a session.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};
use sessiondb::{Archive, SegmentInfo, SessionInfo};

use crate::args::LsArgs;
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::render::{self, Column, Table};
use crate::{find, output};

/// The most characters of a title in the table.
const TITLE_CHARS: usize = 60;

pub(crate) fn run(context: &Context, args: &LsArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    match &args.session {
        None if args.json => render::write_json(&listed(&archive)?),
        None => write_sessions(&archive),
        Some(id) => {
            let segments = archive.segments(find::session(&archive, id)?)?;
            let segments = segments.collect::<Result<Vec<_>, _>>()?;
            if args.json {
                render::write_json(&segments)
            } else {
                write_segments(&segments)
            }
        }
    }
}

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

/// How many bytes of entries that no summary covers yet are read for a list.
const MOST_NEW_BYTES: u64 = 256 << 20;

/// A session as JSON: its counts, the fields of its summary, and its metadata beside that.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    info: SessionInfo,
    #[serde(flatten)]
    summary: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
}

/// The sessions, newest first.
pub(crate) fn listed(archive: &Archive) -> Result<Vec<Listed>, Failure> {
    let snapshot = archive.snapshot()?;
    let mut left = MOST_NEW_BYTES;
    snapshot
        .sessions_by_last_use()?
        .map(|info| {
            let info = info?;
            let metadata = snapshot.metadata(info.id)?;
            let summary = sessiondb_logs::summary(&snapshot, &info, left)?;
            left -= summary.read_bytes;
            Ok(Listed::new(
                info,
                summary.fields.unwrap_or_default(),
                metadata,
            ))
        })
        .collect()
}

/// The sessions as a table, newest first.
pub(crate) fn write_sessions(archive: &Archive) -> Result<(), Failure> {
    let mut table = Table::new([
        Column::Left("SESSION"),
        Column::Left("UPDATED (UTC)"),
        Column::Right("SEGMENTS"),
        Column::Right("ENTRIES"),
        Column::Right("SIZE"),
        Column::Left("TITLE"),
    ]);
    for session in listed(archive)? {
        let info = &session.info;
        table.push([
            info.id.to_string(),
            render::time(info.updated_ms),
            info.segments.to_string(),
            info.entries.to_string(),
            render::size(info.entry_bytes),
            session.title(),
        ]);
    }
    write_table(&table)
}

impl Listed {
    /// A title and a folder that a person has set in the metadata come before those of the summary.
    fn new(
        info: SessionInfo,
        mut summary: Map<String, Value>,
        metadata: Option<Map<String, Value>>,
    ) -> Self {
        summary.remove("segment");
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
        }
    }

    fn title(&self) -> String {
        let title = self.summary.get("title").and_then(Value::as_str);
        render::clip(title.unwrap_or_default(), TITLE_CHARS)
    }
}

fn write_segments(segments: &[SegmentInfo]) -> Result<(), Failure> {
    let mut table = Table::new([
        Column::Left("SEGMENT"),
        Column::Left("UPDATED (UTC)"),
        Column::Right("ENTRIES"),
        Column::Right("SIZE"),
        Column::Right("TRACES"),
        Column::Left("ORIGIN"),
    ]);
    for info in segments {
        table.push([
            info.id.to_string(),
            render::time(info.updated_ms),
            if info.exists {
                info.entries.to_string()
            } else {
                "-".to_owned()
            },
            render::size(info.entry_bytes),
            info.traces.to_string(),
            origin(info),
        ]);
    }
    write_table(&table)
}

/// Where a segment came from, and what it shares with which one.
fn origin(info: &SegmentInfo) -> String {
    use sessiondb::archive::OriginKind::{Compaction, Fork};
    let origin = info.origin.as_ref().map(|origin| {
        let word = match origin.kind {
            Fork => "fork",
            Compaction => "compaction",
        };
        format!("{word} of {} at turn {}", origin.segment, origin.at_turn)
    });
    let parent = info
        .parent
        .as_ref()
        .map(|parent| format!("branch of {} at entry {}", parent.segment, parent.len));
    let parts: Vec<String> = origin.into_iter().chain(parent).collect();
    parts.join(", ")
}

fn write_table<const N: usize>(table: &Table<N>) -> Result<(), Failure> {
    let mut out = output::stdout();
    table.write(&mut out)?;
    Ok(out.flush()?)
}
