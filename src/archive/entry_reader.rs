//! Reading one entry in pieces, however long it is.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

use super::entry::Entry;
use crate::engine::{CutEntry, Fault, LogId, ValueRef, View};
use crate::error::StoreError;

/// The bytes of one entry, read a piece at a time; made by [`Log::entry_reader`](crate::Log::entry_reader).
///
/// An entry of more than 4 MiB takes as much memory as its longest piece, 4 MiB, some times over, and not what all of it
/// would take. One that a build before 0.2.0 stored, or that an archive without shared values has, is in memory as a
/// whole. What it reads is of the moment when it was made.
///
/// Each piece is verified before a byte of it is given. Damage of a later piece shows only there: whoever acts on what
/// it has read before the end should be able to take that back.
///
/// ```
/// use std::io::Read;
///
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
/// log.append("a picture")?;
/// let mut reader = log.entry_reader(0)?.expect("there is one");
/// assert_eq!(reader.len_bytes(), 11);
/// let mut json = String::new();
/// reader.read_to_string(&mut json)?;
/// assert_eq!(json, r#""a picture""#);
/// assert!(log.entry_reader(1)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EntryReader {
    view: View,
    log: LogId,
    index: u64,
    len_bytes: u64,
    rest: Rest,
    /// The piece that is being given, and how much of it was.
    piece: (Vec<u8>, usize),
}

/// What is still to come.
enum Rest {
    Whole(Option<Entry>),
    Pieces(VecDeque<Piece>),
}

enum Piece {
    Here(Vec<u8>),
    Value(ValueRef),
}

impl EntryReader {
    /// A reader of an entry that is in memory.
    pub(super) fn of_entry(view: &View, log: LogId, entry: Entry) -> Self {
        Self {
            view: view.clone(),
            log,
            index: entry.index(),
            len_bytes: entry.len() as u64,
            rest: Rest::Whole(Some(entry)),
            piece: (Vec::new(), 0),
        }
    }

    /// A reader of an entry that was cut.
    pub(super) fn of_pieces(view: &View, log: LogId, index: u64, cut: CutEntry) -> Self {
        let pieces = pieces_of(cut);
        let len = |piece: &Piece| match piece {
            Piece::Here(bytes) => bytes.len() as u64,
            Piece::Value(value) => u64::from(value.len),
        };
        Self {
            view: view.clone(),
            log,
            index,
            len_bytes: pieces.iter().map(len).sum(),
            rest: Rest::Pieces(pieces),
            piece: (Vec::new(), 0),
        }
    }

    /// All of it, if it is in memory as a whole, and nothing of it was read.
    pub fn whole(&self) -> Option<&[u8]> {
        match &self.rest {
            Rest::Whole(Some(entry)) => Some(entry),
            _ => None,
        }
    }

    /// The number of the entry in its log, counted from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many bytes the entry has.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let value = match &mut self.rest {
            Rest::Whole(entry) => return Ok(entry.take().map(|entry| entry.to_vec())),
            Rest::Pieces(pieces) => match pieces.pop_front() {
                None => return Ok(None),
                Some(Piece::Here(bytes)) => return Ok(Some(bytes)),
                Some(Piece::Value(value)) => value,
            },
        };
        let read = self.view.read(|layers| layers.tables().value(&value))?;
        let failed = |message: String| {
            self.rest = Rest::Whole(None);
            damaged(&self.view, &self.log, self.index, &message)
        };
        read.map(Some).map_err(failed)
    }
}

/// What is left of the entry and its values, in their order.
fn pieces_of(cut: CutEntry) -> VecDeque<Piece> {
    let (left, values) = cut.skeleton.into_pieces();
    let (mut pieces, mut done) = (VecDeque::new(), 0);
    let here = |range| {
        let bytes: &[u8] = left.get(range).unwrap_or_default();
        (!bytes.is_empty()).then(|| Piece::Here(bytes.to_vec()))
    };
    for (at, value) in values {
        pieces.extend(here(done..at));
        pieces.push_back(Piece::Value(value));
        done = at;
    }
    pieces.extend(here(done..left.len()));
    pieces
}

fn damaged(view: &View, log: &LogId, index: u64, message: &str) -> StoreError {
    Fault::damaged(format!("{log}, entry {index}"), message).at(view.path())
}

impl Read for EntryReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.1 >= self.piece.0.len() {
            match self.next_piece().map_err(io::Error::other)? {
                Some(piece) => self.piece = (piece, 0),
                None => return Ok(0),
            }
        }
        let (piece, given) = &mut self.piece;
        let mut rest = piece.get(*given..).unwrap_or_default();
        let read = rest.read(buffer)?;
        *given += read;
        Ok(read)
    }
}

impl fmt::Debug for EntryReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryReader")
            .field("index", &self.index)
            .field("len_bytes", &self.len_bytes)
            .finish_non_exhaustive()
    }
}
