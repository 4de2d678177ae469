//! Gemini CLI.
//!
//! Older versions keep a chat as one JSON document, newer ones as lines: a header, messages, and
//! records that change what came before. `$set` changes the header, and may replace all messages;
//! `$rewindTo` takes back a message and what followed it; a message whose id was there before
//! takes its place. A document is taken apart into the same lines: its header and its messages.

use sha2::{Digest, Sha256};

use crate::agent::{Agent, By, Document, Home, Probe, Sealed};
use crate::document;
use crate::fold::Fold;
use crate::identity::Subagent;
use crate::item::Item;
use crate::json::{Raw, Text, decoded};
use crate::summary::Summary;
use crate::text::{file_stem, folders};
use crate::time::civil;

mod fold;
mod items;

pub(crate) use fold::Kept;

pub(crate) struct Gemini;

impl Sealed for Gemini {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::entry(entry, fold);
    }
}

impl Agent for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn title(&self) -> &'static str {
        "Gemini CLI"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let is_header =
            |raw: Raw<'_>| raw.get("sessionId").is_string() && raw.get("projectHash").is_string();
        let is_message = |raw: Raw<'_>| {
            raw.get("type").is("gemini")
                && raw.get("id").is_string()
                && !raw.get("content").is_missing()
        };
        let told = is_header(Raw::new(&probe.text()))
            || probe.any_line(|line| is_header(line) || is_message(line));
        if told {
            return Some(By::Content);
        }
        let in_chats = |name: &str| name == "chats";
        probe
            .by_folder(".gemini/tmp/")
            .filter(|_| folders(probe.path).any(in_chats))
    }

    fn fold_header(&self, header: &str, fold: &mut Fold) {
        fold::header(Raw::new(header), fold);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn settle(&self, items: &mut Vec<Item>) {
        items::settle(items);
    }

    fn split(&self, document: &str) -> Option<Document> {
        let told = Raw::new(document);
        if !told.get("sessionId").is_string() {
            return None;
        }
        document::split_member(document, "messages")
    }

    fn join(&self, document: &Document) -> Option<String> {
        document::join_member(document, "messages")
    }

    fn subagent_in_path(&self, path: &str) -> Option<Subagent> {
        let mut folders = folders(path);
        let parent = folders.next()?;
        (folders.next()? == "chats").then(|| Subagent {
            id: file_stem(path).to_owned(),
            parent: Some(parent.to_owned()),
        })
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("GEMINI_CLI_HOME"),
            folder: "",
            below: ".gemini/tmp",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        let source = summary.source_path.as_deref().and_then(Source::of);
        let named = source
            .as_ref()
            .map(|source| source.project)
            .filter(|name| !is_hash(name));
        let hashed = summary.cwd.as_deref().map(project_hash);
        let project = named
            .map(ToOwned::to_owned)
            .or(hashed)
            .or_else(|| Some(source.as_ref()?.project.to_owned()))?;
        let file = match source {
            Some(source) => source.file.to_owned(),
            None => file_name(summary)?,
        };
        Some(format!("{project}/chats/{file}"))
    }

    fn resumes_in_folder(&self) -> bool {
        true
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        if summary.parent.is_some() {
            return None;
        }
        let id = summary.native_id.clone()?;
        Some(vec!["gemini".into(), "--resume".into(), id])
    }
}

/// Where a chat came from: `<project>/chats/<file>`, in which the file of a subagent has a folder.
struct Source<'a> {
    project: &'a str,
    file: &'a str,
}

impl<'a> Source<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let (before, file) = path.rsplit_once("/chats/")?;
        let project = before.rsplit('/').next()?;
        let file = [".zst", ".gz"]
            .iter()
            .find_map(|packed| file.strip_suffix(packed))
            .unwrap_or(file);
        (!project.is_empty() && !file.is_empty()).then_some(Self { project, file })
    }
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name of a project's folder: the hash of its path.
fn project_hash(cwd: &str) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    Sha256::digest(cwd.as_bytes())
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(digit)
        .collect()
}

/// Only a subagent's chat has a parent, and lies in a folder that is named by it.
fn file_name(summary: &Summary) -> Option<String> {
    if let Some(parent) = &summary.parent {
        return Some(format!(
            "{}/{}.jsonl",
            parent.id,
            summary.native_id.as_deref()?
        ));
    }
    let id: String = summary.native_id.as_deref()?.chars().take(8).collect();
    let [year, month, day, hour, minute, ..] = civil(summary.started_ms?);
    let is_document = summary
        .source_path
        .as_deref()
        .is_some_and(|path| path.to_ascii_lowercase().ends_with(".json"));
    let ending = if is_document { "json" } else { "jsonl" };
    Some(format!(
        "session-{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{id}.{ending}"
    ))
}
