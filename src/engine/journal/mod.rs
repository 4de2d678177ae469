//! The journal: frames in two halves of a fixed region, each frame chained to the one before.
//!
//! The frames of an epoch fill one half, the half being the epoch's parity. A frame counts if it
//! is of the epoch that is read, its number follows, its length fits, and its checksum, seeded
//! with that of the frame before, matches; the first that does not is the end.

pub(crate) mod codec;
pub(crate) mod frames;
mod header;
pub(crate) mod scan;

use std::io;

use redb::StorageBackend;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::file::superblock::JOURNAL_OFFSET;
use crate::engine::journal::header::Header;
use crate::engine::redb_format::page::mend_one_bit;

/// The bytes of a frame before its payload.
pub(crate) const FRAME_HEADER_BYTES: u64 = 32;

/// The longest frame that memory is taken for before its checksum is known (1 MiB, half of a journal of
/// the usual size): the length may be anybody's word.
const TRUSTED_BYTES: usize = 1 << 20;

/// A place in the journal: where the next frame goes, and what it must be to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: u64,
    /// From the beginning of the half, in bytes.
    pub(crate) offset: u64,
    /// The number of the frame, counted from 0 over all epochs.
    pub(crate) frame: u64,
    /// The checksum of the frame before, whichever epoch that was of.
    pub(crate) chain: u64,
}

impl Position {
    /// Where an epoch begins, after so many frames, `chain` being the last one's checksum.
    pub(crate) fn start_of(epoch: u64, frame: u64, chain: u64) -> Self {
        Self {
            epoch,
            offset: 0,
            frame,
            chain,
        }
    }

    /// The next epoch's beginning.
    pub(crate) fn next_epoch(&self) -> Self {
        Self::start_of(self.epoch + 1, self.frame, self.chain)
    }
}

/// A frame at which the journal ends, and that others had followed: it was torn by power loss, or
/// changed after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutOff {
    pub(crate) epoch: u64,
    pub(crate) frame: u64,
    /// How many whole frames stand behind it.
    pub(crate) frames_behind: u64,
}

/// The region that holds the frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Journal {
    half_bytes: u64,
    /// In every frame of this open file, so that a frame that was lost with power never comes to
    /// stand there again byte for byte, and with it the stale one behind it.
    salt: u32,
}

impl Journal {
    pub(crate) fn new(journal_bytes: u64, salt: u32) -> Self {
        Self {
            half_bytes: journal_bytes / 2,
            salt,
        }
    }

    /// Whether a frame with such a payload fits into a half that is empty, beside what is kept free:
    /// when it begins one, the other half is not free.
    pub(crate) fn can_hold(self, payload_bytes: u64) -> bool {
        FRAME_HEADER_BYTES + payload_bytes + self.reserve() <= self.half_bytes
    }

    /// What is kept free at the end of a half for deletions as long as the other half is not free,
    /// since the disk may have no room for what is in there.
    pub(crate) fn reserve(self) -> u64 {
        if seeded(Bug::SpendReserve) {
            return 0;
        }
        self.half_bytes / 16
    }

    /// Whether a frame with such a payload fits behind the position.
    pub(crate) fn has_room_at(self, position: &Position, payload_bytes: u64) -> bool {
        position.offset + FRAME_HEADER_BYTES + payload_bytes <= self.half_bytes
    }

    /// Writes a frame and returns the position behind it.
    pub(crate) fn write(
        self,
        file: &dyn StorageBackend,
        position: &Position,
        frame: &mut Frame,
    ) -> io::Result<Position> {
        let behind = frame.finish(position, self.salt);
        file.write(self.at(position), &frame.bytes)?;
        Ok(behind)
    }

    /// Reads the frame at the position, if there is one: its payload, and the position behind.
    pub(crate) fn read(
        self,
        file: &dyn StorageBackend,
        position: &Position,
    ) -> io::Result<Option<(Frame, Position)>> {
        let Some(len) = self.peek(file, position)? else {
            return Ok(None);
        };
        let Ok(len) = usize::try_from(FRAME_HEADER_BYTES + len) else {
            return Ok(None);
        };
        if len > TRUSTED_BYTES && !self.is_whole(file, position, len)? {
            return Ok(None);
        }
        let mut bytes = vec![0; len];
        file.read(self.at(position), &mut bytes)?;
        let frame = Frame { bytes };
        // Between the two reads, and over a torn write, anything may stand there.
        let behind = position.behind(&frame.bytes);
        Ok((frame.header().is(position.epoch, position.frame)
            && frame.header().checksum() == Some(behind.chain))
        .then_some((frame, behind)))
    }

