//! The trees of an image: what the pages must be that a page leads to, and what a damaged leaf may
//! still be read for. Pure, no I/O.

use std::cmp::Ordering;

use uuid::Uuid;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::model::last_use::LastUse;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::unseal;
use crate::engine::model::run_row::RunRow;
use crate::engine::model::table::{Content, Table, content_of};
use crate::engine::redb_format::page::{Geometry, Leaf, Link, Node, Root, Slot, TableRow, Widths};

/// What a page must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) checksum: u128,
    pub(super) len: u64,
    pub(super) tree: Tree,
}

impl Claim {
    /// Whether a page of the tree is the one.
    pub(super) fn is(&self, node: &Node<'_>) -> bool {
        node.checksum() == self.checksum || seeded(Bug::DropChecksum)
    }
}

/// Where in the image a page is, and what it must be.
pub(super) type At = (u64, Claim);

/// The tree that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) kind: Kind,
    pub(super) widths: Widths,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its rows are our tables.
    Tables,
    /// Its rows are redb's own tables.
    SystemTables,
    /// One of redb's own tables, or one that nobody knows.
    Other,
    /// One of ours.
    Ours(&'static str, Content),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tables => "tree of tables",
            Self::SystemTables => "tree of redb's own tables",
            Self::Other => "table of redb's own",
            Self::Ours(name, _) => name,
        }
    }

    /// Whether its rows are tables.
    pub(super) fn holds_tables(self) -> bool {
        matches!(self, Self::Tables | Self::SystemTables)
    }

    /// The order of two keys, if it is known.
    pub(super) fn compare(self, one: &[u8], other: &[u8]) -> Option<Ordering> {
        match self {
            Self::Ours(_, Content::Rows(Table::SessionsByUse)) => {
                Some(LastUse::of_key_bytes(one)?.cmp(&LastUse::of_key_bytes(other)?))
            }
            Self::Ours(_, Content::Rows(_) | Content::Beside(Table::Values)) => {
                Some(one.cmp(other))
            }
            Self::Ours(_, Content::Runs(_) | Content::Beside(_)) => {
                let number = |key: &[u8]| {
                    let (log, first) = key.split_at_checked(32)?;
                    let first = u64::from_le_bytes(*first.first_chunk()?);
                    Some((<[u8; 32]>::try_from(log).ok()?, first))
                };
                Some(number(one)?.cmp(&number(other)?))
            }
            _ => None,
        }
    }
}

/// What the roots of a commit must be.
pub(super) fn roots_of(slot: &Slot) -> Vec<At> {
    let root = |root: Option<Root>, kind| {
        let widths = Widths::OF_TABLES;
        claim(root?.link, Tree { kind, widths })
    };
    let roots = [
        root(slot.tables, Kind::Tables),
        root(slot.system_tables, Kind::SystemTables),
    ];
    let sound = slot.sound;
    roots.into_iter().flatten().filter(|_| sound).collect()
}

/// What the pages must be that a page leads to, in the order of its links.
pub(super) fn claims_of<'n>(node: &Node<'n>, tree: Tree) -> Box<dyn Iterator<Item = At> + 'n> {
    match *node {
        Node::Branch(branch) => Box::new(branch.links().filter_map(move |link| claim(link, tree))),
        Node::Leaf(leaf) if tree.kind.holds_tables() => {
            let table = move |(name, table): (&[u8], &[u8])| claim_of_table(name, table, tree.kind);
            Box::new(leaf.rows().filter_map(table))
        }
        Node::Leaf(_) => Box::new(std::iter::empty()),
    }
}

fn claim_of_table(name: &[u8], table: &[u8], tables: Kind) -> Option<At> {
    let table = TableRow::parse(table).ok()?;
    let ours = content_of(name).filter(|_| tables == Kind::Tables);
    let tree = Tree {
        kind: ours.map_or(Kind::Other, |(name, content)| Kind::Ours(name, content)),
        widths: table.widths,
    };
    claim(table.root?.link, tree)
}

pub(super) fn claim(link: Link, tree: Tree) -> Option<At> {
    let range = Geometry::OF_NEW_IMAGES.range(link.page)?;
    let claim = Claim {
        checksum: link.checksum,
        len: range.end - range.start,
        tree,
    };
    Some((range.start, claim))
}

/// Whether redb can read a leaf that is damaged without harm: each row proves itself when it is
/// read. One in which all rows do so is intact, but from another time or place, and fails as a
/// whole.
pub(super) fn is_readable(leaf: Leaf<'_>, kind: Kind) -> bool {
    let Kind::Ours(_, content) = kind else {
        return false;
    };
    match content {
        Content::Runs(kind) => leaf.rows().any(|(key, run)| !is_run(kind, key, run)),
        Content::Beside(table) => leaf
            .rows()
            .any(|(key, row)| unseal(table, key, row).is_err()),
        Content::Rows(table) => {
            let readable = |key: &[u8]| !has_text_keys(table) || std::str::from_utf8(key).is_ok();
            leaf.rows().all(|(key, _)| readable(key))
                && leaf
                    .rows()
                    .any(|(key, row)| unseal(table, key, row).is_err())
        }
    }
}

fn has_text_keys(table: Table) -> bool {
    matches!(table, Table::Names | Table::Meta)
}

fn is_run(kind: LogKind, key: &[u8], run: &[u8]) -> bool {
    let Some((session, rest)) = key.split_first_chunk() else {
        return false;
    };
    let Some((segment, rest)) = rest.split_first_chunk() else {
        return false;
    };
    let Some((first, [])) = rest.split_first_chunk() else {
        return false;
    };
    let log = LogId {
        session: Uuid::from_bytes(*session),
        segment: Uuid::from_bytes(*segment),
        kind,
    };
    let first = u64::from_le_bytes(*first);
    RunRow::parse(run).is_ok_and(|row| row.must_be(&log, first).is_ok())
}
