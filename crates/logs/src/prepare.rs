//! Reads what is to come in, as far as that can be done before it is its turn: whether it changed at
//! all, whose it is, and what it says.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sessiondb::archive::Redactor;
use sessiondb::jsonl::{self, EntryTaker, FileReport, FoundFile, LogFile, Outcome, ReadAhead};
use sessiondb::{Archive, Snapshot, StoreError};
use sessiondb_agents::{Fold, Scanner};

use crate::database::{self, DatabaseNote, Listed, Sessions};
use crate::notes::{self, Stamp};
use crate::opencode::Storage;
use crate::report::Imported;
use crate::shorten::shortened;
use crate::sidecar::Sidecar;
use crate::source::{Opened, Source, slashed};
use crate::tree::{Item, Kind};

/// What became of a log before its turn.
pub(crate) enum Prepared {
    /// Nothing is left to be done.
    Done(Box<Imported>),
    NoLog,
    Unreadable(io::Error),
    File(Box<Ready>),
    /// All sessions of the database have come by, and this is what it was before.
    Database(DatabaseNote),
}

/// A log that was read.
pub(crate) struct Ready {
    pub(crate) file: FoundFile,
    pub(crate) absolute: PathBuf,
    pub(crate) source: Source,
    pub(crate) folded: Folded,
    /// What was read of it, if it was new then.
    pub(crate) ahead: Option<ReadAhead>,
}

/// What a log says.
#[derive(Default)]
pub(crate) struct Folded {
    pub(crate) fold: Option<Fold>,
    /// The same before any entry.
    pub(crate) anew: Option<Fold>,
    /// The entries that were folded before it was their turn, and their bytes.
    pub(crate) lines: Option<(u64, u64)>,
}

/// Whoever takes what is ready. Returns whether there is anybody left.
pub(crate) type Taker<'t> = &'t mut dyn FnMut(Result<Prepared, StoreError>) -> bool;

/// Reads items for an import.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    pub(crate) archive: &'a Archive,
    pub(crate) library: jsonl::Import<'a>,
    /// Whether what is unchanged is read again, since some of it may have been taken away.
    pub(crate) again: bool,
    /// What becomes of entries before they come in.
    pub(crate) redactor: Option<Redactor>,
}

