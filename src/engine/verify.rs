//! Verifies every page of the image on its way to redb, which compares no checksum when it reads:
//! a page that has been read says which checksums the pages below it must have.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use uuid::Uuid;

use super::base::content_of;
use super::op::{LogId, LogKind};
use super::page::{Geometry, HEADER_LEN, Header, Leaf, Link, Node, PAGE_LEN, TableRow, Widths};
use super::row::{Table, unseal};
use super::run_row::RunRow;
use super::seeded::{Bug, seeded};

/// How many pages are remembered: beyond that all are forgotten, and a page passes unverified
/// until the one above it is read again.
const MAX_CLAIMS: usize = 1 << 18;
/// No tree is deeper.
const MAX_DEPTH: usize = 64;
/// What the claims on the roots have for a page above.
const HEADER: u64 = 0;

/// What is known of the pages of an open image.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Where the image begins in the file.
    image_offset: u64,
    claims: Mutex<HashMap<u64, Claim>>,
    suspects: Mutex<Vec<(Table, Damage)>>,
    /// Why redb reads nothing more.
    first: OnceLock<Damage>,
    panicked: OnceLock<()>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub(crate) struct Damage {
    pub(crate) place: String,
    pub(crate) message: String,
}

/// What the rows of one of our tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Runs, which say by themselves where they belong; heads know whether one is missing.
    Runs(LogKind),
    /// Rows whose absence means something.
    Rows(Table),
}

/// What a page must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    checksum: u128,
    len: u64,
    tree: Tree,
    /// The page that says so.
    parent: u64,
}

/// The tree that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tree {
    kind: Kind,
    widths: Widths,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its rows are our tables.
    Tables,
    /// Its rows are redb's own tables.
    SystemTables,
    /// One of redb's own tables, or one that nobody knows.
    Other,
    /// One of ours.
    Ours(&'static str, Content),
}

/// Reads from the image, unverified.
type Read<'r> = &'r dyn Fn(u64, &mut [u8]) -> io::Result<()>;

impl Watch {
    pub(crate) fn new(image_offset: u64) -> Self {
        Self {
            image_offset,
            ..Self::default()
        }
    }

    /// Reads for redb what is at `offset`, and verifies it if it is a page that is known.
    pub(crate) fn read(&self, offset: u64, out: &mut [u8], read: Read<'_>) -> io::Result<()> {
        let done = if offset == HEADER {
            self.read_header(out, read)
        } else {
            read(offset, out).and_then(|()| self.verify(offset, out, read))
        };
        done.map_err(|err| match err.kind() {
            io::ErrorKind::UnexpectedEof => self.fail(
                self.place(offset, "database image"),
                "the file ends before it",
            ),
            _ => err,
        })
    }

    /// Writes what redb has at `offset`. What was known of the pages there no longer holds.
    pub(crate) fn write(
        &self,
        offset: u64,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if offset == HEADER {
            return self.write_header(bytes, write);
        }
        let mut claims = self.claims();
        let end = offset.saturating_add(bytes.len() as u64);
        let mut page = offset;
        while page < end {
            claims.remove(&page);
            page = page.saturating_add(PAGE_LEN);
        }
        drop(claims);
        write(bytes)
    }

    /// Forgets the pages from `len` on, where the image ends from now on.
    pub(crate) fn cut(&self, len: u64) {
        self.claims().retain(|offset, _| *offset < len);
    }

    /// Fails if rows of the table may be missing, since one of its pages is damaged. Whoever
    /// finds nothing asks this afterwards.
    pub(crate) fn complete(&self, table: Table) -> Result<(), Damage> {
        let suspects = self.suspects();
        let found = suspects.iter().find(|(suspect, _)| *suspect == table);
        found.map_or(Ok(()), |(_, damage)| Err(damage.clone()))
    }

    /// What has made redb useless, if something has.
    pub(crate) fn first(&self) -> Option<&Damage> {
        self.first.get()
    }

    /// The same, if redb must not even be called any more.
    pub(crate) fn panicked(&self) -> Option<&Damage> {
        self.panicked.get().and_then(|()| self.first.get())
    }

    /// Takes down that redb panicked, and what it said.
    pub(crate) fn panic(&self, said: &str) -> Damage {
        let damage = Damage {
            place: "database image".to_owned(),
            message: format!("reading it failed: {said}"),
        };
        self.panicked.get_or_init(|| ());
        self.first.get_or_init(|| damage).clone()
    }

