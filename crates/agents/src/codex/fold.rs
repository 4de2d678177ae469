//! What the lines say of their session.
//!
//! Much is said twice or three times, once as the model's interface has it and again as the program
//! shows it, and which of them a log has depends on the version. So each is counted by itself, and
//! in the end one counts.

use serde::{Deserialize, Serialize};

use crate::codex::said::{is_by_program, request};
use crate::codex::{Line, LineKind, Payload, tool_name};
use crate::fold::{Counts, Fold, State};
use crate::identity::{Parent, Subagent};
use crate::json::{Raw, Read, Text, object};
use crate::summary::{Summary, TitleSource, Tokens};
use crate::text::{PROMPT_CHARS, TITLE_CHARS, clip, content_text, one_line};
use crate::time::time_ms;

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// The session of the first line that names one. Those of others stand in a fork's copy.
    own: Option<String>,
    by_item: Side,
    by_event: Side,
    by_completed: Side,
    compacted: u64,
    compacted_events: u64,
    /// What the last count says was used since the beginning.
    total: Option<Tokens>,
}

/// What one way of saying it says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Side {
    prompts: u64,
    answers: u64,
    calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_prompt: Option<String>,
}

impl Side {
    fn prompt(&mut self, text: std::borrow::Cow<'_, str>) {
        self.prompts += 1;
        if self.first_prompt.is_none() {
            let text = request(text);
            self.first_prompt = Some(clip(text.trim(), PROMPT_CHARS).to_owned());
        }
    }
}

/// An editor may tell much before the prompt.
const CHARS_BEFORE_PROMPT: usize = 200_000;

pub(super) fn fold(entry: Text<'_>, fold: &mut Fold) {
    let line = Line::read_first(entry);
    if let Some(time) = time_ms(line.timestamp) {
        fold.at(time);
    }
    let (kind, payload) = line.parts();
    match kind {
        LineKind::Meta => meta(&payload, fold),
        LineKind::TurnContext => turn_context(&payload, fold),
        LineKind::Item => item(&payload, fold),
        LineKind::Event => event(&payload, fold),
        LineKind::Compacted => kept(fold).compacted += 1,
        LineKind::Unknown => {}
    }
}

fn meta(meta: &Payload<'_>, fold: &mut Fold) {
    let Some(id) = meta.id.full_text() else {
        return;
    };
    fold.named(&id, None);
    let own = kept(fold)
        .own
        .get_or_insert_with(|| clip(&id, 256).to_owned());
    if *own != clip(&id, 256) {
        return;
    }
    if let Some(time) = time_ms(meta.timestamp) {
        fold.at(time);
    }
    if let Some(cwd) = meta.cwd.text() {
        fold.cwd(&cwd);
    }
    if let Some(version) = meta.version.text() {
        fold.version(&version);
    }
    if let Some(branch) = meta.git.get("branch").text() {
        fold.git_branch(&branch);
    }
    if let Some(repository) = meta.git.get("repository_url").text() {
        fold.repository(&repository);
    }
    if let Some(model) = meta.model.text() {
        fold.model(&model);
    }
    lineage(meta, &id, fold);
}

fn lineage(meta: &Payload<'_>, id: &str, fold: &mut Fold) {
    let subagent = meta.source.get("subagent");
    if !subagent.is_null() {
        let spawned_by = || {
            subagent
                .get("thread_spawn")
                .get("parent_thread_id")
                .full_text()
        };
        if let Some(parent) = meta.parent.full_text().or_else(spawned_by) {
            let parent = Some(parent.into_owned());
            fold.facts.subagent = Some(Subagent {
                id: id.to_owned(),
                parent,
            });
            if let Some(name) = subagent.get("thread_spawn").get("agent_nickname").text() {
                fold.title(TitleSource::Agent, &name);
            }
        }
        return;
    }
    if let Some(session) = meta.forked_from.full_text() {
        fold.facts.parent = Some(Parent {
            session: session.into_owned(),
            at: None,
        });
    }
}

/// The header of a session that is one document.
pub(super) fn fold_document(session: Raw<'_>, fold: &mut Fold) {
    meta(&Payload::read(session), fold);
}

fn turn_context(context: &Payload<'_>, fold: &mut Fold) {
    if let Some(model) = context.model.text() {
        fold.model(&model);
    }
    if let Some(cwd) = context.cwd.text() {
        fold.cwd(&cwd);
    }
}

fn item(item: &Payload<'_>, fold: &mut Fold) {
    let side = &mut kept(fold).by_item;
    if tool_name(item).is_some() {
        side.calls += 1;
        return;
    }
    match item.role.short_text().as_deref() {
        Some("user") => {
            let kinds = ["input_text", "text"];
            if !is_by_program(&content_text(item.content, &kinds, 100)) {
                let chars = if side.first_prompt.is_none() {
                    CHARS_BEFORE_PROMPT
                } else {
                    1
                };
                side.prompt(content_text(item.content, &kinds, chars).into());
            }
        }
        Some("assistant") => side.answers += 1,
        _ => {}
    }
}

