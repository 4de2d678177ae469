//! What the events say of their session.

use std::mem;

use serde::{Deserialize, Serialize};

use crate::fold::{Counts, Fold, Recent, State, with_cache_in_input};
use crate::json::{Raw, Read, Text, object};
use crate::summary::{Summary, Tokens};
use crate::text::{PROMPT_CHARS, clip};
use crate::time::time_ms;

/// Models whose usage is told apart.
const MOST_MODELS: usize = 64;

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The model that was chosen last, for answers that do not say theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The last answers, which may be written in several events.
    recent: Recent,
    /// The usage of each model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    used: Vec<Used>,
}

/// What a model used. Each time that the session ends it says what was used so far; should it count
/// from the beginning again, the numbers are smaller than before.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Used {
    model: String,
    before: Tokens,
    now: Tokens,
}

object! { Event { kind: "type", data: "data", id: "id", timestamp: "timestamp" } }

object! { Started {
    session: "sessionId", version: "copilotVersion", model: "selectedModel", start: "startTime",
    context: "context",
} }

object! { Context { cwd: "cwd", repository: "repository", branch: "branch" } }

object! {
    /// What a message or a call of a tool says.
    Data {
        call: "parentToolCallId", task: "parentAgentTaskId", source: "source", content: "content",
        model: "model", output: "outputTokens", message: "messageId",
    }
}

object! { Usage {
    input: "inputTokens", output: "outputTokens", cached: "cacheReadTokens",
    reasoning: "reasoningTokens",
} }

pub(super) fn entry(text: Text<'_>, fold: &mut Fold) {
    let event = Event::read_first(text);
    if let Some(at) = time_ms(event.timestamp) {
        fold.at(at);
    }
    let mut kept = match mem::take(&mut fold.state) {
        State::Copilot(kept) => kept,
        _ => Box::default(),
    };
    match event.kind.text().as_deref() {
        Some("session.start" | "session.resume") => kept.started(&event, fold),
        Some("session.model_change") => kept.choose(event.data.get("newModel")),
        Some("session.shutdown") => kept.ended(event.data),
        Some("session.truncation" | "session.compaction_complete") if compacts(event.data) => {
            fold.facts.counts.compactions += 1;
        }
        Some("user.message") => prompt(event.data, fold),
        Some("assistant.message") => kept.answer(&event, fold),
        Some("tool.execution_start") if !is_nested(event.data) => {
            fold.facts.counts.tool_calls += 1;
        }
        _ => {}
    }
    fold.state = State::Copilot(kept);
}

/// Whether an event is of a subagent.
pub(super) fn is_nested(data: Raw<'_>) -> bool {
    Data::read(data).is_nested()
}

/// Whether a message was said by the person, not put in by a skill or the agent itself.
pub(super) fn is_said(data: Raw<'_>) -> bool {
    Data::read(data).is_said()
}

impl Data<'_> {
    fn is_nested(&self) -> bool {
        !self.call.is_null() || !self.task.is_null()
    }

    fn is_said(&self) -> bool {
        !self.is_nested() && (self.source.is_null() || self.source.is("user"))
    }
}

/// Whether anything was left out of the conversation.
pub(super) fn compacts(data: Raw<'_>) -> bool {
    let removed = [
        "messagesRemovedDuringTruncation",
        "tokensRemovedDuringTruncation",
    ];
    let removed = removed.map(|key| data.get(key));
    if removed.iter().all(|count| count.is_missing()) {
        return data.get("success").as_str() != "false";
    }
    removed
        .iter()
        .any(|count| count.count().is_some_and(|count| count > 0))
}

fn prompt(data: Raw<'_>, fold: &mut Fold) {
    let data = Data::read(data);
    if !data.is_said() {
        return;
    }
    if let Some(text) = data.content.text_to(PROMPT_CHARS) {
        fold.first_prompt(&text);
    }
    fold.facts.counts.add(Counts::PROMPT);
}

