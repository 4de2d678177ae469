//! Import: compares each file with what is stored and appends what is new.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::addition::{Appending, Chunk, Rest};
use super::choices::{BadLines, LastLine};
use super::comparison::{Comparison, READ_BUFFER_BYTES, Stored, lines_between};
use super::ids::Place;
use super::not_imported::Stop;
use super::passed_over::PassedOver;
use super::reading::{read_checked_line, read_line};
use super::report::{FileReport, ImportReport, Outcome};
use super::session_file;
use super::tree::{self, FoundFile};
use super::warnings::Warnings;
use super::workers;
use crate::archive::{Archive, Entry, Log, MAX_ENTRY_BYTES};
use crate::error::StoreError;
use crate::progress::{Meter, Progress};
use crate::relocation::Relocation;

/// Brings JSONL files into an archive. The [module page](crate::jsonl) says how.
///
/// ```
/// use sessiondb::jsonl::{BadLines, Import};
/// use sessiondb::Archive;
///
/// # let folder = tempfile::tempdir()?;
/// # let logs = folder.path();
/// std::fs::write(logs.join("log.jsonl"), "{\"kind\":\"invoke\"}\noops\n{\"kind\":\"turn_end\"}\n")?;
/// let archive = Archive::in_memory()?;
///
/// let strict = Import::new(&archive).run(&[logs.to_owned()], None)?;
/// assert_eq!((strict.failed(), strict.new_entries()), (1, 0));
///
/// let lenient = Import::new(&archive).bad_lines(BadLines::Skip).run(&[logs.to_owned()], None)?;
/// assert_eq!((lenient.failed(), lenient.new_entries()), (0, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Import<'a> {
    archive: &'a Archive,
    bad_lines: BadLines,
    last_line: LastLine,
    as_new: bool,
    relocation: Relocation,
}