    /// Whether so many bytes at the position have the checksum that they begin with.
    fn is_whole(
        self,
        file: &dyn StorageBackend,
        position: &Position,
        len: usize,
    ) -> io::Result<bool> {
        let mut named = [0; 8];
        file.read(self.at(position), &mut named)?;
        let mut checksum = Xxh3::with_seed(position.seed());
        let mut part = vec![0; TRUSTED_BYTES];
        for start in (named.len()..len).step_by(TRUSTED_BYTES) {
            part.truncate(len - start);
            file.read(self.at(position) + start as u64, &mut part)?;
            checksum.update(&part);
        }
        Ok(checksum.digest() == u64::from_le_bytes(named))
    }

    /// Whether a frame seems to stand at the position, and how long its payload is. Costs one
    /// small read, and only [`read`](Self::read) knows for sure.
    pub(crate) fn peek(
        self,
        file: &dyn StorageBackend,
        position: &Position,
    ) -> io::Result<Option<u64>> {
        if !self.has_room_at(position, 0) {
            return Ok(None);
        }
        let mut header = [0; 32];
        file.read(self.at(position), &mut header)?;
        let header = Header(&header);
        let len = header.payload_len();
        Ok(Some(len).filter(|len| {
            header.is(position.epoch, position.frame)
                && *len <= self.half_bytes
                && self.has_room_at(position, *len)
        }))
    }

    /// The frame at the position with one bit of it put right, if that makes it count. For frames
    /// of up to 16 KiB.
    pub(crate) fn read_mended(
        self,
        file: &dyn StorageBackend,
        position: &Position,
    ) -> io::Result<Option<(Frame, Position)>> {
        const MAX_BYTES: usize = 16 << 10;
        if !self.has_room_at(position, 0) {
            return Ok(None);
        }
        let room = usize::try_from(self.half_bytes - position.offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; room.min(MAX_BYTES)];
        file.read(self.at(position), &mut bytes)?;
        let whole = |bytes: &[u8]| whole_frame(bytes, position).is_some();
        let header_bits = 32 * 8;
        let mended = mend_one_bit(&mut bytes, 0..header_bits, whole) || {
            let bits = self.peek(file, position)?.map_or(0, |len| (32 + len) * 8);
            let bits = usize::try_from(bits).unwrap_or(0).min(8 * bytes.len());
            mend_one_bit(&mut bytes, header_bits..bits, whole)
        };
        Ok(whole_frame(&bytes, position).filter(|_| mended))
    }

    /// Whether the journal ends at a frame that seems to be there, with whole ones behind it that
    /// are chained to what it says its checksum is.
    pub(crate) fn cut_off_at(
        self,
        file: &dyn StorageBackend,
        end: &Position,
    ) -> io::Result<Option<CutOff>> {
        let Some(len) = self.peek(file, end)? else {
            return Ok(None);
        };
        let mut chain = [0; 8];
        file.read(self.at(end), &mut chain)?;
        let mut at = Position {
            offset: end.offset + FRAME_HEADER_BYTES + len,
            frame: end.frame + 1,
            chain: u64::from_le_bytes(chain),
            ..*end
        };
        let mut frames_behind = 0;
        while let Some((_, behind)) = self.read(file, &at)? {
            frames_behind += 1;
            at = behind;
        }
        // Beside a writer the frame may have been half written, and those behind it came later.
        if frames_behind == 0 || self.read(file, end)?.is_some() {
            return Ok(None);
        }
        Ok(Some(CutOff {
            epoch: end.epoch,
            frame: end.frame,
            frames_behind,
        }))
    }

    fn at(self, position: &Position) -> u64 {
        JOURNAL_OFFSET + (position.epoch & 1) * self.half_bytes + position.offset
    }
}

