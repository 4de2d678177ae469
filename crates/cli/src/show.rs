//! `show`: a session as a transcript, as items, or as a document; or the entries of a segment.

use std::io::Write;

use serde::Serialize;
use sessiondb::archive::Match;
use sessiondb::{Archive, SegmentId, SegmentInfo, SessionId, Snapshot, StoreError};
use sessiondb_agents::Item;

use crate::args::ShowArgs;
use crate::context::{Access, Context};
use crate::exit::{Code, Failure};
use crate::sessions::{self, Listed};
use crate::transcript::terminal::{self, Shape};
use crate::transcript::{Conversation, Turns, document};
use crate::{entries, find, output, pager, render, trash, width};

pub(crate) fn run(context: &Context, args: &ShowArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    if args.of_entries() {
        return entries::run(context, &archive, args);
    }
    let now = archive.snapshot()?;
    let (session, segment) = chosen(&archive, &now, args.id.as_deref())?;
    trash::note_of(context, &session.info);
    let conversation = Conversation::read(&now, session, segment)?;
    let turns = match (args.turns, args.last) {
        (Some(numbers), _) => Turns::Numbered(numbers),
        (None, Some(last)) => Turns::Last(last),
        (None, None) => Turns::All,
    };
    if let Some(numbers) = args.turns
        && conversation.range(turns).is_empty()
    {
        let has = render::count(conversation.turns() as u64, "turn");
        let of = conversation.segment.id;
        let from = if numbers.from == 0 {
            "; the first is 1"
        } else {
            ""
        };
        context.say(format_args!(
            "nothing to show: segment {of} has {has}{from}"
        ));
        return Ok(());
    }
    if args.json {
        return write_items(&conversation, turns, args.all);
    }
    let is_paged = !args.no_pager && !args.markdown;
    pager::with(is_paged, |out| {
        if args.markdown {
            let text = document::document(&conversation, turns, args.tools, args.all)?;
            return Ok(out.write_all(text.as_bytes())?);
        }
        let shape = Shape {
            tools: args.tools,
            all: args.all,
            columns: width::columns().min(MOST_COLUMNS),
        };
        terminal::write(out, &conversation, turns, shape)
    })
}

/// Longer lines are hard to read.
pub(crate) const MOST_COLUMNS: usize = 100;

/// The session that is meant, and the segment of it: the one that was named, or the conversation itself.
pub(crate) fn chosen(
    archive: &Archive,
    now: &Snapshot,
    id: Option<&str>,
) -> Result<(Listed<'static>, SegmentInfo), Failure> {
    let (session, segment) = match id.map(|id| find::any(archive, id)).transpose()? {
        None => (sessions::newest(now)?, None),
        Some(Match::Session(session)) => (Listed::of(now, session)?, None),
        Some(Match::Segment { session, segment }) => (Listed::of(now, session)?, Some(segment)),
    };
    let segment = match segment {
        Some(segment) => now
            .segment(session.info.id, segment)?
            .ok_or(StoreError::NotFound(segment))?,
        None => main_segment(now, session.info.id)?,
    };
    if segment.exists {
        return Ok((session, segment));
    }
    Err(Failure::new(
        Code::NotFound,
        format_args!(
            "segment {} has traces alone; give --trace to see them",
            segment.id
        ),
    ))
}

/// The segment of a session that a reader means.
fn main_segment(now: &Snapshot, session: SessionId) -> Result<SegmentInfo, Failure> {
    if let Some(main) = sessiondb_logs::main_segment(now, session)? {
        return Ok(main);
    }
    let mut segments = now.segments(session).collect::<Result<Vec<_>, _>>()?;
    segments.retain(|info| info.exists);
    segments
        .into_iter()
        .next()
        .ok_or_else(|| nothing_there(session))
}

fn nothing_there(session: SessionId) -> Failure {
    Failure::new(
        Code::NotFound,
        format_args!("session {session} has no entries; give --trace to see its traces"),
    )
}

/// An item with whose it is.
#[derive(Serialize)]
pub(crate) struct Located<'i> {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
    #[serde(flatten)]
    pub(crate) item: &'i Item,
}

fn write_items(conversation: &Conversation, turns: Turns, all: bool) -> Result<(), Failure> {
    let mut out = output::stdout();
    let items = conversation.items(turns).iter();
    for item in items.filter(|item| all || !item.hidden) {
        let located = Located {
            session: conversation.segment.session,
            segment: conversation.segment.id,
            item,
        };
        render::write_json_line(&mut out, &located)?;
    }
    Ok(out.flush()?)
}
