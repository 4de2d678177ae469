//! The tree of records, and the branch of it that is the conversation.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::item::{Item, ItemKind};

/// The records of one message stand close together.
const CLOSE: usize = 64;

/// Whether a record only says that the conversation goes on elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rewind,
    Other,
}

/// Where a record is in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

/// The records of a log in their order, those of one `uuid` as one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The record that was read last.
    last: usize,
}

/// A record, and what it counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Node {
    /// What its `uuid` hashes to.
    #[serde(rename = "h")]
    hash: u64,
    #[serde(rename = "p", default, skip_serializing_if = "Link::is_root")]
    parent: Link,
    #[serde(rename = "u", default, skip_serializing_if = "is_zero")]
    pub(super) turns: u64,
    #[serde(rename = "m", default, skip_serializing_if = "is_zero")]
    pub(super) messages: u64,
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub(super) tool_calls: u64,
    #[serde(rename = "k", default, skip_serializing_if = "is_zero")]
    pub(super) compactions: u64,
    /// The number of the title that it gives.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<u32>,
    /// The number of the prompt that it is, if no other comes before it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(super) opening: Option<u32>,
    /// Whether it or a record before it on its branch is a prompt.
    #[serde(rename = "b", default, skip_serializing_if = "is_false")]
    after_prompt: bool,
}

/// What a record follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Link {
    /// Nothing: it begins the conversation, or goes back to where nothing is kept.
    #[default]
    Root,
    /// The record at this place.
    #[serde(rename = "p")]
    Parent(usize),
    /// A record that is not there.
    #[serde(rename = "l")]
    Lost,
}

impl Link {
    fn is_root(&self) -> bool {
        *self == Self::Root
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Tree {
    /// The place of a record, which becomes the last one.
    pub(super) fn place(&mut self, hash: u64, parent: Option<u64>, kind: Kind) -> Place {
        let from = self.nodes.len().saturating_sub(CLOSE);
        let close = self.nodes.get(from..).unwrap_or_default();
        if let Some(at) = close.iter().rposition(|node| node.hash == hash) {
            self.last = from + at;
            return Place(self.last);
        }
        let known = parent.map(|parent| self.nodes.iter().rposition(|node| node.hash == parent));
        let parent = match known {
            None => Link::Root,
            Some(Some(at)) => Link::Parent(at),
            Some(None) if kind == Kind::Rewind => Link::Root,
            Some(None) => Link::Lost,
        };
        let after_prompt = match parent {
            Link::Parent(at) => self.nodes.get(at).is_some_and(Node::is_after_prompt),
            Link::Root | Link::Lost => false,
        };
        self.last = self.nodes.len();
        self.nodes.push(Node {
            hash,
            parent,
            after_prompt,
            ..Node::default()
        });
        Place(self.last)
    }

    /// The record at a place.
    pub(super) fn at(&mut self, place: Place) -> Option<&mut Node> {
        self.nodes.get_mut(place.0)
    }

    /// Whether a prompt comes before this record on its branch.
    pub(super) fn has_prompt_before(&self, place: Place) -> bool {
        self.nodes
            .get(place.0)
            .is_some_and(|node| node.after_prompt)
    }

    /// The records of the conversation, the last one first.
    pub(super) fn branch(&self) -> impl Iterator<Item = &Node> {
        let links: Vec<Link> = self.nodes.iter().map(|node| node.parent).collect();
        let mut branch = branch(&links, self.last);
        // The records that the last one was written with, such as its title, follow it; none is left out.
        branch.retain(|at| *at < links.len());
        branch.into_iter().filter_map(|at| self.nodes.get(at))
    }
}

impl Node {
    fn is_after_prompt(&self) -> bool {
        self.after_prompt || self.turns > 0
    }
}

/// The places of a branch from its end back to its root. Where a parent is lost, it goes on with
/// the last record before that hangs together with none that was passed.
fn branch(links: &[Link], last: usize) -> Vec<usize> {
    let mut passed = HashSet::new();
    let mut branch = Vec::new();
    let mut at = last;
    let mut roots = None;
    while let Some(link) = links.get(at) {
        branch.push(at);
        at = match *link {
            Link::Root => break,
            // A parent always stands before, so the walk ends.
            Link::Parent(parent) if parent >= at => break,
            Link::Parent(parent) => parent,
            Link::Lost => {
                let roots = roots.get_or_insert_with(|| roots_of(links));
                passed.insert(at);
                let before = roots.get(..at).unwrap_or_default();
                match before.iter().rposition(|root| !passed.contains(root)) {
                    Some(earlier) => earlier,
                    None => break,
                }
            }
        };
    }
    branch
}

/// The place that each record's branch begins at.
fn roots_of(links: &[Link]) -> Vec<usize> {
    let mut roots: Vec<usize> = Vec::with_capacity(links.len());
    for (at, link) in links.iter().enumerate() {
        let root = match *link {
            Link::Parent(parent) => roots.get(parent).copied().unwrap_or(at),
            Link::Root | Link::Lost => at,
        };
        roots.push(root);
    }
    roots
}

/// What stands for a record that goes back.
pub(super) const REWOUND: &str = "Went back to an earlier message";

/// Hides the items of other branches than the conversation's.
pub(super) fn settle(items: &mut [Item]) {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut links = Vec::new();
    let mut last = 0;
    for item in items.iter() {
        let Some(id) = item.id.as_deref() else {
            continue;
        };
        if let Some(known) = places.get(id) {
            last = *known;
            continue;
        }
        let is_rewind = matches!(&item.kind, ItemKind::Notice { text } if text == REWOUND);
        links.push(
            match item.parent.as_deref().map(|parent| places.get(parent)) {
                None => Link::Root,
                Some(Some(at)) => Link::Parent(*at),
                Some(None) if is_rewind => Link::Root,
                Some(None) => Link::Lost,
            },
        );
        last = links.len() - 1;
        places.insert(id, last);
    }
    let branch: HashSet<usize> = branch(&links, last).into_iter().collect();
    let gone: Vec<bool> = items
        .iter()
        .map(
            |item| match item.id.as_deref().and_then(|id| places.get(id)) {
                Some(at) => !branch.contains(at),
                None => false,
            },
        )
        .collect();
    for (item, gone) in items.iter_mut().zip(gone) {
        item.hidden |= gone;
    }
}