fn event(event: &Payload<'_>, fold: &mut Fold) {
    match event.kind.short_text().as_deref() {
        Some("user_message") => {
            let side = &mut kept(fold).by_event;
            let chars = if side.first_prompt.is_none() {
                CHARS_BEFORE_PROMPT
            } else {
                1
            };
            side.prompt(event.message.text_to(chars).unwrap_or_default());
        }
        Some("agent_message") => kept(fold).by_event.answers += 1,
        Some("item_completed") => completed(event.item, fold),
        Some("context_compacted") => kept(fold).compacted_events += 1,
        Some("token_count") => {
            if let Some(total) = total(event.info) {
                kept(fold).total = Some(total);
            }
        }
        Some("turn.completed") => {
            if let Some(tokens) = usage(event.usage) {
                fold.facts.counts.add(Counts::default().with_tokens(tokens));
            }
        }
        Some("thread_name_updated") => match event.thread_name.text() {
            Some(name) if !name.trim().is_empty() => fold.title(TitleSource::Custom, &name),
            _ => fold.untitle(TitleSource::Custom),
        },
        _ => {}
    }
}

fn completed(item: Raw<'_>, fold: &mut Fold) {
    let side = &mut kept(fold).by_completed;
    match item.get("type").short_text().as_deref() {
        Some("UserMessage") => {
            let text = content_text(item.get("content"), &["text", "Text"], CHARS_BEFORE_PROMPT);
            side.prompt(text.into());
        }
        Some("AgentMessage") => side.answers += 1,
        Some("CommandExecution" | "McpToolCall" | "FileChange" | "WebSearch" | "Extension") => {
            side.calls += 1;
        }
        _ => {}
    }
}

/// What was used since the beginning; a count of nothing says nothing.
fn total(info: Raw<'_>) -> Option<Tokens> {
    let total = info.get("total_token_usage");
    let tokens = if total.is_object() {
        usage(total)?
    } else {
        usage(info)?
    };
    (tokens.input + tokens.cached + tokens.output > 0).then_some(tokens)
}

object! {
    Usage {
        input: "input_tokens",
        prompt: "prompt",
        cached: "cached_input_tokens",
        output: "output_tokens",
        completion: "completion",
        reasoning: "reasoning_output_tokens",
    }
}

/// The tokens of a usage, whose input includes what came from a cache, and whose output includes
/// what was thought.
pub(super) fn usage(raw: Raw<'_>) -> Option<Tokens> {
    let usage = Usage::read(raw);
    let input = usage.input.count().or(usage.prompt.count());
    let output = usage.output.count().or(usage.completion.count());
    if input.is_none() && output.is_none() {
        return None;
    }
    let cached = usage.cached.count().unwrap_or(0);
    Some(Tokens {
        input: input.unwrap_or(0).saturating_sub(cached),
        cached,
        output: output.unwrap_or(0),
        reasoning: usage.reasoning.count(),
    })
}

/// Of each thing the way counts in which it is said best.
pub(super) fn finish(fold: &Fold, summary: &mut Summary) {
    let State::Codex(kept) = &fold.state else {
        return;
    };
    let (item, event, completed) = (&kept.by_item, &kept.by_event, &kept.by_completed);
    let shown = event.prompts.max(completed.prompts);
    summary.turns = if shown > 0 { shown } else { item.prompts };
    let said = event.answers.max(completed.answers);
    summary.messages = summary.turns + if item.answers > 0 { item.answers } else { said };
    summary.tool_calls = if item.calls > 0 {
        item.calls
    } else {
        completed.calls
    };
    summary.compactions = kept.compacted.max(kept.compacted_events);
    if let Some(total) = kept.total {
        summary.tokens = Some(total);
    }
    let prompts = [event, completed, item].map(|side| side.first_prompt.as_deref());
    let Some(prompt) = prompts.into_iter().flatten().find(|text| !text.is_empty()) else {
        return;
    };
    summary.first_prompt = Some(prompt.to_owned());
    if summary.title.is_none() {
        summary.title = Some(one_line(prompt, TITLE_CHARS)).filter(|title| !title.is_empty());
        summary.title_source = summary.title.as_ref().map(|_| TitleSource::Prompt);
    }
}

fn kept(fold: &mut Fold) -> &mut Kept {
    if !matches!(fold.state, State::Codex(_)) {
        fold.state = State::Codex(Box::default());
    }
    let State::Codex(kept) = &mut fold.state else {
        unreachable!("the state was just made");
    };
    kept
}