impl Position {
    /// What the checksum of a frame here begins with.
    fn seed(&self) -> u64 {
        if seeded(Bug::ForgetChain) {
            return 0;
        }
        self.chain
    }

    /// The position behind a frame that was written, or stands, here.
    fn behind(&self, frame: &[u8]) -> Self {
        let body = frame.get(8..).unwrap_or_default();
        Self {
            epoch: self.epoch,
            offset: self.offset + frame.len() as u64,
            frame: self.frame + 1,
            chain: xxh3_64_with_seed(body, self.seed()),
        }
    }
}

/// The frame that the bytes begin with, if it counts at the position.
fn whole_frame(bytes: &[u8], position: &Position) -> Option<(Frame, Position)> {
    let header = Header(bytes.get(..32)?);
    let end = usize::try_from(FRAME_HEADER_BYTES + header.payload_len()).ok()?;
    if !header.is(position.epoch, position.frame) || end > bytes.len() {
        return None;
    }
    let frame = Frame {
        bytes: bytes.get(..end)?.to_vec(),
    };
    let behind = position.behind(&frame.bytes);
    (header.checksum() == Some(behind.chain)).then_some((frame, behind))
}

/// Fills the header of a frame in for the position, and returns the position behind.
fn seal(frame: &mut [u8], position: &Position, salt: u32) -> Position {
    let len = (frame.len() as u64).saturating_sub(FRAME_HEADER_BYTES);
    let fields = [position.epoch, position.frame, len | u64::from(salt) << 32];
    for (field, at) in fields.iter().zip([8, 16, 24]) {
        if let Some(place) = frame.get_mut(at..at + 8) {
            place.copy_from_slice(&field.to_le_bytes());
        }
    }
    let behind = position.behind(frame);
    if let Some(place) = frame.first_chunk_mut::<8>() {
        *place = behind.chain.to_le_bytes();
    }
    behind
}

