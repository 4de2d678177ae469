//! A line that is too long to be kept in memory, read from its file a part at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::bad_line::may_be_marker;
use super::lines::Line;
use crate::archive::{KnownEntry, known_entry};

/// From this length on (4 MiB) a line is read in parts where nobody needs it as a whole. An archive cuts such entries.
pub(super) const LARGE_BYTES: usize = 4 << 20;

/// A line of a file, without its line end. Reading it moves the place of the file, which whoever made it puts back.
pub(super) struct LargeLine {
    file: File,
    start: u64,
    len: u64,
    at: u64,
}

impl LargeLine {
    /// The line, which the file has at its place, and which has so many bytes.
    pub(super) fn of(file: &File, line: &Line<'_>, len: u64) -> io::Result<Self> {
        let mut large = Self {
            file: file.try_clone()?,
            start: line.at.byte_offset,
            len,
            at: 0,
        };
        large.rewind()?;
        Ok(large)
    }

    /// What is known of it if it is one entry as it is, and does not look like one that stands for another line.
    pub(super) fn known(&mut self) -> io::Result<Option<KnownEntry>> {
        let mut first = Vec::with_capacity(64);
        self.by_ref().take(64).read_to_end(&mut first)?;
        self.rewind()?;
        if may_be_marker(&first) {
            return Ok(None);
        }
        let known = known_entry(&mut *self);
        self.rewind()?;
        Ok(known)
    }
}

impl Read for LargeLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = rest.min(buffer.len());
        let read = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for LargeLine {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        let at = at.ok_or(io::ErrorKind::InvalidInput)?;
        self.file
            .seek(SeekFrom::Start(self.start.saturating_add(at)))?;
        self.at = at;
        Ok(at)
    }
}

/// Does something that moves the place of the file, and puts it back.
pub(super) fn keeping_place<T>(
    mut file: &File,
    call: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let place = file.stream_position()?;
    let done = call();
    file.seek(SeekFrom::Start(place))?;
    done
}
