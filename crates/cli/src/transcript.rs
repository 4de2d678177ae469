//! A transcript: which part of a conversation is shown, and what its parts have in common in every form.

pub(crate) mod beside;
pub(crate) mod document;
mod gist;
mod markdown;
pub(crate) mod terminal;
pub(crate) mod words;
mod wrap;

use std::collections::HashMap;
use std::ops::Range;

use sessiondb::archive::LogSnapshot;
use sessiondb::{SegmentId, SegmentInfo, SessionId, Snapshot};
use sessiondb_agents::{Item, ItemKind};
use sessiondb_logs::Transcript;

use crate::exit::Failure;
use crate::sessions::{Listed, short_segment, with_home};
use crate::values::EntryNumbers;
use crate::{render, summary, when};

/// A segment as it is shown.
pub(crate) struct Conversation {
    pub(crate) session: Listed<'static>,
    pub(crate) segment: SegmentInfo,
    /// What the agent is called.
    pub(crate) agent: &'static str,
    /// The id of the subagent whose segment it is.
    pub(crate) subagent: Option<String>,
    pub(crate) transcript: Transcript,
    log: LogSnapshot,
    /// The short ids of the segments of subagents, by the agent's own ids.
    subagents: HashMap<String, String>,
    /// Where each turn begins among the items.
    turns: Vec<usize>,
}

/// Which turns are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turns {
    All,
    /// Counted from 1.
    Numbered(EntryNumbers),
    Last(u64),
}

impl Conversation {
    pub(crate) fn read(
        now: &Snapshot,
        session: Listed<'static>,
        segment: SegmentInfo,
    ) -> Result<Self, Failure> {
        let transcript = Transcript::read(now, segment.session, segment.id)?;
        let is_turn = |item: &Item| !item.hidden && matches!(item.kind, ItemKind::Prompt { .. });
        let turns = transcript.items.iter().enumerate();
        let turns = turns.filter(|(_, item)| is_turn(item)).map(|(at, _)| at);
        Ok(Self {
            turns: turns.collect(),
            subagents: subagents(now, segment.session, &transcript.items)?,
            log: now.log(segment.session, segment.id),
            subagent: sessiondb_logs::subagent_of(now, segment.session, segment.id)?,
            agent: transcript.agent.map_or("Agent", |agent| agent.title()),
            session,
            segment,
            transcript,
        })
    }

    /// How many turns it has.
    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The items of these turns. What comes before the first prompt belongs to the first turn.
    pub(crate) fn items(&self, turns: Turns) -> &[Item] {
        let range = self.range(turns);
        let begin = |turn: usize| {
            let at = self.turns.get(turn).copied();
            at.unwrap_or(self.transcript.items.len())
        };
        let from = if range.start == 0 {
            0
        } else {
            begin(range.start)
        };
        let to = begin(range.end).max(from);
        let to = if range.end == 0 { 0 } else { to };
        self.transcript.items.get(from..to).unwrap_or_default()
    }

    /// The turns that are shown, counted from 0.
    pub(crate) fn range(&self, turns: Turns) -> Range<usize> {
        let count = self.turns.len();
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match turns {
            Turns::All => 0..count.max(1),
            Turns::Last(0) => 0..0,
            Turns::Last(last) => count.saturating_sub(whole(last))..count.max(1),
            Turns::Numbered(numbers) => {
                let from = whole(numbers.from).saturating_sub(1).min(count);
                let to = numbers.to.map_or(count, |to| whole(to).saturating_sub(1));
                from..to.min(count)
            }
        }
    }

    /// The names and values of the header.
    pub(crate) fn header(&self) -> Vec<(&'static str, String)> {
        let session = &self.session;
        let mut fields = Vec::new();
        let mut add = |name, value: String| {
            if !value.is_empty() {
                fields.push((name, value));
            }
        };
        let version = session.text("agent_version");
        let of = match &self.subagent {
            Some(subagent) => format!("{}, subagent {subagent}", self.agent),
            None => self.agent.to_owned(),
        };
        add("agent", format!("{of} {version}").trim_end().to_owned());
        add("model", session.models().join(", "));
        add("folder", with_home(&session.text("cwd")));
        add("branch", session.text("git_branch").into_owned());
        add("started", self.started());
        add("session", session.info.id.to_string());
        if session.info.segments > 1 {
            add("segment", self.segment.id.to_string());
        }
        fields
    }

