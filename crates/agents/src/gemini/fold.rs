//! What a chat says of its session.

use std::collections::HashMap;
use std::mem;

use serde::{Deserialize, Serialize};

use super::items::last_of_each_id;
use crate::agent::Agent;
use crate::fold::{Counts, Fold, State, with_cache_in_input};
use crate::identity::Subagent;
use crate::json::{Raw, Read, Text, object};
use crate::summary::{TitleSource, Tokens};
use crate::text::{PROMPT_CHARS, content_text, hash};
use crate::time::time_ms;

/// What is kept of the messages, since a later line may replace one or take some back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The messages of the conversation as it stands: what their id hashes to, and what they count.
    messages: Vec<(u64, Counts)>,
    /// The one that holds the first prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opening: Option<u64>,
    /// Where each message is.
    #[serde(skip)]
    places: HashMap<u64, usize>,
}

object! { Line {
    id: "id", kind: "type", timestamp: "timestamp", content: "content", shown: "displayContent",
    model: "model", tokens: "tokens", tool_calls: "toolCalls", rewind_to: "$rewindTo", set: "$set",
} }

object! { Header {
    session: "sessionId", start: "startTime", updated: "lastUpdated", kind: "kind",
    summary: "summary", directories: "directories", messages: "messages",
} }

object! { Usage {
    input: "input", output: "output", cached: "cached", thoughts: "thoughts", tool: "tool",
} }

/// A message, a change, or the header.
pub(super) fn entry(text: Text<'_>, fold: &mut Fold) {
    let line = Line::read_first(text);
    let mut kept = match mem::take(&mut fold.state) {
        State::Gemini(kept) => kept,
        _ => Box::default(),
    };
    if let Some(target) = line.rewind_to.text() {
        kept.rewind(hash(&target), fold);
    } else if let Some(id) = line.id.text() {
        kept.message(hash(&id), &line, fold);
    } else if line.set.is_object() {
        header(line.set, fold);
        kept.replace_all(line.set.get("messages"), fold);
    } else {
        header(Raw::read_first(text), fold);
    }
    fold.state = State::Gemini(kept);
}

/// What is said of the chat as a whole.
pub(super) fn header(raw: Raw<'_>, fold: &mut Fold) {
    let header = Header::read(raw);
    for time in [header.start, header.updated] {
        if let Some(at) = time_ms(time) {
            fold.at(at);
        }
    }
    if let Some(id) = header.session.full_text() {
        if header.kind.is("subagent") {
            let parent = super::Gemini
                .subagent_in_path(fold.path())
                .and_then(|subagent| subagent.parent);
            fold.facts.subagent = Some(Subagent {
                id: id.into_owned(),
                parent,
            });
        } else {
            fold.named(&id, None);
        }
    }
    if let Some(summary) = header.summary.text() {
        fold.title(TitleSource::Summary, &summary);
    }
    if let Some(directory) = header.directories.elements().next().and_then(Raw::text) {
        fold.cwd(&directory);
    }
}

impl Kept {
    fn message(&mut self, id: u64, line: &Line<'_>, fold: &mut Fold) {
        let known = self.place(id);
        if self.opening == Some(id) {
            self.forget_opening(fold);
        }
        let mut counts = self.counted(id, line, fold);
        match known.and_then(|at| self.messages.get_mut(at)) {
            Some((_, own)) => {
                if counts.usages == 0 {
                    counts = with_tokens_of(counts, own);
                }
                fold.facts.counts.take_back(*own);
                *own = counts;
            }
            None => self.push(id, counts),
        }
        fold.facts.counts.add(counts);
    }

    fn place(&mut self, id: u64) -> Option<usize> {
        // They are not written with the rest.
        if self.places.len() != self.messages.len() {
            let ids = self.messages.iter().map(|(id, _)| *id);
            self.places = ids.enumerate().map(|(at, id)| (id, at)).collect();
        }
        self.places.get(&id).copied()
    }

    fn push(&mut self, id: u64, counts: Counts) {
        self.places.insert(id, self.messages.len());
        self.messages.push((id, counts));
    }

