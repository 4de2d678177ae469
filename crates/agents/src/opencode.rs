//! opencode: sessions of many files, or of rows in a database, that are one document here.
//!
//! The document's header is the session's JSON, and each entry is a message with its parts,
//! `{"info":…,"parts":[…]}`, as in what the agent exports.

use crate::agent::{Agent, By, Document, Home, Probe, Sealed};
use crate::document;
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{ObjectText, Raw, Text, array_text, decoded, members};
use crate::summary::Summary;
use crate::text::folders;

mod files;
mod fold;
mod items;
mod rows;

pub use files::{assemble, files};
pub(crate) use fold::Kept;
pub use rows::{message_row, order, part_row, session_row};

pub(crate) struct Opencode;

impl Sealed for Opencode {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::entry(entry, fold);
    }
}

impl Agent for Opencode {
    fn name(&self) -> &'static str {
        "opencode"
    }

    fn title(&self) -> &'static str {
        "opencode"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        if is_own(Raw::new(&probe.text())) {
            return Some(By::Content);
        }
        ["session/", "message/", "part/"]
            .iter()
            .find_map(|kind| probe.by_folder(&format!("opencode/storage/{kind}")))
    }

    fn fold_header(&self, header: &str, fold: &mut Fold) {
        fold::header(session_of(Raw::new(header)), fold);
    }

    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        fold::finish(fold, summary);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn split(&self, document: &str) -> Option<Document> {
        let (rest, list) = document::take_member(document, "messages")?;
        let whole = rest.finish();
        let told = Raw::new(&whole);
        if !told.get("info").get("id").is_string() {
            return None;
        }
        let entries = list
            .elements()
            .map(|entry| crate::json::compact(entry.as_str()))
            .collect();
        // What an export has besides the session stays with it; so does a session that looks like one.
        let is_all = members(told).len() == 1 && !told.get("info").get("info").is_object();
        let header = if is_all {
            told.get("info").as_str().to_owned()
        } else {
            whole
        };
        Some(Document { header, entries })
    }

    fn join(&self, document: &Document) -> Option<String> {
        let header = Raw::new(&document.header);
        if header.get("info").is_object() {
            return document::join_member(document, "messages");
        }
        if !header.is_object() {
            return None;
        }
        let mut export = ObjectText::default();
        export.add("info", &document.header);
        export.add("messages", &array_text(&document.entries));
        Some(export.finish())
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("XDG_DATA_HOME"),
            folder: ".local/share",
            below: "opencode/storage",
        })
    }

    /// The path of the session's own file; its messages and parts have [`files`].
    fn native_path(&self, summary: &Summary) -> Option<String> {
        let path = summary.source_path.as_deref()?;
        let mut folders = folders(path);
        let project = folders.next()?;
        let file = path.rsplit('/').next()?;
        (folders.next()? == "session").then(|| format!("session/{project}/{file}"))
    }

    fn resumes_in_folder(&self) -> bool {
        true
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let id = summary.native_id.clone()?;
        Some(vec!["opencode".into(), "--session".into(), id])
    }
}

/// The session's JSON in a header.
fn session_of(header: Raw<'_>) -> Raw<'_> {
    let info = header.get("info");
    if info.is_object() { info } else { header }
}

/// A session, a message, a part, or an export of them.
fn is_own(raw: Raw<'_>) -> bool {
    let info = raw.get("info");
    if info.is_object() {
        let is_message = info.get("sessionID").is_string() && info.get("role").is_string();
        let is_session = info.get("projectID").is_string() || info.get("directory").is_string();
        return info.get("id").is_string() && (is_message || is_session);
    }
    let is_session = raw.get("projectID").is_string() && raw.get("time").is_object();
    let of_session = raw.get("sessionID").is_string();
    let is_part = raw.get("messageID").is_string() && raw.get("type").is_string();
    let is_message = raw.get("role").is_string() && raw.get("time").is_object();
    raw.get("id").is_string() && (is_session || of_session && (is_part || is_message))
}
