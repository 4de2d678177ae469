//! Where the pages of an image are, and the links to them.

use std::ops::Range;

/// The size of the smallest pages. redb opens no image that says otherwise.
pub(crate) const PAGE_LEN: u64 = 4096;

/// The largest pages have `PAGE_LEN << MAX_ORDER` bytes.
const MAX_ORDER: u8 = 20;

const MAX_REGION_PAGES: u32 = 1 << 20;

/// Where the pages of an image are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(super) region_header_pages: u32,
    pub(super) region_data_pages: u32,
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
    pub(super) fn from_bits(bits: u64) -> Self {
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
}

/// The root of a tree and the number of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) link: Link,
    pub(crate) rows: u64,
}
