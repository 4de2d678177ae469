//! Scrubbing an image: every byte that belongs to no live page becomes zero, as do the bytes of
//! live pages behind their used part. What is live the last commit says, each page with its
//! checksum, so that nothing is taken for free because a page could not be read.

use std::ops::Range;

use redb::StorageBackend;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::ArchiveFile;
use crate::engine::redb_format::page::{
    HEADER_LEN, Header, Link, Node, PAGE_LEN, Slot, TableRow, Widths,
};

/// No tree is deeper.
const MAX_DEPTH: u32 = 32;
/// The fewest pages at the end that are given back.
const MIN_END_PAGES: u64 = 64;
/// So much is read and written at once where nothing is live.
const CHUNK_BYTES: u64 = 1 << 20;

/// The last commit of the image, which nobody may change while this is used.
pub(crate) struct Wipe<'f> {
    file: &'f ArchiveFile,
    header: Header,
    pages: u64,
    /// One bit for each page of 4 KiB.
    live: Vec<u64>,
    done: u64,
    progress: &'f mut dyn FnMut(u64, u64),
}

impl<'f> Wipe<'f> {
    pub(crate) fn new(
        file: &'f ArchiveFile,
        progress: &'f mut dyn FnMut(u64, u64),
    ) -> Outcome<Self> {
        let pages = file.len()?.saturating_sub(file.image_offset()) / PAGE_LEN;
        let mut header = [0; HEADER_LEN];
        file.storage().read(file.image_offset(), &mut header)?;
        let header = Header::parse(&header).map_err(|message| damaged(0, message))?;
        if !header.published().sound || header.primary_unflushed {
            return Err(damaged(0, "its last commit was not ended"));
        }
        let words = usize::try_from(pages / 64 + 1).map_err(std::io::Error::other)?;
        let mut this = Self {
            file,
            header,
            pages,
            live: vec![0; words],
            done: 0,
            progress,
        };
        this.mark(0..PAGE_LEN);
        Ok(this)
    }

    /// The number of the last commit.
    pub(crate) fn transaction(&self) -> u64 {
        self.header.published().transaction
    }

    /// Does it. Nothing is written before all that is live has been found. Tells whether the end of the
    /// image is free, and so long that giving it back is worth the pages that a commit takes.
    pub(crate) fn run(mut self) -> Outcome<bool> {
        let Slot {
            tables,
            system_tables,
            ..
        } = self.header.published().clone();
        for root in [tables, system_tables].into_iter().flatten() {
            self.walk_tables(root.link)?;
        }
        if !seeded(Bug::KeepFreePages) {
            self.clear_free_pages()?;
        }
        (self.progress)(self.pages, self.pages);
        let free_at_the_end = (0..self.pages)
            .rev()
            .take_while(|page| !self.is_live(*page));
        let free_at_the_end = free_at_the_end.count() as u64;
        Ok(free_at_the_end >= MIN_END_PAGES.max(self.pages / 16))
    }

    /// Leaves the image as it is.
    pub(crate) fn leave(self) {
        (self.progress)(self.pages, self.pages);
    }

    /// A tree whose rows are tables, and those.
    fn walk_tables(&mut self, root: Link) -> Outcome<()> {
        let mut tables = Vec::new();
        self.walk(root, Widths::OF_TABLES, 0, &mut |row| {
            tables.push(TableRow::parse(row)?);
            Ok(())
        })?;
        for table in tables {
            if let Some(root) = table.root {
                self.walk(root.link, table.widths, 0, &mut |_| Ok(()))?;
            }
        }
        Ok(())
    }