impl<'a> Import<'a> {
    /// An import into `archive` that fails files with bad lines and files that have diverged.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            bad_lines: BadLines::Fail,
            last_line: LastLine::ByLayout,
            as_new: false,
            relocation: Relocation::new(),
        }
    }

    /// Says what becomes of bad lines. The default is [`BadLines::Fail`].
    #[must_use]
    pub fn bad_lines(mut self, bad_lines: BadLines) -> Self {
        self.bad_lines = bad_lines;
        self
    }

    /// Says what becomes of a last line without line end that is whole. The default is
    /// [`LastLine::ByLayout`].
    #[must_use]
    pub fn last_line(mut self, last_line: LastLine) -> Self {
        self.last_line = last_line;
        self
    }

    /// Says whether a file that diverged from what is stored goes, as a whole, to another segment
    /// of the same session. The segment's id is made from the place where the file diverged, so
    /// that the next import finds it again. The default is `false`: such a file fails.
    #[must_use]
    pub fn as_new(mut self, as_new: bool) -> Self {
        self.as_new = as_new;
        self
    }

    /// Says which folders have another path here: `cwd` in the metadata that is taken over is
    /// rewritten. Entries stay as they are.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.relocation = relocation;
        self
    }

    /// Imports the files among `paths` and, of the folders, all logs below them, sorted. Links to
    /// folders are not followed.
    ///
    /// A file that cannot be imported, or a path that cannot be read, does not stop the others: the
    /// report says so, and names what it has passed over. A log to which another import adds the same
    /// at the same time is compared with it again. What is new
    /// in a file is dated with the file's time of modification. Metadata and names that an export
    /// left beside the logs come last.
    ///
    /// # Errors
    ///
    /// Those of the archive, such as [`StoreError::Busy`]: files that are done stay imported, and running the import again goes
    /// on from there.
    pub fn run(
        &self,
        paths: &[PathBuf],
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<ImportReport, StoreError> {
        let found = tree::find(paths);
        let mut meter = Meter::new(progress, READ_BUFFER_BYTES as u64);
        meter.expect(found.logs.iter().map(|file| file.len_bytes).sum());
        meter.tell(None);
        let mut files = Vec::with_capacity(found.logs.len());
        for file in &found.logs {
            let report = self.import_file(file, &mut meter)?;
            meter.tell(Some(&report.path));
            files.push(report);
        }
        let mut session_files = Vec::new();
        let mut passed_over = found.passed_over;
        for (path, session) in found.sessions {
            match session_file::import(self.archive, &path, session, &self.relocation)? {
                Some(file) => session_files.push(file),
                None => passed_over.push(PassedOver::session_file(path)),
            }
        }
        let names = found.records.iter();
        let name_files = names.map(|path| workers::import(self.archive, path));
        Ok(ImportReport {
            files,
            session_files,
            name_files: name_files.collect::<Result<_, _>>()?,
            passed_over,
            unreadable: found.unreadable,
        })
    }

    fn import_file(
        &self,
        found: &FoundFile,
        meter: &mut Meter<'_>,
    ) -> Result<FileReport, StoreError> {
        let begun = meter.done();
        let progress = begun..begun.saturating_add(found.len_bytes);
        let mut place = found.place;
        // What was appended before another writer was found to be at work.
        let mut before = 0_u64;
        let (outcome, warnings) = loop {
            let mut warnings = Warnings::default();
            match self.merge(found, place, &mut warnings, (meter, &progress)) {
                Ok(outcome) => break (outcome.after(before), warnings),
                // It may have appended the same, which comparing again tells.
                Err(Stop::Overtaken { appended }) => before = before.saturating_add(appended),
                Err(Stop::Diverged { segment, .. }) if self.as_new => place.segment = segment,
                Err(Stop::Diverged { message, .. } | Stop::File(message)) => {
                    break (Outcome::Failed(message), warnings);
                }
                Err(Stop::Archive(error)) => return Err(error),
            }
        };
        meter.reach(progress.end);
        Ok(FileReport {
            path: found.path.clone(),
            session: place.session,
            segment: place.segment,
            trace: place.trace,
            outcome,
            warnings: warnings.finish(),
        })
    }

    /// Appends what the file holds beyond what is stored at `place`.
    fn merge(
        &self,
        found: &FoundFile,
        place: Place,
        warnings: &mut Warnings,
        (meter, progress): (&mut Meter<'_>, &Range<u64>),
    ) -> Result<Outcome, Stop> {
        let path = &found.path;
        let file = File::open(path).map_err(|error| Stop::file(path, &error))?;
        let log = self.log(place).with_timestamp(modified_ms(&file));
        let mut stored = Stored::of(&log)?;
        let (exists, stored_len) = (stored.exists, stored.len);
        let comparison = Comparison {
            file: &file,
            path,
            place,
            bad_lines: self.bad_lines,
            drops_last_line: self.last_line.drops(found),
            progress: progress.clone(),
        };
        let added = comparison.run(&mut stored, warnings, meter)?;
        drop(stored);

        if added.first.is_empty() {
            if exists || place.trace {
                return Ok(Outcome::Unchanged { total: stored_len });
            }
            return self.create_empty(&log, path);
        }
        let mut appending = Appending::new(&log, path, stored_len);
        appending.append_checked(added.first)?;
        if let Some(rest) = added.rest {
            self.append_rest(&file, &rest, &mut appending)?;
        }
        Ok(Outcome::Imported {
            new: appending.appended(),
            total: appending.len(),
        })
    }

    fn log(&self, place: Place) -> Log {
        if place.trace {
            self.archive.trace(place.session, place.segment)
        } else {
            self.archive.log(place.session, place.segment)
        }
    }

    /// Creates a segment without entries, unless another writer has begun one by now.
    fn create_empty(&self, log: &Log, path: &Path) -> Result<Outcome, Stop> {
        let none: [Entry; 0] = [];
        let mut batch = self.archive.batch();
        batch.append_at(log, 0, &none)?;
        batch.replace(log, &none)?;
        batch
            .commit()
            .map_err(|error| Stop::append(path, 0, error))?;
        Ok(Outcome::Imported { new: 0, total: 0 })
    }

    /// Reads the file again from where the first chunk ended, and appends chunk after chunk.
    fn append_rest(
        &self,
        file: &File,
        rest: &Rest,
        appending: &mut Appending<'_>,
    ) -> Result<(), Stop> {
        let path = appending.path();
        let expected_len = appending.len().saturating_add(rest.entries);
        let mut lines = lines_between(file, rest.start, rest.end_offset, self.bad_lines)
            .map_err(|error| Stop::file(path, &error))?;
        let mut chunk = Chunk::default();
        while let Some(line) = lines
            .next_line()
            .map_err(|error| Stop::file(path, &error))?
        {
            let entries = if rest.has_bad_lines {
                read_line(&line, self.bad_lines, MAX_ENTRY_BYTES)
                    .map_err(|_| appending.file_changed())?
                    .entries
            } else {
                read_checked_line(&line)
            };
            for entry in entries {
                chunk.add(&entry);
            }
            if chunk.is_full() {
                appending.append(std::mem::take(&mut chunk))?;
            }
        }
        appending.append(chunk)?;
        if appending.len() == expected_len {
            Ok(())
        } else {
            Err(appending.file_changed())
        }
    }
}

/// What an import would report of `paths` if nothing of them can come in; `None` as soon as one
/// file can. It needs no archive, so that none has to be made for nothing.
///
/// ```
/// use sessiondb::jsonl::{BadLines, LastLine, nothing_to_import};
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("log.jsonl");
/// std::fs::write(&log, "no JSON\n")?;
/// let report = nothing_to_import(&[log.clone()], BadLines::Fail, LastLine::ByLayout).expect("no log");
/// assert_eq!(report.failed(), 1);
/// std::fs::write(&log, "{}\n")?;
/// assert_eq!(nothing_to_import(&[log], BadLines::Fail, LastLine::ByLayout), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn nothing_to_import(
    paths: &[PathBuf],
    bad_lines: BadLines,
    last_line: LastLine,
) -> Option<ImportReport> {
    let found = tree::find(paths);
    let mut files = Vec::with_capacity(found.logs.len());
    for file in found.logs {
        let message = refusal(&file, bad_lines, last_line)?;
        let FoundFile { path, place, .. } = file;
        files.push(FileReport {
            path,
            session: place.session,
            segment: place.segment,
            trace: place.trace,
            outcome: Outcome::Failed(message),
            warnings: Vec::new(),
        });
    }
    // A name is taken over without a log, and so is metadata.
    let mut session_files = found.sessions.iter();
    if !found.records.is_empty()
        || session_files.any(|(path, session)| session_file::has_metadata(path, *session))
    {
        return None;
    }
    let sessions = found.sessions.into_iter();
    Some(ImportReport {
        files,
        session_files: sessions
            .filter_map(|(path, session)| session_file::without_session(&path, session))
            .collect(),
        name_files: Vec::new(),
        passed_over: found.passed_over,
        unreadable: found.unreadable,
    })
}

