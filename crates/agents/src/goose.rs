//! goose: lines, or rows in a database that are the same lines here.
//!
//! The first line says what the session is; then each message is a line.

use crate::agent::{Agent, By, Home, Probe, Sealed};
use crate::fold::Fold;
use crate::item::Item;
use crate::json::{Raw, Text, decoded};
use crate::summary::Summary;

mod fold;
mod items;
mod rows;

pub(crate) use fold::Kept;
pub use rows::{message_row, session_row};

pub(crate) struct Goose;

impl Sealed for Goose {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        fold::entry(entry, fold);
    }
}

impl Agent for Goose {
    fn name(&self) -> &'static str {
        "goose"
    }

    fn title(&self) -> &'static str {
        "goose"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        if probe.any_line(|line| fold::is_metadata(line) || is_message(line)) {
            return Some(By::Content);
        }
        probe
            .by_folder("goose/sessions/")
            .filter(|_| probe.is_lines())
    }

    fn fold_header(&self, header: &str, fold: &mut Fold) {
        fold::entry(Text::plain(header), fold);
    }

    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        fold::finish(fold, summary);
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        items::items(Raw::new(&decoded(entry)), index, items);
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            variable: Some("XDG_DATA_HOME"),
            folder: ".local/share",
            below: "goose/sessions",
        })
    }

    fn native_path(&self, summary: &Summary) -> Option<String> {
        Some(format!("{}.jsonl", summary.native_id.as_deref()?))
    }

    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let id = summary.native_id.clone()?;
        let words = ["goose", "session", "--resume", "--session-id"];
        Some(
            words
                .into_iter()
                .map(ToOwned::to_owned)
                .chain([id])
                .collect(),
        )
    }
}

fn is_message(raw: Raw<'_>) -> bool {
    let content = raw.get("content");
    raw.get("role").is_string() && raw.get("created").integer().is_some() && content.is_array()
}