    /// Marks the pages of a tree, and calls `each` with its rows.
    fn walk(
        &mut self,
        link: Link,
        widths: Widths,
        depth: u32,
        each: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Outcome<()> {
        let range = self.header.geometry.range(link.page);
        let range = range.ok_or_else(|| damaged(0, "a link leads nowhere"))?;
        let start = range.start;
        if depth > MAX_DEPTH || range.end > self.pages * PAGE_LEN {
            return Err(damaged(start, "a page is not where its link says"));
        }
        let len = usize::try_from(range.end - start).map_err(std::io::Error::other)?;
        let mut page = vec![0; len];
        self.read(start, &mut page)?;
        let node = Node::parse(&page, widths).map_err(|message| damaged(start, message))?;
        if node.checksum() != link.checksum {
            return Err(damaged(start, "its checksum does not match"));
        }
        self.mark(range.clone());
        let used = start + node.used_len() as u64;
        self.clear(used..range.end)?;
        match node {
            Node::Leaf(leaf) => leaf
                .rows()
                .try_for_each(|(_, row)| each(row))
                .map_err(|message| damaged(start, message)),
            Node::Branch(branch) => branch
                .links()
                .try_for_each(|link| self.walk(link, widths, depth + 1, each)),
        }
    }

    fn mark(&mut self, range: Range<u64>) {
        for page in (range.start / PAGE_LEN)..(range.end / PAGE_LEN) {
            let word = usize::try_from(page / 64).ok();
            if let Some(word) = word.and_then(|word| self.live.get_mut(word)) {
                *word |= 1 << (page % 64);
            }
            self.done += 1;
        }
        (self.progress)(self.done, self.pages);
    }

    /// Whether a page is live; what the bits do not reach counts as live.
    fn is_live(&self, page: u64) -> bool {
        let word = usize::try_from(page / 64).ok();
        let word = word.and_then(|word| self.live.get(word));
        word.is_none_or(|word| word >> (page % 64) & 1 == 1)
    }

    fn clear_free_pages(&mut self) -> Outcome<()> {
        let mut page = 0;
        while page < self.pages {
            let start = page;
            while page < self.pages
                && !self.is_live(page)
                && (page - start) * PAGE_LEN < CHUNK_BYTES
            {
                page += 1;
            }
            if page == start {
                page += 1;
                continue;
            }
            self.clear(start * PAGE_LEN..page * PAGE_LEN)?;
            self.done += page - start;
            (self.progress)(self.done, self.pages);
        }
        Ok(())
    }

    /// Makes these bytes zero. Where they are, nothing is written: it may be a hole, which takes no
    /// room on the disk.
    fn clear(&self, range: Range<u64>) -> Outcome<()> {
        const BLOCK: usize = 4096;
        let len = range.end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(len).map_err(std::io::Error::other)?];
        self.read(range.start, &mut bytes)?;
        let mut at = self.file.image_offset() + range.start;
        let blocks = bytes.chunks(BLOCK);
        for written in blocks
            .collect::<Vec<_>>()
            .chunk_by(|one, next| has_bytes(one) == has_bytes(next))
        {
            let len = written.iter().map(|block| block.len()).sum();
            if written.first().is_some_and(|block| has_bytes(block)) {
                self.file.storage().write(at, &vec![0; len])?;
            }
            at += len as u64;
        }
        Ok(())
    }

    fn read(&self, at: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.file.storage().read(self.file.image_offset() + at, out)
    }
}

/// The number of the last commit of an image that others may be changing; `None` if they are at its
/// header.
pub(crate) fn last_transaction(file: &ArchiveFile) -> Outcome<Option<u64>> {
    let mut header = [0; HEADER_LEN];
    file.storage().read(file.image_offset(), &mut header)?;
    let header = Header::parse(&header).ok();
    Ok(header.map(|header| header.published().transaction))
}

fn has_bytes(block: &[u8]) -> bool {
    block.iter().any(|byte| *byte != 0)
}

fn damaged(at: u64, message: impl Into<String>) -> Fault {
    Fault::damaged(format!("database image, page at byte {at}"), message)
}

/// Makes these bytes of a file zero.
pub(crate) fn zero(file: &dyn StorageBackend, range: Range<u64>) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut at = range.start;
    while at < range.end {
        let len = usize::try_from(range.end - at).unwrap_or(zeros.len());
        let part = zeros.get(..len.min(zeros.len())).unwrap_or(&zeros);
        file.write(at, part)?;
        at += part.len() as u64;
    }
    Ok(())
}
