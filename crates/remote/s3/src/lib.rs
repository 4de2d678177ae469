//! Archives that append, branch, push, pull and clean up at random at a remote that may fail, and what must be true of them in the
//! end.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use sessiondb::{Archive, SegmentId, SessionId, StoreError};
use sessiondb_remote::{GcOptions, PullOptions, Remote, RemoteError, check, gc, pull, push};

/// What kept the archives from what they must do.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Of each session the logs that are the beginning of no other.
pub type History = BTreeMap<SessionId, BTreeSet<Vec<String>>>;

/// Archives that share a remote, and all that was ever said in one of them.
#[derive(Debug)]
pub struct Team {
    archives: Vec<Archive>,
    rng: fastrand::Rng,
    said: BTreeMap<SessionId, Vec<String>>,
    /// What happened until now.
    pub counts: Counts,
}

/// How often what was done.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    /// Entries that were appended.
    pub appends: u64,
    /// Branches that were made.
    pub branches: u64,
    /// Pushes that were begun.
    pub pushes: u64,
    /// Pulls that were begun.
    pub pulls: u64,
    /// Cleanings that were begun.
    pub gcs: u64,
    /// Those of the three that the remote let fail.
    pub failed: u64,
    /// What the last of them said.
    pub last_failure: Option<String>,
}

/// Waits for a call on this thread.
///
/// # Errors
///
/// No runtime could be made.
pub fn wait<F: Future>(call: F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(call))
}

impl Team {
    /// New archives in memory, and a seed for all that they do.
    ///
    /// # Errors
    ///
    /// An archive could not be made.
    pub fn new(archives: usize, seed: u64) -> Result<Self, Failure> {
        let archives: Result<Vec<_>, StoreError> =
            (0..archives).map(|_| Archive::in_memory()).collect();
        Ok(Self {
            archives: archives?,
            rng: fastrand::Rng::with_seed(seed),
            said: BTreeMap::new(),
            counts: Counts::default(),
        })
    }

    /// One of them does something. What the remote lets fail is counted, and is no error.
    ///
    /// # Errors
    ///
    /// Whatever the remote is no excuse for.
    pub fn step(&mut self, remote: &Remote) -> Result<(), Failure> {
        let at = self.rng.usize(..self.archives.len());
        let Some(archive) = self.archives.get(at).cloned() else {
            return Ok(());
        };
        let done = match self.rng.u32(..10) {
            0..=3 => return self.append(&archive, at),
            4 => return self.branch(&archive),
            5 | 6 => {
                self.counts.pushes += 1;
                wait(push(&archive, remote, None))?.map(drop)
            }
            7 | 8 => {
                self.counts.pulls += 1;
                wait(pull(&archive, remote, &PullOptions::new(), None))?.map(drop)
            }
            _ => {
                self.counts.gcs += 1;
                let grace = GcOptions::new().grace(Duration::from_secs(3600));
                wait(gc(remote, &grace))?.map(drop)
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(
                error @ (RemoteError::Refused { .. }
                | RemoteError::Damaged { .. }
                | RemoteError::Missing { .. }),
            ) => {
                self.counts.failed += 1;
                self.counts.last_failure = Some(error.to_string());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn append(&mut self, archive: &Archive, at: usize) -> Result<(), Failure> {
        let session = SessionId::from_u128(self.rng.u128(1..4));
        let segment = SegmentId::from_u128(100 + self.rng.u128(..2));
        // Of some length, so that there is a middle in which a way can be cut.
        let noise: String = (0..self.rng.usize(..4_000))
            .map(|_| self.rng.alphanumeric())
            .collect();
        let value = format!("{at} says {} {noise}", self.counts.appends);
        archive.log(session, segment).append(&value)?;
        self.said
            .entry(session)
            .or_default()
            .push(format!("\"{value}\""));
        self.counts.appends += 1;
        Ok(())
    }

    fn branch(&mut self, archive: &Archive) -> Result<(), Failure> {
        let sessions: Result<Vec<_>, _> = archive.sessions()?.collect();
        let Some(session) = self.rng.choice(sessions?) else {
            return Ok(());
        };
        let segments: Result<Vec<_>, _> = archive.segments(session.id)?.collect();
        let segments = segments?.into_iter().filter(|info| info.exists);
        let Some(info) = self.rng.choice(segments.collect::<Vec<_>>()) else {
            return Ok(());
        };
        let len = self.rng.u64(..=info.entries);
        let branch = SegmentId::from_u128(self.rng.u128(..));
        archive.log(session.id, info.id).branch(len, branch)?;
        self.counts.branches += 1;
        Ok(())
    }

    /// Pushes and pulls until nothing is new for anybody. Then all must have one history with all that was ever said, a
    /// new archive must get the same by a pull, and `check` must find nothing. Returns the entries that were looked for.
    ///
    /// # Errors
    ///
    /// One of these is not so, or the remote failed.
    pub fn settle(&self, remote: &Remote) -> Result<usize, Failure> {
        self.exchange(remote)?;
        let restored = Archive::in_memory()?;
        wait(pull(&restored, remote, &PullOptions::new(), None))??;
        let expected = history(&restored)?;
        for (number, archive) in self.archives.iter().enumerate() {
            if history(archive)? != expected {
                return Err(format!("archive {number} has another history").into());
            }
        }
        for (session, said) in &self.said {
            let logs = expected.get(session);
            for line in said {
                if !logs.is_some_and(|logs| logs.iter().any(|log| log.contains(line))) {
                    return Err(format!("{line} is lost").into());
                }
            }
        }
        let report = wait(check(remote, None))??;
        if !report.problems.is_empty() {
            return Err(report.problems.join("\n").into());
        }
        Ok(self.said.values().map(Vec::len).sum())
    }

    fn exchange(&self, remote: &Remote) -> Result<(), Failure> {
        for _ in 0..10 {
            let mut is_silent = true;
            for archive in &self.archives {
                is_silent &= wait(push(archive, remote, None))??.is_unchanged();
                let pulled = wait(pull(archive, remote, &PullOptions::new(), None))??;
                is_silent &= pulled.sessions == 0;
            }
            if is_silent {
                return Ok(());
            }
        }
        Err("the archives do not settle".into())
    }
}

/// What an archive holds, whatever the ids of its branches are.
///
/// # Errors
///
/// The archive could not be read.
pub fn history(archive: &Archive) -> Result<History, Failure> {
    let mut history = History::new();
    for session in archive.sessions()? {
        let session = session?.id;
        let mut logs = Vec::new();
        for segment in archive.segments(session)? {
            let segment = segment?;
            if segment.exists {
                let lines: Result<Vec<_>, StoreError> = archive
                    .log(session, segment.id)
                    .read(..)?
                    .map(|entry| entry.map(|entry| entry.as_str().to_owned()))
                    .collect();
                logs.push(lines?);
            }
        }
        let is_beginning = |log: &Vec<String>| {
            logs.iter()
                .any(|other| other.len() > log.len() && other.starts_with(log))
        };
        let whole = logs.iter().filter(|log| !is_beginning(log)).cloned();
        history.insert(session, whole.collect());
    }
    Ok(history)
}