impl LastLine {
    fn drops(self, found: &FoundFile) -> bool {
        match self {
            Self::ByLayout => found.line_ends_count,
            Self::Take => false,
            Self::Drop => true,
        }
    }
}

/// Why nothing of the file can come into an archive that holds nothing of it.
fn refusal(found: &FoundFile, bad_lines: BadLines, last_line: LastLine) -> Option<String> {
    let path = &found.path;
    let compare = || {
        let file = File::open(path).map_err(|error| Stop::file(path, &error))?;
        let comparison = Comparison {
            file: &file,
            path,
            place: found.place,
            bad_lines,
            drops_last_line: last_line.drops(found),
            progress: 0..0,
        };
        comparison.run(
            &mut Stored::nothing(),
            &mut Warnings::default(),
            &mut Meter::new(None, 0),
        )
    };
    match compare() {
        Err(Stop::File(message)) => Some(message),
        _ => None,
    }
}

/// When the file was last written, in milliseconds since the Unix epoch; now, if the file system
/// does not know.
fn modified_ms(file: &File) -> u64 {
    match file.metadata().and_then(|metadata| metadata.modified()) {
        Ok(time) => time.duration_since(UNIX_EPOCH).map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        }),
        Err(_) => crate::now_ms(),
    }
}

impl Outcome {
    /// The outcome of an import that had appended `before` entries of the file already.
    fn after(self, before: u64) -> Self {
        match self {
            Self::Imported { new, total } => Self::Imported {
                new: new.saturating_add(before),
                total,
            },
            Self::Unchanged { total } if before > 0 => Self::Imported { new: before, total },
            other => other,
        }
    }
}
