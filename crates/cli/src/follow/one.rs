//! One session: its last turns, and then what comes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;

use sessiondb::archive::{Change, ChangeKind, Match};
use sessiondb::{SegmentId, SegmentInfo, SessionId, Snapshot};
use sessiondb_agents::{Agent, Item};

use super::live::{Following, Live};
use crate::args::FollowArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::sessions::{short_segment, with_home};
use crate::show::{self, Located, MOST_COLUMNS};
use crate::transcript::beside::Beside;
use crate::transcript::terminal::{Page, Shape};
use crate::transcript::{Conversation, Turns};
use crate::{find, output, render, width};

pub(super) fn follow(
    context: &Context,
    mut following: Following<'_>,
    args: &FollowArgs,
) -> Result<(), Failure> {
    let now = following.snapshot()?;
    let (session, segment) = show::chosen(following.archive, &now, args.id.as_deref())?;
    let found = args
        .id
        .as_deref()
        .map(|id| find::any(following.archive, id));
    let is_segment = matches!(found.transpose()?, Some(Match::Segment { .. }));
    let mut followed = Followed {
        context,
        session: segment.session,
        segment: segment.id,
        is_fixed: is_segment,
        agent: sessiondb_logs::agent_of(&now, segment.session, segment.id)?,
        shown: 0,
        last: None,
        page: page(args, "Agent", 0),
        is_json: args.json,
    };
    let folder = with_home(&session.text("cwd"));
    let conversation = Conversation::read(&now, session, segment)?;
    let short = short_segment(&now, followed.session, followed.segment)?;
    let place = if folder.is_empty() {
        folder
    } else {
        format!(" in {folder}")
    };
    context.say(format_args!(
        "following {short} ({}{place}): {}; Ctrl-C ends it",
        conversation.agent,
        conversation.title()
    ));
    let turns = Turns::Last(args.last);
    followed.page = page(args, conversation.agent, conversation.range(turns).start);
    followed.write(conversation.items(turns), &conversation)?;
    followed.shown = conversation.transcript.entries;
    followed.last = fingerprint(&now, followed.session, followed.segment, followed.shown)?;
    drop((conversation, now));
    while let Some(changes) = following.next(context)? {
        followed.take(&following, &changes)?;
    }
    Ok(())
}

fn page(args: &FollowArgs, agent: &'static str, turn: usize) -> Page {
    let shape = Shape {
        tools: args.tools,
        all: false,
        columns: width::columns().min(MOST_COLUMNS),
    };
    Page::new(agent, shape, turn)
}

struct Followed<'c> {
    context: &'c Context,
    session: SessionId,
    segment: SegmentId,
    /// Whether it was this segment that was asked for.
    is_fixed: bool,
    agent: Option<&'static dyn Agent>,
    /// How many entries were shown or passed over.
    shown: u64,
    /// What the last of them was.
    last: Option<u64>,
    page: Page,
    is_json: bool,
}

/// What is to be done after some changes.
#[derive(Default)]
struct Todo {
    read: bool,
    compare: bool,
    find_main: bool,
}

