//! Commands on a remote, without pulling it: lists of what its states say, and all else on an archive of the sessions that are
//! needed, which ends with the command.

mod rows;
mod search;
mod source;
mod stats;

use std::cmp::Reverse;

use sessiondb::SessionId;
use sessiondb_remote::{Listing, RemoteSession};

use self::rows::Rows;
use self::source::{Reading, Stop};
use crate::args::{Command, ExportArgs, FilterArgs, LsArgs, ShowArgs};
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::sessions::{Filter, no_newest, short_by};
use crate::{export, ls, show, trash};

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
    let url = url.to_owned();
    let reading = Reading::open(context, &url)?;
    match command {
        Command::Ls(args) => ls_of(reading, &args),
        Command::Show(args) => show_of(reading, &args),
        Command::Search(args) => search::run(reading, args),
        Command::Stats(args) => stats::run(&reading, &args),
        Command::Export(args) => export_of(reading, &args),
        _ => Ok(()),
    }
}

/// Which sessions of a remote are meant, by ids or else by a filter; `None` for all.
pub(crate) fn wanted(
    context: &Context,
    url: &str,
    ids: &[String],
    filter: &FilterArgs,
) -> Result<Option<Vec<SessionId>>, Failure> {
    if ids.is_empty() && !filter.is_given() {
        return Ok(None);
    }
    let whole: Result<Vec<SessionId>, _> = ids.iter().map(|id| id.parse()).collect();
    if let Ok(whole) = whole
        && !ids.is_empty()
    {
        return Ok(Some(whole));
    }
    let reading = Reading::open(context.clone(), url)?;
    let (_, sessions) = reading.with_list(|listing| {
        if ids.is_empty() {
            let rows = Rows::read(&reading, listing)?;
            let filter = Filter::new(filter);
            return Ok(rows.chosen(&filter).map(|row| row.info.id).collect());
        }
        let found = ids.iter().map(|id| rows::session(listing, id, false));
        Ok(found.collect::<Result<_, Failure>>()?)
    })?;
    Ok(Some(sessions))
}

fn ls_of(reading: Reading, args: &LsArgs) -> Result<(), Failure> {
    if let Some(id) = &args.session {
        let (listing, fetched) = reading.with_list(|listing| {
            let session = rows::session(listing, id, false)?;
            reading.fetch(listing, &[session])
        })?;
        return reading.run_on(listing, fetched, |context| ls::run(context, args));
    }
    let (listing, ()) = reading.with_list(|listing| write_list(&reading, listing, args))?;
    // The process ends, and to give back what millions of small things have takes a while.
    std::mem::forget(listing);
    Ok(())
}

fn write_list(reading: &Reading, listing: &Listing, args: &LsArgs) -> Result<(), Stop> {
    let rows = Rows::read(reading, listing)?;
    let short = |id| Ok(short_by(id, listing.shared_digits(id)));
    let filter = Filter::new(&args.filter);
    if args.trash {
        let form = ls::form_of(args);
        let mut taken: Vec<_> = rows.chosen(&filter.in_trash()).collect();
        taken.sort_by_key(|row| Reverse((row.info.trashed_ms, row.info.id)));
        taken.truncate(form.limit);
        return Ok(trash::write(&reading.context, taken, form, &short)?);
    }
    let limit = args.limit.map_or(usize::MAX, ls::to_usize);
    let chosen = rows.chosen(&filter).take(limit).map(Ok);
    Ok(ls::write_chosen(&reading.context, chosen, args, &short)?)
}

fn show_of(reading: Reading, args: &ShowArgs) -> Result<(), Failure> {
    let (listing, fetched) = reading.with_list(|listing| {
        let session = if let Some(id) = &args.id {
            rows::session(listing, id, true)?
        } else {
            let newest = Rows::read(&reading, listing)?;
            let filter = Filter::new(&FilterArgs::default());
            let newest = newest.chosen(&filter).next();
            newest.ok_or_else(no_newest)?.info.id
        };
        reading.fetch(listing, &[session])
    })?;
    reading.run_on(listing, fetched, |context| show::run(context, args))
}

fn export_of(reading: Reading, args: &ExportArgs) -> Result<(), Failure> {
    let (listing, fetched) = reading.with_list(|listing| {
        let sessions = match &*args.sessions {
            [] => {
                let all = listing.sessions().iter();
                all.map(RemoteSession::id).collect()
            }
            ids => ids
                .iter()
                .map(|id| rows::session(listing, id, false))
                .collect::<Result<Vec<_>, _>>()?,
        };
        reading.fetch(listing, &sessions)
    })?;
    reading.run_on(listing, fetched, |context| export::run(context, args))
}
