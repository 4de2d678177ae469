//! Reading pages of an image without redb. A page that cannot be read is a damaged one, unless the
//! caller asks why.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;

use redb::StorageBackend;

use crate::engine::model::compress::MAX_UNPACKED_BYTES;
use crate::engine::redb_format::page::{Geometry, HEADER_LEN, Link, Node, PAGE_LEN, Widths};

/// The most that a page is read for: that of the largest entry, whose row is a little longer than the
/// power of two that the entry may be.
const MAX_PAGE_BYTES: u64 = 2 * MAX_UNPACKED_BYTES as u64;

/// The part of a file that is redb's.
pub(super) struct Image<'f> {
    file: &'f dyn StorageBackend,
    /// Where in the file it begins.
    start: u64,
    len: u64,
    pub(super) geometry: Geometry,
    /// Where pages with a given checksum are, for each kind of tree that was asked for.
    places: RefCell<HashMap<Widths, HashMap<u128, u64>>>,
    /// What the system said when something first could not be read.
    refused: RefCell<Option<io::Error>>,
}

/// The used bytes of a page, and where in the image they stand.
pub(super) struct Page {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

impl<'f> Image<'f> {
    pub(super) fn new(file: &'f dyn StorageBackend, start: u64, file_len: u64) -> Self {
        Self {
            file,
            start,
            len: file_len.saturating_sub(start),
            geometry: Geometry::OF_NEW_IMAGES,
            places: RefCell::default(),
            refused: RefCell::default(),
        }
    }

    /// The same image, of which other things may be assumed.
    pub(super) fn new_like(other: &Self) -> Self {
        Self {
            places: RefCell::default(),
            refused: RefCell::default(),
            ..*other
        }
    }

    /// Where in the file a byte of the image is.
    pub(super) fn in_file(&self, at: u64) -> u64 {
        self.start + at
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The header, or less if the image is shorter.
    pub(super) fn header(&self) -> Vec<u8> {
        self.read(0, (HEADER_LEN as u64).min(self.len))
            .unwrap_or_default()
    }

    /// Bytes of the image, if it has that many there.
    pub(super) fn read(&self, at: u64, len: u64) -> Option<Vec<u8>> {
        if at.checked_add(len)? > self.len {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        match self.file.read(self.start + at, &mut bytes) {
            Ok(()) => Some(bytes),
            Err(err) => {
                self.refused.borrow_mut().get_or_insert(err);
                None
            }
        }
    }

    /// Fails if something could not be read since the system refused, which is no damage: what is
    /// wrong with the disk may pass, and `recover` does without what it cannot read.
    pub(super) fn must_have_been_read(&self) -> io::Result<()> {
        match self.refused.take() {
            Some(err) if err.kind() != io::ErrorKind::UnexpectedEof => Err(err),
            _ => Ok(()),
        }
    }

    /// The page that the link leads to, wherever in the image a page with its checksum is.
    pub(super) fn sound_page(&self, link: Link, widths: Widths) -> Option<Page> {
        self.exact_page(link, widths)
            .or_else(|| self.moved_page(link.checksum, widths))
    }

    /// The page that the link leads to, if it has its checksum.
    pub(super) fn exact_page(&self, link: Link, widths: Widths) -> Option<Page> {
        let range = self.geometry.range(link.page)?;
        let (page, checksum) = self.node_at(range.start, range.end, widths)?;
        (checksum == link.checksum).then_some(page)
    }

    /// Where the link leads.
    pub(super) fn place_of(&self, link: Link) -> Option<u64> {
        self.geometry.range(link.page).map(|range| range.start)
    }

    /// The bytes that stand where a link leads, whatever they are.
    pub(super) fn bytes_of(&self, link: Link) -> Option<Page> {
        let range = self.geometry.range(link.page)?;
        let end = range.end.min(self.len);
        let len = end.checked_sub(range.start)?.min(MAX_PAGE_BYTES);
        Some(Page {
            at: range.start,
            bytes: self.read(range.start, len)?,
        })
    }

    /// The checksum of the page that stands where the link leads.
    pub(super) fn checksum_at(&self, link: Link, widths: Widths) -> Option<u128> {
        let range = self.geometry.range(link.page)?;
        Some(self.node_at(range.start, range.end, widths)?.1)
    }

    /// The page that begins here and ends before `end`, if there is one, with its checksum.
    pub(super) fn node_at(&self, at: u64, end: u64, widths: Widths) -> Option<(Page, u128)> {
        let first = self.read(at, PAGE_LEN.min(self.len.checked_sub(at)?))?;
        let used = self.used_len(at, &first, widths)?;
        if used > end.checked_sub(at)?.min(MAX_PAGE_BYTES) {
            return None;
        }
        let bytes = match usize::try_from(used).ok()? {
            used if used <= first.len() => first.get(..used)?.to_vec(),
            _ => self.read(at, used)?,
        };
        let checksum = Node::parse(&bytes, widths).ok()?.checksum();
        Some((Page { at, bytes }, checksum))
    }

    /// How many bytes a page would have, by the end of its last value or key.
    fn used_len(&self, at: u64, first: &[u8], widths: Widths) -> Option<u64> {
        let [kind, _, low, high] = *first.first_chunk()?;
        let count = u64::from(u16::from_le_bytes([low, high]));
        let last = count.checked_sub(1)?;
        let key_ends = if widths.key.is_none() { 4 * count } else { 0 };
        let end_at = match (kind, widths.key) {
            (1, _) => 4 + key_ends + 4 * last,
            (2, Some(width)) => return Some(8 + 24 * (count + 1) + width as u64 * count),
            (2, None) => 8 + 24 * (count + 1) + 4 * last,
            _ => return None,
        };
        let end = self.read(at.checked_add(end_at)?, 4)?;
        Some(u64::from(u32::from_le_bytes(*end.first_chunk()?)))
    }

    fn moved_page(&self, checksum: u128, widths: Widths) -> Option<Page> {
        let mut places = self.places.borrow_mut();
        let places = places.entry(widths).or_insert_with(|| {
            self.pages(widths)
                .map(|(page, sum)| (sum, page.at))
                .collect()
        });
        let at = *places.get(&checksum)?;
        Some(self.node_at(at, self.len, widths)?.0)
    }

    /// All places where a page could stand that has the form of one, with their checksums.
    pub(super) fn pages(&self, widths: Widths) -> impl Iterator<Item = (Page, u128)> {
        let places = (1..self.len.div_ceil(PAGE_LEN)).map(|page| page * PAGE_LEN);
        places.filter_map(move |at| self.node_at(at, self.len, widths))
    }
}
