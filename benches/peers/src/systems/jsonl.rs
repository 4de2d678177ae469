//! A folder of JSONL files, as command line agents keep them: each append opens the file, writes one
//! line and closes it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::{memchr, memchr_iter, memrchr_iter};
use sessiondb::{SegmentId, SessionId};

use super::{Appender, Each, LogId, Promise, System};
use crate::Result;
use crate::logs::{Logs, lines};

const READ_BYTES: usize = 256 << 10;
/// Many files are counted one after another, for each of which it is allocated.
const COUNT_BYTES: usize = 64 << 10;
const TAIL_BYTES: u64 = 32 << 10;
const TRACES: &str = ".trace.jsonl";

/// How it is set up.
pub(super) fn settings(promise: Promise) -> &'static str {
    match promise {
        Promise::Synced => "one file for each log; each append opens, writes, fdatasyncs, closes",
        Promise::Written => "one file for each log; each append opens, writes, closes",
    }
}

pub(super) struct Jsonl {
    root: PathBuf,
    promise: Promise,
    tallies: Tallies,
}

impl Jsonl {
    pub(super) fn new(dir: &Path, promise: Promise) -> Self {
        Self {
            root: dir.to_owned(),
            promise,
            tallies: Tallies::default(),
        }
    }

    fn folder(&self, session: SessionId) -> PathBuf {
        self.root.join(session.to_string())
    }

    fn path(&self, log: LogId) -> PathBuf {
        let end = if log.traces { TRACES } else { ".jsonl" };
        self.folder(log.session)
            .join(format!("{}{end}", log.segment))
    }

    /// Syncs the content of a file, if so promised.
    fn sync(&self, file: &File) -> Result<()> {
        if self.promise == Promise::Synced {
            file.sync_data()?;
        }
        Ok(())
    }

    /// Syncs the names in a folder, without which a new file may not be found again.
    fn sync_folder(&self, folder: &Path) -> Result<()> {
        if self.promise == Promise::Synced {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Makes the file of a log with its folder, unless it is there.
    fn make(&self, log: LogId) -> Result<PathBuf> {
        let path = self.path(log);
        if !path.exists() {
            let folder = self.folder(log.session);
            if !folder.exists() {
                fs::create_dir_all(&folder)?;
                self.sync_folder(&self.root)?;
            }
            append_only(&path)?;
            self.sync_folder(&folder)?;
        }
        Ok(path)
    }

    /// The ids of all sessions.
    fn session_ids(&self) -> Result<Vec<SessionId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let name = entry?.file_name();
            ids.push(
                name.to_str()
                    .ok_or("a folder with a strange name")?
                    .parse()?,
            );
        }
        Ok(ids)
    }
}

impl System for Jsonl {
    fn appender(&self, log: LogId) -> Result<Box<dyn Appender>> {
        Ok(Box::new(LineAppender {
            path: self.make(log)?,
            log,
            promise: self.promise,
            tallies: self.tallies.clone(),
            line: Vec::new(),
        }))
    }

    fn append_many(&self, log: LogId, entries: &[Vec<u8>]) -> Result<()> {
        let mut text = entries.join(&b'\n');
        text.push(b'\n');
        let mut file = append_only(&self.make(log)?)?;
        file.write_all(&text)?;
        self.sync(&file)?;
        self.tallies
            .grow(log, entries.len() as u64, text.len() as u64);
        Ok(())
    }

