//! Appending one entry that is read in parts, however long it is: once to see whether it is an entry, and once more
//! while it is stored.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;
use xxhash_rust::xxh3::Xxh3;

use super::collected::{ORIGIN_MARK, Start, may_tell_origin, origin_in};
use super::entry::MAX_ENTRY_BYTES;
use super::log::{Log, Receipt};
use crate::engine::{EntrySource, LargeEntry, LogId, LogKind, Op, OriginRecord, Outcome};
use crate::error::StoreError;

/// How much is read at a time.
const PART_BYTES: usize = 256 << 10;

impl Log {
    /// Appends one entry that is read from where `json` is up to its end: one JSON value on one line.
    ///
    /// It is read twice, a part at a time, so an entry of more than 4 MiB takes some times that much memory, however long it
    /// is. It goes straight into the tables, past the journal, with what that holds: an entry of a few KiB is
    /// appended faster by [`append`](Self::append). While it is read for the second time nobody else writes.
    ///
    /// ```
    /// use std::io::Cursor;
    ///
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
    /// // Such as a file.
    /// let receipt = log.append_reader(Cursor::new(r#"{"kind":"image","data":"iVBORw0KGgo="}"#))?;
    /// assert_eq!((receipt.index, receipt.len), (0, 1));
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEntry`] if it is not one JSON value on one line, cannot be read, or changes while it is
    /// read, [`StoreError::TooLarge`] if it is longer than [`MAX_ENTRY_BYTES`], and the errors of a write, as for
    /// [`append`](Self::append). Only after [`StoreError::OutcomeUnknown`] may the entry be there.
    pub fn append_reader<R>(&self, json: R) -> Result<Receipt, StoreError>
    where
        R: Read + Seek + Send + 'static,
    {
        let source = Source::checked(self.id, json)?;
        self.append_source(None, source)
    }

    /// The same of an entry that was read before, if the log holds `expected_len` entries at that moment.
    pub(crate) fn append_known_at<R>(
        &self,
        expected_len: u64,
        json: R,
        known: KnownEntry,
    ) -> Result<Receipt, StoreError>
    where
        R: Read + Seek + Send + 'static,
    {
        let source = Source::known(self.id, json, known)?;
        self.append_source(Some(expected_len), source)
    }

    fn append_source<R>(
        &self,
        expected_len: Option<u64>,
        source: Source<R>,
    ) -> Result<Receipt, StoreError>
    where
        R: Read + Seek + Send + 'static,
    {
        let origin = source.origin();
        let origin = origin.map_err(|err| invalid(&self.id, err.to_string()))?;
        let op = Op::AppendLarge {
            log: self.id,
            expected: expected_len,
            entry: LargeEntry(Arc::new(source)),
            origin,
            at_ms: self.at_ms(),
        };
        let done = self.write([op])?;
        Ok(self.receipt(1, &done))
    }
}

/// What is known of an entry that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownEntry {
    len: u64,
    checksum: u64,
    /// Whether it may say where its segment came from.
    may_tell_origin: bool,
}

/// An entry that can be read again.
struct Source<R> {
    log: LogId,
    json: Mutex<R>,
    start: u64,
    known: KnownEntry,
}

impl<R: Read + Seek> Source<R> {
    /// Reads it for the first time.
    fn checked(log: LogId, mut json: R) -> Result<Self, StoreError> {
        let start = start_of(&log, &mut json)?;
        let known = read_entry(&mut json).map_err(|wrong| match wrong {
            Wrong::NoEntry(message) => invalid(&log, message),
            Wrong::TooLong(len_bytes) => StoreError::TooLarge {
                subject: format!("{log}: entry 0 of this call"),
                len_bytes,
                limit_bytes: MAX_ENTRY_BYTES as u64,
            },
        })?;
        Ok(Self {
            log,
            json: Mutex::new(json),
            start,
            known,
        })
    }

    /// One that was read before from the same place.
    fn known(log: LogId, mut json: R, known: KnownEntry) -> Result<Self, StoreError> {
        Ok(Self {
            log,
            start: start_of(&log, &mut json)?,
            json: Mutex::new(json),
            known,
        })
    }

    /// What a first entry says of where its segment came from.
    fn origin(&self) -> io::Result<Option<OriginRecord>> {
        if self.log.kind == LogKind::Traces || !self.known.may_tell_origin {
            return Ok(None);
        }
        let mut json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        json.seek(SeekFrom::Start(self.start))?;
        let mut buffered = BufReader::with_capacity(PART_BYTES, (&mut *json).take(self.known.len));
        // To serde a list is a struct as well.
        if !buffered.fill_buf()?.trim_ascii_start().starts_with(b"{") {
            return Ok(None);
        }
        let mut deserializer = serde_json::Deserializer::from_reader(&mut buffered);
        // What has no such fields, or others by their names, is none.
        Ok(Start::deserialize(&mut deserializer)
            .ok()
            .and_then(origin_in))
    }
}

impl<R: Read + Seek + Send> EntrySource for Source<R> {
    fn len(&self) -> u64 {
        self.known.len
    }

    fn read(&self, each: &mut dyn FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
        let failed = |err: io::Error| invalid(&self.log, err.to_string());
        let mut json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        json.seek(SeekFrom::Start(self.start)).map_err(failed)?;
        let mut rest = (&mut *json).take(self.known.len);
        let (mut part, mut sum, mut len) = (vec![0; PART_BYTES], Xxh3::new(), 0);
        loop {
            let read = rest.read(&mut part).map_err(failed)?;
            let part = part.get(..read).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            sum.update(part);
            len += part.len() as u64;
            each(part)?;
        }
        if (len, sum.digest()) != (self.known.len, self.known.checksum) {
            let message = "it was changed while it was read".to_owned();
            return Err(invalid(&self.log, message).into());
        }
        Ok(())
    }
}

fn start_of(log: &LogId, json: &mut impl Seek) -> Result<u64, StoreError> {
    let start = json.stream_position();
    start.map_err(|err| invalid(log, err.to_string()))
}

fn invalid(log: &LogId, message: String) -> StoreError {
    StoreError::InvalidEntry {
        session: log.session,
        segment: log.segment,
        position: 0,
        message,
    }
}

/// What is known of what is read, if it is one entry.
pub(crate) fn known_entry(json: impl Read) -> Option<KnownEntry> {
    read_entry(json).ok()
}

/// Why something is no entry.
enum Wrong {
    NoEntry(String),
    /// It has at least so many bytes.
    TooLong(u64),
}

/// Reads an entry a part at a time.
fn read_entry(json: impl Read) -> Result<KnownEntry, Wrong> {
    let mut looked = Looked::new(json);
    let parsed = parse(&mut looked);
    let known = KnownEntry {
        len: looked.len,
        checksum: looked.sum.digest(),
        may_tell_origin: looked.may_tell_origin,
    };
    if let Some(message) = looked.wrong {
        return Err(Wrong::NoEntry(message));
    }
    if known.len > MAX_ENTRY_BYTES as u64 {
        return Err(Wrong::TooLong(known.len));
    }
    parsed.map_err(|err| Wrong::NoEntry(err.to_string()))?;
    Ok(known)
}

/// Goes through one JSON value and what may follow it, without keeping any of it.
fn parse(json: &mut impl Read) -> Result<(), serde_json::Error> {
    let buffered = BufReader::with_capacity(PART_BYTES, json);
    let mut deserializer = serde_json::Deserializer::from_reader(buffered);
    IgnoredAny::deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Looks at bytes as they are read: how many there are, their checksum, and whether they are UTF-8 on one line.
struct Looked<R> {
    json: R,
    len: u64,
    sum: Xxh3,
    /// The beginning of a character whose end has not come yet.
    begun: Vec<u8>,
    /// The end of what was read, which may be the beginning of what tells of an origin.
    end: Vec<u8>,
    may_tell_origin: bool,
    wrong: Option<String>,
}

impl<R: Read> Looked<R> {
    fn new(json: R) -> Self {
        Self {
            json,
            len: 0,
            sum: Xxh3::new(),
            begun: Vec::new(),
            end: Vec::new(),
            may_tell_origin: false,
            wrong: None,
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        if memchr::memchr(b'\n', bytes).is_some() {
            let message = || "it contains a line break".to_owned();
            self.wrong.get_or_insert_with(message);
        }
        self.look_for_origin(bytes);
        self.begun.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&self.begun) {
            Ok(text) => text.len(),
            // Cut off within a character.
            Err(err) if err.error_len().is_none() => err.valid_up_to(),
            Err(_) => return self.is_no_text(),
        };
        self.begun.drain(..valid);
        self.len += bytes.len() as u64;
    }

    fn look_for_origin(&mut self, bytes: &[u8]) {
        let (most, beginning) = (ORIGIN_MARK.len(), bytes.get(..ORIGIN_MARK.len()));
        self.end.extend_from_slice(beginning.unwrap_or(bytes));
        self.may_tell_origin |= may_tell_origin(&self.end) || may_tell_origin(bytes);
        if bytes.len() >= most {
            self.end.clear();
            let end = bytes.get(bytes.len() - most..).unwrap_or_default();
            self.end.extend_from_slice(end);
        }
        self.end.drain(..self.end.len().saturating_sub(most));
    }

    fn is_no_text(&mut self) {
        self.begun.clear();
        self.wrong
            .get_or_insert_with(|| "it is not valid UTF-8".to_owned());
    }
}

impl<R: Read> Read for Looked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // What is too long, or no text, is not read to its end.
        if self.wrong.is_some() || self.len > MAX_ENTRY_BYTES as u64 {
            return Ok(0);
        }
        let read = match self.json.read(buffer) {
            Err(err) if err.kind() != io::ErrorKind::Interrupted => {
                self.wrong = Some(format!("it cannot be read: {err}"));
                return Err(err);
            }
            read => read?,
        };
        if read == 0 && !self.begun.is_empty() {
            self.is_no_text();
        }
        self.look(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_an_origin_is_seen_wherever_a_part_ends() {
        let with = br#"{"a":"xxxx","forked_from":{"b":1}}"#;
        let without = br#"{"a":"xxxx","forked_form":{"b":1}}"#;
        for at_a_time in 1..=with.len() {
            for (json, tells) in [(with, true), (without, false)] {
                let mut looked = Looked::new(io::empty());
                for part in json.chunks(at_a_time) {
                    looked.look(part);
                }
                assert_eq!(looked.may_tell_origin, tells, "{at_a_time} bytes at a time");
                assert_eq!(looked.len, json.len() as u64);
            }
        }
    }
}
