//! A session for a reader.

use serde::Serialize;

use crate::json::Raw;
use crate::summary::Tokens;

/// One thing of a session that a reader sees, whatever agent wrote it.
///
/// ```
/// use sessiondb_agents::{ItemKind, by_name};
///
/// let entry = br#"{"type":"assistant","uuid":"a1","message":{"model":"m","content":[
///  {"type":"text","text":"Done."},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}]}}"#;
/// let mut items = Vec::new();
/// by_name("claude").unwrap().items(entry, 7, &mut items);
/// assert_eq!((items[0].entry, items[0].id.as_deref()), (7, Some("a1")));
/// assert!(matches!(&items[1].kind, ItemKind::ToolCall { name, .. } if name == "Bash"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The number of the entry that it is from, counted from 0.
    pub entry: u64,
    /// When, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// The agent's own id of the entry or message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The agent's own id of what it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub kind: ItemKind,
    /// Whether a reader sees it only when asking for everything.
    pub hidden: bool,
}

impl Item {
    /// An entry of which nothing is known but its number.
    ///
    /// ```
    /// use sessiondb_agents::{Item, ItemKind};
    ///
    /// assert_eq!((Item::raw(3).entry, Item::raw(3).kind), (3, ItemKind::Raw));
    /// ```
    pub fn raw(entry: u64) -> Self {
        Self {
            entry,
            at_ms: None,
            id: None,
            parent: None,
            kind: ItemKind::Raw,
            hidden: false,
        }
    }
}

/// What an [`Item`] is.
///
/// ```
/// use sessiondb_agents::ItemKind;
///
/// let kind = ItemKind::Answer { text: "Done.".into(), model: None };
/// assert_eq!(serde_json::to_string(&kind)?, r#"{"kind":"answer","text":"Done."}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemKind {
    /// What the person said.
    Prompt {
        /// The text.
        text: String,
    },
    /// What the agent said.
    Answer {
        /// The text.
        text: String,
        /// The model that said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// What the agent thought.
    Thinking {
        /// The text; empty where the log keeps only that there was one.
        text: String,
    },
    /// The agent asks for a tool.
    ToolCall {
        /// The agent's own id of the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        call_id: Option<String>,
        /// The name of the tool.
        name: String,
        /// What the tool is to do, as JSON.
        input: String,
    },
    /// What a tool gave back.
    ToolResult {
        /// The agent's own id of the call.
        #[serde(skip_serializing_if = "Option::is_none")]
        call_id: Option<String>,
        /// The text.
        text: String,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// A picture.
    Image {
        /// Its type, such as `image/png`.
        #[serde(skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// Its length in bytes, where it is in the entry.
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        /// Its address, where it is elsewhere.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Something that happened, in a line.
    Notice {
        /// The line.
        text: String,
    },
    /// The conversation was compacted.
    Compaction {
        /// What stands in place of what was said before.
        #[serde(skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
    /// A subagent was started or is done.
    Subagent {
        /// The agent's own id of the subagent.
        id: String,
        /// Its name or task.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// What was used.
    Usage {
        /// The tokens.
        tokens: Tokens,
    },
    /// A kind of entry that is not known here; the entry itself says what it is.
    Raw,
}

/// Where the items of one entry go, with what they share.
pub(crate) struct Items<'a> {
    to: &'a mut Vec<Item>,
    entry: u64,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: Option<i64>,
    pub(crate) id: Option<String>,
    pub(crate) parent: Option<String>,
    /// Whether all of them are hidden.
    pub(crate) hidden: bool,
}

impl<'a> Items<'a> {
    pub(crate) fn new(items: &'a mut Vec<Item>, entry: u64) -> Self {
        Self {
            to: items,
            entry,
            at_ms: None,
            id: None,
            parent: None,
            hidden: false,
        }
    }

    pub(crate) fn push(&mut self, kind: ItemKind) {
        self.add(kind, false);
    }

    pub(crate) fn push_hidden(&mut self, kind: ItemKind) {
        self.add(kind, true);
    }

    fn add(&mut self, kind: ItemKind, hidden: bool) {
        self.to.push(Item {
            entry: self.entry,
            at_ms: self.at_ms,
            id: self.id.clone(),
            parent: self.parent.clone(),
            kind,
            hidden: hidden || self.hidden,
        });
    }

    /// A kind that is not known: hidden unless it seems to say something.
    pub(crate) fn push_unknown(&mut self, entry: Raw<'_>) {
        self.add(ItemKind::Raw, !seems_said(entry));
    }
}

/// Whether an unknown entry seems to hold a text that was said: one with a role and a content.
fn seems_said(entry: Raw<'_>) -> bool {
    let message = entry.get("message");
    [entry, message].into_iter().any(|said| {
        said.get("role").is_string()
            && ["content", "text"].into_iter().any(|key| {
                let content = said.get(key);
                content.is_array() || content.full_text().is_some()
            })
    })
}