    /// What a message says of the session, and what it counts.
    fn counted(&mut self, id: u64, line: &Line<'_>, fold: &mut Fold) -> Counts {
        if let Some(at) = time_ms(line.timestamp) {
            fold.at(at);
        }
        if is_answer(line.kind) {
            if let Some(model) = line.model.text() {
                fold.model(&model);
            }
            let tool_calls = line.tool_calls.elements().count() as u64;
            let counts = Counts::ANSWER.with_tool_calls(tool_calls);
            return match tokens(line.tokens) {
                Some(tokens) => counts.with_tokens(tokens),
                None => counts,
            };
        }
        if !line.kind.is("user") {
            return Counts::default();
        }
        let Some(prompt) = prompt(line.content, line.shown, PROMPT_CHARS) else {
            return Counts::default();
        };
        if fold.facts.first_prompt.is_none() {
            fold.first_prompt(&prompt);
            self.opening = Some(id);
        }
        Counts::PROMPT
    }

    /// Takes back a message and all after it; all messages if there is none of this id.
    fn rewind(&mut self, target: u64, fold: &mut Fold) {
        let from = self.place(target).unwrap_or(0);
        for (id, counts) in self.messages.split_off(from.min(self.messages.len())) {
            self.places.remove(&id);
            fold.facts.counts.take_back(said(counts));
            if self.opening == Some(id) {
                self.forget_opening(fold);
            }
        }
    }

    /// Puts these messages in place of all before. What was asked first stays what it was.
    fn replace_all(&mut self, messages: Raw<'_>, fold: &mut Fold) {
        if !messages.is_array() {
            return;
        }
        self.places.clear();
        let before: HashMap<u64, Counts> = mem::take(&mut self.messages).into_iter().collect();
        for counts in before.values() {
            fold.facts.counts.take_back(said(*counts));
        }
        let mut any_new = false;
        for raw in last_of_each_id(messages) {
            let line = Line::read(raw);
            let Some(id) = line.id.text().map(|id| hash(&id)) else {
                continue;
            };
            let mut counts = self.counted(id, &line, fold);
            let known = before.get(&id);
            if let Some(own) = known {
                if counts.usages == 0 {
                    counts = with_tokens_of(counts, own);
                }
                fold.facts.counts.take_back(used(*own));
            }
            any_new |= known.is_none();
            fold.facts.counts.add(counts);
            self.push(id, counts);
        }
        if any_new && before.keys().any(|id| !self.places.contains_key(id)) {
            fold.facts.counts.compactions += 1;
        }
    }

    fn forget_opening(&mut self, fold: &mut Fold) {
        self.opening = None;
        fold.facts.first_prompt = None;
    }
}

/// Early versions called an answer what the model's interface does.
pub(super) fn is_answer(kind: Raw<'_>) -> bool {
    kind.is("gemini") || kind.is("model")
}

/// What a user's message asks: as it was shown, else as it was sent. Without text, or with what the
/// agent says of its surroundings, it is no prompt.
pub(super) fn prompt(content: Raw<'_>, shown: Raw<'_>, chars: usize) -> Option<String> {
    let sent = content_text(content, &[], chars);
    if sent.trim().is_empty() || sent.starts_with("<session_context>") {
        return None;
    }
    let shown = content_text(shown, &[], chars);
    Some(if shown.trim().is_empty() { sent } else { shown })
}

/// The agent's input includes what came from the cache, and its output no thoughts.
pub(super) fn tokens(raw: Raw<'_>) -> Option<Tokens> {
    if !raw.is_object() {
        return None;
    }
    let usage = Usage::read(raw);
    let mut tokens = with_cache_in_input(usage.input, usage.cached, usage.output, usage.thoughts);
    tokens.input = tokens.input.saturating_add(usage.tool.count().unwrap_or(0));
    Some(tokens)
}

/// What is taken back with a message.
fn said(counts: Counts) -> Counts {
    Counts {
        turns: counts.turns,
        messages: counts.messages,
        tool_calls: counts.tool_calls,
        ..Counts::default()
    }
}

/// What was used for it all the same.
fn used(counts: Counts) -> Counts {
    Counts {
        turns: 0,
        messages: 0,
        tool_calls: 0,
        ..counts
    }
}

fn with_tokens_of(counts: Counts, before: &Counts) -> Counts {
    let Counts {
        turns,
        messages,
        tool_calls,
        ..
    } = counts;
    Counts {
        turns,
        messages,
        tool_calls,
        ..*before
    }
}
