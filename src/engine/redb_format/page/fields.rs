//! Reads the fields of pages and rows, one after the other or at a place.

use super::link::{Link, PageNumber, Root};

/// Reads fields one after the other.
pub(super) struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (field, rest) = self.0.split_first_chunk().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*field)
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn u128(&mut self) -> Result<u128, String> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    pub(super) fn root(&mut self, is_there: bool) -> Result<Option<Root>, String> {
        let page = PageNumber::from_bits(self.u64()?);
        let checksum = self.u128()?;
        let rows = self.u64()?;
        let link = Link { page, checksum };
        Ok(is_there.then_some(Root { link, rows }))
    }

    pub(super) fn width(&mut self) -> Result<Option<usize>, String> {
        let [is_fixed] = self.array()?;
        let width = usize::try_from(self.u32()?).map_err(|err| err.to_string())?;
        Ok((is_fixed != 0).then_some(width))
    }
}

pub(super) fn read<const N: usize>(page: &[u8], at: usize) -> Option<[u8; N]> {
    page.get(at..)?.first_chunk().copied()
}
