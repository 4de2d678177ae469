//! The logs that whole archives are filled with, as a folder of JSONL files: sessions shaped like
//! real ones, or copies of files that the caller has.

pub(crate) mod files;
#[path = "../../../corpus/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "not every bench wants forks")]
mod generator;

use std::path::{Path, PathBuf};
use std::{fs, iter};

use memchr::memchr;
use sessiondb::{SegmentId, SessionId};

use self::generator::Corpus;
use crate::Result;
use crate::entries::segment_id;
use crate::systems::LogId;

/// Of 80 tried, the one with as many sessions as the corpus before had, and which zstd makes as much smaller;
/// they are about as long as real ones.
const SEED: u64 = 67;

/// Generated sessions of together `bytes`.
pub(crate) fn corpus(bytes: usize) -> Corpus {
    Corpus::new(SEED, bytes)
}

/// A folder `{session}/{segment}.jsonl`.
pub(crate) struct Logs {
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<LogFile>,
}

/// One of its files, which ends with a newline.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
    pub(crate) len_bytes: u64,
}

impl LogFile {
    /// The log that it becomes.
    pub(crate) fn log(&self) -> LogId {
        LogId {
            session: self.session,
            segment: self.segment,
            traces: false,
        }
    }

    /// Where it is in a folder like that.
    pub(crate) fn path_in(&self, folder: &Path) -> PathBuf {
        let session = folder.join(self.session.to_string());
        session.join(format!("{}.jsonl", self.segment))
    }

    /// The same, with the folder of the session made.
    pub(crate) fn new_path_in(&self, folder: &Path) -> Result<PathBuf> {
        let path = self.path_in(folder);
        fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        Ok(path)
    }
}

impl Logs {
    /// Writes generated sessions of together `bytes` into `folder`.
    pub(crate) fn generate(folder: &Path, bytes: usize) -> Result<Self> {
        let mut logs = Self::empty(folder);
        for session in corpus(bytes) {
            for segment in session.segments {
                let mut text = segment.lines.join(&b'\n');
                text.push(b'\n');
                logs.add(session.id, segment.id, &text)?;
            }
        }
        logs.done()
    }

    /// Copies all `*.jsonl` below `from` into `folder`, each as a session.
    pub(crate) fn copy(folder: &Path, from: &Path) -> Result<Self> {
        let mut logs = Self::empty(folder);
        let found = files::below(from)?;
        let found = found
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
        for (number, path) in (0..).zip(found) {
            let mut text = fs::read(path)?;
            if text.last() != Some(&b'\n') {
                text.push(b'\n');
            }
            logs.add(segment_id(number), segment_id(number), &text)?;
        }
        logs.done()
    }

    fn empty(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: Vec::new(),
        }
    }

    fn add(&mut self, session: SessionId, segment: SegmentId, text: &[u8]) -> Result<()> {
        if text == b"\n" {
            return Ok(());
        }
        let file = LogFile {
            session,
            segment,
            len_bytes: text.len() as u64,
        };
        fs::write(file.new_path_in(&self.folder)?, text)?;
        self.files.push(file);
        Ok(())
    }

    fn done(self) -> Result<Self> {
        if self.files.is_empty() {
            return Err(format!("{} has no logs", self.folder.display()).into());
        }
        files::settle(&self.folder)?;
        Ok(self)
    }

    /// How many bytes of JSONL these are.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len_bytes).sum()
    }

    /// The text of a file.
    pub(crate) fn text(&self, file: &LogFile) -> Result<Vec<u8>> {
        Ok(fs::read(file.path_in(&self.folder))?)
    }

    /// The entries of a file.
    pub(crate) fn entries(&self, file: &LogFile) -> Result<Vec<Vec<u8>>> {
        Ok(lines(&self.text(file)?).map(<[u8]>::to_vec).collect())
    }

    /// Compares a folder with these logs: it has to have the same files with the same bytes.
    pub(crate) fn compare(&self, folder: &Path) -> Result<()> {
        for file in &self.files {
            let path = file.path_in(folder);
            if fs::read(&path)? != fs::read(file.path_in(&self.folder))? {
                return Err(format!("{} is not what was written", path.display()).into());
            }
        }
        match files::below(folder)?.len() {
            found if found == self.files.len() => Ok(()),
            found => Err(format!(
                "{} has {found} files, not {}",
                folder.display(),
                self.files.len()
            )
            .into()),
        }
    }
}

/// The lines of a text that ends with a newline, without those that are empty.
pub(crate) fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let next = move || {
        let (line, rest) = text.split_at_checked(memchr(b'\n', text)?)?;
        text = rest.get(1..)?;
        Some(line)
    };
    iter::from_fn(next).filter(|line| !line.is_empty())
}