impl Kept {
    fn started(&mut self, event: &Event<'_>, fold: &mut Fold) {
        let started = Started::read(event.data);
        if let Some(id) = started.session.text() {
            fold.named(&id, event.id.text().as_deref());
        }
        if let Some(version) = started.version.text() {
            fold.version(&version);
        }
        if let Some(at) = time_ms(started.start) {
            fold.at(at);
        }
        self.choose(started.model);
        let context = Context::read(started.context);
        if let Some(cwd) = context.cwd.text() {
            fold.cwd(&cwd);
        }
        if let Some(repository) = context.repository.text() {
            fold.repository(&repository);
        }
        if let Some(branch) = context.branch.text() {
            fold.git_branch(&branch);
        }
    }

    fn choose(&mut self, model: Raw<'_>) {
        if let Some(model) = model.full_text().filter(|model| model != "auto") {
            self.model = Some(clip(&model, 256).to_owned());
        }
    }

    fn answer(&mut self, event: &Event<'_>, fold: &mut Fold) {
        let data = Data::read(event.data);
        let own = data.model.full_text();
        if let Some(model) = own.as_deref().or(self.model.as_deref()) {
            fold.model(model);
        }
        let output = data.output.count();
        let is_nested = data.is_nested();
        let id = data.message.full_text().or_else(|| event.id.full_text());
        let change = |counts: Counts| {
            let mut counts = counts;
            counts.messages = u64::from(!is_nested);
            match output {
                Some(output) => counts.with_tokens(Tokens {
                    output,
                    ..Tokens::default()
                }),
                None => counts,
            }
        };
        let total = &mut fold.facts.counts;
        match id {
            Some(id) => self.recent.count(&id, total, change),
            None => total.add(change(Counts::default())),
        }
    }

    fn ended(&mut self, data: Raw<'_>) {
        let mut any = false;
        for (model, metrics) in data.get("modelMetrics").fields() {
            let usage = metrics.get("usage");
            if usage.is_object() {
                self.used(&model, tokens(usage));
                any = true;
            }
        }
        let details = data.get("tokenDetails");
        if !any && details.is_object() {
            self.used("", detailed(details));
        }
    }

    fn used(&mut self, model: &str, tokens: Tokens) {
        let model = clip(model, 256);
        let Some(used) = self.used.iter_mut().find(|used| used.model == model) else {
            if self.used.len() < MOST_MODELS {
                let before = Tokens::default();
                self.used.push(Used {
                    model: model.to_owned(),
                    before,
                    now: tokens,
                });
            }
            return;
        };
        let grew = tokens.input >= used.now.input
            && tokens.cached >= used.now.cached
            && tokens.output >= used.now.output;
        if !grew {
            used.before = sum(used.before, used.now);
        }
        used.now = tokens;
    }
}

pub(super) fn finish(fold: &Fold, summary: &mut Summary) {
    let State::Copilot(kept) = &fold.state else {
        return;
    };
    let all = kept
        .used
        .iter()
        .map(|used| sum(used.before, used.now))
        .reduce(sum);
    summary.tokens = all.or(summary.tokens);
}

/// The agent's input includes what was read from and written to the cache.
fn tokens(raw: Raw<'_>) -> Tokens {
    let usage = Usage::read(raw);
    with_cache_in_input(usage.input, usage.cached, usage.output, usage.reasoning)
}

/// In the details the input includes neither.
fn detailed(raw: Raw<'_>) -> Tokens {
    let count = |key: &str| raw.get(key).get("tokenCount").count().unwrap_or(0);
    Tokens {
        input: count("input").saturating_add(count("cache_write")),
        cached: count("cache_read"),
        output: count("output"),
        reasoning: None,
    }
}

fn sum(a: Tokens, b: Tokens) -> Tokens {
    let reasoning = match (a.reasoning, b.reasoning) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    Tokens {
        input: a.input.saturating_add(b.input),
        cached: a.cached.saturating_add(b.cached),
        output: a.output.saturating_add(b.output),
        reasoning,
    }
}
