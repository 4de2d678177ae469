//! What is asked of every agent.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use uuid::Uuid;

use crate::fold::Fold;
use crate::identity::Subagent;
use crate::item::Item;
use crate::json::{Raw, Text, decoded};
use crate::summary::Summary;
use crate::text::{file_stem, uuid_at_end};

/// Only this crate has agents, so that the trait can grow.
pub(crate) trait Sealed {
    /// Folds one entry into what is known.
    fn fold(&self, entry: Text<'_>, fold: &mut Fold);
}

/// How one agent keeps its sessions.
///
/// The agents are in [`agents`](crate::agents); the trait cannot be implemented elsewhere.
///
/// ```
/// use sessiondb_agents::{ItemKind, by_name};
///
/// let claude = by_name("claude").unwrap();
/// let mut items = Vec::new();
/// let entry = br#"{"type":"user","message":{"role":"user","content":"Hello"}}"#;
/// claude.items(entry, 0, &mut items);
/// assert_eq!(items[0].kind, ItemKind::Prompt { text: "Hello".into() });
/// ```
#[expect(private_bounds, reason = "the bound seals the trait")]
pub trait Agent: Sync + Sealed {
    /// The word that names it in summaries and on a command line, such as `claude`.
    fn name(&self) -> &'static str;

    /// The name that its maker gave it, such as `Claude Code`.
    fn title(&self) -> &'static str;

    /// Whether this agent wrote the file, and what tells so.
    fn recognise(&self, probe: &Probe<'_>) -> Option<By>;

    /// Folds the header of a [`Document`]. Called by [`Fold::header`].
    fn fold_header(&self, header: &str, fold: &mut Fold) {
        let _ = (header, fold);
    }

    /// Puts into the summary what only the whole of the entries tells. Called by [`Fold::summary`].
    fn finish(&self, fold: &Fold, summary: &mut Summary) {
        let _ = (fold, summary);
    }

    /// Appends what the entry number `index` is for a reader.
    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>);

    /// Hides the items of a whole session that are no longer part of the conversation: what was
    /// rewound, replaced or left on another branch.
    fn settle(&self, items: &mut Vec<Item>) {
        let _ = items;
    }

    /// Takes a session that is one JSON document apart; `None` if it is not one of this agent's.
    fn split(&self, document: &str) -> Option<Document> {
        let _ = document;
        None
    }

    /// Joins what [`split`](Agent::split) took apart, into equal JSON.
    fn join(&self, document: &Document) -> Option<String> {
        let _ = document;
        None
    }

    /// The native id that a path tells, where the entries tell none.
    fn id_in_path(&self, path: &str) -> Option<String> {
        let stem = file_stem(path);
        let id = uuid_at_end(stem).unwrap_or(stem);
        (!id.is_empty()).then(|| id.to_owned())
    }

    /// The subagent whose log lies at this path, where the path tells.
    fn subagent_in_path(&self, path: &str) -> Option<Subagent> {
        let _ = path;
        None
    }

    /// The segment whose log lies at this path, for agents that keep a session in several.
    fn segment_in_path(&self, path: &str) -> Option<Uuid> {
        let _ = path;
        None
    }

    /// Where it keeps its sessions; `None` if each program that uses it decides that for itself.
    fn home(&self) -> Option<Home> {
        None
    }

    /// The path of the session's file below [`home`](Agent::home), as the agent would write it; `None` if there is
    /// none.
    fn native_path(&self, summary: &Summary) -> Option<String> {
        let _ = summary;
        None
    }

    /// The command that resumes the session, its words one by one; `None` if there is none.
    fn resume_command(&self, summary: &Summary) -> Option<Vec<String>> {
        let _ = summary;
        None
    }

    /// Whether it finds a session only from the folder that the session belongs to.
    fn resumes_in_folder(&self) -> bool {
        false
    }
}

impl fmt::Debug for dyn Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a file is recognised by.
///
/// ```
/// use sessiondb_agents::Probe;
///
/// let probe = Probe { path: "logs/s1.jsonl", head: b"{\"type\":\"user\"}\n" };
/// assert!(probe.path.ends_with(".jsonl"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The path, with `/` between its parts; empty where there is none.
    pub path: &'a str,
    /// The beginning of the content, some 64 KiB are enough. It may end in the middle of a line.
    pub head: &'a [u8],
}

