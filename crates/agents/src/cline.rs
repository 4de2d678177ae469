//! Cline, and Roo Code, which keeps its tasks in the same way.
//!
//! A task is a folder. What was said stands in `api_conversation_history.json`, a list that is one
//! document here. What the person saw stands in `ui_messages.json` beside it: given as the header,
//! it adds what the task used and cost. So does the task's item of the history, an object.

use crate::agent::{Agent, By, Document, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{Raw, Text, array_text, compact, decoded, is_whole};
use crate::summary::Summary;
use crate::text::{file_stem, folders};

mod fold;
mod items;
mod said;

pub(crate) use fold::Kept;

/// The name of the document in a task's folder.
const HISTORY: &str = "api_conversation_history";

pub(crate) struct Cline;

impl Sealed for Cline {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::entry(entry, fold);
    }
}

impl Agent for Cline {
    fn name(&self) -> &'static str {
        "cline"
    }

    fn title(&self) -> &'static str {
        "Cline"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let text = probe.text();
        if Raw::new(&text).elements().next().is_some_and(begins_task) {
            return Some(By::Content);
        }
        (file_stem(probe.path) == HISTORY).then_some(By::Path)
    }

    fn fold_header(&self, header: &str, fold: &mut Fold) {
        fold::header(Raw::new(header), fold);
    }

    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        fold::finish(fold, summary);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn split(&self, document: &str) -> Option<Document> {
        let list = Raw::new(document);
        let is_message = |entry: Raw<'_>| entry.get("role").is_string();
        if !is_whole(document) || !list.is_array() || !list.elements().all(is_message) {
            return None;
        }
        let entries = list
            .elements()
            .map(|entry| compact(entry.as_str()))
            .collect();
        Some(Document {
            header: String::new(),
            entries,
        })
    }

    fn join(&self, document: &Document) -> Option<String> {
        Some(array_text(&document.entries))
    }

    fn id_in_path(&self, path: &str) -> Option<String> {
        let stem = file_stem(path);
        let name = if stem == HISTORY {
            folders(path).next()?
        } else {
            stem
        };
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("CLINE_DIR"),
            folder: ".cline",
            below: "data/tasks",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        Some(format!("{}/{HISTORY}.json", summary.native_id.as_deref()?))
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let id = summary.native_id.clone()?;
        Some(vec!["cline".into(), "task".into(), "open".into(), id])
    }
}

/// Lists of messages are many; only here do they begin with a task.
fn begins_task(message: Raw<'_>) -> bool {
    let content = message.get("content");
    let begins = |text: Raw<'_>| {
        text.text_to(64).is_some_and(|text| {
            let text = text.trim_start();
            ["<task>", "<user_message>", "<environment_details>"]
                .iter()
                .any(|tag| text.starts_with(tag))
        })
    };
    message.get("role").is("user")
        && (begins(content) || content.elements().any(|block| begins(block.get("text"))))
}
