//! The header of an image: how pages are found, and the roots of two commits.

use xxhash_rust::xxh3::xxh3_128;

use super::fields::Fields;
use super::link::{Geometry, PAGE_LEN, Root};
use super::mend::mend_one_bit;

/// The bytes of the image's header that have a meaning.
pub(crate) const HEADER_LEN: usize = 320;

/// The version of redb's file format whose pages these are.
pub(crate) const FORMAT: u8 = 3;

pub(crate) const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

const SLOTS: usize = 64;
const SLOT_LEN: usize = 128;
const SLOT_CHECKSUM: usize = 112;

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
