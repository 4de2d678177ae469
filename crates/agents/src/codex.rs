//! Codex: a line an event, each as `{timestamp, type, payload}`; older logs are bare items.

use std::borrow::Cow;

use crate::agent::{Agent, By, Document, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{Raw, Text, compact, decoded, object};
use crate::summary::Summary;
use crate::text::{file_stem, uuid_at_end};
use crate::time::civil;

mod fold;
mod items;
mod said;
mod settle;

pub(crate) use fold::Kept;
pub(crate) use items::{image, part};

/// Codex.
#[derive(Debug)]
pub(crate) struct Codex;

object! {
    /// A line of a log.
    Line {
        timestamp: "timestamp",
        kind: "type",
        payload: "payload" as Payload,
        // Of a line that is a bare item:
        role: "role",
        record_type: "record_type",
        id: "id",
        instructions: "instructions",
        git: "git",
    }
}

object! {
    /// What a line holds: the fields of all kinds that are read here.
    Payload {
        // Of the session as a whole, or a turn:
        timestamp: "timestamp",
        cwd: "cwd",
        version: "cli_version",
        git: "git",
        source: "source",
        model: "model",
        parent: "parent_thread_id",
        forked_from: "forked_from_id",
        // Of an item or an event:
        kind: "type",
        id: "id",
        role: "role",
        content: "content",
        message: "message",
        text: "text",
        summary: "summary",
        name: "name",
        arguments: "arguments",
        input: "input",
        action: "action",
        call_id: "call_id",
        output: "output",
        function: "function",
        result: "result",
        info: "info",
        usage: "usage",
        item: "item",
        reason: "reason",
        thread_name: "thread_name",
        new_thread_id: "new_thread_id",
        new_agent_nickname: "new_agent_nickname",
        agent_thread_id: "agent_thread_id",
        agent_path: "agent_path",
        prompt: "prompt",
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    /// What is said of the session as a whole.
    Meta,
    /// What a turn is asked with.
    TurnContext,
    /// What the model was told or said, as its interface has it.
    Item,
    /// What happened, as the program shows it.
    Event,
    Compacted,
    Unknown,
}

impl<'a> Line<'a> {
    /// The line's kind and what it holds.
    fn parts(&self) -> (LineKind, Payload<'a>) {
        let kind = self.kind.short_text().unwrap_or_default();
        if self.payload.raw.is_object() {
            let kind = match kind.as_ref() {
                "session_meta" => LineKind::Meta,
                "turn_context" => LineKind::TurnContext,
                "response_item" => LineKind::Item,
                "event_msg" => LineKind::Event,
                "compacted" => LineKind::Compacted,
                _ => LineKind::Unknown,
            };
            return (kind, self.payload);
        }
        let kind = match kind.as_ref() {
            "" if self.role.is_string() => LineKind::Item,
            "" if self.id.is_string() && !self.timestamp.is_missing() => LineKind::Meta,
            "message"
            | "reasoning"
            | "function_call"
            | "function_call_output"
            | "tool_call"
            | "tool_result"
            | "local_shell_call"
            | "custom_tool_call"
            | "custom_tool_call_output"
            | "web_search_call" => LineKind::Item,
            "turn.completed" => LineKind::Event,
            _ => LineKind::Unknown,
        };
        (kind, Payload::read(self.raw))
    }
}

impl Sealed for Codex {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::fold(entry, fold);
    }
}

impl Agent for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn title(&self) -> &'static str {
        "Codex"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let told = [
            r#""payload""#,
            r#""record_type""#,
            r#""instructions""#,
            r#""git""#,
        ];
        let is_log = probe.may_have(&told) && probe.any_line(is_line);
        if is_log || is_document(Raw::new(&probe.text())) {
            return Some(By::Content);
        }
        if file_stem(probe.path).starts_with("rollout-") {
            return Some(By::Path);
        }
        probe
            .by_folder(".codex/sessions/")
            .or_else(|| probe.by_folder(".codex/archived_sessions/"))
    }

    fn fold_header(&self, header: &str, fold: &mut Fold) {
        fold::fold_document(Raw::new(header).get("session"), fold);
    }

    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        fold::finish(fold, summary);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn settle(&self, items: &mut Vec<Item>) {
        settle::settle(items);
    }

    fn split(&self, document: &str) -> Option<Document> {
        let raw = Raw::new(document);
        let is_whole = serde_json::from_str::<serde::de::IgnoredAny>(document).is_ok();
        let lists = raw.fields().filter(|(key, _)| key == "items").count();
        let items = raw.get("items");
        if !is_whole || !is_document(raw) || lists != 1 || !items.is_array() {
            return None;
        }
        Some(Document {
            header: header_of(raw),
            entries: items
                .elements()
                .map(|item| compact(item.as_str()))
                .collect(),
        })
    }

    fn join(&self, document: &Document) -> Option<String> {
        let fields = document.header.strip_prefix('{')?.strip_suffix('}')?;
        let comma = if fields.is_empty() { "" } else { "," };
        let items = document.entries.join(",");
        Some(format!("{{{fields}{comma}\"items\":[{items}]}}"))
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("CODEX_HOME"),
            folder: ".codex",
            below: "sessions",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let id = summary.native_id.as_deref()?;
        let source = summary.source_path.as_deref().unwrap_or_default();
        if let Some(path) = path_by_day(source, id) {
            return Some(path);
        }
        let is_document = source.strip_suffix(".json").is_some();
        if is_document && uuid_at_end(file_stem(source)) == Some(id) {
            // The oldest versions had no folders.
            return Some(format!("{}.json", file_stem(source)));
        }
        let [year, month, day, hour, minute, second, _] = civil(summary.started_ms?);
        Some(format!(
            "{year:04}/{month:02}/{day:02}/\
             rollout-{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}-{id}.jsonl"
        ))
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let id = summary.native_id.as_deref()?;
        Some(["codex", "resume", id].map(ToOwned::to_owned).to_vec())
    }
}

