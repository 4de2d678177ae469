//! The pages of a redb 4.6 image, as far as they are needed to verify them and to find rows in
//! them. Pure, no I/O, and no bytes make it panic.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_128;

/// The bytes of the image's header that have a meaning.
pub(crate) const HEADER_LEN: usize = 320;
/// The size of the smallest pages. redb opens no image that says otherwise.
pub(crate) const PAGE_LEN: u64 = 4096;
/// The largest pages have `PAGE_LEN << MAX_ORDER` bytes.
const MAX_ORDER: u8 = 20;
const MAX_REGION_PAGES: u32 = 1 << 20;
/// The version of redb's file format whose pages these are.
pub(crate) const FORMAT: u8 = 3;

pub(crate) const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
const SLOTS: usize = 64;
const SLOT_LEN: usize = 128;
const SLOT_CHECKSUM: usize = 112;
const LEAF: u8 = 1;
const BRANCH: u8 = 2;

/// The beginning of an image: how pages are found, and the roots of two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) geometry: Geometry,
    /// Whether the second slot is the newer commit, and not the first.
    second_is_primary: bool,
    /// Whether the last writer has not closed the image, or is still at work.
    pub(crate) recovery_required: bool,
    /// Whether the newer commit may not be on the disk yet, so that the older one counts.
    pub(crate) primary_unflushed: bool,
    slots: [Slot; 2],
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::new(bytes);
        if fields.array()? != MAGIC {
            return Err("it does not begin as a database does".to_owned());
        }
        let [flags, _, _] = fields.array()?;
        let page_len = fields.u32()?;
        if u64::from(page_len) != PAGE_LEN {
            return Err(format!("its pages have {page_len} bytes, not {PAGE_LEN}"));
        }
        let geometry = Geometry {
            region_header_pages: fields.u32()?,
            region_data_pages: fields.u32()?,
        };
        let slot = |number: usize| {
            let start = SLOTS + number * SLOT_LEN;
            let slot = bytes.get(start..start + SLOT_LEN);
            Slot::parse(slot.ok_or("it is cut short")?)
        };
        Ok(Self {
            geometry,
            second_is_primary: flags & 1 != 0,
            recovery_required: flags & 2 != 0,
            primary_unflushed: flags & 8 != 0,
            slots: [slot(0)?, slot(1)?],
        })
    }

    /// The slots of a header of which nothing else need be sound, one bit of each put right if
    /// that makes it so.
    pub(crate) fn sound_slots(bytes: &[u8]) -> Vec<Slot> {
        let slots = bytes.get(SLOTS..HEADER_LEN).unwrap_or_default();
        let slots = slots.chunks_exact(SLOT_LEN).filter_map(|slot| {
            let mut slot = slot.to_vec();
            let is_sound = |slot: &[u8]| Slot::parse(slot).is_ok_and(|slot| slot.sound);
            let bits = 0..8 * slot.len();
            let sound = is_sound(&slot) || mend_one_bit(&mut slot, bits, is_sound);
            Slot::parse(&slot).ok().filter(|_| sound)
        });
        slots.collect()
    }

    /// The newer commit, all of which is on the disk, though the header may not be yet.
    pub(crate) fn primary(&self) -> &Slot {
        self.slot(self.second_is_primary)
    }

    /// The commit that a reader is to see.
    pub(crate) fn published(&self) -> &Slot {
        self.slot(self.second_is_primary != self.primary_unflushed)
    }

    /// The one beside it, the commit before or the commit that is being made.
    pub(crate) fn unpublished(&self) -> &Slot {
        self.slot(self.second_is_primary == self.primary_unflushed)
    }

    /// Whether that one is a later commit than the published one.
    pub(crate) fn unpublished_is_newer(&self) -> bool {
        self.unpublished().sound && self.unpublished().transaction > self.published().transaction
    }

    /// The version of the format, if a commit says that it is another one.
    pub(crate) fn other_format(&self) -> Option<u8> {
        let mut sound = self.slots.iter().filter(|slot| slot.sound);
        sound
            .find(|slot| slot.format != FORMAT)
            .map(|slot| slot.format)
    }

    /// The bytes of this header with a checksum of the unpublished slot that does not match.
    pub(crate) fn without_unpublished(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let second = self.second_is_primary == self.primary_unflushed;
        let checksum = SLOTS + usize::from(second) * SLOT_LEN + SLOT_CHECKSUM;
        for byte in bytes.iter_mut().skip(checksum).take(16) {
            *byte = !*byte;
        }
        bytes
    }

    fn slot(&self, second: bool) -> &Slot {
        let [first_slot, second_slot] = &self.slots;
        if second { second_slot } else { first_slot }
    }
}

