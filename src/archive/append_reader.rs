//! Appending one entry that is read in parts, however long it is: once to see whether it is an entry, and once more
//! while it is stored.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::IgnoredAny;
use xxhash_rust::xxh3::Xxh3;

use super::collected::{Start, origin_in};
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
        self.append_reader_at(None, json)
    }

    /// The same if the log holds `expected_len` entries at that moment.
    pub(crate) fn append_reader_at<R>(
        &self,
        expected_len: Option<u64>,
        json: R,
    ) -> Result<Receipt, StoreError>
    where
        R: Read + Seek + Send + 'static,
    {
        let (source, origin) = Source::checked(self.id, json)?;
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

/// An entry that can be read again.
struct Source<R> {
    log: LogId,
    json: Mutex<R>,
    start: u64,
    len: u64,
    checksum: u64,
}

impl<R: Read + Seek> Source<R> {
    /// Reads it for the first time; what it says of where the segment came from, too.
    fn checked(log: LogId, mut json: R) -> Result<(Self, Option<OriginRecord>), StoreError> {
        let invalid = |message: String| invalid(&log, message);
        let start = json.stream_position();
        let start = start.map_err(|err| invalid(err.to_string()))?;
        let (len, checksum) = read_entry(&mut json).map_err(|wrong| match wrong {
            Wrong::NoEntry(message) => invalid(message),
            Wrong::TooLong(len_bytes) => StoreError::TooLarge {
                subject: format!("{log}: entry 0 of this call"),
                len_bytes,
                limit_bytes: MAX_ENTRY_BYTES as u64,
            },
        })?;
        let source = Self {
            log,
            json: Mutex::new(json),
            start,
            len,
            checksum,
        };
        let origin = source.origin().map_err(|err| invalid(err.to_string()))?;
        Ok((source, origin))
    }

    /// What a first entry says of where its segment came from.
    fn origin(&self) -> io::Result<Option<OriginRecord>> {
        if self.log.kind == LogKind::Traces {
            return Ok(None);
        }
        let mut json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        json.seek(SeekFrom::Start(self.start))?;
        let mut buffered = BufReader::with_capacity(PART_BYTES, (&mut *json).take(self.len));
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
        self.len
    }

    fn read(&self, each: &mut dyn FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
        let failed = |err: io::Error| invalid(&self.log, err.to_string());
        let mut json = self.json.lock().unwrap_or_else(PoisonError::into_inner);
        json.seek(SeekFrom::Start(self.start)).map_err(failed)?;
        let mut rest = (&mut *json).take(self.len);
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
        if (len, sum.digest()) != (self.len, self.checksum) {
            let message = "it was changed while it was read".to_owned();
            return Err(invalid(&self.log, message).into());
        }
        Ok(())
    }
}

fn invalid(log: &LogId, message: String) -> StoreError {
    StoreError::InvalidEntry {
        session: log.session,
        segment: log.segment,
        position: 0,
        message,
    }
}

/// Whether what is read is one entry.
pub(crate) fn is_entry(json: impl Read) -> bool {
    read_entry(json).is_ok()
}

/// Why something is no entry.
enum Wrong {
    NoEntry(String),
    /// It has at least so many bytes.
    TooLong(u64),
}

/// Reads an entry a part at a time: how long it is, and its checksum.
fn read_entry(json: impl Read) -> Result<(u64, u64), Wrong> {
    let mut looked = Looked::new(json);
    let parsed = parse(&mut looked);
    let (len, checksum) = (looked.len, looked.sum.digest());
    if let Some(message) = looked.wrong {
        return Err(Wrong::NoEntry(message));
    }
    if len > MAX_ENTRY_BYTES as u64 {
        return Err(Wrong::TooLong(len));
    }
    parsed.map_err(|err| Wrong::NoEntry(err.to_string()))?;
    Ok((len, checksum))
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
    wrong: Option<String>,
}

impl<R: Read> Looked<R> {
    fn new(json: R) -> Self {
        Self {
            json,
            len: 0,
            sum: Xxh3::new(),
            begun: Vec::new(),
            wrong: None,
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        if memchr::memchr(b'\n', bytes).is_some() {
            let message = || "it contains a line break".to_owned();
            self.wrong.get_or_insert_with(message);
        }
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