impl Followed<'_> {
    fn take(&mut self, following: &Following<'_>, changes: &[Change]) -> Result<(), Failure> {
        let mut todo = Todo::default();
        for change in changes.iter().filter(|change| !change.trace) {
            let is_session = change.session == Some(self.session);
            match change.kind {
                ChangeKind::Gap => {
                    self.say("some changes were missed; reading anew");
                    todo = Todo {
                        read: true,
                        compare: true,
                        find_main: true,
                    };
                }
                ChangeKind::Compaction => self.say("the archive was compacted; going on"),
                ChangeKind::DeleteSession if is_session => {
                    self.say("the session was removed; waiting for it to come back");
                    self.shown = 0;
                }
                _ if is_session => self.take_own(change, &mut todo),
                _ => {}
            }
        }
        let now = following.snapshot()?;
        if todo.compare {
            self.compare(&now)?;
        }
        if todo.read {
            self.read(&now)?;
        }
        if todo.find_main && !self.is_fixed {
            self.find_main(&now)?;
        }
        Ok(())
    }

    /// A change of the session.
    fn take_own(&mut self, change: &Change, todo: &mut Todo) {
        let (from, to) = (change.range.start, change.range.end);
        if change.segment != Some(self.segment) {
            todo.find_main |= matches!(change.kind, ChangeKind::Append | ChangeKind::Replace);
            if let (ChangeKind::Branch, Some(segment)) = (change.kind, change.segment) {
                self.say(&format!(
                    "segment {segment} was made, which shares {to} entries"
                ));
                todo.find_main = true;
            }
            return;
        }
        match change.kind {
            ChangeKind::Append | ChangeKind::Branch => todo.read = true,
            ChangeKind::Truncate => {
                if from < self.shown {
                    self.say(&format!(
                        "cut off: {from} entries are left of {}",
                        self.shown
                    ));
                }
                self.shown = self.shown.min(from);
                todo.read = true;
            }
            ChangeKind::Replace => {
                self.say(&format!("the entries from number {from} on are others now"));
                self.shown = self.shown.min(from);
                todo.read = true;
            }
            ChangeKind::Erase => {
                let last = to.saturating_sub(1);
                let which = if from == last {
                    format!("entry {from} was erased")
                } else {
                    format!("entries {from} to {last} were erased")
                };
                self.say(&which);
            }
            ChangeKind::DeleteLog => {
                self.say("the segment was removed; waiting for it to come back");
                self.shown = 0;
                todo.find_main = true;
            }
            _ => {}
        }
    }

    /// After a gap: whether what was shown is still there.
    fn compare(&mut self, now: &Snapshot) -> Result<(), Failure> {
        let len = now.log(self.session, self.segment).len()?;
        if len < self.shown {
            self.say(&format!(
                "cut off: {len} entries are left of {}",
                self.shown
            ));
            self.shown = len;
        } else if fingerprint(now, self.session, self.segment, self.shown)? != self.last {
            self.say("the entries are others now; here are the last");
            self.shown = len.saturating_sub(1);
        }
        Ok(())
    }

    /// Shows the entries that are new.
    fn read(&mut self, now: &Snapshot) -> Result<(), Failure> {
        let log = now.log(self.session, self.segment);
        if log.len()? <= self.shown {
            return Ok(());
        }
        if self.agent.is_none() {
            self.agent = sessiondb_logs::agent_of(now, self.session, self.segment)?;
        }
        let mut items = Vec::new();
        self.shown =
            sessiondb_logs::read_items(&log, self.agent, self.shown..u64::MAX, &mut items)?;
        self.last = fingerprint(now, self.session, self.segment, self.shown)?;
        let live = Live::new(now, log);
        self.write(&items, &live)
    }

    /// Goes on in another segment if that is the conversation now.
    fn find_main(&mut self, now: &Snapshot) -> Result<(), Failure> {
        let Some(main) = sessiondb_logs::main_segment(now, self.session)? else {
            return Ok(());
        };
        if main.id == self.segment {
            return Ok(());
        }
        let short = short_segment(now, self.session, main.id)?;
        self.say(&format!(
            "the session goes on in segment {short}{}",
            whence(&main)
        ));
        self.shown = match &main.parent {
            Some(parent) if parent.segment == self.segment => parent.len.min(self.shown),
            Some(parent) => parent.len,
            None => 0,
        };
        self.segment = main.id;
        self.agent = sessiondb_logs::agent_of(now, self.session, main.id)?;
        self.read(now)
    }

    fn write(&mut self, items: &[Item], beside: &impl Beside) -> Result<(), Failure> {
        let mut out = output::stdout();
        if self.is_json {
            for item in items.iter().filter(|item| !item.hidden) {
                let located = Located {
                    session: self.session,
                    segment: self.segment,
                    item,
                };
                render::write_json_line(&mut out, &located)?;
            }
        } else {
            self.page.items(&mut out, items, beside)?;
        }
        Ok(out.flush()?)
    }

    /// Says what has become of what is followed.
    fn say(&mut self, what: &str) {
        self.page.interrupt();
        self.context.say(format_args!("-- {what}"));
    }
}

fn whence(main: &SegmentInfo) -> String {
    let parent = main.parent.as_ref();
    let parent = parent.map(|parent| format!(", which leaves at entry {}", parent.len));
    parent.unwrap_or_default()
}

/// What the last of so many entries is.
fn fingerprint(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
    entries: u64,
) -> Result<Option<u64>, Failure> {
    let Some(last) = entries.checked_sub(1) else {
        return Ok(None);
    };
    let entry = now.log(session, segment).read(last..entries)?.next();
    let hash = |entry: sessiondb::Entry| {
        let mut hasher = DefaultHasher::new();
        entry.as_str().hash(&mut hasher);
        hasher.finish()
    };
    Ok(entry.transpose()?.map(hash))
}
