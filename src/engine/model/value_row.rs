//! The rows of shared values: of each value how many runs use it and which group it is in, and of each group its
//! values, plain or as one zstd frame, cut into pieces that fill their pages. Pure, no I/O.
//!
//! Values lie in groups since each is smaller among its like than alone.

use std::ops::RangeInclusive;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::model::compress::{self, MAX_UNPACKED_BYTES};
use crate::engine::model::page_fit::chunk_lens;
use crate::engine::model::row::{Reader, seal, unseal};
use crate::engine::model::shared_value::{ValueName, fingerprint};
use crate::engine::model::table::Table;

/// The number that the head of a group stands under; the pieces follow.
pub(crate) const HEAD: u64 = 0;
/// What the content of a piece begins with, so that it can be told wherever it is found.
pub(crate) const PIECE: [u8; 4] = *b"sVal";
/// The checksum of a piece, the mark, the group, and the number and length of the piece.
const PIECE_HEADER_BYTES: usize = 36;
/// A value in the head of its group: its name and its length.
const LISTED_BYTES: usize = ValueName::BYTES + 4;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueUse {
    /// How many runs have it.
    pub(crate) runs: u64,
    /// The group that it is in.
    pub(crate) group: Uuid,
}

impl ValueUse {
    pub(crate) fn seal(&self, name: &ValueName) -> Vec<u8> {
        let content = [&self.runs.to_le_bytes()[..], self.group.as_bytes()].concat();
        seal(Table::Values, &name.0, &content)
    }

    pub(crate) fn unseal(name: &ValueName, row: &[u8]) -> Result<Self, String> {
        let mut fields = Reader::new(unseal(Table::Values, &name.0, row)?);
        let (runs, group) = (fields.u64()?, fields.uuid()?);
        Ok(Self { runs, group })
    }
}

/// What the head of a group says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupHead {
    /// The bytes of all its values, and of all pieces, and the XXH3 of these.
    len: u64,
    stored_len: u64,
    checksum: u64,
    pieces: u32,
    encoding: u8,
    /// Its values in their order, and how long each is.
    pub(crate) values: Vec<(ValueName, u32)>,
}

impl GroupHead {
    fn seal(&self, group: Uuid) -> Vec<u8> {
        let mut content = Vec::with_capacity(29 + LISTED_BYTES * self.values.len());
        for field in [self.len, self.stored_len, self.checksum] {
            content.extend_from_slice(&field.to_le_bytes());
        }
        content.extend_from_slice(&self.pieces.to_le_bytes());
        content.push(self.encoding);
        for (name, len) in &self.values {
            content.extend_from_slice(&name.0);
            content.extend_from_slice(&len.to_le_bytes());
        }
        seal(Table::Groups, &key_bytes(group, HEAD), &content)
    }

    pub(crate) fn unseal(group: Uuid, row: &[u8]) -> Result<Self, String> {
        let content = unseal(Table::Groups, &key_bytes(group, HEAD), row)?;
        let mut fields = Reader::new(content);
        let (len, stored_len, checksum) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (pieces, encoding) = (fields.u32()?, fields.u8()?);
        let mut values = Vec::new();
        for _ in 0..content.len() / LISTED_BYTES {
            match fields.array() {
                Ok(name) => values.push((ValueName(name), fields.u32()?)),
                Err(_) => break,
            }
        }
        let sum: u64 = values.iter().map(|(_, len)| u64::from(*len)).sum();
        if encoding > ZSTD || len > MAX_UNPACKED_BYTES as u64 || sum != len {
            return Err("its head names what no group has".to_owned());
        }
        Ok(Self {
            len,
            stored_len,
            checksum,
            pieces,
            encoding,
            values,
        })
    }

    /// The numbers that its pieces stand under.
    pub(crate) fn numbers(&self) -> RangeInclusive<u64> {
        HEAD + 1..=HEAD + u64::from(self.pieces)
    }

    /// The values, of the pieces in their order.
    pub(crate) fn unpack(self, pieces: &[&[u8]]) -> Result<Group, String> {
        let stored = pieces.concat();
        if stored.len() as u64 != self.stored_len || xxh3_64(&stored) != self.checksum {
            return Err("its pieces do not belong together".to_owned());
        }
        let len = usize::try_from(self.len).map_err(|err| err.to_string())?;
        let bytes = match self.encoding {
            PLAIN => stored,
            _ => compress::decompress(&stored, len)?,
        };
        if bytes.len() != len {
            return Err("its values are not as long as its head says".to_owned());
        }
        Ok(Group {
            values: self.values,
            bytes,
        })
    }
}

/// Some values.
#[derive(Debug)]
pub(crate) struct Group {
    values: Vec<(ValueName, u32)>,
    bytes: Vec<u8>,
}

