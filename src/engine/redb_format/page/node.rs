//! The pages of a tree: leaves with rows, and branches with links.

use xxhash_rust::xxh3::xxh3_128;

use super::fields::{Fields, read};
use super::link::{Link, PageNumber};

const LEAF: u8 = 1;
const BRANCH: u8 = 2;

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
    pub(super) keys: Parts,
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
    pub(super) keys: Parts,
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
pub(super) struct Parts {
    pub(super) count: usize,
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

impl Link {
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