/// The object without its `items`.
fn header_of(session: Raw<'_>) -> String {
    let mut header = String::from("{");
    for (key, value) in session.fields_as_written() {
        if key.is("items") {
            continue;
        }
        if header.len() > 1 {
            header.push(',');
        }
        header.push_str(key.as_str());
        header.push(':');
        header.push_str(&compact(value.as_str()));
    }
    header.push('}');
    header
}

/// Whether only Codex writes such a line.
fn is_line(raw: Raw<'_>) -> bool {
    let line = Line::read(raw);
    if line.payload.raw.is_object() {
        return line.parts().0 != LineKind::Unknown;
    }
    let is_state = line.record_type.is("state");
    let is_meta = line.kind.is_missing()
        && line.id.is_string()
        && line.timestamp.is_string()
        && (!line.instructions.is_missing() || line.git.is_object());
    is_state || is_meta
}

/// Whether it is a session as one JSON document, as the oldest versions wrote it.
fn is_document(raw: Raw<'_>) -> bool {
    raw.get("session").get("id").is_string() && raw.get("items").is_array()
}

/// The end of the path of a log that still lies as Codex wrote it: `2026/02/03/rollout-...`.
fn path_by_day(path: &str, id: &str) -> Option<String> {
    let stem = file_stem(path);
    if !stem.starts_with("rollout-") || uuid_at_end(stem) != Some(id) {
        return None;
    }
    let mut parts = path.rsplit('/').skip(1);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let is_day = [(year, 4), (month, 2), (day, 2)]
        .iter()
        .all(|(part, len)| part.len() == *len && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_day.then(|| format!("{year}/{month}/{day}/{stem}.jsonl"))
}

/// What a tool is given: JSON, which newer versions write into a string.
fn arguments(payload: &Payload<'_>) -> String {
    let given = [payload.arguments, payload.input, payload.action];
    let Some(given) = given.into_iter().find(|raw| !raw.is_null()) else {
        return "{}".to_owned();
    };
    match given.text() {
        Some(text) if Raw::new(&text).is_object() => text.into_owned(),
        _ => given.as_str().to_owned(),
    }
}

/// The name of the tool that is called; `None` if the item is no call.
fn tool_name<'a>(payload: &Payload<'a>) -> Option<Cow<'a, str>> {
    let kind = payload.kind.short_text()?;
    match kind.as_ref() {
        "function_call" | "custom_tool_call" | "tool_call" => {
            let name = payload
                .name
                .text()
                .or_else(|| payload.function.get("name").text());
            Some(name.unwrap_or_default())
        }
        "local_shell_call" => Some("shell".into()),
        "web_search_call" => Some("web_search".into()),
        "tool_search_call" => Some("tool_search".into()),
        "image_generation_call" => Some("image_generation".into()),
        _ => None,
    }
}