/// The roots of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Whether its checksum matches; if not, nothing in it means anything.
    pub(crate) sound: bool,
    format: u8,
    pub(crate) transaction: u64,
    /// The tree whose rows are the tables.
    pub(crate) tables: Option<Root>,
    /// The tree whose rows are redb's own tables.
    pub(crate) system_tables: Option<Root>,
}

impl Slot {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let checked = bytes.get(..SLOT_CHECKSUM).unwrap_or_default();
        let mut fields = Fields::new(bytes);
        let [format, has_tables, has_system_tables, _] = fields.array()?;
        let _padding: [u8; 4] = fields.array()?;
        let tables = fields.root(has_tables != 0)?;
        let system_tables = fields.root(has_system_tables != 0)?;
        let _unused: [u8; 32] = fields.array()?;
        let transaction = fields.u64()?;
        Ok(Self {
            sound: fields.u128()? == xxh3_128(checked),
            format,
            transaction,
            tables,
            system_tables,
        })
    }
}

/// Where the pages of an image are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    region_header_pages: u32,
    region_data_pages: u32,
}

impl Geometry {
    /// That of every image that redb 4.6 makes.
    pub(crate) const OF_NEW_IMAGES: Self = Self {
        region_header_pages: 0,
        region_data_pages: MAX_REGION_PAGES,
    };

    /// How many whole regions so many pages behind the header are, and how many pages are left.
    pub(crate) fn regions_of(self, pages: u64) -> Option<[u32; 2]> {
        let region_pages = u64::from(self.region_data_pages);
        let counts = [
            pages.checked_div(region_pages)?,
            pages.checked_rem(region_pages)?,
        ];
        let [regions, rest] = counts.map(u32::try_from);
        Some([regions.ok()?, rest.ok()?])
    }

    /// The bytes of the image that a page has, whether the image is that long or not.
    pub(crate) fn range(self, page: PageNumber) -> Option<Range<u64>> {
        let sound = page.order <= MAX_ORDER
            && (1..=MAX_REGION_PAGES).contains(&self.region_data_pages)
            && self.region_header_pages <= MAX_REGION_PAGES;
        if !sound {
            return None;
        }
        let region_pages = u64::from(self.region_header_pages) + u64::from(self.region_data_pages);
        let len = PAGE_LEN << page.order;
        // Numbers of 20 bits each and sizes of at most 32 bits: no sum or product overflows.
        let region = PAGE_LEN + u64::from(page.region) * region_pages * PAGE_LEN;
        let start =
            region + u64::from(self.region_header_pages) * PAGE_LEN + u64::from(page.index) * len;
        Some(start..start + len)
    }
}

/// Names a page: the number of its region, its place there counted in pages of its size, and the
/// power of two of that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PageNumber {
    region: u32,
    index: u32,
    order: u8,
}

impl PageNumber {
    fn from_bits(bits: u64) -> Self {
        const TWENTY_BITS: u64 = (1 << 20) - 1;
        let order = u8::try_from(bits >> 59).unwrap_or(u8::MAX);
        let low = |bits: u64| u32::try_from(bits & TWENTY_BITS).unwrap_or(u32::MAX);
        Self {
            region: low(bits >> 20),
            index: low(bits & (TWENTY_BITS >> order)),
            order,
        }
    }
}

/// A page and the checksum that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) page: PageNumber,
    pub(crate) checksum: u128,
}

