//! A folder of JSONL files, as agents keep them today: each append opens the file, writes one line
//! and closes it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Appender, System};
use crate::Result;
use crate::entries::{segment_id, session_id};

pub(super) struct Jsonl {
    session_dir: PathBuf,
    sync: bool,
}

impl Jsonl {
    pub(super) fn open(dir: &Path, sync: bool) -> Result<Self> {
        let session_dir = dir.join(session_id().to_string());
        fs::create_dir_all(&session_dir)?;
        Ok(Self { session_dir, sync })
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.session_dir
            .join(format!("{}.jsonl", segment_id(segment)))
    }
}

impl System for Jsonl {
    fn appender(&self, segment: u64) -> Result<Box<dyn Appender>> {
        Ok(Box::new(LineAppender {
            path: self.path(segment),
            sync: self.sync,
            line: Vec::new(),
        }))
    }

    fn append_many(&self, segment: u64, entries: &[Vec<u8>]) -> Result<()> {
        let mut lines = entries.join(&b'\n');
        lines.push(b'\n');
        append_only(&self.path(segment))?.write_all(&lines)?;
        Ok(())
    }

    fn count(&self, segment: u64) -> Result<u64> {
        if !self.path(segment).exists() {
            return Ok(0);
        }
        let mut count = 0;
        self.read(segment, &mut |_| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Reads backwards from the end in blocks, until the last line is there.
    fn last(&self, segment: u64) -> Result<Vec<u8>> {
        let mut file = File::open(self.path(segment))?;
        let end = file.seek(SeekFrom::End(0))?;
        let mut block = 4096;
        loop {
            let start = end.saturating_sub(block);
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            (&file).take(end - start).read_to_end(&mut bytes)?;
            let lines = bytes.strip_suffix(b"\n").ok_or("no final newline")?;
            let mut parts = lines.rsplitn(2, |byte| *byte == b'\n');
            let last = parts.next().unwrap_or_default();
            if parts.next().is_some() || start == 0 {
                return Ok(last.to_vec());
            }
            block *= 16;
        }
    }

    fn read(&self, segment: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(self.path(segment))?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            each(line.strip_suffix(b"\n").ok_or("no final newline")?)?;
            line.clear();
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

struct LineAppender {
    path: PathBuf,
    sync: bool,
    line: Vec<u8>,
}

impl Appender for LineAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(entry);
        self.line.push(b'\n');
        let mut file = append_only(&self.path)?;
        file.write_all(&self.line)?;
        if self.sync {
            file.sync_data()?;
        }
        Ok(())
    }
}

fn append_only(path: &Path) -> Result<File> {
    Ok(OpenOptions::new().append(true).create(true).open(path)?)
}
