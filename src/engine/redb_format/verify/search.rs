//! Looking for a page from the roots of a commit down, to learn what it must be: by its key, which
//! reads one page on each level, or else in all branches.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;

use crate::engine::redb_format::page::Node;
use crate::engine::redb_format::verify::tree::{At, Claim, claim, claims_of};

/// Reads from the image, unverified.
pub(super) type Read<'r> = &'r dyn Fn(u64, &mut [u8]) -> io::Result<()>;

/// No tree is deeper.
const MAX_DEPTH: usize = 64;
/// No branch is longer.
const MAX_BRANCH_BYTES: u64 = 1 << 24;

/// What a commit says of a page.
pub(super) struct Found {
    pub(super) says: Claim,
    /// The same for all pages that the page above leads to.
    pub(super) beside: Vec<At>,
}

/// A search for one page.
pub(super) struct Search<'s> {
    offset: u64,
    page: &'s [u8],
    read: Read<'s>,
    /// The pages that it has been to, with their checksums.
    visited: HashSet<(u64, u128)>,
}

impl<'s> Search<'s> {
    /// For what must be at `offset`, where `page` is.
    pub(super) fn new(offset: u64, page: &'s [u8], read: Read<'s>) -> Self {
        Self {
            offset,
            page,
            read,
            visited: HashSet::new(),
        }
    }

    /// What the first of these commits says of it that says something.
    pub(super) fn run(mut self, commits: &[Vec<At>]) -> Option<Found> {
        let mut all = Vec::new();
        for roots in commits {
            let trees = match self.trees(roots) {
                Ok(trees) => trees,
                Err(found) => return Some(found),
            };
            if let Some(found) = trees.iter().find_map(|root| self.by_key(*root)) {
                return Some(found);
            }
            all.extend(trees);
        }
        all.into_iter()
            .find_map(|root| self.everywhere(root, 0, &mut None))
    }

    /// The roots of a commit's tables, unless the page is above them.
    fn trees(&mut self, roots: &[At]) -> Result<Vec<At>, Found> {
        let mut trees = Vec::new();
        for root in roots {
            if let Some(found) = self.among(&[*root]) {
                return Err(found);
            }
            self.tables(*root, 0, &mut trees)?;
        }
        Ok(trees)
    }

    /// The same below one page.
    fn tables(&mut self, at: At, depth: usize, trees: &mut Vec<At>) -> Result<(), Found> {
        let Some((below, is_leaf)) = self.below(at).filter(|_| depth < MAX_DEPTH) else {
            return Ok(());
        };
        if let Some(found) = self.among(&below) {
            return Err(found);
        }
        if is_leaf {
            trees.extend(below);
            return Ok(());
        }
        below
            .into_iter()
            .try_for_each(|at| self.tables(at, depth + 1, trees))
    }

    /// Goes down to where the page is if its key is what it was.
    fn by_key(&self, (mut offset, mut at): At) -> Option<Found> {
        let key = match Node::parse(self.page, at.tree.widths).ok()? {
            Node::Leaf(leaf) => leaf.rows().next()?.0,
            Node::Branch(branch) => branch.keys().next()?,
        };
        for _ in 0..MAX_DEPTH {
            let page = self.page_of(offset, &at)?;
            let node = Node::parse(&page, at.tree.widths).ok()?;
            let Node::Branch(branch) = node else {
                return None;
            };
            let below: Vec<At> = claims_of(&node, at.tree).collect();
            if let Some(found) = self.among(&below) {
                return Some(found);
            }
            let mut number = 0;
            for bound in branch.keys() {
                if at.tree.kind.compare(key, bound)? != Ordering::Greater {
                    break;
                }
                number += 1;
            }
            (offset, at) = claim(branch.links().nth(number)?, at.tree)?;
        }
        None
    }

    /// Goes through all branches of a tree. All its leaves are on one level.
    fn everywhere(&mut self, at: At, depth: usize, leaves: &mut Option<usize>) -> Option<Found> {
        let is_new = self.visited.insert((at.0, at.1.checksum));
        if !is_new || depth >= MAX_DEPTH || leaves.is_some_and(|level| level == depth) {
            return None;
        }
        let (below, is_leaf) = self.below(at)?;
        if is_leaf {
            *leaves = Some(depth);
            return None;
        }
        self.among(&below).or_else(|| {
            let mut below = below.iter();
            below.find_map(|at| self.everywhere(*at, depth + 1, leaves))
        })
    }

    /// What a page leads to, and whether it is a leaf; `None` if it is not what it must be.
    fn below(&self, (offset, at): At) -> Option<(Vec<At>, bool)> {
        let page = self.page_of(offset, &at)?;
        let node = Node::parse(&page, at.tree.widths).ok()?;
        let is_leaf = matches!(node, Node::Leaf(_));
        Some((claims_of(&node, at.tree).collect(), is_leaf))
    }

    /// Whether the page is one of these.
    fn among(&self, below: &[At]) -> Option<Found> {
        let is_it = |(offset, at): &&At| *offset == self.offset && at.len == self.page.len() as u64;
        let (_, says) = below.iter().find(is_it)?;
        Some(Found {
            says: *says,
            beside: below.to_vec(),
        })
    }

    /// The page, if it is what it must be.
    fn page_of(&self, offset: u64, at: &Claim) -> Option<Vec<u8>> {
        if at.len > MAX_BRANCH_BYTES {
            return None;
        }
        let mut page = vec![0; usize::try_from(at.len).ok()?];
        (self.read)(offset, &mut page).ok()?;
        let node = Node::parse(&page, at.tree.widths).ok()?;
        at.is(&node).then_some(page)
    }
}
