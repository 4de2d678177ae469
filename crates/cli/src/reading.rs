//! Commands on a remote, without pulling it: lists of what its states say, and all else on an archive of the sessions that are
//! needed, which ends with the command.

mod rows;
mod search;
mod stats;

use std::future::Future;

use sessiondb::archive::Match;
use sessiondb::{Archive, Durability, SessionId};
use sessiondb_remote::{Cache, Listing, Remote, RemoteError, listing};
use tempfile::TempDir;

use self::rows::Rows;
use crate::args::{Command, ExportArgs, FilterArgs, LsArgs, ShowArgs};
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::progress::{self, Unit};
use crate::sessions::{Filter, no_newest, short_session_of, shorten_among};
use crate::{data_folder, export, find, ls, show, trash};

/// So often a command begins again since what it was reading has been deleted.
const ATTEMPTS: u32 = 5;
/// How the archive of what is needed is named.
const FILE: &str = "remote.sessiondb";

/// A remote that a command reads.
pub(crate) struct Reading {
    context: Context,
    remote: Remote,
}

pub(crate) fn run(context: Context, command: Command) -> Result<(), Failure> {
    let is_read = matches!(
        command,
        Command::Ls(_)
            | Command::Show(_)
            | Command::Search(_)
            | Command::Stats(_)
            | Command::Export(_)
    );
    let Some(url) = context.url().filter(|_| is_read) else {
        return Err(Failure::new(
            Code::Usage,
            "--archive names a remote, which only ls, show, search, stats and export read; `sessiondb -a FILE pull URL` brings \
             its sessions into an archive, on which every command works",
        ));
    };
    let mut remote = Remote::open_to_read(url)?;
    if let Some(folder) = data_folder::cache() {
        remote = remote.with_cache(&Cache::new(folder.join("remotes")));
    }
    let reading = Reading { context, remote };
    match command {
        Command::Ls(args) => reading.ls(&args),
        Command::Show(args) => reading.show(&args),
        Command::Search(args) => search::run(reading, args),
        Command::Stats(args) => stats::run(&reading, &args),
        Command::Export(args) => reading.export(&args),
        _ => Ok(()),
    }
}

/// Why what was begun does not go on.
enum Stop {
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
struct Fetched {
    archive: Archive,
    folder: TempDir,
    received_bytes: u64,
}

impl Reading {
    fn list(&self) -> Result<Listing, Failure> {
        let listing = wait(listing(&self.remote))??;
        for note in listing.notes() {
            self.context.say(format_args!("note: {note}"));
        }
        Ok(listing)
    }

    /// Lists, and does what needs no more than that and some sessions; again from the list where these are gone meanwhile.
    fn with_list<T>(
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
    fn fetch(&self, listing: &Listing, sessions: &[SessionId]) -> Result<Fetched, Stop> {
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
        ))?;
        bar.finish_and_clear();
        Ok(Fetched {
            archive,
            folder,
            received_bytes: fetched?.received_bytes,
        })
    }

    /// Runs a command on the archive of what is needed, with ids as short as the whole remote allows.
    fn run_on(
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

    fn ls(self, args: &LsArgs) -> Result<(), Failure> {
        if let Some(id) = &args.session {
            let (listing, fetched) = self.with_list(|listing| {
                let session = session(listing, id, false)?;
                self.fetch(listing, &[session])
            })?;
            return self.run_on(listing, fetched, |context| ls::run(context, args));
        }
        let (listing, rows) = self.with_list(|listing| Rows::read(&self, listing))?;
        let short = |id| short_session_of(id, |beginning| Ok(matching(&listing, beginning)));
        let filter = Filter::new(&args.filter);
        if args.trash {
            let form = ls::form_of(args);
            let mut taken = rows.chosen(&filter.in_trash());
            taken.sort_by_key(|row| std::cmp::Reverse((row.info.trashed_ms, row.info.id)));
            taken.truncate(form.limit);
            return trash::write(&self.context, taken, form, &short);
        }
        let limit = args.limit.map_or(usize::MAX, ls::to_usize);
        let chosen = rows.chosen(&filter).into_iter().take(limit).map(Ok);
        ls::write_chosen(&self.context, chosen, args, &short)
    }

    fn show(self, args: &ShowArgs) -> Result<(), Failure> {
        let (listing, fetched) = self.with_list(|listing| {
            let session = if let Some(id) = &args.id {
                session(listing, id, true)?
            } else {
                let newest = Rows::read(&self, listing)?;
                let newest = newest.chosen(&Filter::new(&FilterArgs::default()));
                let newest = newest.first().map(|row| row.info.id);
                newest.ok_or_else(no_newest)?
            };
            self.fetch(listing, &[session])
        })?;
        self.run_on(listing, fetched, |context| show::run(context, args))
    }

    fn export(self, args: &ExportArgs) -> Result<(), Failure> {
        let (listing, fetched) = self.with_list(|listing| {
            let sessions = match &*args.sessions {
                [] => {
                    let all = listing.sessions().iter();
                    all.map(sessiondb_remote::RemoteSession::id).collect()
                }
                ids => ids
                    .iter()
                    .map(|id| session(listing, id, false))
                    .collect::<Result<Vec<_>, _>>()?,
            };
            self.fetch(listing, &sessions)
        })?;
        self.run_on(listing, fetched, |context| export::run(context, args))
    }
}

/// The session that is meant.
fn session(listing: &Listing, id: &str, and_segments: bool) -> Result<SessionId, Failure> {
    let listed = |session| listing.session(session).map(rows::stored);
    find::session_among(
        id,
        and_segments,
        |beginning| matching(listing, beginning),
        listed,
    )
}

fn matching(listing: &Listing, beginning: &str) -> Vec<Match> {
    let found = listing.matching(beginning).into_iter();
    found
        .map(|(session, segment)| match segment {
            Some(segment) => Match::Segment { session, segment },
            None => Match::Session(session),
        })
        .collect()
}

/// Requests are made on this thread.
fn wait<F: Future>(call: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Failure::new(Code::Other, format_args!("no runtime: {error}")))?;
    Ok(runtime.block_on(call))
}
