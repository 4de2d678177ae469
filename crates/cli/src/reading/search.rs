//! `search` on a remote: word filters tell which sessions may have what is looked for, and only these are read.

use sessiondb::SessionId;
use sessiondb_remote::{Listing, RemoteSession, WithWords};

use super::rows::{Rows, session};
use super::source::{Reading, Stop};
use crate::args::SearchArgs;
use crate::exit::Failure;
use crate::render;
use crate::requests::wait;
use crate::search;
use crate::sessions::Filter;

/// Clocks of machines differ by less than a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn run(reading: Reading, mut args: SearchArgs) -> Result<(), Failure> {
    let query = search::query(&args).build().map_err(search::bad_pattern)?;
    let (listing, (named, found, fetched)) = reading.with_list(|listing| {
        let ids = args.ids.iter().map(|id| session(listing, id, true));
        let named: Vec<_> = ids.collect::<Result<_, _>>()?;
        let asked = asked(&reading, listing, &args, &named)?;
        let found = wait(listing.with_words(&reading.remote, query.words(), asked))?;
        let fetched = reading.fetch(listing, &found.sessions)?;
        Ok((named, found, fetched))
    })?;
    reading.context.say(told(&found, fetched.received_bytes));
    if found.sessions.is_empty() {
        return Err(search::nothing(&args));
    }
    // The archive has those alone in which something may be.
    let mut named = named.into_iter();
    args.ids
        .retain(|_| named.next().is_some_and(|id| found.sessions.contains(&id)));
    reading.run_on(listing, fetched, |context| search::run(context, &args))
}

/// The sessions in which is looked.
fn asked(
    reading: &Reading,
    listing: &Listing,
    args: &SearchArgs,
    named: &[SessionId],
) -> Result<Vec<SessionId>, Stop> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    if args.filter.is_of_summaries() {
        let rows = Rows::read(reading, listing)?;
        let filter = Filter::of_sessions(&args.filter);
        return Ok(rows.chosen(&filter).map(|row| row.info.id).collect());
    }
    let since_ms = args.filter.period.since.map(|since| since.from_ms);
    let is_asked = |session: &&RemoteSession| {
        let info = session.info();
        let updated_ms = i64::try_from(info.updated_ms).unwrap_or(i64::MAX);
        let is_in_time =
            since_ms.is_none_or(|since_ms| updated_ms.saturating_add(DAY_MS) >= since_ms);
        info.trashed_ms.is_none() && (args.filter.all || !info.hidden) && is_in_time
    };
    let asked = listing.sessions().iter().filter(is_asked);
    Ok(asked.map(RemoteSession::id).collect())
}

fn told(found: &WithWords, received_bytes: u64) -> String {
    format!(
        "{} of {} may have it: {} read of them, and {} of word filters",
        render::thousands(found.blocks),
        render::count(found.all_blocks, "block"),
        render::size(received_bytes),
        render::size(found.filter_bytes),
    )
}