    /// The title of the session, or what the subagent was asked.
    pub(crate) fn title(&self) -> String {
        let first = self
            .transcript
            .items
            .iter()
            .find_map(|item| match &item.kind {
                ItemKind::Prompt { text } if !item.hidden => Some(render::clip(text, 120)),
                _ => None,
            });
        let title = match &self.subagent {
            Some(_) => first.unwrap_or_default(),
            None => self.session.title(),
        };
        if title.is_empty() {
            "Session".to_owned()
        } else {
            title
        }
    }

    /// When the first of its items is from; else when the session began.
    pub(crate) fn started_ms(&self) -> Option<i64> {
        let first = self.transcript.items.iter().find_map(|item| item.at_ms);
        first.or_else(|| self.session.time_ms("started_ms"))
    }

    fn started(&self) -> String {
        let Some(started) = self.started_ms() else {
            return String::new();
        };
        let last = self
            .transcript
            .items
            .iter()
            .rev()
            .find_map(|item| item.at_ms);
        let took = last.map(|last| last - started).filter(|took| *took >= 1000);
        let took = took.map(|took| format!(", took {}", when::duration(took)));
        format!(
            "{}{}",
            when::date_and_minute(started),
            took.unwrap_or_default()
        )
    }

    /// What was used by the whole session, in a line; of a subagent's segment, which is a part of one, how
    /// much there is of it.
    pub(crate) fn usage(&self) -> String {
        let session = &self.session;
        let count = |noun: &str, number: u64| render::count(number, noun);
        let mut parts = vec![count("turn", self.turns.len() as u64)];
        if self.session.segment == Some(self.segment.id) {
            parts.push(count("message", session.number("messages")));
            parts.push(count("tool call", session.number("tool_calls")));
            let tokens = |sort| session.tokens(sort).unwrap_or_default();
            if session.tokens("input").is_some() {
                parts.push(format!(
                    "{} tokens in ({} of them cached), {} out",
                    render::thousands(tokens("input") + tokens("cached")),
                    render::thousands(tokens("cached")),
                    render::thousands(tokens("output")),
                ));
            }
            if let Some(cost) = session.cost_usd() {
                parts.push(format!("${cost:.2}"));
            }
        } else {
            parts.push(count("entry", self.segment.entries));
        }
        parts.join(" · ")
    }

    /// What kind of entry it is that no agent knows, and what it says, in a line.
    fn raw(&self, entry: u64) -> Result<(String, String), Failure> {
        let found = self.log.read(entry..=entry)?.next().transpose()?;
        let summary = found.map(|entry| summary::Summary::of(&entry));
        Ok(summary.map_or_else(Default::default, |line| (line.kind, line.text)))
    }

    /// The short id of the segment of a subagent.
    fn segment_of_subagent(&self, id: &str) -> Option<&str> {
        self.subagents.get(id).map(String::as_str)
    }
}

/// The segments of the subagents that the items name.
fn subagents(
    now: &Snapshot,
    session: SessionId,
    items: &[Item],
) -> Result<HashMap<String, String>, Failure> {
    let mut found = HashMap::new();
    let names_any = |item: &Item| matches!(item.kind, ItemKind::Subagent { .. });
    if !items.iter().any(names_any) {
        return Ok(found);
    }
    for segment in segment_ids(now, session)? {
        if let Some(id) = sessiondb_logs::subagent_of(now, session, segment)? {
            found.insert(id, short_segment(now, session, segment)?);
        }
    }
    Ok(found)
}

pub(crate) fn segment_ids(now: &Snapshot, session: SessionId) -> Result<Vec<SegmentId>, Failure> {
    let segments = now.segments(session).map(|info| Ok(info?.id));
    segments.collect()
}
