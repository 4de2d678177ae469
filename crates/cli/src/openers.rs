//! Which processes have a file open, and what they have locked of it, where the system tells (Linux).

use std::fmt;
use std::path::Path;

use serde::Serialize;

/// A process that has the file open.
#[derive(Debug, Serialize)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "no other system tells who has a file open")
)]
pub(crate) struct Opener {
    pub(crate) pid: u32,
    /// The name of the program; null if the system does not tell.
    pub(crate) name: Option<String>,
    /// What it holds: `open`, `read`, `write`, `all of it` or `other`.
    pub(crate) locks: Vec<&'static str>,
}

impl fmt::Display for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("unknown");
        write!(f, "process {} ({name})", self.pid)?;
        if !self.locks.is_empty() {
            write!(f, ", locks: {}", self.locks.join(", "))?;
        }
        Ok(())
    }
}

/// The other processes that have the file open; `None` where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn of(_: &Path) -> Option<Vec<Opener>> {
    None
}

/// The other processes that have the file open; those of other users are not seen.
#[cfg(target_os = "linux")]
pub(crate) fn of(path: &Path) -> Option<Vec<Opener>> {
    let file = linux::identity(path)?;
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if pid != std::process::id()
            && let Some(locks) = linux::locks(&process.path(), file)
        {
            let name = std::fs::read_to_string(process.path().join("comm")).ok();
            let name = name.map(|name| name.trim_end().to_owned());
            found.push(Opener { pid, name, locks });
        }
    }
    found.sort_by_key(|opener| opener.pid);
    Some(found)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// The bytes that are locked, as `docs/format.md` lists them.
    const LOCK_BASE: u64 = 1 << 62;
    const WRITER_LOCK: u64 = LOCK_BASE - 1;
    const READER_LOCKS: u64 = LOCK_BASE + 1024;

    /// Device and number of a file.
    pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// What the process has locked of the file; `None` if it does not have it open.
    pub(super) fn locks(process: &Path, file: (u64, u64)) -> Option<Vec<&'static str>> {
        let mut locks = None;
        for link in fs::read_dir(process.join("fd")).ok()?.flatten() {
            if identity(&link.path()) != Some(file) {
                continue;
            }
            let locks: &mut Vec<_> = locks.get_or_insert_default();
            let info = process.join("fdinfo").join(link.file_name());
            let info = fs::read_to_string(info).unwrap_or_default();
            locks.extend(info.lines().filter_map(lock));
        }
        let mut locks = locks?;
        locks.sort_unstable();
        locks.dedup();
        Some(locks)
    }

    /// The meaning of a line such as `lock: 1: OFDLCK  ADVISORY  WRITE -1 08:01:42 7 9`.
    fn lock(line: &str) -> Option<&'static str> {
        let line = line.strip_prefix("lock:")?;
        let mut words = line.split_whitespace().rev();
        let (end, start) = (words.next()?, words.next()?);
        let start: u64 = start.parse().ok()?;
        let end = end.parse().unwrap_or(u64::MAX);
        Some(match start {
            // Who opens it for itself alone locks all of it, everybody else shares that lock.
            0 if end >= LOCK_BASE && line.contains("WRITE") => "all of it",
            0 if end >= LOCK_BASE => "open",
            WRITER_LOCK => "write",
            READER_LOCKS.. => "read",
            LOCK_BASE.. => "open",
            _ => "other",
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn locks_are_told_apart_by_their_bytes() {
            let line = |start: u64, end: &str| {
                format!("lock:\t1: OFDLCK  ADVISORY  WRITE -1 00:1b:4242 {start} {end}")
            };
            for (start, end, meaning) in [
                (WRITER_LOCK, "4611686018427387903", "write"),
                (LOCK_BASE, "4611686018427387907", "open"),
                (READER_LOCKS + 7, "EOF", "read"),
                (0, "EOF", "all of it"),
                (5, "9", "other"),
            ] {
                assert_eq!(lock(&line(start, end)), Some(meaning));
            }
            assert_eq!(lock("pos:\t0"), None);
            assert_eq!(lock("lock:\tnothing"), None);
        }
    }
}
