//! An item as a line of a session's block.

use std::hash::{DefaultHasher, Hasher};
use std::io;

use serde::Serialize;
use sessiondb_agents::{Item, ItemKind};

use crate::picture;

/// How much of an entry of an unknown kind is shown, in bytes.
const MOST_OF_AN_ENTRY: usize = 64 << 10;

/// What the page shows of an item. The agent's own ids are left out: nothing shows them, and they do not
/// deflate.
#[derive(Serialize)]
struct Shown<'a> {
    entry: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<i64>,
    #[serde(flatten)]
    kind: &'a ItemKind,
    /// A picture in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// The beginning of an entry of an unknown kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<String>,
}

/// The line of an item, without what its place in a segment adds, and a hash of it.
pub(crate) struct Line {
    json: String,
    pub(crate) hash: u64,
    pub(crate) hidden: bool,
}

impl Line {
    /// `pictures` are those of the item's entry that have not been taken yet.
    pub(crate) fn new(item: &Item, pictures: &mut picture::Pictures<'_>) -> io::Result<Self> {
        let mut shown = Shown {
            entry: item.entry,
            at_ms: item.at_ms,
            kind: &item.kind,
            data: None,
            json: None,
        };
        match &item.kind {
            ItemKind::Image {
                bytes: Some(bytes), ..
            } => shown.data = pictures.take(item.entry, *bytes),
            ItemKind::Raw if !item.hidden => {
                shown.json = pictures.entry(item.entry).map(|entry| clipped(&entry));
            }
            _ => {}
        }
        let json = serde_json::to_string(&shown)?;
        let mut hasher = DefaultHasher::new();
        hasher.write(json.as_bytes());
        Ok(Self {
            hash: hasher.finish(),
            hidden: item.hidden,
            json,
        })
    }

    pub(crate) fn write(&self, to: &mut impl io::Write) -> io::Result<()> {
        let json = match self.json.strip_suffix('}') {
            Some(fields) if self.hidden => return writeln!(to, "{fields},\"hidden\":true}}"),
            _ => &self.json,
        };
        writeln!(to, "{json}")
    }
}

fn clipped(entry: &str) -> String {
    if entry.len() <= MOST_OF_AN_ENTRY {
        return entry.to_owned();
    }
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += c.len_utf8();
        bytes <= MOST_OF_AN_ENTRY
    };
    let beginning: String = entry.chars().take_while(fits).collect();
    format!("{beginning} … ({} bytes in all)", entry.len())
}