impl Link {
    /// To whatever page has the checksum.
    pub(crate) fn to_anywhere(checksum: u128) -> Self {
        Self {
            page: PageNumber::from_bits(u64::MAX),
            checksum,
        }
    }

    /// The links of a branch that has so many, of which nothing else need be true.
    pub(crate) fn all_of(page: &[u8], count: usize) -> impl Iterator<Item = Self> {
        let numbers = Branch::CHECKSUMS + 16 * count;
        (0..count).map_while(move |number| {
            let checksum = read(page, Branch::CHECKSUMS + 16 * number)?;
            let page = read(page, numbers + 8 * number)?;
            Some(Self {
                page: PageNumber::from_bits(u64::from_le_bytes(page)),
                checksum: u128::from_le_bytes(checksum),
            })
        })
    }
}

/// The root of a tree and the number of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) link: Link,
    pub(crate) rows: u64,
}

/// How many bytes each key and each value of a tree has, if all have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Widths {
    pub(crate) key: Option<usize>,
    pub(crate) value: Option<usize>,
}

impl Widths {
    /// Those of the trees whose rows are tables.
    pub(crate) const OF_TABLES: Self = Self {
        key: None,
        value: None,
    };
}

/// A page of a tree. All that its offsets lead to is within the page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'p> {
    Leaf(Leaf<'p>),
    Branch(Branch<'p>),
}

impl<'p> Node<'p> {
    pub(crate) fn parse(page: &'p [u8], widths: Widths) -> Result<Self, String> {
        let mut fields = Fields::new(page);
        let [kind, _reserved] = fields.array()?;
        let count = usize::from(u16::from_le_bytes(fields.array()?));
        if count == 0 {
            return Err("it has no rows".to_owned());
        }
        match kind {
            LEAF => Leaf::parse(page, count, widths).map(Self::Leaf),
            BRANCH => Branch::parse(page, count, widths).map(Self::Branch),
            kind => Err(format!("there is no kind {kind} of pages")),
        }
    }

    /// The checksum that a link to this page has.
    pub(crate) fn checksum(&self) -> u128 {
        let page = match self {
            Self::Leaf(leaf) => leaf.page,
            Self::Branch(branch) => branch.page,
        };
        xxh3_128(page.get(..self.used_len()).unwrap_or_default())
    }

    /// How many bytes of the page mean something.
    pub(crate) fn used_len(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.values.end,
            Self::Branch(branch) => branch.keys.end,
        }
    }
}

/// A page with rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'p> {
    page: &'p [u8],
    keys: Parts,
    values: Parts,
}

impl<'p> Leaf<'p> {
    fn parse(page: &'p [u8], count: usize, widths: Widths) -> Result<Self, String> {
        let key_ends = 4;
        let value_ends = key_ends + array_len(count, widths.key);
        let keys_start = value_ends + array_len(count, widths.value);
        let keys = Parts::parse(page, count, widths.key, key_ends, keys_start)?;
        let values = Parts::parse(page, count, widths.value, value_ends, keys.end)?;
        Ok(Self { page, keys, values })
    }

    /// Where in the page the first value begins; the others follow it without a gap.
    pub(crate) fn values_start(&self) -> usize {
        self.values.start
    }

    /// Keys and values in the order in which they stand.
    pub(crate) fn rows(self) -> impl Iterator<Item = (&'p [u8], &'p [u8])> {
        self.keys.of(self.page).zip(self.values.of(self.page))
    }
}

/// A page with links to other pages and, between each two of them, a key that is not below those
/// behind the first link and below those behind the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch<'p> {
    page: &'p [u8],
    keys: Parts,
}

impl<'p> Branch<'p> {
    pub(crate) const CHECKSUMS: usize = 8;

    fn parse(page: &'p [u8], count: usize, widths: Widths) -> Result<Self, String> {
        let key_ends = Self::CHECKSUMS + 24 * (count + 1);
        let keys_start = key_ends + array_len(count, widths.key);
        let keys = Parts::parse(page, count, widths.key, key_ends, keys_start)?;
        Ok(Self { page, keys })
    }

