//! What the lines say of their session.

use std::mem;

use serde::{Deserialize, Serialize};

use crate::fold::{Counts, Fold, Recent, State, pico_usd};
use crate::identity::{Parent, Subagent};
use crate::json::{Raw, Read, Text, object};
use crate::summary::{Summary, TitleSource, Tokens};
use crate::text::{PROMPT_CHARS, content_text};
use crate::time::time_ms;

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// The last answers, which may be written in several lines.
    recent: Recent,
    /// What the session says that it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pico_usd: Option<u64>,
}

object! { Metadata {
    id: "id", description: "description", name: "name", set_by_person: "user_set_name",
    kind: "session_type", parent: "parent_session_id", folder: "working_dir",
    created: "created_at", updated: "updated_at", model: "model_config_json",
    cost: "accumulated_cost", all_input: "accumulated_input_tokens",
    all_output: "accumulated_output_tokens", input: "input_tokens", output: "output_tokens",
} }

object! { Message { id: "id", role: "role", created: "created", content: "content", metadata: "metadata" } }

pub(super) fn is_metadata(raw: Raw<'_>) -> bool {
    let counted = [
        "message_count",
        "total_tokens",
        "accumulated_total_tokens",
        "session_type",
    ];
    raw.get("working_dir").is_string()
        && raw.get("role").is_missing()
        && (counted.iter().any(|key| !raw.get(key).is_missing())
            || raw.get("description").is_string())
}

pub(super) fn entry(text: Text<'_>, fold: &mut Fold) {
    let mut kept = match mem::take(&mut fold.state) {
        State::Goose(kept) => kept,
        _ => Box::default(),
    };
    let message = Message::read_first(text);
    if message.role.is_missing() {
        kept.metadata(&Metadata::read_first(text), fold);
    } else {
        kept.message(&message, fold);
    }
    fold.state = State::Goose(kept);
}

impl Kept {
    fn metadata(&mut self, line: &Metadata<'_>, fold: &mut Fold) {
        for time in [line.created, line.updated] {
            if let Some(at) = time_ms(time) {
                fold.at(at);
            }
        }
        if let Some(folder) = line.folder.text() {
            fold.cwd(&folder);
        }
        if let Some(model) = line.model.get("model_name").text() {
            fold.model(&model);
        }
        let title = line
            .name
            .full_text()
            .or_else(|| line.description.full_text());
        if let Some(title) = title.filter(|title| !is_placeholder(title)) {
            let is_custom = line.set_by_person.is_true() || line.set_by_person.as_str() == "1";
            let source = if is_custom {
                TitleSource::Custom
            } else {
                TitleSource::Agent
            };
            fold.title(source, &title);
        }
        Self::identity(line, fold);
        let count = |all: Raw<'_>, last: Raw<'_>| all.count().or_else(|| last.count());
        let input = count(line.all_input, line.input);
        let output = count(line.all_output, line.output);
        if input.is_some() || output.is_some() {
            let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
            self.tokens = Some(Tokens {
                input,
                output,
                ..Tokens::default()
            });
        }
        self.pico_usd = pico_usd(line.cost).or(self.pico_usd);
    }

    fn identity(line: &Metadata<'_>, fold: &mut Fold) {
        let parent = line.parent.full_text().map(String::from);
        let Some(id) = line.id.full_text() else {
            if let Some(session) = parent {
                fold.facts.parent = Some(Parent { session, at: None });
            }
            return;
        };
        if line.kind.is("sub_agent") {
            fold.facts.subagent = Some(Subagent {
                id: id.into_owned(),
                parent,
            });
            return;
        }
        fold.named(&id, None);
        if let Some(session) = parent {
            fold.facts.parent = Some(Parent { session, at: None });
        }
    }

    fn message(&mut self, line: &Message<'_>, fold: &mut Fold) {
        if let Some(at) = time_ms(line.created) {
            fold.at(at);
        }
        let mut calls = 0;
        for block in line.content.elements() {
            match block.get("type").text().as_deref() {
                Some("conversationCompacted") => fold.facts.counts.compactions += 1,
                Some("toolRequest" | "frontendToolRequest") => calls += 1,
                _ => {}
            }
        }
        let is_shown = is_shown(line.metadata);
        if line.role.is("assistant") && is_shown {
            self.answer(line, calls, fold);
        } else if line.role.is("user")
            && is_shown
            && let Some(text) = prompt(line.content, PROMPT_CHARS)
        {
            fold.first_prompt(&text);
            fold.facts.counts.add(Counts::PROMPT);
        }
    }

    fn answer(&mut self, line: &Message<'_>, calls: u64, fold: &mut Fold) {
        let change = |counts: Counts| Counts {
            messages: 1,
            tool_calls: counts.tool_calls + calls,
            ..counts
        };
        let total = &mut fold.facts.counts;
        match line.id.full_text() {
            Some(id) => self.recent.count(&id, total, change),
            None => total.add(change(Counts::default())),
        }
    }
}

/// The agent's own names for a session that has none yet.
fn is_placeholder(title: &str) -> bool {
    ["CLI Session", "New Session", "New session", "New Chat"].contains(&title)
}

/// Whether a message is for the person too, not for the model alone.
pub(super) fn is_shown(metadata: Raw<'_>) -> bool {
    metadata.get("userVisible").as_str() != "false"
}

/// What a user's message asks; without text it only carries what tools gave back.
pub(super) fn prompt(content: Raw<'_>, chars: usize) -> Option<String> {
    let text = content_text(content, &["text"], chars);
    (!text.trim().is_empty()).then_some(text)
}

pub(super) fn finish(fold: &Fold, summary: &mut Summary) {
    let State::Goose(kept) = &fold.state else {
        return;
    };
    summary.tokens = kept.tokens;
    #[expect(clippy::cast_precision_loss, reason = "16 digits of a cost are enough")]
    let cost = kept.pico_usd.map(|cost| cost as f64 / 1e12);
    summary.cost_usd = cost;
}