    /// Reads the header and learns the roots, as one step: were it taken up again later, the
    /// pages of the roots could be others.
    fn read_header(&self, out: &mut [u8], read: Read<'_>) -> io::Result<()> {
        let mut claims = self.claims();
        read(HEADER, out)?;
        if out.len() < HEADER_LEN {
            return Ok(());
        }
        // What it does not understand redb refuses by itself.
        let Ok(header) = Header::parse(out) else {
            return Ok(());
        };
        if let Err(message) = sound(&header) {
            return Err(self.fail(self.place(HEADER, "header of the database image"), message));
        }
        learn_roots(&mut claims, &header);
        Ok(())
    }

    fn write_header(
        &self,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut claims = self.claims();
        let Ok(header) = Header::parse(bytes) else {
            return write(bytes);
        };
        if !header.recovery_required && header.unpublished_is_newer() {
            // A commit that power loss cut off and that was given up. In a file that is closed it
            // would look like the last one.
            write(&header.without_unpublished(bytes))?;
        } else {
            write(bytes)?;
        }
        learn_roots(&mut claims, &header);
        Ok(())
    }

    fn verify(&self, offset: u64, page: &[u8], read: Read<'_>) -> io::Result<()> {
        let claim = self.claims().get(&offset).copied();
        let Some(claim) = claim.filter(|claim| claim.len == page.len() as u64) else {
            return Ok(());
        };
        let node = Node::parse(page, claim.tree.widths);
        match node {
            Ok(node) if node.checksum() == claim.checksum || seeded(Bug::DropChecksum) => {
                self.learn(offset, &node, claim.tree);
                Ok(())
            }
            _ if !self.is_proven(offset, claim, read) => {
                self.claims().remove(&offset);
                Ok(())
            }
            Ok(Node::Leaf(leaf)) if is_readable(leaf, claim.tree.kind) => {
                if let Kind::Ours(name, Content::Rows(table)) = claim.tree.kind {
                    self.suspect(table, self.place(offset, name));
                }
                Ok(())
            }
            Ok(_) => Err(self.fail(self.place_of(offset, claim), "its checksum does not match")),
            Err(message) => Err(self.fail(self.place_of(offset, claim), &message)),
        }
    }

    /// Learns what the pages below must be.
    fn learn(&self, offset: u64, node: &Node<'_>, tree: Tree) {
        let mut below = claims_of(offset, node, tree).peekable();
        if below.peek().is_none() {
            return;
        }
        let mut claims = self.claims();
        if claims.len() >= MAX_CLAIMS {
            claims.clear();
        }
        claims.extend(below);
    }

    /// Whether the file as it is now says by an unbroken chain of checksums that the page is not
    /// what it must be. What was learned of it may be out of date, and a false alarm would be
    /// worse than one that is missed.
    fn is_proven(&self, offset: u64, claim: Claim, read: Read<'_>) -> bool {
        let (mut offset, mut claim) = (offset, claim);
        if matches(offset, claim, read) {
            return false;
        }
        for _ in 0..MAX_DEPTH {
            if claim.parent == HEADER {
                let mut bytes = [0; HEADER_LEN];
                let header = read(HEADER, &mut bytes).map(|()| Header::parse(&bytes));
                return matches!(header, Ok(Ok(header))
                    if roots_of(&header).any(|root| root == (offset, claim)));
            }
            let parent = self.claims().get(&claim.parent).copied();
            let Some(parent) = parent else { return false };
            let Some(page) = page_of(claim.parent, parent, read) else {
                return false;
            };
            let says_so = Node::parse(&page, parent.tree.widths).is_ok_and(|node| {
                node.checksum() == parent.checksum
                    && claims_of(claim.parent, &node, parent.tree)
                        .any(|says| says == (offset, claim))
            });
            if !says_so {
                return false;
            }
            (offset, claim) = (claim.parent, parent);
        }
        false
    }

    fn suspect(&self, table: Table, place: String) {
        let damage = Damage {
            place,
            message: "its checksum does not match, so rows of it may be missing".to_owned(),
        };
        let mut suspects = self.suspects();
        if !suspects.iter().any(|(_, known)| *known == damage) {
            suspects.push((table, damage));
        }
    }

    fn fail(&self, place: String, message: &str) -> io::Error {
        let message = message.to_owned();
        let damage = Damage { place, message };
        self.first.get_or_init(|| damage.clone());
        io::Error::new(io::ErrorKind::InvalidData, damage)
    }

