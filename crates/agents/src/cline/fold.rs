//! What the messages say of their task.

use std::mem;

use serde::{Deserialize, Serialize};

use super::said::{Said, between, between_tags, carries_results, folder, said, texts};
use crate::agent::Agent;
use crate::fold::{Counts, Fold, State, pico_usd};
use crate::json::{Raw, Read, Text, object};
use crate::summary::{Summary, Tokens};
use crate::text::content_text;
use crate::time::time_ms;

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// What the header says that the task used.
    counts: Counts,
}

object! { Message {
    role: "role", content: "content", time: "ts", model: "modelInfo", metrics: "metrics",
    summary: "isSummary",
} }

object! {
    /// A message that the person saw.
    Shown { time: "ts", kind: "say", text: "text" }
}

object! {
    /// An item of the history of tasks.
    Listed {
    id: "id", time: "ts", task: "task", input: "tokensIn", output: "tokensOut",
    written: "cacheWrites", cached: "cacheReads", cost: "totalCost", workspace: "workspace",
    folder: "cwdOnTaskInitialization",
    }
}

object! {
    /// What was asked of a model, in a message that the person saw.
    Request {
    input: "tokensIn", output: "tokensOut", written: "cacheWrites", cached: "cacheReads", cost: "cost",
    }
}

pub(super) fn entry(text: Text<'_>, fold: &mut Fold) {
    let message = Message::read_first(text);
    // Older versions write no times; the task's folder is named by when it began.
    let begun = || {
        super::Cline
            .id_in_path(fold.path())
            .and_then(|id| time_ms(Raw::new(&id)))
    };
    if let Some(at) = time_ms(message.time).or_else(begun) {
        fold.at(at);
    }
    if message.role.is("assistant") {
        answer(&message, fold);
    } else if message.role.is("user") {
        user(&message, fold);
    }
}

fn user(message: &Message<'_>, fold: &mut Fold) {
    if message.summary.is_true() {
        fold.facts.counts.compactions += 1;
        return;
    }
    let is_result = |block: &Raw<'_>| block.get("type").is("tool_result");
    let with_results = carries_results(message.content);
    let mut prompts = Vec::new();
    for text in texts(message.content) {
        match said(&text, with_results) {
            Said::Prompt(prompt) => prompts.push(prompt.to_owned()),
            Said::Result(_) => fold.facts.counts.tool_calls += 1,
            Said::Surroundings | Said::Other => {}
        }
        if let Some(folder) = folder(&text) {
            fold.cwd(folder);
        }
        if let Some(model) = between(&text, "<model>", "</model>") {
            fold.model(model.trim());
        }
    }
    for result in message.content.elements().filter(is_result) {
        let text = content_text(result.get("content"), &["text"], usize::MAX);
        prompts.extend(between_tags(&text).map(ToOwned::to_owned));
    }
    if !prompts.is_empty() {
        fold.first_prompt(&prompts.join("\n"));
        fold.facts.counts.add(Counts::PROMPT);
    }
}

fn answer(message: &Message<'_>, fold: &mut Fold) {
    if let Some(model) = message.model.get("modelId").text() {
        fold.model(&model);
    }
    let is_call = |block: &Raw<'_>| block.get("type").is("tool_use");
    let calls = message.content.elements().filter(is_call).count() as u64;
    let mut counts = Counts::ANSWER.with_tool_calls(calls);
    let used = message.metrics.get("tokens");
    if used.is_object() {
        let count = |key: &str| used.get(key).count().unwrap_or(0);
        counts = counts.with_tokens(Tokens {
            input: count("prompt"),
            cached: count("cached"),
            output: count("completion"),
            reasoning: None,
        });
    }
    if let Some(cost) = pico_usd(message.metrics.get("cost")) {
        counts = counts.with_cost(cost);
    }
    fold.facts.counts.add(counts);
}

/// The messages that the person saw, or the task's item of the history.
pub(super) fn header(raw: Raw<'_>, fold: &mut Fold) {
    let mut counts = Counts::default();
    if raw.is_object() {
        listed(&Listed::read(raw), &mut counts, fold);
    }
    for shown in raw.elements() {
        shown_to_person(&Shown::read(shown), &mut counts, fold);
    }
    if counts.usages > 0 || counts.costs > 0 {
        let mut kept = match mem::take(&mut fold.state) {
            State::Cline(kept) => kept,
            _ => Box::default(),
        };
        kept.counts = counts;
        fold.state = State::Cline(kept);
    }
}

fn listed(item: &Listed<'_>, counts: &mut Counts, fold: &mut Fold) {
    if let Some(id) = item.id.text() {
        fold.named(&id, None);
    }
    if let Some(at) = time_ms(item.time) {
        fold.at(at);
    }
    if let Some(task) = item.task.text() {
        fold.first_prompt(&task);
    }
    let folder = item
        .workspace
        .full_text()
        .or_else(|| item.folder.full_text());
    if let Some(folder) = folder {
        fold.cwd(&folder);
    }
    counts.add(used(&Request {
        input: item.input,
        output: item.output,
        written: item.written,
        cached: item.cached,
        cost: item.cost,
        ..Request::default()
    }));
}

fn shown_to_person(shown: &Shown<'_>, counts: &mut Counts, fold: &mut Fold) {
    if let Some(at) = time_ms(shown.time) {
        fold.at(at);
    }
    let text = shown.text.text().unwrap_or_default();
    match shown.kind.text().as_deref() {
        Some("task") => fold.first_prompt(&text),
        Some("api_req_started" | "subagent_usage" | "deleted_api_reqs") => {
            counts.add(used(&Request::read(Raw::new(&text))));
        }
        _ => {}
    }
}

/// The agent's input includes nothing of the cache.
fn used(request: &Request<'_>) -> Counts {
    let mut counts = Counts::default();
    if request.input.count().is_some() || request.output.count().is_some() {
        let count = |raw: Raw<'_>| raw.count().unwrap_or(0);
        counts = counts.with_tokens(Tokens {
            input: count(request.input).saturating_add(count(request.written)),
            cached: count(request.cached),
            output: count(request.output),
            reasoning: None,
        });
    }
    match pico_usd(request.cost) {
        Some(cost) => counts.with_cost(cost),
        None => counts,
    }
}

/// What the header says counts, since messages may be missing from the task or say nothing of it.
pub(super) fn finish(fold: &Fold, summary: &mut Summary) {
    if let State::Cline(kept) = &fold.state {
        summary.tokens = kept.counts.tokens().or(summary.tokens);
        summary.cost_usd = kept.counts.cost_usd().or(summary.cost_usd);
    }
}
