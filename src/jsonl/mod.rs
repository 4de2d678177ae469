//! JSONL in and out: folders of log files become part of an archive and come back byte for byte.
//!
//! [`Import`] reads files of one JSON value per line, [`Export`] writes
//! `{folder}/{session}/{segment}.jsonl`, with the traces beside it in `{segment}.trace.jsonl`.
//! Both stream: memory grows with the longest line, not with the file.
//!
//! **What is a log.** In a folder, what is named `*.jsonl` or `*.ndjson`, in letters of any case; the
//! report names what was passed over, and what could not be read, which stops nothing else. A file
//! that is given by its name is read whatever it is called. One that holds something, but no entry
//! nor the beginning of one, is no log and fails; an empty one is an empty log.
//!
//! **Where a file goes.** A file whose name ends with `.trace.jsonl` holds traces, any other
//! entries. The last UUID in the file's name (written with hyphens) is the segment. A folder
//! above it whose whole name is a UUID is the session: the file's own folder, or the nearest one
//! up to the folder that was given to the import. If only the name has a UUID, it is session and
//! segment; if only a folder has, the segment's id is made from the name; if neither has, both
//! are made from the absolute path. The same path thus always gives the same ids.
//!
//! **Folders of workers.** In `{worker}/session/segments` the session is the one that
//! `{worker}/session/session.json` names. The record of a worker's name, `{worker}/metadata.json` or
//! `pods/{name}/metadata.json`, is taken over where there is none of that name yet. In these layouts,
//! `{session}/{segment}.jsonl` among them, a line is one once its line end is there;
//! [`LastLine`] says otherwise.
//!
//! **Importing again.** A file is compared with what is stored, line by line. Equal lines are
//! passed over, further lines are appended, and a file that ends early changes nothing: importing
//! twice is importing once, and a file that has grown adds its new lines. A file that differs has
//! diverged: it goes on as a branch of the segment, which shares what the two have in common, unless
//! [`Import::branch_diverged`] says otherwise.
//!
//! **What was taken away.** A session, a segment, or the end of a log that was
//! [forgotten](crate::Archive::forget_session) does not come back, and neither does an entry that was
//! erased; the report counts what was left out. [`Import::again`] brings it back.
//!
//! **What is not in the logs.** The metadata of a session, and the names that point to it, are in
//! `{folder}/{session}/session.json`; a session that has neither has no such file. An import takes
//! them over where there are none yet, and reports what differs. Other files of that name are
//! passed over.
//!
//! **What makes a line.** Lines end with `\n`. Blank lines, and a byte order mark at the start of
//! the file, are no entries. All else is kept as it is, white space around the value included. A
//! last line without line end is an entry if it is whole (see [`LastLine`]); if not, its writer was interrupted, and
//! it is left out with a [`Warning`]. Any other line that is not one JSON value is bad, and
//! [`BadLines`] says what becomes of it.

mod addition;
mod bad_line;
mod choices;
mod comparison;
mod defect;
mod entry_taker;
mod existing;
mod export;
mod ids;
mod import;
mod large_line;
mod layout;
mod lines;
mod log_file;
mod no_log;
mod not_exported;
mod not_imported;
mod nuls;
mod one_file;
mod passed_over;
mod path_text;
mod permissions;
mod read_ahead;
mod reading;
mod report;
mod session_file;
mod tree;
mod unfinished;
mod values;
mod warnings;
mod workers;

pub use self::bad_line::line_of;
pub use self::choices::{BadLines, LastLine};
pub use self::entry_taker::EntryTaker;
pub use self::export::{Export, ExportOutcome, ExportReport, ExportedFile};
pub use self::import::{Import, nothing_beside, nothing_to_import};
pub use self::log_file::{FileVisitor, LogFile, Seen};
pub use self::passed_over::{PassedOver, PassedOverKind, Unreadable};
pub use self::permissions::Permissions;
pub use self::read_ahead::ReadAhead;
pub use self::report::{FileReport, ImportReport, Outcome, Warning};
pub use self::session_file::{SessionFile, SessionFileOutcome};
pub use self::tree::{Found, FoundFile, find};
pub use self::unfinished::Unfinished;
pub use self::workers::NameFile;
