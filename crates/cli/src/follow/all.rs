//! All sessions: each new item in a line with a label before it.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use clap::builder::styling::{AnsiColor, Style};
use sessiondb::archive::{Change, ChangeKind};
use sessiondb::{SegmentId, SessionId, Snapshot};
use sessiondb_agents::Agent;

use super::live::{Following, Live};
use crate::args::FollowArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Out;
use crate::sessions::{Listed, short_session, with_home};
use crate::show::Located;
use crate::transcript::words;
use crate::{output, render, width};

const LABEL: Style = AnsiColor::Cyan.on_default();
const FAINT: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default();

type Place = (SessionId, SegmentId);

pub(super) fn follow(
    context: &Context,
    mut following: Following<'_>,
    args: &FollowArgs,
) -> Result<(), Failure> {
    let now = following.snapshot()?;
    let mut everything = Everything {
        context,
        lens: HashMap::new(),
        agents: HashMap::new(),
        labels: HashMap::new(),
        left_out: HashSet::new(),
        is_json: args.json,
    };
    for (place, len, _) in logs(&now)? {
        everything.lens.insert(place, len);
    }
    for session in now.sessions() {
        everything.look_at(&now, session?.id)?;
    }
    drop(now);
    context.say("following all sessions; Ctrl-C ends it");
    while let Some(changes) = following.next(context)? {
        everything.take(&following, &changes)?;
    }
    Ok(())
}

/// All logs with their lengths, and how many entries they share with another.
fn logs(now: &Snapshot) -> Result<Vec<(Place, u64, u64)>, Failure> {
    let mut logs = Vec::new();
    for session in now.sessions() {
        for segment in now.segments(session?.id) {
            let info = segment?;
            let shared = info.parent.map_or(0, |parent| parent.len);
            logs.push(((info.session, info.id), info.entries, shared));
        }
    }
    Ok(logs)
}

struct Everything<'c> {
    context: &'c Context,
    /// How many entries of each log were shown, or were there before.
    lens: HashMap<Place, u64>,
    agents: HashMap<Place, &'static dyn Agent>,
    labels: HashMap<SessionId, String>,
    /// Sessions in the trash, and hidden ones.
    left_out: HashSet<SessionId>,
    is_json: bool,
}

impl Everything<'_> {
    fn take(&mut self, following: &Following<'_>, changes: &[Change]) -> Result<(), Failure> {
        let mut places: Vec<Place> = Vec::new();
        let mut is_gap = false;
        let now = following.snapshot()?;
        for session in changes.iter().filter_map(|change| change.session) {
            self.look_at(&now, session)?;
        }
        for change in changes.iter().filter(|change| !change.trace) {
            is_gap |= change.kind == ChangeKind::Gap;
            if let (ChangeKind::DeleteSession, Some(session)) = (change.kind, change.session) {
                self.lens.retain(|(of, _), _| *of != session);
                if !self.left_out.remove(&session) {
                    self.context
                        .say(format_args!("-- session {session} was removed"));
                }
            }
            if let (Some(session), Some(segment)) = (change.session, change.segment) {
                let place = (session, segment);
                self.take_one(place, change);
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        if is_gap {
            self.context
                .say("-- some changes were missed; reading anew");
            for (place, len, shared) in logs(&now)? {
                self.look_at(&now, place.0)?;
                let shown = self.lens.entry(place).or_insert(shared);
                *shown = (*shown).min(len);
                places.push(place);
            }
        }
        for place in places {
            self.read(&now, place)?;
        }
        Ok(())
    }

    fn take_one(&mut self, place: Place, change: &Change) {
        let (from, to) = (change.range.start, change.range.end);
        let shown = self.lens.entry(place).or_insert(0);
        let said = match change.kind {
            ChangeKind::Branch => {
                *shown = to;
                format!("segment {} begins, and shares {to} entries", place.1)
            }
            ChangeKind::Truncate if from < *shown => {
                *shown = from;
                format!("segment {} was cut off after {from} entries", place.1)
            }
            ChangeKind::Replace => {
                *shown = from.min(*shown);
                format!(
                    "segment {} has other entries from number {from} on",
                    place.1
                )
            }
            ChangeKind::Erase => format!("entries of segment {} were erased", place.1),
            ChangeKind::DeleteLog => {
                *shown = 0;
                format!("segment {} was removed", place.1)
            }
            _ => return,
        };
        if !self.left_out.contains(&place.0) {
            self.context.say(format_args!("-- {said}"));
        }
    }

    /// Sees whether a session that is there is to be left out.
    fn look_at(&mut self, now: &Snapshot, session: SessionId) -> Result<(), Failure> {
        if let Some(info) = now.session(session)? {
            if info.trashed_ms.is_some() || info.hidden {
                self.left_out.insert(session);
            } else {
                self.left_out.remove(&session);
            }
        }
        Ok(())
    }

    /// Shows what is new of a log. Of what is left out it only takes note, so that it does not come later.
    fn read(&mut self, now: &Snapshot, place: Place) -> Result<(), Failure> {
        let (session, segment) = place;
        let log = now.log(session, segment);
        let shown = self.lens.get(&place).copied().unwrap_or_default();
        let len = log.len()?;
        if len <= shown {
            return Ok(());
        }
        if self.left_out.contains(&session) {
            self.lens.insert(place, len);
            return Ok(());
        }
        let agent = match self.agents.get(&place) {
            Some(agent) => Some(*agent),
            None => sessiondb_logs::agent_of(now, session, segment)?,
        };
        if let Some(agent) = agent {
            self.agents.insert(place, agent);
        }
        let mut items = Vec::new();
        let len = sessiondb_logs::read_items(&log, agent, shown..u64::MAX, &mut items)?;
        self.lens.insert(place, len);
        let mut out = output::stdout();
        let label = if self.is_json {
            String::new()
        } else {
            self.label(now, session, &mut out)?
        };
        let beside = Live::new(now, log);
        for item in items.iter().filter(|item| !item.hidden) {
            if self.is_json {
                let located = Located {
                    session,
                    segment,
                    item,
                };
                render::write_json_line(&mut out, &located)?;
            } else if let Some((word, text)) = words::line(item, &beside)? {
                write_line(&mut out, &label, word, &text)?;
            }
        }
        Ok(out.flush()?)
    }

    /// What stands before the lines of a session. Which one it is, is said before the first.
    fn label(
        &mut self,
        now: &Snapshot,
        session: SessionId,
        out: &mut Out,
    ) -> Result<String, Failure> {
        if let Some(label) = self.labels.get(&session) {
            return Ok(label.clone());
        }
        let label = short_session(now, session)?;
        let listed = Listed::of(now, session)?;
        let parts = [
            listed.text("agent").into_owned(),
            with_home(&listed.text("cwd")),
            listed.title(),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        write_line(out, &label, "session", &parts.join("  "))?;
        self.labels.insert(session, label.clone());
        Ok(label)
    }
}

fn write_line(out: &mut Out, label: &str, word: &str, text: &str) -> Result<(), Failure> {
    out.painted(LABEL, label)?;
    let style = if word == "error" { ERROR } else { FAINT };
    out.painted(style, format_args!("  {word:9}"))?;
    let used = width::of(label) + 2 + 9 + 1;
    let left = width::columns().saturating_sub(used).max(20);
    let text = out.shown(text).into_owned();
    writeln!(out, " {}", width::clip(&text, left))?;
    Ok(())
}
