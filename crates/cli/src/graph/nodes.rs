//! The nodes of a session's graph, each behind the one that it left.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use sessiondb::archive::{OriginKind, SegmentOrigin};
use sessiondb::{SegmentId, SegmentInfo, SessionId, Snapshot};
use sessiondb_agents::ItemKind;
use sessiondb_logs::Transcript;

use crate::exit::Failure;
use crate::render;
use crate::sessions::{Listed, sessions, to_signed};

/// The most characters of a title.
const TITLE_CHARS: usize = 200;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A session that this one comes from.
    Origin,
    /// A segment that comes from no other.
    Segment,
    /// A segment that shares its first entries with the one above it.
    Branch,
    /// A segment that goes on from a point of the one above it.
    Fork,
    /// A segment that holds the one above it in short.
    Compacted,
    /// The log of a subagent.
    Subagent,
    /// The conversation was compacted there.
    Compaction,
    /// Another session that comes from this one.
    Session,
}

/// A point of the graph.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) session: SessionId,
    /// The segment; of a compaction the one that it is in, of another session none.
    pub(super) id: Option<SegmentId>,
    /// The segment above it.
    pub(super) parent: Option<SegmentId>,
    /// The number of the entry of the parent at which it left, where that is known.
    pub(super) at_entry: Option<u64>,
    /// The turn of the parent in which it left, counted from 1.
    pub(super) at_turn: Option<u64>,
    pub(super) turns: Option<u64>,
    pub(super) entries: Option<u64>,
    /// The bytes of the entries that are its own.
    pub(super) bytes: Option<u64>,
    /// When it was active last.
    pub(super) last_activity_ms: Option<i64>,
    pub(super) title: String,
    /// How many nodes are above it.
    pub(super) depth: usize,
}

/// A segment with what its entries say.
struct Read {
    info: SegmentInfo,
    /// The entries with which turns begin.
    turns: Vec<u64>,
    compactions: Vec<u64>,
    /// The subagents that it names, and where.
    subagents: BTreeMap<String, u64>,
    /// Its entries by the agent's own ids, of those that are asked for.
    named: BTreeMap<String, u64>,
    title: String,
    /// When the last of its items is from.
    last_ms: Option<i64>,
    subagent: Option<String>,
}

impl Read {
    /// The turn in which an entry is; 0 before the first.
    fn turn_of(&self, entry: u64) -> u64 {
        self.turns.iter().filter(|begin| **begin <= entry).count() as u64
    }

    /// The entry with which the turn behind so many begins.
    fn entry_behind(&self, turns: u64) -> Option<u64> {
        let behind = usize::try_from(turns).ok()?;
        self.turns.get(behind).copied().or(Some(self.info.entries))
    }
}

/// All nodes of the session's graph, those above first, and of one parent in the order in which they left.
pub(super) fn nodes(now: &Snapshot, session: &Listed) -> Result<Vec<Node>, Failure> {
    let (origin, forks) = relatives(now, session)?;
    let wanted: HashSet<String> = forks.iter().filter_map(|fork| fork.parent()?.1).collect();
    let mut segments = Vec::new();
    for info in now.segments(session.info.id) {
        let info = info?;
        if info.exists {
            segments.push(read(now, info, &wanted)?);
        }
    }
    segments.sort_by_key(|segment| (segment.info.created_ms, segment.info.id));
    let main = session
        .segment
        .or_else(|| segments.first().map(|segment| segment.info.id));
    let mut all: Vec<Node> = Vec::new();
    for segment in &segments {
        all.push(segment_node(session, segment, &segments, main));
        all.extend(
            segment
                .compactions
                .iter()
                .map(|entry| compaction(segment, *entry)),
        );
    }
    all.extend(
        forks
            .iter()
            .map(|fork| other_session(fork, &segments, main)),
    );
    let mut ordered: Vec<Node> = origin.into_iter().collect();
    ordered.extend(in_order(all));
    Ok(ordered)
}

/// The session that this one comes from, as a node, and those that come from it.
fn relatives(
    now: &Snapshot,
    session: &Listed<'_>,
) -> Result<(Option<Node>, Vec<Listed<'static>>), Failure> {
    let native = session.text("native_id");
    let id = session.info.id.to_string();
    let parent = session.parent().map(|(parent, _)| parent);
    let mut origin = None;
    let mut forks = Vec::new();
    for other in sessions(now)? {
        let other = other?;
        if other.info.id == session.info.id || other.info.trashed_ms.is_some() {
            continue;
        }
        let is_parent = parent.as_deref().is_some_and(|parent| {
            parent == other.text("native_id") || parent == other.info.id.to_string()
        });
        if is_parent {
            origin = Some(node_of(&other, Kind::Origin));
        }
        let of = other.parent().map(|(of, _)| of);
        if of.is_some_and(|of| of == id || (!native.is_empty() && of == native)) {
            forks.push(other);
        }
    }
    Ok((origin, forks))
}

/// Another session as a node.
fn node_of(session: &Listed, kind: Kind) -> Node {
    Node {
        kind,
        session: session.info.id,
        id: None,
        parent: None,
        at_entry: None,
        at_turn: None,
        turns: Some(session.number("turns")),
        entries: Some(session.info.entries),
        bytes: Some(session.info.entry_bytes),
        last_activity_ms: Some(session.activity_ms()),
        title: session.title(),
        depth: 0,
    }
}