/// Lines beyond these tell nothing new about who wrote a log.
const LINES_ASKED: usize = 256;

impl<'a> Probe<'a> {
    /// Whether `tells` says so of one of the first lines.
    pub(crate) fn any_line(&self, tells: impl Fn(Raw<'_>) -> bool) -> bool {
        self.head
            .split(|byte| *byte == b'\n')
            .take(LINES_ASKED)
            .any(|line| tells(Raw::new(&decoded(line))))
    }

    /// Whether one of these keys, each in its quotes, may stand in the head: a look that is worth it before
    /// all lines are read for them.
    pub(crate) fn may_have(&self, keys: &[&str]) -> bool {
        let has = |key: &&str| memmem::find(self.head, key.as_bytes()).is_some();
        keys.iter().any(has) || self.has_escaped_letter()
    }

    /// Nobody writes letters as escapes, but who does writes the same keys.
    fn has_escaped_letter(&self) -> bool {
        let mut escapes = memmem::find_iter(self.head, b"\\u00");
        escapes.any(|at| matches!(self.head.get(at + 4), Some(b'4'..=b'7')))
    }

    /// Whether the path is that of a file of lines, compressed or not.
    pub(crate) fn is_lines(&self) -> bool {
        let path = self.path.to_ascii_lowercase();
        let packed = [".zst", ".gz"];
        let plain = packed.iter().find_map(|ending| path.strip_suffix(ending));
        plain.unwrap_or(&path).strip_suffix(".jsonl").is_some()
    }

    /// The text of a file that is one document.
    pub(crate) fn text(&self) -> Cow<'a, str> {
        decoded(self.head)
    }

    /// By its path, if that holds this folder (such as `.claude/projects/`) or begins with it.
    pub(crate) fn by_folder(&self, folder: &str) -> Option<By> {
        let at_start = self.path.starts_with(folder);
        let inside = || {
            self.path.match_indices(folder).any(|(at, _)| {
                self.path
                    .get(..at)
                    .is_some_and(|before| before.ends_with('/'))
            })
        };
        (at_start || inside()).then_some(By::Path)
    }
}

/// What told who wrote a file.
///
/// ```
/// use sessiondb_agents::{By, Probe, by_name};
///
/// let probe = Probe { path: "/home/.claude/projects/-src/s1.jsonl", head: b"" };
/// assert_eq!(by_name("claude").unwrap().recognise(&probe), Some(By::Path));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// What stands in it.
    Content,
    /// Where it lies.
    Path,
}

/// Where an agent keeps its sessions: in `below`, in the folder that the environment variable
/// names, else in `folder` of the person's home folder.
///
/// ```
/// use sessiondb_agents::by_name;
///
/// let home = by_name("claude").unwrap().home().unwrap();
/// assert_eq!((home.variable, home.folder), (Some("CLAUDE_CONFIG_DIR"), ".claude"));
/// assert_eq!(home.below, "projects");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Home {
    /// The environment variable that names another folder in place of `folder`.
    pub variable: Option<&'static str>,
    /// The agent's folder, below the person's home folder, with `/` between its parts.
    pub folder: &'static str,
    /// The folder of the sessions, below that.
    pub below: &'static str,
}

/// A session that is kept as one JSON document, taken apart into what an archive keeps as entries.
///
/// The texts are compact JSON. Numbers, escapes, keys and their order stay as they were written.
///
/// ```
/// use sessiondb_agents::Document;
///
/// let document = Document { header: r#"{"id":"s1"}"#.into(), entries: vec!["{}".into()] };
/// assert_eq!(document.entries.len(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// What is said of the session as a whole; empty where the document has no such part.
    pub header: String,
    /// The messages.
    pub entries: Vec<String>,
}