impl Reader<'_> {
    /// Reads one item. Returns whether anybody wants the next.
    pub(crate) fn read(&self, item: &Item, take: Taker<'_>) -> bool {
        let prepared = match &item.kind {
            Kind::Database => {
                return match self.database(item, take) {
                    Ok(wanted) => wanted,
                    Err(error) => take(Err(error)),
                };
            }
            Kind::Log { .. } => self.log(item),
            Kind::Opencode(storage) => self.storage(item, storage),
            Kind::Sidecar(sidecar) => self.sidecar(item, sidecar),
        };
        take(prepared)
    }

    fn log(&self, item: &Item) -> Result<Prepared, StoreError> {
        let Ok(metadata) = std::fs::metadata(&item.file.path) else {
            return self.open(item);
        };
        let skipped = self.skipped(&item.file, &item.absolute, &Stamp::of(&metadata))?;
        skipped.map_or_else(|| self.open(item), |done| Ok(Prepared::Done(done)))
    }

    fn open(&self, item: &Item) -> Result<Prepared, StoreError> {
        match Source::open(&item.file.path, &item.absolute, item.is_named) {
            Ok(Opened::Lines(source)) => self.ready(item, *source),
            Ok(Opened::NoLog) => Ok(Prepared::NoLog),
            Err(error) => Ok(Prepared::Unreadable(error)),
        }
    }

    fn storage(&self, item: &Item, storage: &Storage) -> Result<Prepared, StoreError> {
        let read = || -> io::Result<Source> {
            let stamp = storage.stamp()?;
            let age = stamp.age();
            let document = storage.read()?;
            Source::of_document(&item.file.path, "opencode", document, stamp, age)
        };
        if let Ok(stamp) = storage.stamp()
            && let Some(done) = self.skipped(&item.file, &item.absolute, &stamp)?
        {
            return Ok(Prepared::Done(done));
        }
        match read() {
            Ok(source) => self.ready(item, source),
            Err(error) => Ok(Prepared::Unreadable(error)),
        }
    }

    fn sidecar(&self, item: &Item, sidecar: &Sidecar) -> Result<Prepared, StoreError> {
        Ok(Prepared::Done(Box::new(Imported {
            report: sidecar.import(self.archive, &item.file.path, self.redactor.as_ref())?,
            agent: Some("claude"),
            was_skipped: false,
            is_new_session: false,
            in_trash: false,
            held_back: 0,
        })))
    }

    /// Reads all sessions of a database that changed. Returns whether anybody wants more.
    fn database(&self, item: &Item, take: Taker<'_>) -> Result<bool, StoreError> {
        let path = &item.file.path;
        let note = DatabaseNote::of(path);
        let now = self.archive.snapshot()?;
        if let Some(note) = &note
            && !self.again
            && notes::read_database(&now, &item.absolute)?.as_ref() == Some(note)
            && let Some(reports) = all_unchanged(&now, item)?
        {
            let done = |report| Ok(Prepared::Done(Box::new(report)));
            return Ok(reports.into_iter().all(|report| take(done(report))));
        }
        drop(now);
        let sessions = match database::open(path) {
            Ok(Some(sessions)) => sessions,
            Ok(None) if item.is_named => return Ok(take(self.open(item))),
            Ok(None) => return Ok(take(Ok(Prepared::NoLog))),
            Err(error) => return Ok(take(Ok(Prepared::Unreadable(error)))),
        };
        let listed = match sessions.list() {
            Ok(listed) => listed,
            Err(error) => return Ok(take(Ok(Prepared::Unreadable(error)))),
        };
        let mut settled = true;
        for one in &listed {
            let prepared = self.session(item, &*sessions, one);
            settled &= match &prepared {
                Ok(Prepared::File(ready)) => ready.source.stamp.settled,
                Ok(Prepared::Done(_)) => true,
                _ => false,
            };
            if !take(prepared) {
                return Ok(false);
            }
        }
        let note = note.filter(|_| settled);
        Ok(note.is_none_or(|note| take(Ok(Prepared::Database(note)))))
    }

    fn session(
        &self,
        item: &Item,
        sessions: &dyn Sessions,
        listed: &Listed,
    ) -> Result<Prepared, StoreError> {
        let mut file = item.file.clone();
        file.path = notes::below(&item.file.path, &listed.id);
        let absolute = notes::below(&item.absolute, &listed.id);
        let stamp = listed.stamp();
        if let Some(done) = self.skipped(&file, &absolute, &stamp)? {
            return Ok(Prepared::Done(done));
        }
        let agent = sessions.agent();
        let source = sessions.read(&listed.id).and_then(|document| {
            Source::of_document(&file.path, agent, document, stamp, listed.age())
        });
        let mut source = match source {
            Ok(source) => source,
            Err(error) => return Ok(Prepared::Unreadable(error)),
        };
        source.is_part = true;
        self.folded(file, absolute, source)
    }

    fn ready(&self, item: &Item, mut source: Source) -> Result<Prepared, StoreError> {
        if source.header.is_none() {
            source.header = item.header().cloned();
        }
        self.folded(item.file.clone(), item.absolute.clone(), source)
    }

    fn folded(
        &self,
        file: FoundFile,
        absolute: PathBuf,
        mut source: Source,
    ) -> Result<Prepared, StoreError> {
        if let Some(redactor) = &self.redactor
            && let Some(header) = &mut source.header
            && let Some(redacted) = redactor.redact(header)
        {
            let header = std::mem::replace(header, redacted.as_str().to_owned());
            source.header_was = Some(header);
        }
        let folded = if file.trace {
            Ok((Folded::default(), None))
        } else {
            self.fold(&file, &absolute, &source)?
        };
        Ok(match folded {
            Ok((folded, ahead)) => Prepared::File(Box::new(Ready {
                file,
                absolute,
                source,
                folded,
                ahead,
            })),
            Err(error) => Prepared::Unreadable(error),
        })
    }

    /// The report of a file that is the same as when it was read last, and all of which is still
    /// there.
    fn skipped(
        &self,
        file: &FoundFile,
        absolute: &Path,
        stamp: &Stamp,
    ) -> Result<Option<Box<Imported>>, StoreError> {
        if self.again || file.trace {
            return Ok(None);
        }
        let now = self.archive.snapshot()?;
        let Some(note) = notes::read_source(&now, absolute)? else {
            return Ok(None);
        };
        if !stamp.is_of(&note) {
            return Ok(None);
        }
        Ok(unchanged(&now, file, &note)?.map(Box::new))
    }

    /// Goes on from what is known of a file that was read before; else reads and folds all of it.
    fn fold(
        &self,
        file: &FoundFile,
        absolute: &Path,
        source: &Source,
    ) -> Result<io::Result<(Folded, Option<ReadAhead>)>, StoreError> {
        let Some(agent) = source.agent else {
            return Ok(Ok((Folded::default(), None)));
        };
        let path = slashed(absolute);
        let mut anew = Fold::new(agent, &path);
        if let Some(header) = &source.header {
            anew.header(header);
        }
        let now = self.archive.snapshot()?;
        if let Some(known) = notes::read_source(&now, absolute)?
            && let Some(log) = notes::read_log(&now, known.session, known.segment)?
            && let Some(mut fold) = log.fold
            && log.path == path
            && fold.agent().name() == agent.name()
            && known.stored == known.entries
        {
            if let Some(header) = &source.header {
                fold.header(header);
            }
            let folded = Folded {
                fold: Some(fold),
                anew: Some(anew),
                lines: None,
            };
            return Ok(Ok((folded, None)));
        }
        let (mut fold, mut bytes) = (anew.clone(), 0);
        let lines = LogFile::new(&source.path, &source.lines, file.session, file.segment)
            .line_ends_count(file.line_ends_count);
        let mut folding = Folding {
            scanner: Scanner::default(),
            fold: &mut fold,
            bytes: &mut bytes,
        };
        let ahead = self.library.read_ahead(&lines, &mut folding);
        // Where it belongs is asked of all of it, also if a line is not sound.
        if !ahead.is_sound() {
            let redactor = self.redactor.as_ref();
            match source.fold(anew.clone(), file.line_ends_count, redactor) {
                Ok(all) => (fold, bytes) = all,
                Err(error) => return Ok(Err(error)),
            }
        }
        let folded = Folded {
            lines: Some((fold.entries(), bytes)),
            fold: Some(fold),
            anew: Some(anew),
        };
        Ok(Ok((folded, Some(ahead).filter(ReadAhead::is_sound))))
    }
}

