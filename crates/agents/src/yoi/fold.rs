//! What the entries say of their session.

use serde::{Deserialize, Serialize};

use crate::fold::{Counts, Fold, State};
use crate::json::Raw;
use crate::summary::Tokens;
use crate::text::{PROMPT_CHARS, content_text};
use crate::time::time_ms;
use crate::yoi::{Entry, Part, said};

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// An answer is open: the items that follow are of it.
    answering: bool,
}

pub(super) fn fold(entry: &Entry<'_>, fold: &mut Fold) {
    if let Some(time) = time_ms(entry.ts) {
        fold.at(time);
    }
    let kind = entry.kind.short_text();
    if kind.as_deref() == Some("assistant_item") {
        assistant(&Part::read(entry.item), fold);
        return;
    }
    if let State::Yoi(kept) = &mut fold.state {
        kept.answering = false;
    }
    match kind.as_deref() {
        Some("segment_start") => segment_start(entry, fold),
        Some("user_input") => {
            fold.facts.counts.add(Counts::PROMPT);
            if fold.facts.first_prompt.is_none() {
                fold.first_prompt(&said(entry.segments, PROMPT_CHARS + 100));
            }
        }
        Some("llm_usage") => {
            if let Some(tokens) = usage(entry) {
                fold.facts.counts.add(Counts::default().with_tokens(tokens));
            }
        }
        _ => {}
    }
}

fn segment_start(entry: &Entry<'_>, fold: &mut Fold) {
    if let Some(session) = entry.session.text() {
        fold.named(&session, None);
    }
    if entry.compacted_from.is_object() {
        fold.facts.counts.compactions += 1;
        return;
    }
    let prompt = entry
        .history
        .elements()
        .map(Part::read)
        .find(|part| part.role.is("user"));
    if let Some(prompt) = prompt {
        // A fork begins with what was said before it.
        fold.first_prompt(&text_of(prompt.content, PROMPT_CHARS + 100));
    }
}

/// Items with nothing else between them are one answer.
fn assistant(part: &Part<'_>, fold: &mut Fold) {
    let kept = kept(fold);
    let is_new = !std::mem::replace(&mut kept.answering, true);
    let calls = u64::from(part.kind.is("tool_call"));
    let mut counts = Counts::default().with_tool_calls(calls);
    counts.messages = u64::from(is_new);
    fold.facts.counts.add(counts);
}

/// The tokens of a call of the model, whose input includes what came from a cache.
pub(super) fn usage(entry: &Entry<'_>) -> Option<Tokens> {
    let total = entry.input_total.count()?;
    let cached = entry.cache_read.count().unwrap_or(0);
    let output = entry.output.count().unwrap_or(0);
    Some(Tokens {
        input: total.saturating_sub(cached),
        cached,
        output,
        reasoning: None,
    })
}

/// What the contents of a message say, the reasons of refusals included.
pub(super) fn text_of(content: Raw<'_>, chars: usize) -> String {
    let refusals = content
        .elements()
        .filter_map(|part| part.get("refusal").string());
    let mut said = vec![content_text(content, &["text"], chars)];
    said.extend(refusals);
    said.retain(|text| !text.is_empty());
    said.join("\n")
}

fn kept(fold: &mut Fold) -> &mut Kept {
    if !matches!(fold.state, State::Yoi(_)) {
        fold.state = State::Yoi(Box::default());
    }
    let State::Yoi(kept) = &mut fold.state else {
        unreachable!("the state was just made");
    };
    kept
}
