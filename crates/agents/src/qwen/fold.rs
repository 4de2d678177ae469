//! What the records say of their session.

use std::mem;

use serde::{Deserialize, Serialize};

use super::tree::{Kind, Place, Tree};
use crate::fold::{Counts, Fold, Recent, State, with_cache_in_input};
use crate::identity::{Parent, Subagent};
use crate::json::{Raw, Read, Text, object};
use crate::summary::{Summary, TitleSource, Tokens};
use crate::text::{PROMPT_CHARS, TITLE_CHARS, clip, hash, one_line};
use crate::time::time_ms;

/// Titles, and prompts that begin a branch, beyond these are forgotten, the oldest first.
const MOST_TEXTS: usize = 16;

/// What is kept of the records, since any of them may be gone back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    tree: Tree,
    /// The usage of the last messages.
    #[serde(default)]
    recent: Recent,
    /// The titles that the records give, the last one last.
    titles: Vec<(TitleSource, String)>,
    /// How many titles are forgotten.
    #[serde(default)]
    titles_gone: u32,
    /// The prompts that no other prompt comes before, the last one last.
    openings: Vec<String>,
    #[serde(default)]
    openings_gone: u32,
}

object! { Record {
    uuid: "uuid", parent: "parentUuid", session: "sessionId", timestamp: "timestamp",
    kind: "type", subtype: "subtype", cwd: "cwd", version: "version", branch: "gitBranch",
    model: "model", usage: "usageMetadata", message: "message", payload: "systemPayload",
    forked: "forkedFrom", agent: "agentId", sidechain: "isSidechain",
} }

object! { Usage {
    input: "promptTokenCount", output: "candidatesTokenCount", cached: "cachedContentTokenCount",
    thoughts: "thoughtsTokenCount", tool: "toolUsePromptTokenCount",
} }

pub(super) fn entry(text: Text<'_>, fold: &mut Fold) {
    let record = Record::read_first(text);
    surroundings(&record, fold);
    let mut kept = match mem::take(&mut fold.state) {
        State::Qwen(kept) => kept,
        _ => Box::default(),
    };
    kept.record(&record, fold);
    fold.state = State::Qwen(kept);
}

/// What every record says of where it was written.
fn surroundings(record: &Record<'_>, fold: &mut Fold) {
    if let Some(at) = time_ms(record.timestamp) {
        fold.at(at);
    }
    if let Some(version) = record.version.text() {
        fold.version(&version);
    }
    if let Some(branch) = record.branch.text() {
        fold.git_branch(&branch);
    }
    if let Some(cwd) = record.cwd.text() {
        fold.cwd(&cwd);
    }
    let Some(session) = record.session.text() else {
        return;
    };
    if record.sidechain.is_true()
        && let Some(id) = record.agent.full_text()
    {
        let parent = Some(session.into_owned());
        fold.facts.subagent = Some(Subagent {
            id: id.into_owned(),
            parent,
        });
        return;
    }
    fold.named(&session, record.uuid.text().as_deref());
    let parent = record.forked.get("sessionId").full_text();
    let at = record.forked.get("messageUuid").string();
    let parent = parent.or_else(|| record.payload.get("parentSessionId").full_text());
    if let Some(parent) = parent {
        fold.facts.parent = Some(Parent {
            session: parent.into_owned(),
            at,
        });
    }
}

impl Kept {
    fn record(&mut self, record: &Record<'_>, fold: &mut Fold) {
        let Some(uuid) = record.uuid.full_text() else {
            return;
        };
        let parent = record.parent.full_text().map(|parent| hash(&parent));
        let kind = if record.subtype.is("rewind") {
            Kind::Rewind
        } else {
            Kind::Other
        };
        let place = self.tree.place(hash(&uuid), parent, kind);
        if record.kind.is("assistant") {
            self.answer(&uuid, record, place, fold);
        } else if is_prompt(record) {
            self.prompt(record, place);
        } else if record.subtype.is("custom_title") {
            self.title(record.payload, place);
        } else if record.subtype.is("chat_compression")
            && let Some(node) = self.tree.at(place)
        {
            node.compactions += 1;
        }
    }