    fn count(&self, log: LogId) -> Result<u64> {
        match File::open(self.path(log)) {
            Ok(file) => {
                let found = count_lines(file)?;
                self.tallies.set(log, found);
                Ok(found.entries)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self, log: LogId, each: Each<'_>) -> Result<()> {
        let file = File::open(self.path(log))?;
        let mut reader = BufReader::with_capacity(READ_BYTES, file);
        let mut cut = Vec::new();
        loop {
            let block = reader.fill_buf()?;
            let line = memchr(b'\n', block).and_then(|end| block.get(..end));
            let used = match line {
                Some(line) if cut.is_empty() => {
                    each(line)?;
                    line.len() + 1
                }
                Some(line) => {
                    cut.extend_from_slice(line);
                    each(&cut)?;
                    cut.clear();
                    line.len() + 1
                }
                None if block.is_empty() => break,
                None => {
                    cut.extend_from_slice(block);
                    block.len()
                }
            };
            reader.consume(used);
        }
        if cut.is_empty() {
            Ok(())
        } else {
            Err("the last line has no end".into())
        }
    }

    fn last(&self, log: LogId, count: u64, each: Each<'_>) -> Result<()> {
        let (_, text) = tail(&File::open(self.path(log))?, count)?;
        lines(&text).try_for_each(each)
    }

    fn sessions(&self, limit: usize) -> Result<Vec<(SessionId, u64)>> {
        let mut ids = self.session_ids()?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(limit);
        let with_count = |id| Ok((id, count_session(&self.folder(id))?));
        ids.into_iter().map(with_count).collect()
    }

    /// There is no index: each folder is asked.
    fn session_of(&self, segment: SegmentId) -> Result<Option<SessionId>> {
        let has_it = |session: &SessionId| {
            let log = LogId {
                session: *session,
                segment,
                traces: false,
            };
            self.path(log).exists()
        };
        Ok(self.session_ids()?.into_iter().find(has_it))
    }

    fn fork(&self, from: LogId, at: u64, to: SegmentId) -> Result<()> {
        let source = File::open(self.path(from))?;
        let bytes = match self.tallies.get(from, &source)? {
            Some(known) if known.entries == at => known.bytes,
            _ => end_of(&source, at)?,
        };
        let to = LogId {
            segment: to,
            ..from
        };
        let mut target = File::create_new(self.path(to))?;
        if io::copy(&mut source.take(bytes), &mut target)? != bytes {
            return Err("the segment became shorter while it was copied".into());
        }
        self.sync(&target)?;
        self.tallies.set(to, Tally { entries: at, bytes });
        self.sync_folder(&self.folder(to.session))
    }

    fn truncate(&self, log: LogId, len: u64) -> Result<()> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(self.path(log))?;
        let bytes = match self.tallies.get(log, &file)? {
            Some(known) if known.entries < len => return Err(too_few(known.entries, len)),
            Some(known) if known.entries - len < len => tail(&file, known.entries - len)?.0,
            _ => end_of(&file, len)?,
        };
        file.set_len(bytes)?;
        self.sync(&file)?;
        self.tallies.set(
            log,
            Tally {
                entries: len,
                bytes,
            },
        );
        Ok(())
    }

    fn delete_session(&self, session: SessionId) -> Result<()> {
        fs::remove_dir_all(self.folder(session))?;
        self.tallies.forget(session);
        self.sync_folder(&self.root)
    }

    fn import(&self, logs: &Logs) -> Result<()> {
        for file in &logs.files {
            let log = file.log();
            let folder = self.folder(log.session);
            let path = file.new_path_in(&self.root)?;
            fs::copy(file.path_in(&logs.folder), &path)?;
            self.sync(&File::open(path)?)?;
            self.sync_folder(&folder)?;
        }
        self.sync_folder(&self.root)
    }

    fn export(&self, logs: &Logs, out: &Path) -> Result<()> {
        for file in &logs.files {
            fs::copy(file.path_in(&self.root), file.new_path_in(out)?)?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

struct LineAppender {
    path: PathBuf,
    log: LogId,
    promise: Promise,
    tallies: Tallies,
    line: Vec<u8>,
}

impl Appender for LineAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(entry);
        self.line.push(b'\n');
        let mut file = append_only(&self.path)?;
        file.write_all(&self.line)?;
        if self.promise == Promise::Synced {
            file.sync_data()?;
        }
        self.tallies.grow(self.log, 1, self.line.len() as u64);
        Ok(())
    }
}

fn append_only(path: &Path) -> Result<File> {
    Ok(OpenOptions::new().append(true).create(true).open(path)?)
}

/// How many entries a file has, when it has that many bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    entries: u64,
    bytes: u64,
}

/// What the program knows of its logs, as an agent knows how many entries it has written. A count
/// does not rely on it.
#[derive(Clone, Default)]
struct Tallies(Arc<Mutex<HashMap<LogId, Tally>>>);

impl Tallies {
    fn lock(&self) -> MutexGuard<'_, HashMap<LogId, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tally of a log, unless somebody else has written to its file.
    fn get(&self, log: LogId, file: &File) -> Result<Option<Tally>> {
        let bytes = file.metadata()?.len();
        let known = self.lock().get(&log).copied();
        Ok(known.filter(|known| known.bytes == bytes))
    }

    fn set(&self, log: LogId, tally: Tally) {
        self.lock().insert(log, tally);
    }

    fn grow(&self, log: LogId, entries: u64, bytes: u64) {
        if let Some(known) = self.lock().get_mut(&log) {
            known.entries += entries;
            known.bytes += bytes;
        }
    }

    fn forget(&self, session: SessionId) {
        self.lock().retain(|log, _| log.session != session);
    }
}

fn count_session(folder: &Path) -> Result<u64> {
    let mut entries = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().ends_with(TRACES) {
            entries += count_lines(File::open(entry.path())?)?.entries;
        }
    }
    Ok(entries)
}

fn count_lines(file: File) -> Result<Tally> {
    let mut found = Tally::default();
    let mut reader = BufReader::with_capacity(COUNT_BYTES, file);
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(found);
        }
        found.entries += memchr_iter(b'\n', block).count() as u64;
        found.bytes += block.len() as u64;
        let len = block.len();
        reader.consume(len);
    }
}

/// Where the first `entries` entries end, found from the beginning.
fn end_of(file: &File, entries: u64) -> Result<u64> {
    let Some(mut behind) = entries.checked_sub(1) else {
        return Ok(0);
    };
    let mut block = vec![0; READ_BYTES];
    let mut start = 0;
    loop {
        let len = file.read_at(&mut block, start)?;
        let read = block.get(..len).unwrap_or_default();
        let mut ends = memchr_iter(b'\n', read);
        match usize::try_from(behind).ok().and_then(|nth| ends.nth(nth)) {
            Some(end) => return Ok(start + end as u64 + 1),
            None if len == 0 => return Err(too_few(entries - 1 - behind, entries)),
            None => behind -= memchr_iter(b'\n', read).count() as u64,
        }
        start += len as u64;
    }
}

/// The last `count` lines, or all if there are fewer, and where they begin: found from the end, in
/// ever larger blocks.
fn tail(file: &File, count: u64) -> Result<(u64, Vec<u8>)> {
    let end = file.metadata()?.len();
    let count = usize::try_from(count)?;
    let mut block = TAIL_BYTES;
    loop {
        let start = end.saturating_sub(block);
        let mut text = vec![0; usize::try_from(end - start)?];
        file.read_exact_at(&mut text, start)?;
        // The first from the end ends the last line.
        let before = memrchr_iter(b'\n', &text).nth(count);
        if let Some(before) = before {
            text.drain(..=before);
            return Ok((start + before as u64 + 1, text));
        }
        if start == 0 {
            return Ok((0, text));
        }
        block *= 8;
    }
}

fn too_few(found: u64, wanted: u64) -> Box<dyn std::error::Error + Send + Sync> {
    format!("the log has {found} entries, not {wanted}").into()
}
