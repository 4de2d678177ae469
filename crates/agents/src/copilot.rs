//! Copilot CLI.
//!
//! A log is a list of events, in a file or in a folder that is named by the session. What the
//! session used stands in its `session.shutdown`; without one only the output is known, from the
//! answers.

use crate::agent::{Agent, By, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{Raw, Text, decoded};
use crate::summary::Summary;
use crate::text::{file_stem, folders};

mod fold;
mod items;

pub(crate) use fold::Kept;

/// The name of the log in a session's folder.
const EVENTS: &str = "events";

pub(crate) struct Copilot;

impl Sealed for Copilot {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::entry(entry, fold);
    }
}

impl Agent for Copilot {
    fn name(&self) -> &'static str {
        "copilot"
    }

    fn title(&self) -> &'static str {
        "Copilot CLI"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        if probe.any_line(is_event) {
            return Some(By::Content);
        }
        probe
            .by_folder(".copilot/session-state/")
            .filter(|_| probe.is_lines())
    }

    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        fold::finish(fold, summary);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn id_in_path(&self, path: &str) -> Option<String> {
        let stem = file_stem(path);
        let name = if stem == EVENTS {
            folders(path).next()?
        } else {
            stem
        };
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("COPILOT_HOME"),
            folder: ".copilot",
            below: "session-state",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let id = summary.native_id.as_deref()?;
        let is_bare = |path: &str| file_stem(path) == id;
        Some(match summary.source_path.as_deref() {
            Some(path) if is_bare(path) => format!("{id}.jsonl"),
            _ => format!("{id}/{EVENTS}.jsonl"),
        })
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let id = summary.native_id.clone()?;
        Some(vec!["copilot".into(), "--resume".into(), id])
    }
}

/// `session.start` says whose it is; other events have kinds that nobody else writes.
fn is_event(raw: Raw<'_>) -> bool {
    let data = raw.get("data");
    if !data.is_object() {
        return false;
    }
    match raw.get("type").text().as_deref() {
        Some("session.start") => {
            data.get("copilotVersion").is_string() || data.get("producer").is("copilot-agent")
        }
        Some("user.message") => {
            data.get("content").is_string() && !raw.get("parentId").is_missing()
        }
        Some("assistant.message") => data.get("toolRequests").is_array(),
        Some("tool.execution_start" | "tool.execution_complete") => {
            data.get("toolCallId").is_string()
        }
        _ => false,
    }
}