    fn answer(&mut self, uuid: &str, record: &Record<'_>, place: Place, fold: &mut Fold) {
        if let Some(model) = record.model.text() {
            fold.model(&model);
        }
        if let Some(tokens) = tokens(record.usage) {
            let change = |counts: Counts| counts.with_tokens(tokens);
            self.recent.count(uuid, &mut fold.facts.counts, change);
        }
        if let Some(node) = self.tree.at(place) {
            let is_call = |part: &Raw<'_>| part.get("functionCall").is_object();
            let parts = record.message.get("parts");
            node.messages = 1;
            node.tool_calls += parts.elements().filter(is_call).count() as u64;
        }
    }

    fn prompt(&mut self, record: &Record<'_>, place: Place) {
        let Some(text) = prompt_text(record.payload, record.message, PROMPT_CHARS) else {
            return;
        };
        let opens = !self.tree.has_prompt_before(place);
        let number = self.openings_gone + u32::try_from(self.openings.len()).unwrap_or(0);
        let Some(node) = self.tree.at(place) else {
            return;
        };
        (node.turns, node.messages) = (1, 1);
        if opens && node.opening.is_none() {
            node.opening = Some(number);
            self.openings
                .push(clip(text.trim(), PROMPT_CHARS).to_owned());
        }
        if self.openings.len() > MOST_TEXTS {
            self.openings.remove(0);
            self.openings_gone += 1;
        }
    }

    fn title(&mut self, payload: Raw<'_>, place: Place) {
        let Some(title) = payload.get("customTitle").full_text() else {
            return;
        };
        let is_auto = payload.get("titleSource").is("auto");
        let source = if is_auto {
            TitleSource::Agent
        } else {
            TitleSource::Custom
        };
        let title = (source, one_line(&title, TITLE_CHARS));
        let known = self.titles.iter().rposition(|known| *known == title);
        let at = known.unwrap_or_else(|| {
            self.titles.push(title);
            self.titles.len() - 1
        });
        if let Some(node) = self.tree.at(place) {
            node.title = Some(self.titles_gone + u32::try_from(at).unwrap_or(0));
        }
        if self.titles.len() > MOST_TEXTS {
            self.titles.remove(0);
            self.titles_gone += 1;
        }
    }
}

/// What the branch that is the conversation says.
pub(super) fn finish(fold: &Fold, summary: &mut Summary) {
    let State::Qwen(kept) = &fold.state else {
        return;
    };
    let mut title = None;
    let mut opening = None;
    for node in kept.tree.branch() {
        summary.turns += node.turns;
        summary.messages += node.messages;
        summary.tool_calls += node.tool_calls;
        summary.compactions += node.compactions;
        title = title.or(node.title);
        opening = node.opening.or(opening);
    }
    let of = |number: Option<u32>, gone| usize::try_from(number?.checked_sub(gone)?).ok();
    let prompt = of(opening, kept.openings_gone).and_then(|at| kept.openings.get(at));
    if let Some(prompt) = prompt.filter(|prompt| !prompt.is_empty()) {
        summary.title = Some(one_line(prompt, TITLE_CHARS));
        summary.title_source = Some(TitleSource::Prompt);
        summary.first_prompt = Some(prompt.clone());
    }
    let title = of(title, kept.titles_gone).and_then(|at| kept.titles.get(at));
    if let Some((source, title)) = title.filter(|(_, title)| !title.is_empty()) {
        summary.title = Some(title.clone());
        summary.title_source = Some(*source);
    }
}

fn is_prompt(record: &Record<'_>) -> bool {
    record.kind.is("user") && is_said(record.subtype)
}

/// Whether a user's record of this subtype was said by the person.
pub(super) fn is_said(subtype: Raw<'_>) -> bool {
    subtype.is_null() || subtype.is("mid_turn_user_message")
}

/// What a prompt says: as it was typed, else its parts.
pub(super) fn prompt_text(payload: Raw<'_>, message: Raw<'_>, chars: usize) -> Option<String> {
    let typed = payload.get("displayText").text_to(chars).map(Into::into);
    let typed = typed.filter(|text: &String| !text.trim().is_empty());
    typed.or_else(|| {
        let text = crate::text::content_text(message.get("parts"), &[], chars);
        (!text.trim().is_empty()).then_some(text)
    })
}

/// The agent's input includes what came from the cache.
pub(super) fn tokens(raw: Raw<'_>) -> Option<Tokens> {
    if !raw.is_object() {
        return None;
    }
    let usage = Usage::read(raw);
    let mut tokens = with_cache_in_input(usage.input, usage.cached, usage.output, usage.thoughts);
    tokens.input = tokens.input.saturating_add(usage.tool.count().unwrap_or(0));
    Some(tokens)
}