/// One frame: header and payload in one buffer.
#[derive(Debug)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    /// A frame to be filled with a payload of about that many bytes.
    pub(crate) fn with_capacity(payload_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(32 + payload_bytes);
        bytes.resize(32, 0);
        Self { bytes }
    }

    /// Where the payload goes.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(32..).unwrap_or_default()
    }

    /// Fills the header in for the position, and returns the position behind.
    fn finish(&mut self, position: &Position, salt: u32) -> Position {
        seal(&mut self.bytes, position, salt)
    }

    fn header(&self) -> Header<'_> {
        Header(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::scan::Scan;
    use super::*;

    const JOURNAL: Journal = Journal {
        half_bytes: 4096,
        salt: 1,
    };

    fn storage() -> InMemoryBackend {
        let file = InMemoryBackend::new();
        file.set_len(JOURNAL_OFFSET + 2 * JOURNAL.half_bytes)
            .unwrap();
        file
    }

    fn frame(payload: &[u8]) -> Frame {
        let mut frame = Frame::with_capacity(payload.len());
        frame.buffer().extend_from_slice(payload);
        frame
    }

    fn payloads(file: &InMemoryBackend, start: Position) -> Vec<Vec<u8>> {
        let mut at = start;
        let mut found = Vec::new();
        while let Some((frame, behind)) = JOURNAL.read(file, &at).unwrap() {
            found.push(frame.payload().to_vec());
            at = behind;
        }
        let mut scan = Scan::new(JOURNAL, file, start);
        let mut scanned = Vec::new();
        while let Some(payload) = scan.next().unwrap() {
            scanned.push(payload.to_vec());
        }
        assert_eq!((&scanned, scan.at()), (&found, at), "read one by one");
        found
    }

    proptest! {
        /// What is found is a prefix of what was written, whatever byte of it is changed.
        #[test]
        fn a_changed_byte_ends_the_journal_there(
            written in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..12),
            change in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let file = storage();
            let start = Position::start_of(7, 5, 99);
            let (mut at, mut ends) = (start, Vec::new());
            for payload in &written {
                at = JOURNAL.write(&file, &at, &mut frame(payload)).unwrap();
                ends.push(at.offset);
            }
            prop_assert_eq!(&payloads(&file, start), &written);

            let offset = change.index(usize::try_from(at.offset).unwrap()) as u64;
            let mut byte = [0];
            file.read(JOURNAL.at(&start) + offset, &mut byte).unwrap();
            byte[0] ^= 1 << bit;
            file.write(JOURNAL.at(&start) + offset, &byte).unwrap();
            let whole = ends.iter().take_while(|end| **end <= offset).count();
            prop_assert_eq!(&payloads(&file, start), &written[..whole]);
        }
    }

    /// Keeps the length of the longest read.
    #[derive(Debug)]
    struct Measured(InMemoryBackend, AtomicUsize);

    impl StorageBackend for Measured {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.1.fetch_max(out.len(), Ordering::Relaxed);
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    #[test]
    fn a_long_frame_takes_memory_once_its_checksum_is_known() {
        let journal = Journal {
            half_bytes: 8 << 20,
            salt: 1,
        };
        let file = Measured(InMemoryBackend::new(), AtomicUsize::new(0));
        file.set_len(JOURNAL_OFFSET + 2 * journal.half_bytes)
            .unwrap();
        let start = Position::start_of(2, 5, 1);
        let payload: Vec<u8> = (0..5_u32 << 20).map(|n| (n / 7 % 251) as u8).collect();
        journal.write(&file, &start, &mut frame(&payload)).unwrap();
        for at in [8 + 20, 1 << 20, (5 << 20) + 31] {
            let mut byte = [0];
            file.read(journal.at(&start) + at, &mut byte).unwrap();
            file.write(journal.at(&start) + at, &[!byte[0]]).unwrap();
            assert!(journal.read(&file, &start).unwrap().is_none(), "{at}");
            file.write(journal.at(&start) + at, &byte).unwrap();
        }
        assert_eq!(file.1.load(Ordering::Relaxed), TRUSTED_BYTES);
        let (found, _) = journal.read(&file, &start).unwrap().unwrap();
        assert!(found.payload() == payload);
    }

    #[test]
    fn frames_behind_one_that_was_lost_never_come_back() {
        let file = storage();
        let start = Position::start_of(3, 5, 1);
        let second = JOURNAL.write(&file, &start, &mut frame(b"one")).unwrap();
        let third = JOURNAL.write(&file, &second, &mut frame(b"two")).unwrap();
        JOURNAL.write(&file, &third, &mut frame(b"three")).unwrap();
        // The second frame is lost with power, the third one was kept; then another is written
        // in the second's place, of the same length.
        file.write(JOURNAL.at(&second), &[0; 35]).unwrap();
        assert_eq!(payloads(&file, start), [b"one"]);
        let next_open = Journal { salt: 2, ..JOURNAL };
        next_open.write(&file, &second, &mut frame(b"two")).unwrap();
        assert_eq!(payloads(&file, start), [b"one", b"two"]);
    }

    #[test]
    fn frames_of_another_epoch_or_chain_do_not_count() {
        let file = storage();
        let start = Position::start_of(3, 5, 1);
        JOURNAL.write(&file, &start, &mut frame(b"one")).unwrap();
        assert_eq!(payloads(&file, Position::start_of(5, 5, 1)).len(), 0);
        assert_eq!(payloads(&file, Position::start_of(3, 5, 2)).len(), 0);
        assert_eq!(payloads(&file, Position::start_of(4, 5, 1)).len(), 0);
        assert_eq!(payloads(&file, start).len(), 1);
    }

    #[test]
    fn a_half_is_filled_to_its_last_byte_and_no_further() {
        let file = storage();
        let start = Position::start_of(2, 5, 1);
        let room = JOURNAL.half_bytes - FRAME_HEADER_BYTES;
        let held = room - JOURNAL.reserve();
        assert!(JOURNAL.can_hold(held) && !JOURNAL.can_hold(held + 1));
        let full = vec![7; usize::try_from(room).unwrap()];
        let end = JOURNAL.write(&file, &start, &mut frame(&full)).unwrap();
        assert!(!JOURNAL.has_room_at(&end, 0));
        assert_eq!(payloads(&file, start), [full]);
    }
}
