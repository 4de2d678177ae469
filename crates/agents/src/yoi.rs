//! yoi, and whoever else writes the entries of this project: a line an entry, its kind in `kind`.

use std::borrow::Cow;

use uuid::Uuid;

use crate::agent::{Agent, By, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{Raw, Read, Text, decoded, object};
use crate::summary::Summary;
use crate::text::{file_stem, folders, is_uuid};

mod fold;
mod items;

pub(crate) use fold::Kept;

/// yoi.
#[derive(Debug)]
pub(crate) struct Yoi;

object! {
    /// A line of a log.
    Entry {
        kind: "kind",
        ts: "ts",
        session: "session_id",
        history: "history",
        compacted_from: "compacted_from",
        segments: "segments",
        item: "item",
        message: "message",
        turn_count: "turn_count",
        trigger: "trigger",
        input_total: "input_total_tokens",
        cache_read: "cache_read_tokens",
        output: "output_tokens",
        turn: "turn",
    }
}

object! {
    /// An item of the conversation.
    Part {
        kind: "kind",
        role: "role",
        content: "content",
        call_id: "call_id",
        name: "name",
        arguments: "arguments",
        summary: "summary",
        is_error: "is_error",
        text: "text",
        body: "body",
    }
}

impl Sealed for Yoi {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::fold(&Entry::read_first(entry), fold);
    }
}

impl Agent for Yoi {
    fn name(&self) -> &'static str {
        "yoi"
    }

    fn title(&self) -> &'static str {
        "yoi"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        if probe.any_line(is_entry) {
            return Some(By::Content);
        }
        let mut folders = folders(probe.path);
        let in_worker = folders.next() == Some("segments") && folders.next() == Some("session");
        let is_log = in_worker && is_uuid(file_stem(probe.path));
        is_log.then_some(By::Path)
    }

    /// The header of a worker's log is the `session.json` of its session.
    fn fold_header(&self, header: &str, fold: &mut Fold) {
        if let Some(session) = Raw::new(header).get("session_id").text() {
            fold.named(&session, None);
        }
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    /// The older layout is `{session}/{segment}.jsonl`.
    fn id_in_path(&self, path: &str) -> Option<String> {
        folders(path)
            .next()
            .filter(|folder| is_uuid(folder))
            .map(ToOwned::to_owned)
    }

    fn segment_in_path(&self, path: &str) -> Option<Uuid> {
        let stem = file_stem(path);
        if is_uuid(stem) {
            Uuid::try_parse(stem).ok()
        } else {
            None
        }
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("YOI_HOME"),
            folder: ".yoi",
            below: "",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let segment = file_stem(summary.source_path.as_deref()?);
        let session = summary.native_id.as_deref()?;
        is_uuid(segment).then(|| format!("sessions/{session}/{segment}.jsonl"))
    }

    /// yoi asks which session to resume.
    fn resume_command(&self, _summary: &Summary) -> Option<Vec<String>> {
        None
    }
}

/// Whether it is an entry of this project, with the field that its kind has.
fn is_entry(raw: Raw<'_>) -> bool {
    let entry = Entry::read(raw);
    if entry.ts.integer().is_none() {
        return false;
    }
    match entry.kind.short_text().as_deref() {
        Some("segment_start") => entry.history.is_array() || entry.session.is_string(),
        Some("user_input") => entry.segments.is_array(),
        Some("assistant_item" | "tool_result" | "system_item") => entry.item.is_object(),
        Some("turn_end") => entry.turn_count.count().is_some(),
        Some("invoke") => entry.trigger.is_string(),
        Some("llm_usage") => entry.input_total.count().is_some(),
        _ => false,
    }
}

/// What the person said, of all segments of an input.
fn said(segments: Raw<'_>, chars: usize) -> String {
    object! {
        Segment { kind: "kind", content: "content", path: "path", slug: "slug", selector: "selector" }
    }
    let mut said = String::new();
    for raw in segments.elements() {
        let segment = Segment::read(raw);
        let text = |raw: Raw<'_>| raw.text_to(chars).map_or_else(String::new, Cow::into_owned);
        let part = match segment.kind.short_text().as_deref() {
            Some("text" | "paste") => text(segment.content),
            Some("file_ref") => format!("@{}", text(segment.path)),
            Some("workflow_invoke") => format!("/{}", text(segment.slug)),
            Some("flow") => format!("[Flow: {}]", text(segment.selector)),
            _ => String::new(),
        };
        said.push_str(&part);
        if said.len() > 4 * chars.min(usize::MAX / 4) {
            break;
        }
    }
    said
}
