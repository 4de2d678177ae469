//! What the entries say of their session.

use crate::fold::{Counts, Fold, pico_usd};
use crate::identity::Parent;
use crate::json::Raw;
use crate::pi::{Block, Entry, Message, Usage};
use crate::summary::{TitleSource, Tokens};
use crate::text::{PROMPT_CHARS, content_text, file_stem, uuid_at_end};
use crate::time::time_ms;

pub(super) fn fold(entry: &Entry<'_>, fold: &mut Fold) {
    if let Some(time) = time_ms(entry.timestamp) {
        fold.at(time);
    }
    match entry.kind.short_text().as_deref() {
        Some("session") => header(entry, fold),
        Some("message") => message(&entry.message, fold),
        Some("compaction") => fold.facts.counts.compactions += 1,
        Some("session_info") => match entry.name.text() {
            Some(name) if !name.trim().is_empty() => fold.title(TitleSource::Custom, &name),
            _ => fold.untitle(TitleSource::Custom),
        },
        _ => {}
    }
}

fn header(entry: &Entry<'_>, fold: &mut Fold) {
    if let Some(id) = entry.id.text() {
        fold.named(&id, None);
    }
    if let Some(cwd) = entry.cwd.text() {
        fold.cwd(&cwd);
    }
    let from = entry
        .parent_session
        .full_text()
        .or_else(|| entry.branched_from.full_text());
    if let Some(path) = from {
        let path = path.replace('\\', "/");
        let stem = file_stem(&path);
        let session = uuid_at_end(stem).unwrap_or(stem).to_owned();
        fold.facts.parent = Some(Parent { session, at: None });
    }
}

fn message(message: &Message<'_>, fold: &mut Fold) {
    match message.role.short_text().as_deref() {
        Some("user") => {
            fold.facts.counts.add(Counts::PROMPT);
            if fold.facts.first_prompt.is_none() {
                fold.first_prompt(&content_text(
                    message.content.raw,
                    &["text"],
                    PROMPT_CHARS + 100,
                ));
            }
        }
        Some("assistant") => answer(message, fold),
        _ => {}
    }
}

fn answer(message: &Message<'_>, fold: &mut Fold) {
    let is_call = |block: &&Block<'_>| block.kind.is("toolCall");
    let calls = message.content.items.iter().filter(is_call).count() as u64;
    let mut counts = Counts::default().with_tool_calls(calls);
    // One that was broken off before it said anything is no answer.
    if !message.content.items.is_empty() || message.content.raw.full_text().is_some() {
        counts.messages = 1;
        if let Some(model) = message.model.text() {
            fold.model(&model);
        }
    }
    if let Some(tokens) = usage(&message.usage) {
        counts = counts.with_tokens(tokens);
    }
    if let Some(cost) = pico_usd(message.usage.cost.total) {
        counts = counts.with_cost(cost);
    }
    fold.facts.counts.add(counts);
}

/// The tokens of an answer; what was written to a cache is input.
pub(super) fn usage(usage: &Usage<'_>) -> Option<Tokens> {
    if usage.input.count().is_none() && usage.output.count().is_none() {
        return None;
    }
    let count = |raw: Raw<'_>| raw.count().unwrap_or(0);
    Some(Tokens {
        input: count(usage.input).saturating_add(count(usage.written)),
        cached: count(usage.cached),
        output: count(usage.output),
        reasoning: None,
    })
}
