//! pi: a header, then a line an entry; from the second version on the entries are a tree.

use crate::agent::{Agent, By, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{List, Raw, Read, Text, decoded, object};
use crate::summary::Summary;
use crate::text::file_stem;
use crate::time::civil;
use crate::tree::hide_other_branches;

mod fold;
mod items;

/// The pi coding agent.
#[derive(Debug)]
pub(crate) struct Pi;

object! {
    /// A line of a log.
    with lists;
    Entry {
        kind: "type",
        id: "id",
        parent: "parentId",
        timestamp: "timestamp",
        cwd: "cwd",
        provider: "provider",
        model: "modelId",
        thinking_level: "thinkingLevel",
        branched_from: "branchedFrom",
        parent_session: "parentSession",
        message: "message" as Message,
        summary: "summary",
        name: "name",
        custom_type: "customType",
        content: "content",
        display: "display",
    }
}

object! {
    /// A message.
    with lists;
    Message {
        role: "role",
        display: "display",
        content: "content" as Content,
        model: "model",
        usage: "usage" as Usage,
        error: "errorMessage",
        call_id: "toolCallId",
        is_error: "isError",
        command: "command",
        output: "output",
        timestamp: "timestamp",
    }
}

object! {
    /// What a message took.
    Usage {
        input: "input",
        output: "output",
        cached: "cacheRead",
        written: "cacheWrite",
        cost: "cost" as Cost,
    }
}

object! {
    /// In dollars.
    Cost { total: "total" }
}

/// What is said: a text, or parts.
type Content<'a> = List<'a, Block<'a>>;

object! {
    /// A part of a content.
    Block {
        kind: "type",
        text: "text",
        thinking: "thinking",
        id: "id",
        name: "name",
        arguments: "arguments",
        data: "data",
        mime_type: "mimeType",
    }
}

impl Sealed for Pi {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::fold(&Entry::read_first(entry), fold);
    }
}

impl Agent for Pi {
    fn name(&self) -> &'static str {
        "pi"
    }

    fn title(&self) -> &'static str {
        "pi"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        if probe.any_line(is_entry) {
            return Some(By::Content);
        }
        probe.by_folder(".pi/agent/sessions/")
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn settle(&self, items: &mut Vec<Item>) {
        hide_other_branches(items);
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("PI_CODING_AGENT_DIR"),
            folder: ".pi/agent",
            below: "sessions",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let id = summary.native_id.as_deref()?;
        let folder = project_folder(summary.cwd.as_deref()?);
        let source = file_stem(summary.source_path.as_deref().unwrap_or_default());
        if source
            .strip_suffix(id)
            .is_some_and(|time| time.ends_with('_'))
        {
            return Some(format!("{folder}/{source}.jsonl"));
        }
        let [year, month, day, hour, minute, second, ms] = civil(summary.started_ms?);
        Some(format!(
            "{folder}/{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}-{ms:03}Z_{id}.jsonl"
        ))
    }

    fn resumes_in_folder(&self) -> bool {
        true
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let id = summary.native_id.as_deref()?;
        Some(["pi", "--session", id].map(ToOwned::to_owned).to_vec())
    }
}

/// Whether only pi writes such a line.
fn is_entry(raw: Raw<'_>) -> bool {
    let entry = Entry::read(raw);
    if entry.kind.is("session") {
        return entry.id.is_string() && entry.cwd.is_string() && entry.timestamp.is_string();
    }
    entry.kind.is("message") && !entry.message.usage.cached.is_missing()
}

/// The folder of a project is its path between two hyphens a side, with hyphens inside.
fn project_folder(cwd: &str) -> String {
    let inside = cwd.strip_prefix(['/', '\\']).unwrap_or(cwd);
    format!("--{}--", inside.replace(['/', '\\', ':'], "-"))
}
