//! What whole logs take on disk.

use std::fs;
use std::path::{Path, PathBuf};

use sessiondb::{Archive, Durability};

use super::Lab;
use crate::Result;
use crate::logs::{LogFile, Logs, archive, files, sqlite};
use crate::report::{Section, count, times};

/// Entries that one turn of an agent appends.
const TURN: usize = 7;
/// Sessions that are written to in turn.
const AT_ONCE: usize = 4;
/// How often each session is taken up: between two sittings the store is closed.
const SITTINGS: usize = 3;

/// The table of this workload, and what all the rows are compared with.
struct Sizes {
    section: Section,
    logs: Logs,
    folder: PathBuf,
}

pub(super) fn size(lab: &Lab) -> Result<Section> {
    let logs = lab.logs()?;
    let title = format!(
        "size: {:.0} MB of JSONL in {} sessions of several sittings",
        count(logs.bytes()) / 1e6,
        logs.files.len()
    );
    let mut section = Section::new(title, &["bytes", "JSONL / it", "blocks on disk"]);
    section.note(
        "Lengths of the files, heads, indexes, journal and WAL included. Blocks: what the file \
         system gave; a file may have holes.",
    );
    let folder = lab.folder("size")?;
    let mut sizes = Sizes {
        section,
        logs,
        folder,
    };
    sizes.of_files()?;
    sizes.of_sqlite()?;
    let (written, compacted) = sizes.of_archives()?;
    let mut section = sizes.section;
    // Of 30 MB the journal, which is 2 MiB whatever the archive, would be a large part.
    if lab.pick(false, true, true) {
        section.at_least("JSONL / archive as agents write it", written, 5.0, times);
        section.at_least("JSONL / archive after compact", compacted, 7.0, times);
    }
    Ok(section)
}

impl Sizes {
    /// Adds a row, and returns how often the files fit into the JSONL.
    fn row(&mut self, name: &str, path: &Path) -> Result<f64> {
        let (len, blocks) = files::size(path)?;
        let ratio = count(self.logs.bytes()) / count(len);
        let cells = [len.to_string(), times(ratio), blocks.to_string()];
        self.section.row(name, cells);
        Ok(ratio)
    }

    fn of_files(&mut self) -> Result<()> {
        self.row("JSONL", &self.logs.folder.clone())?;
        let packed = self.folder.join("packed");
        files::pack(&self.logs, &packed)?;
        self.row("zstd -3, each file", &packed)?;
        Ok(())
    }

    fn of_sqlite(&mut self) -> Result<()> {
        let (dir, out) = (self.folder.join("sqlite"), self.folder.join("sqlite-out"));
        let open = || sqlite::open(&dir, "NORMAL");
        let append = |database: &_, file: &LogFile, index, entry: &_| {
            let segment = (file.session, file.segment);
            sqlite::insert(database, segment, i64::try_from(index)?, entry)
        };
        write_in_sittings(&self.logs, open, append, sqlite::close)?;
        self.row("SQLite, as agents write it", &dir)?;
        sqlite::vacuum(&dir)?;
        self.row("SQLite, after VACUUM", &dir)?;
        sqlite::export(&self.logs, &dir, &out)?;
        self.logs.compare(&out)
    }

    fn of_archives(&mut self) -> Result<(f64, f64)> {
        let dir = self.folder.join("imported");
        archive::import(&self.logs, &dir)?;
        self.row("sessiondb, imported", &dir)?;

        let (dir, out) = (self.folder.join("archive"), self.folder.join("archive-out"));
        fs::create_dir(&dir)?;
        let open = || -> Result<_> {
            let options = Archive::options().durability(Durability::Written);
            Ok(options.open(archive::path_in(&dir))?)
        };
        let append = |archive: &Archive, file: &LogFile, _, entry: &_| {
            archive.log(file.session, file.segment).append_raw(entry)?;
            Ok(())
        };
        write_in_sittings(&self.logs, open, append, |archive| Ok(archive.close()?))?;
        let written = self.row("sessiondb, as agents write it", &dir)?;
        archive::compact(&dir)?;
        let compacted = self.row("sessiondb, compacted", &dir)?;
        archive::export(&dir, &out)?;
        self.logs.compare(&out)?;
        Ok((written, compacted))
    }
}

/// Appends all logs entry by entry: some sessions at once, a turn of each after the other.
fn write_in_sittings<S>(
    logs: &Logs,
    open: impl Fn() -> Result<S>,
    append: impl Fn(&S, &LogFile, usize, &[u8]) -> Result<()>,
    close: impl Fn(S) -> Result<()>,
) -> Result<()> {
    for some in logs.files.chunks(AT_ONCE) {
        let entries: Vec<_> = some
            .iter()
            .map(|file| logs.entries(file))
            .collect::<Result<_>>()?;
        for sitting in 0..SITTINGS {
            let store = open()?;
            let mut parts: Vec<_> = entries
                .iter()
                .map(|entries| part(entries.len(), sitting))
                .collect();
            while parts.iter().any(|part| !part.is_empty()) {
                for ((file, entries), part) in some.iter().zip(&entries).zip(&mut parts) {
                    for index in part.by_ref().take(TURN) {
                        let entry = entries.get(index).ok_or("no such entry")?;
                        append(&store, file, index, entry)?;
                    }
                }
            }
            close(store)?;
        }
    }
    Ok(())
}

/// The entries of a sitting, of a session of `len`.
fn part(len: usize, sitting: usize) -> std::ops::Range<usize> {
    let end = |sittings| len * sittings / SITTINGS;
    end(sitting)..end(sitting + 1)
}