impl Group {
    /// All of them, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = (ValueName, &[u8])> {
        let mut rest = &self.bytes[..];
        self.values.iter().map(move |(name, len)| {
            let (value, behind) = rest.split_at_checked(*len as usize).unwrap_or((rest, &[]));
            rest = behind;
            (*name, value)
        })
    }

    pub(crate) fn value(&self, name: &ValueName) -> Result<&[u8], String> {
        let value = self.values().find(|(other, _)| other == name);
        let (_, value) = value.ok_or("its group does not have it")?;
        let is_it = fingerprint(value) == name.fingerprint();
        is_it
            .then_some(value)
            .ok_or_else(|| "it is not what it is called".to_owned())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of a piece, if its row is what it must be.
pub(crate) fn piece(group: Uuid, number: u64, row: &[u8]) -> Result<&[u8], String> {
    let content = unseal(Table::Groups, &key_bytes(group, number), row)?;
    let header = PIECE_HEADER_BYTES - 8;
    let piece = read_piece(content).filter(|piece| piece.bytes.len() + header == content.len());
    let piece = piece.filter(|piece| piece.group == group && u64::from(piece.number) == number);
    let piece = piece.ok_or_else(|| "it is no piece of this group".to_owned())?;
    Ok(piece.bytes)
}

/// A piece as it tells of itself.
pub(crate) struct Piece<'r> {
    pub(crate) group: Uuid,
    pub(crate) number: u32,
    pub(crate) bytes: &'r [u8],
}

/// The piece that the bytes begin with.
fn read_piece(bytes: &[u8]) -> Option<Piece<'_>> {
    let mut fields = Reader::new(bytes.strip_prefix(&PIECE)?);
    let (group, number, len) = (fields.uuid().ok()?, fields.u32().ok()?, fields.u32().ok()?);
    let bytes = fields.rest().get(..len as usize)?;
    Some(Piece {
        group,
        number,
        bytes,
    })
}

/// All pieces that stand anywhere in these bytes.
#[cfg(feature = "_testing")]
pub(crate) fn pieces_in(bytes: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let marks = memchr::memmem::find_iter(bytes, &PIECE);
    marks.filter_map(|mark| read_piece(bytes.get(mark..)?))
}

/// The rows of a group with these values, each by the number that it stands under; `level` is that of zstd.
pub(crate) fn group_rows(
    group: Uuid,
    values: &[(ValueName, Vec<u8>)],
    level: Option<i32>,
) -> Vec<(u64, Vec<u8>)> {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|(_, value)| value)
        .copied()
        .collect();
    let framed = level.and_then(|level| compress::compress(&[], &bytes, level));
    let framed = framed.filter(|frame| frame.len() < bytes.len());
    let encoding = if framed.is_some() { ZSTD } else { PLAIN };
    let len = bytes.len() as u64;
    let stored = framed.unwrap_or(bytes);
    let lens = chunk_lens(stored.len(), usize::MAX, [PIECE_HEADER_BYTES; 2]);
    let listed = |(name, value): &(ValueName, Vec<u8>)| {
        (*name, u32::try_from(value.len()).unwrap_or(u32::MAX))
    };
    let head = GroupHead {
        len,
        stored_len: stored.len() as u64,
        checksum: xxh3_64(&stored),
        pieces: u32::try_from(lens.len()).unwrap_or(u32::MAX),
        encoding,
        values: values.iter().map(listed).collect(),
    };
    let mut rows = vec![(HEAD, head.seal(group))];
    let mut rest = &stored[..];
    for (number, len) in (1_u32..).zip(lens) {
        let (bytes, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        rest = behind;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let place = number.to_le_bytes();
        let content = [&PIECE[..], group.as_bytes(), &place, &len, bytes].concat();
        let number = u64::from(number);
        rows.push((
            number,
            seal(Table::Groups, &key_bytes(group, number), &content),
        ));
    }
    rows
}

/// The bytes of a row's key, as they are in a page.
pub(crate) fn key_bytes(group: Uuid, number: u64) -> Vec<u8> {
    let nothing = Uuid::nil();
    [
        &group.as_bytes()[..],
        nothing.as_bytes(),
        &number.to_le_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_group_reads_back_and_any_flipped_bit_is_noticed(
            lens in prop::collection::vec(1..90_000_usize, 1..5), noisy in any::<bool>(), level in prop::option::of(1..5), flip in any::<prop::sample::Index>(),
        ) {
            let mut rng = fastrand::Rng::with_seed(lens.len() as u64);
            let mut value = |len: usize| (0..len).map(|at| if noisy { rng.u8(..) } else { u8::try_from(at % 50).unwrap() }).collect::<Vec<u8>>();
            let values: Vec<_> = lens.iter().map(|len| value(*len)).map(|value| (ValueName::of(&value), value)).collect();
            let group = Uuid::from_u128(5);
            let mut rows = group_rows(group, &values, level);
            let read = |rows: &[(u64, Vec<u8>)]| {
                let head = GroupHead::unseal(group, &rows[0].1)?;
                assert!(head.numbers().eq(rows[1..].iter().map(|(number, _)| *number)));
                let pieces: Result<Vec<_>, String> = rows[1..].iter().map(|(number, row)| piece(group, *number, row)).collect();
                head.unpack(&pieces?)
            };
            let back = read(&rows).unwrap();
            for (name, value) in &values {
                prop_assert_eq!(back.value(name).unwrap(), &value[..]);
            }
            let at = flip.index(rows.len());
            let bit = flip.index(rows[at].1.len() * 8);
            rows[at].1[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(read(&rows).is_err());
        }
    }
}