fn read(now: &Snapshot, info: SegmentInfo, wanted: &HashSet<String>) -> Result<Read, Failure> {
    let subagent = sessiondb_logs::subagent_of(now, info.session, info.id)?;
    let shared = info.parent.as_ref().map_or(0, |parent| parent.len);
    let is_compacted = |origin: &SegmentOrigin| origin.kind == OriginKind::Compaction;
    // That it begins with what was compacted is said of the segment.
    let begins = u64::from(info.origin.as_ref().is_some_and(is_compacted));
    let transcript = Transcript::read(now, info.session, info.id)?;
    let mut read = Read {
        info,
        turns: Vec::new(),
        compactions: Vec::new(),
        subagents: BTreeMap::new(),
        named: BTreeMap::new(),
        title: String::new(),
        last_ms: transcript.items.iter().filter_map(|item| item.at_ms).max(),
        subagent,
    };
    for item in &transcript.items {
        if let Some(id) = item.id.as_deref().filter(|id| wanted.contains(*id)) {
            read.named.insert(id.to_owned(), item.entry);
        }
        match &item.kind {
            ItemKind::Prompt { text } if !item.hidden => {
                read.turns.push(item.entry);
                if read.title.is_empty() && item.entry >= shared {
                    read.title = render::clip(text, TITLE_CHARS);
                }
            }
            // What it shares is marked where it is shared from.
            ItemKind::Compaction { .. }
                if item.entry >= shared.max(begins)
                    && read.compactions.last() != Some(&item.entry) =>
            {
                read.compactions.push(item.entry);
            }
            ItemKind::Subagent { id, .. } => {
                read.subagents.entry(id.clone()).or_insert(item.entry);
            }
            _ => {}
        }
    }
    Ok(read)
}

fn segment_node(session: &Listed, read: &Read, all: &[Read], main: Option<SegmentId>) -> Node {
    let info = &read.info;
    let find = |id: SegmentId| all.iter().find(|other| other.info.id == id);
    let (kind, parent, at_entry) = match (&info.parent, &info.origin, &read.subagent) {
        (Some(parent), _, _) => (Kind::Branch, Some(parent.segment), Some(parent.len)),
        (None, Some(origin), _) => {
            let kind = match origin.kind {
                OriginKind::Fork => Kind::Fork,
                OriginKind::Compaction => Kind::Compacted,
            };
            let from = find(origin.segment);
            let entry = from.and_then(|from| from.entry_behind(origin.at_turn));
            (kind, Some(origin.segment), entry)
        }
        (None, None, Some(id)) => {
            let caller = all.iter().find(|other| other.subagents.contains_key(id));
            let entry = caller.and_then(|caller| caller.subagents.get(id).copied());
            let parent = caller.map(|caller| caller.info.id);
            let parent = parent.or(main).filter(|parent| *parent != info.id);
            (Kind::Subagent, parent, entry)
        }
        (None, None, None) => (Kind::Segment, None, None),
    };
    let above = parent.and_then(find);
    let is_main = parent.is_none() && session.segment == Some(info.id);
    let title = if is_main {
        session.title()
    } else {
        read.title.clone()
    };
    Node {
        kind,
        session: info.session,
        id: Some(info.id),
        parent,
        at_entry,
        at_turn: above.and_then(|above| Some(above.turn_of(at_entry?.saturating_sub(1)))),
        turns: Some(read.turns.len() as u64),
        entries: Some(info.entries),
        bytes: Some(info.entry_bytes),
        last_activity_ms: read.last_ms.or(Some(to_signed(info.updated_ms))),
        title,
        depth: 0,
    }
}

fn compaction(read: &Read, entry: u64) -> Node {
    Node {
        kind: Kind::Compaction,
        session: read.info.session,
        id: None,
        parent: Some(read.info.id),
        at_entry: Some(entry),
        at_turn: Some(read.turn_of(entry)),
        turns: None,
        entries: None,
        bytes: None,
        last_activity_ms: None,
        title: String::new(),
        depth: 0,
    }
}

fn other_session(fork: &Listed, all: &[Read], main: Option<SegmentId>) -> Node {
    let at = fork.parent().and_then(|(_, at)| at);
    let found = at.and_then(|at| {
        let named = all
            .iter()
            .filter_map(|read| Some((read, *read.named.get(&at)?)));
        named.max_by_key(|(read, _)| Some(read.info.id) == main)
    });
    Node {
        parent: found.map(|(read, _)| read.info.id).or(main),
        at_entry: found.map(|(_, entry)| entry),
        at_turn: found.map(|(read, entry)| read.turn_of(entry)),
        ..node_of(fork, Kind::Session)
    }
}

/// Those above first. Whatever the logs say of each other, each node comes once.
fn in_order(all: Vec<Node>) -> Vec<Node> {
    let known: HashSet<SegmentId> = all.iter().filter_map(|node| node.id).collect();
    let mut below: BTreeMap<Option<SegmentId>, Vec<Node>> = BTreeMap::new();
    for node in all {
        let parent = node.parent.filter(|parent| known.contains(parent));
        below.entry(parent).or_default().push(node);
    }
    for nodes in below.values_mut() {
        nodes.sort_by_key(|node| (node.at_entry.unwrap_or(u64::MAX), node.last_activity_ms));
    }
    let mut ordered = Vec::new();
    let mut next: Vec<Node> = Vec::new();
    loop {
        // Where each is said to come from another, one is taken for the first.
        let roots = match below.remove(&None) {
            Some(roots) => roots,
            None => match below.pop_first() {
                Some((_, nodes)) => nodes,
                None => return ordered,
            },
        };
        next.extend(roots.into_iter().rev());
        while let Some(node) = next.pop() {
            if let Some(id) = node.id
                && let Some(mut children) = below.remove(&Some(id))
            {
                for child in &mut children {
                    child.depth = node.depth + 1;
                }
                next.extend(children.into_iter().rev());
            }
            ordered.push(node);
        }
    }
}