    pub(crate) fn keys(self) -> impl Iterator<Item = &'p [u8]> {
        self.keys.of(self.page)
    }

    /// One more than there are keys.
    pub(crate) fn links(self) -> impl Iterator<Item = Link> {
        Link::all_of(self.page, self.keys.count + 1)
    }
}

/// Keys or values, one behind the other.
#[derive(Debug, Clone, Copy)]
struct Parts {
    count: usize,
    /// The bytes of each, or else the ends stand in an array.
    width: Option<usize>,
    ends: usize,
    start: usize,
    /// Where the last one ends.
    end: usize,
}

impl Parts {
    fn parse(
        page: &[u8],
        count: usize,
        width: Option<usize>,
        ends: usize,
        start: usize,
    ) -> Result<Self, String> {
        let mut this = Self {
            count,
            width,
            ends,
            start,
            end: start,
        };
        for number in 0..count {
            let end = this.end_of(page, number).ok_or("it is cut short")?;
            if end < this.end || end > page.len() {
                return Err(format!("row {number} ends at {end}, where it cannot"));
            }
            this.end = end;
        }
        Ok(this)
    }

    fn end_of(&self, page: &[u8], number: usize) -> Option<usize> {
        if let Some(width) = self.width {
            return width.checked_mul(number + 1)?.checked_add(self.start);
        }
        let end = read(page, self.ends + 4 * number)?;
        usize::try_from(u32::from_le_bytes(end)).ok()
    }

    fn of(self, page: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut start = self.start;
        (0..self.count).map_while(move |number| {
            let end = self.end_of(page, number)?;
            let part = page.get(start..end)?;
            start = end;
            Some(part)
        })
    }
}

/// The bytes of the array of ends, which parts of one width do not have.
fn array_len(count: usize, width: Option<usize>) -> usize {
    if width.is_some() { 0 } else { 4 * count }
}

/// What a table tree says of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableRow {
    /// `None` if the table is empty.
    pub(crate) root: Option<Root>,
    pub(crate) rows: u64,
    pub(crate) widths: Widths,
}

impl TableRow {
    const PLAIN_TABLE: u8 = 3;

    /// Reads the value of a row; its key is the table's name.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::new(value);
        let [kind] = fields.array()?;
        if kind != Self::PLAIN_TABLE {
            return Err(format!("there is no kind {kind} of tables"));
        }
        let rows = fields.u64()?;
        let [has_root] = fields.array()?;
        Ok(Self {
            rows,
            root: fields.root(has_root != 0)?,
            widths: Widths {
                key: fields.width()?,
                value: fields.width()?,
            },
        })
    }
}

/// Changes one of the bits such that the bytes are sound, if there is such a one.
pub(crate) fn mend_one_bit(
    bytes: &mut [u8],
    mut bits: Range<usize>,
    is_sound: impl Fn(&[u8]) -> bool,
) -> bool {
    bits.any(|bit| {
        flip(bytes, bit);
        let sound = is_sound(bytes);
        if !sound {
            flip(bytes, bit);
        }
        sound
    })
}

fn flip(bytes: &mut [u8], bit: usize) {
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}

/// Reads fields one after the other.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (field, rest) = self.0.split_first_chunk().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn u128(&mut self) -> Result<u128, String> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    fn root(&mut self, is_there: bool) -> Result<Option<Root>, String> {
        let page = PageNumber::from_bits(self.u64()?);
        let checksum = self.u128()?;
        let rows = self.u64()?;
        let link = Link { page, checksum };
        Ok(is_there.then_some(Root { link, rows }))
    }

    fn width(&mut self) -> Result<Option<usize>, String> {
        let [is_fixed] = self.array()?;
        let width = usize::try_from(self.u32()?).map_err(|err| err.to_string())?;
        Ok((is_fixed != 0).then_some(width))
    }
}

fn read<const N: usize>(page: &[u8], at: usize) -> Option<[u8; N]> {
    page.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