/// Checks and folds the entries of a file as they are read.
struct Folding<'f> {
    scanner: Scanner,
    fold: &'f mut Fold,
    bytes: &'f mut u64,
}

impl EntryTaker for Folding<'_> {
    fn entry(&mut self, entry: &[u8]) {
        *self.bytes += entry.len() as u64;
        self.fold.entry(entry);
    }

    fn large_entry(&mut self, entry: &mut dyn Read) -> io::Result<()> {
        let (short, len) = shortened(entry)?;
        *self.bytes += len;
        self.fold.entry(&short);
        Ok(())
    }

    fn line(&mut self, line: &str) -> bool {
        let is_entry = self.scanner.fold(line, self.fold);
        if is_entry {
            *self.bytes += line.len() as u64;
        }
        is_entry
    }
}

/// The report of a file that is as the note says, if all of it is still there.
fn unchanged(
    now: &Snapshot,
    file: &FoundFile,
    note: &notes::SourceNote,
) -> Result<Option<Imported>, StoreError> {
    let log = now.log(note.session, note.segment);
    let total = log.len()?;
    if total < note.stored || (total == 0 && !log.exists()?) {
        return Ok(None);
    }
    let outcome = Outcome::Unchanged { total };
    Ok(Some(Imported {
        report: FileReport::new(&file.path, note.session, note.segment, outcome),
        agent: notes::agent_of_log(now, note.session, note.segment)?,
        was_skipped: true,
        is_new_session: false,
        in_trash: false,
        held_back: 0,
    }))
}

/// The reports of the sessions of a database that is as it was; `None` if one of them is not
/// there any more.
fn all_unchanged(now: &Snapshot, item: &Item) -> Result<Option<Vec<Imported>>, StoreError> {
    let mut reports = Vec::new();
    for (id, note) in notes::read_sources_below(now, &item.absolute)? {
        let mut file = item.file.clone();
        file.path = notes::below(&item.file.path, &id);
        match unchanged(now, &file, &note)? {
            Some(report) => reports.push(report),
            None => return Ok(None),
        }
    }
    Ok((!reports.is_empty()).then_some(reports))
}
