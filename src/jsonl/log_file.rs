//! One file on its way into one log, and whoever looks at its entries meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::ids::Place;
use crate::archive::Batch;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// A file that is to go into one log, for [`Import::file`](super::Import::file): who calls it has
/// found out where it belongs.
///
/// ```
/// use sessiondb::jsonl::{Import, LogFile, Outcome};
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let path = std::path::Path::new("anything.log");
/// let mut file = tempfile::tempfile()?;
/// std::io::Write::write_all(&mut file, b"{\"kind\":\"invoke\"}\n")?;
/// let log = LogFile::new(path, &file, new_session_id(), new_segment_id());
/// let report = Import::new(&archive).file(&log, None)?;
/// assert_eq!(report.outcome, Outcome::Imported { new: 1, total: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LogFile<'a> {
    pub(super) path: &'a Path,
    pub(super) file: &'a File,
    pub(super) session: SessionId,
    pub(super) segment: SegmentId,
    pub(super) trace: bool,
    pub(super) line_ends_count: bool,
    pub(super) timestamp_ms: Option<u64>,
}

impl<'a> LogFile<'a> {
    /// The open file's entries are to go into that segment. Messages call it `path`.
    pub fn new(path: &'a Path, file: &'a File, session: SessionId, segment: SegmentId) -> Self {
        Self {
            path,
            file,
            session,
            segment,
            trace: false,
            line_ends_count: false,
            timestamp_ms: None,
        }
    }

    /// Says whether it holds traces. The default is `false`: entries.
    #[must_use]
    pub fn trace(mut self, trace: bool) -> Self {
        self.trace = trace;
        self
    }

    /// Says whether its writer counts a line only once its line end is there, which decides for
    /// [`LastLine::ByLayout`](super::LastLine::ByLayout). The default is `false`.
    #[must_use]
    pub fn line_ends_count(mut self, line_ends_count: bool) -> Self {
        self.line_ends_count = line_ends_count;
        self
    }

    /// Says when what is new was written, in milliseconds since the Unix epoch. The default is the
    /// file's time of modification.
    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: u64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }
}

impl LogFile<'_> {
    pub(super) fn place(&self) -> Place {
        Place {
            session: self.session,
            segment: self.segment,
            trace: self.trace,
        }
    }
}

/// What an import of a file found and is about to add, or has added, for a [`FileVisitor`].
///
/// ```
/// use sessiondb::jsonl::{FileVisitor, Import, LogFile, Seen};
/// use sessiondb::archive::Batch;
/// use sessiondb::{Archive, StoreError, new_segment_id, new_session_id};
///
/// /// Counts entries, and keeps their number beside the session.
/// struct Count(u64);
///
/// impl FileVisitor for Count {
///     fn entry(&mut self, _entry: &[u8]) {
///         self.0 += 1;
///     }
///
///     fn finish(&mut self, seen: &Seen, batch: &mut Batch) -> Result<bool, StoreError> {
///         batch.write_note(&format!("session/{}/count", seen.session), &self.0)?;
///         Ok(true)
///     }
/// }
///
/// let archive = Archive::in_memory()?;
/// let (session, mut file) = (new_session_id(), tempfile::tempfile()?);
/// std::io::Write::write_all(&mut file, b"1\n2\n")?;
/// let log = LogFile::new("numbers".as_ref(), &file, session, new_segment_id());
/// Import::new(&archive).file(&log, Some(&mut Count(0)))?;
/// assert_eq!(archive.read_note(&format!("session/{session}/count"))?, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The session.
    pub session: SessionId,
    /// The segment: another than was asked for if the file diverged.
    pub segment: SegmentId,
    /// The number of entries of the file, those that are left out as forgotten among them.
    pub entries: u64,
    /// The number of entries that the log has when all is added.
    pub total: u64,
    /// Whether a byte order mark stands before the first line.
    pub byte_order_mark: bool,
    /// Whether the last line has a line end.
    pub final_line_end: bool,
    /// Whether the entries, a line each, are the file but for what the two fields before say.
    pub is_exact: bool,
    /// The number of entries that are stored without what was redacted.
    pub redacted: u64,
    /// How many of these were redacted in the archive, and not by the redactor of this import, if it has one. A visitor is shown
    /// them as they are stored.
    pub redacted_before: u64,
}

/// Looks at the entries of a file while it is imported, and adds to the step with which the last
/// of them come in. [`Seen`] has an example.
pub trait FileVisitor {
    /// Begins with the first entry, also if the file is read again because somebody else has
    /// written to the log meanwhile.
    fn begin(&mut self) {}

    /// Takes the next entry.
    fn entry(&mut self, entry: &[u8]);

    /// Takes the next entry, one of more than 4 MiB, which can be read a part at a time. By default it is read as a whole,
    /// and taken as any other.
    ///
    /// # Errors
    ///
    /// Those of reading it.
    fn large_entry(&mut self, entry: &mut dyn Read) -> io::Result<()> {
        let mut whole = Vec::new();
        entry.read_to_end(&mut whole)?;
        self.entry(&whole);
        Ok(())
    }

    /// Is told, in place of all entries, that they are those that were shown when the file was
    /// [read ahead](super::Import::read_ahead).
    fn was_read_ahead(&mut self) {}

    /// Adds to the changes that complete the file. Returns whether there are any, for a file of which
    /// nothing is new.
    ///
    /// # Errors
    ///
    /// Those of the archive; the import ends with them.
    fn finish(&mut self, seen: &Seen, batch: &mut Batch) -> Result<bool, StoreError>;
}

/// A visitor that wants to know nothing.
pub(super) struct Nobody;

impl FileVisitor for Nobody {
    fn entry(&mut self, _: &[u8]) {}

    fn large_entry(&mut self, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Seen, _: &mut Batch) -> Result<bool, StoreError> {
        Ok(false)
    }
}
