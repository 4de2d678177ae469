//! A remote that a command reads: its list, and an archive of the sessions that are needed.

use sessiondb::archive::Match;
use sessiondb::{Archive, Durability, SegmentId, SessionId};
use sessiondb_remote::{Cache, Listing, Remote, RemoteError, listing};
use tempfile::TempDir;

use crate::context::Context;
use crate::data_folder;
use crate::exit::{Code, Failure};
use crate::progress::{self, Unit};
use crate::requests::wait;
use crate::sessions::shorten_among;

/// So often a command begins again since what it was reading has been deleted.
const ATTEMPTS: u32 = 5;
/// How the archive of what is needed is named.
const FILE: &str = "remote.sessiondb";

/// A remote that a command reads.
pub(super) struct Reading {
    pub(super) context: Context,
    pub(super) remote: Remote,
}

/// Why what was begun does not go on.
pub(super) enum Stop {
    /// What was listed has been deleted since.
    Gone(RemoteError),
    Failed(Failure),
}

impl From<RemoteError> for Stop {
    fn from(error: RemoteError) -> Self {
        match error {
            error @ RemoteError::Missing { .. } => Self::Gone(error),
            error => Self::Failed(error.into()),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An archive of what is needed, which ends with this.
pub(super) struct Fetched {
    pub(super) archive: Archive,
    folder: TempDir,
    pub(super) received_bytes: u64,
}

impl Reading {
    /// `url` is that of the context.
    pub(super) fn open(context: Context, url: &str) -> Result<Self, Failure> {
        let mut remote = Remote::open_to_read(url)?;
        if let Some(folder) = data_folder::cache() {
            remote = remote.with_cache(&Cache::new(folder.join("remotes")));
        }
        Ok(Self { context, remote })
    }

    pub(super) fn list(&self) -> Result<Listing, Failure> {
        let listing = wait(listing(&self.remote))?;
        for note in listing.notes() {
            self.context.say(format_args!("note: {note}"));
        }
        Ok(listing)
    }

    /// Lists, and does what needs no more than that and some sessions; again from the list where these are gone meanwhile.
    pub(super) fn with_list<T>(
        &self,
        mut run: impl FnMut(&Listing) -> Result<T, Stop>,
    ) -> Result<(Listing, T), Failure> {
        let mut attempts = 0;
        loop {
            let listing = self.list()?;
            match run(&listing) {
                Ok(done) => return Ok((listing, done)),
                Err(Stop::Gone(error)) if attempts >= ATTEMPTS => return Err(error.into()),
                Err(Stop::Gone(_)) => attempts += 1,
                Err(Stop::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// An archive of some sessions.
    pub(super) fn fetch(&self, listing: &Listing, sessions: &[SessionId]) -> Result<Fetched, Stop> {
        let made = |error| Failure::new(Code::Other, format_args!("a temporary folder: {error}"));
        let folder = tempfile::tempdir().map_err(made)?;
        let archive = Archive::options()
            .create(true)
            .durability(Durability::Written)
            .open(folder.path().join(FILE))
            .map_err(Failure::from)?;
        let bar = progress::bar(&self.context, Unit::Sessions);
        let mut tell = progress::show_counts(&bar);
        let fetched = wait(listing.fetch(
            &self.remote,
            &archive,
            sessions.iter().copied(),
            Some(&mut tell),
        ));
        bar.finish_and_clear();
        Ok(Fetched {
            archive,
            folder,
            received_bytes: fetched?.received_bytes,
        })
    }

    /// Runs a command on the archive of what is needed, with ids as short as the whole remote allows.
    pub(super) fn run_on(
        self,
        listing: Listing,
        fetched: Fetched,
        run: impl FnOnce(&Context) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let path = fetched.folder.path().join(FILE);
        fetched.archive.close()?;
        shorten_among(Box::new(move |beginning| matching(&listing, beginning)));
        let done = run(&self.context.on(path));
        // Where it cannot be deleted, the system's folder for what is temporary has it.
        let _ = fetched.folder.close();
        done
    }
}

/// What has an id that begins so.
pub(super) fn matching(listing: &Listing, beginning: &str) -> Vec<Match> {
    let found = listing.matching(beginning).into_iter();
    found.map(matched).collect()
}

fn matched((session, segment): (SessionId, Option<SegmentId>)) -> Match {
    match segment {
        Some(segment) => Match::Segment { session, segment },
        None => Match::Session(session),
    }
}
