//! A file that is read before it is its turn, or before it is known where it belongs.

use std::fmt;

use super::comparison::Compared;
use super::not_imported::Stop;
use super::warnings::Warnings;

/// What a file holds, read and checked by [`Import::read_ahead`](super::Import::read_ahead) for an import
/// later on: the entries, as far as they fit into one append, and where the others stand.
///
/// It takes the place of reading the file again where nothing of the log is stored yet. Else the file is
/// read again to be compared.
///
/// ```
/// use sessiondb::jsonl::{Import, LogFile, Outcome};
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let mut file = tempfile::tempfile()?;
/// std::io::Write::write_all(&mut file, b"{\"id\":1}\n{\"id\":2}\n")?;
/// let log = LogFile::new("a.log".as_ref(), &file, new_session_id(), new_segment_id());
///
/// // On another thread, at leisure:
/// let mut seen = 0;
/// let ahead = Import::new(&archive).read_ahead(&log, &mut |_entry: &[u8]| seen += 1);
/// assert_eq!((seen, ahead.len_bytes()), (2, 17));
///
/// let batch = archive.batch();
/// let (report, batch, _) = Import::new(&archive).file_into(&log, Some(ahead), None, batch)?;
/// batch.commit()?;
/// assert_eq!(report.outcome, Outcome::Imported { new: 2, total: 2 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReadAhead {
    pub(super) found: Result<Compared, Stop>,
    pub(super) warnings: Warnings,
}

impl ReadAhead {
    /// Whether all of the file was read and can come in.
    pub fn is_sound(&self) -> bool {
        self.found.is_ok()
    }

    /// About how much memory it takes, in bytes.
    pub fn len_bytes(&self) -> u64 {
        let found = self.found.as_ref().ok();
        found.map_or(0, |found| found.added.first.len_bytes() as u64)
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead")
            .field("len_bytes", &self.len_bytes())
            .finish_non_exhaustive()
    }
}
