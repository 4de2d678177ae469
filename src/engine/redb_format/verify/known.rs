//! What is known of the pages of an open image: the checksums that pages above told of, what redb
//! itself wrote, and the roots of the commits that somebody may still read.

use std::collections::{BTreeMap, HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_128;

use crate::engine::redb_format::page::{Header, PAGE_LEN};
use crate::engine::redb_format::verify::tree::{At, Claim, Kind, roots_of};

/// How many pages are remembered. Beyond that they are forgotten, and what a page must be is
/// looked for from the roots down.
const MAX_PAGES: usize = 1 << 18;

/// What a page must be, by whoever told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The page above, which was itself what it must be.
    Claimed(Claim),
    /// redb wrote it.
    Written(Written),
}

/// A page as redb wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Of all its bytes: where the used ones end only its tree tells.
    checksum: u128,
    len: u64,
    /// How many commits had been seen by then. Until the next one no root leads to it.
    commits: u64,
}

impl Known {
    fn len(&self) -> u64 {
        match self {
            Self::Claimed(claim) => claim.len,
            Self::Written(written) => written.len,
        }
    }
}

impl Written {
    /// Whether the page is still as it was written.
    pub(super) fn is(&self, page: &[u8]) -> bool {
        self.checksum == xxh3_128(page)
    }
}

#[derive(Debug)]
pub(super) struct Pages {
    known: HashMap<u64, Known>,
    limit: usize,
    /// How many of them were left when the others were forgotten.
    kept: usize,
    commits: Commits,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            limit: MAX_PAGES,
            kept: 0,
            commits: Commits::default(),
        }
    }
}

impl Pages {
    /// What is known of the page that begins there and has that many bytes.
    pub(super) fn get(&self, offset: u64, len: usize) -> Option<Known> {
        let known = self.known.get(&offset).copied();
        known.filter(|known| known.len() == len as u64)
    }

    pub(super) fn learn(&mut self, claims: impl IntoIterator<Item = At>) {
        if self.known.len() >= self.limit.max(2 * self.kept) {
            self.forget();
        }
        let claims = claims.into_iter();
        self.known
            .extend(claims.map(|(offset, claim)| (offset, Known::Claimed(claim))));
    }

    /// Learns the roots of the commit that a reader is to see.
    pub(super) fn learn_roots(&mut self, header: &Header) {
        self.commits.learn(header);
        self.learn(roots_of(header.published()));
    }

    /// Takes down what redb wrote. What was known of the pages there no longer holds.
    pub(super) fn written(&mut self, offset: u64, page: &[u8]) {
        let end = offset.saturating_add(page.len() as u64);
        let mut inner = offset;
        while inner < end {
            self.known.remove(&inner);
            inner = inner.saturating_add(PAGE_LEN);
        }
        let written = Written {
            checksum: xxh3_128(page),
            len: page.len() as u64,
            commits: self.commits.seen,
        };
        self.known.insert(offset, Known::Written(written));
    }

    /// Forgets the pages from `len` on, where the image ends from now on.
    pub(super) fn cut(&mut self, len: u64) {
        self.known.retain(|offset, _| *offset < len);
    }

    /// Forgets all but what is to be found nowhere else: pages that no commit leads to yet.
    pub(super) fn forget(&mut self) {
        let seen = self.commits.seen;
        self.known
            .retain(|_, known| matches!(known, Known::Written(written) if written.commits == seen));
        self.kept = self.known.len();
    }

    #[cfg(test)]
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(super) fn commits(&mut self) -> &mut Commits {
        &mut self.commits
    }
}

/// The roots of the commits that somebody may still read, the newest last.
#[derive(Debug, Default)]
pub(super) struct Commits {
    kept: VecDeque<Commit>,
    /// How many there have been.
    seen: u64,
    /// The commit that the header has beside the one that counts. redb takes it where the other
    /// one was not written whole.
    beside: Vec<At>,
    /// The commit that each reader reads, by the number of its pin.
    pins: BTreeMap<u64, u64>,
    next_pin: u64,
}

#[derive(Debug)]
struct Commit {
    number: u64,
    transaction: u64,
    roots: Vec<At>,
}

impl Commits {
    fn learn(&mut self, header: &Header) {
        self.beside = roots_of(header.unpublished());
        let slot = header.published();
        let roots = roots_of(slot);
        let is_known = self
            .kept
            .back()
            .is_some_and(|newest| newest.transaction == slot.transaction && newest.roots == roots);
        if is_known || !slot.sound {
            return;
        }
        self.seen += 1;
        self.kept.push_back(Commit {
            number: self.seen,
            transaction: slot.transaction,
            roots,
        });
        self.prune();
    }

    /// The number of redb's transaction that is the newest one seen.
    pub(super) fn newest(&self) -> u64 {
        self.kept.back().map_or(0, |newest| newest.transaction)
    }

    /// The roots of each, the newest first. Of older ones those of redb's own tables are left out:
    /// their pages are used again at once, since nobody reads them.
    pub(super) fn roots(&self) -> Vec<Vec<At>> {
        let is_kept = |(_, root): &At| root.tree.kind != Kind::SystemTables;
        let kept = self.kept.iter().rev().enumerate().map(|(age, commit)| {
            let roots = commit.roots.iter().copied();
            roots.filter(|root| age == 0 || is_kept(root)).collect()
        });
        kept.chain([self.beside.clone()]).collect()
    }

    /// Keeps the newest commit, which somebody begins to read.
    pub(super) fn begin(&mut self) -> u64 {
        let pin = self.next_pin;
        self.next_pin += 1;
        self.pins.insert(pin, self.seen);
        pin
    }

    /// Whether it is still the newest one.
    pub(super) fn is_newest(&self, pin: u64) -> bool {
        self.pins.get(&pin) == Some(&self.seen)
    }

    pub(super) fn end(&mut self, pin: u64) {
        self.pins.remove(&pin);
        self.prune();
    }

    /// Forgets the commits that nobody reads: their pages may be used again, so what they say of
    /// a page may no longer be so.
    fn prune(&mut self) {
        let (pins, seen) = (&self.pins, self.seen);
        self.kept.retain(|commit| {
            commit.number == seen || pins.values().any(|pinned| *pinned == commit.number)
        });
    }
}