    fn place_of(&self, offset: u64, claim: Claim) -> String {
        self.place(offset, claim.tree.kind.name())
    }

    fn place(&self, offset: u64, name: &str) -> String {
        let offset = self.image_offset.saturating_add(offset);
        format!("{name}, page at byte {offset}")
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<u64, Claim>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suspects(&self) -> MutexGuard<'_, Vec<(Table, Damage)>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Tables => "tree of tables",
            Self::SystemTables => "tree of redb's own tables",
            Self::Other => "table of redb's own",
            Self::Ours(name, _) => name,
        }
    }
}

/// What must hold in a header besides the checksums of its slots. A file that has been closed
/// shows its last commit; in others a commit may be under way.
fn sound(header: &Header) -> Result<(), &'static str> {
    if header.geometry != Geometry::OF_NEW_IMAGES {
        return Err("its regions have another size than all images have");
    }
    let closed = !header.recovery_required;
    if closed && (header.primary_unflushed || header.unpublished_is_newer()) {
        return Err("the archive was closed, and this does not show its last commit");
    }
    Ok(())
}

fn learn_roots(claims: &mut HashMap<u64, Claim>, header: &Header) {
    claims.extend(roots_of(header));
}

/// What the roots must be that a reader is to see.
fn roots_of(header: &Header) -> impl Iterator<Item = (u64, Claim)> {
    let slot = header.published();
    let tree = |kind| Tree {
        kind,
        widths: Widths::OF_TABLES,
    };
    let roots = [
        (slot.tables, tree(Kind::Tables)),
        (slot.system_tables, tree(Kind::SystemTables)),
    ];
    let sound = slot.sound;
    roots
        .into_iter()
        .filter(move |_| sound)
        .filter_map(|(root, tree)| claim(root?.link, tree, HEADER))
}

/// What the pages must be that a page leads to.
fn claims_of<'n>(
    offset: u64,
    node: &Node<'n>,
    tree: Tree,
) -> Box<dyn Iterator<Item = (u64, Claim)> + 'n> {
    match *node {
        Node::Branch(branch) => Box::new(
            branch
                .links()
                .filter_map(move |link| claim(link, tree, offset)),
        ),
        Node::Leaf(leaf) if matches!(tree.kind, Kind::Tables | Kind::SystemTables) => Box::new(
            leaf.rows()
                .filter_map(move |(name, table)| claim_of_table(name, table, tree.kind, offset)),
        ),
        Node::Leaf(_) => Box::new(std::iter::empty()),
    }
}

fn claim_of_table(name: &[u8], table: &[u8], tables: Kind, parent: u64) -> Option<(u64, Claim)> {
    let table = TableRow::parse(table).ok()?;
    let ours = content_of(name).filter(|_| tables == Kind::Tables);
    let tree = Tree {
        kind: ours.map_or(Kind::Other, |(name, content)| Kind::Ours(name, content)),
        widths: table.widths,
    };
    claim(table.root?.link, tree, parent)
}

fn claim(link: Link, tree: Tree, parent: u64) -> Option<(u64, Claim)> {
    let range = Geometry::OF_NEW_IMAGES.range(link.page)?;
    let claim = Claim {
        checksum: link.checksum,
        len: range.end - range.start,
        tree,
        parent,
    };
    Some((range.start, claim))
}

/// Whether the page, read again, is what it must be.
fn matches(offset: u64, claim: Claim, read: Read<'_>) -> bool {
    page_of(offset, claim, read).is_some_and(|page| {
        Node::parse(&page, claim.tree.widths).is_ok_and(|node| node.checksum() == claim.checksum)
    })
}

fn page_of(offset: u64, claim: Claim, read: Read<'_>) -> Option<Vec<u8>> {
    let mut page = vec![0; usize::try_from(claim.len).ok()?];
    read(offset, &mut page).ok()?;
    Some(page)
}

/// Whether redb can read a leaf that is damaged without harm: each row proves itself when it is
/// read. One in which all rows do so is intact, but from another time or place, and fails as a
/// whole.
fn is_readable(leaf: Leaf<'_>, kind: Kind) -> bool {
    let Kind::Ours(_, content) = kind else {
        return false;
    };
    match content {
        Content::Runs(kind) => leaf.rows().any(|(key, run)| !is_run(kind, key, run)),
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

#[cfg(test)]
mod tests;
