//! Qwen Code.
//!
//! A log is a tree of records: each names the one that it follows. The conversation is the branch
//! that ends at the last record; what was rewound is on other branches. The parts of one message
//! may stand in several records of one `uuid`. Where a record follows one that is not there, its
//! part of the conversation follows what stands before it in the file, unless it is a rewind.

use crate::agent::{Agent, By, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::identity::Subagent;
use crate::item::Item;
use crate::json::{Raw, Text, decoded};
use crate::summary::Summary;
use crate::text::{file_stem, folders, is_uuid};

mod fold;
mod items;
mod tree;

pub(crate) use fold::Kept;

pub(crate) struct Qwen;

impl Sealed for Qwen {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::entry(entry, fold);
    }
}

impl Agent for Qwen {
    fn name(&self) -> &'static str {
        "qwen"
    }

    fn title(&self) -> &'static str {
        "Qwen Code"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let told = [r#""parts""#, r#""systemPayload""#];
        if probe.may_have(&told) && probe.any_line(is_record) {
            return Some(By::Content);
        }
        let in_chats = |name: &str| name == "chats" || name == "subagents";
        [".qwen/projects/", ".qwen/tmp/"]
            .iter()
            .find_map(|folder| probe.by_folder(folder))
            .filter(|_| probe.is_lines() && folders(probe.path).any(in_chats))
    }

    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        fold::finish(fold, summary);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn settle(&self, items: &mut Vec<Item>) {
        tree::settle(items);
    }

    fn subagent_in_path(&self, path: &str) -> Option<Subagent> {
        let mut folders = folders(path);
        let parent = folders.next()?;
        let id = file_stem(path).strip_prefix("agent-")?;
        (folders.next()? == "subagents").then(|| Subagent {
            id: id.to_owned(),
            parent: Some(parent.to_owned()),
        })
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("QWEN_RUNTIME_DIR"),
            folder: ".qwen",
            below: "projects",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let project = project_folder(summary.cwd.as_deref()?);
        let id = summary.native_id.as_deref()?;
        Some(match parent_of_subagent(summary) {
            Some(parent) => format!("{project}/subagents/{parent}/agent-{id}.jsonl"),
            None => format!("{project}/chats/{id}.jsonl"),
        })
    }

    fn resumes_in_folder(&self) -> bool {
        true
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        if parent_of_subagent(summary).is_some() {
            return None;
        }
        let id = summary.native_id.clone()?;
        Some(vec!["qwen".into(), "--resume".into(), id])
    }
}

/// The folder of a project is its path with a hyphen for each unit of UTF-16 that is no letter or
/// digit of ASCII.
fn project_folder(cwd: &str) -> String {
    let plain = |unit: u16| char::from_u32(u32::from(unit)).filter(char::is_ascii_alphanumeric);
    cwd.encode_utf16()
        .map(|unit| plain(unit).unwrap_or('-'))
        .collect()
}

/// Sessions are named by UUIDs, subagents are not.
fn parent_of_subagent(summary: &Summary) -> Option<&str> {
    let is_subagent = !is_uuid(summary.native_id.as_deref()?);
    let parent = summary.parent.as_ref().filter(|_| is_subagent)?;
    Some(&parent.id)
}

/// Others write records with a `uuid` too; only here is a message a list of parts.
fn is_record(raw: Raw<'_>) -> bool {
    let message = raw.get("message");
    let names_itself = raw.get("uuid").is_string() && raw.get("sessionId").is_string();
    names_itself
        && (message.get("parts").is_array()
            || (raw.get("type").is("system") && raw.get("systemPayload").is_object()))
}
