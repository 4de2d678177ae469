//! What a session's JSON and its messages say.

use std::mem;

use serde::{Deserialize, Serialize};

use crate::fold::{Counts, Fold, State, pico_usd};
use crate::identity::Subagent;
use crate::json::{Raw, Read, Text, object};
use crate::summary::{Summary, TitleSource, Tokens};
use crate::text::PROMPT_CHARS;
use crate::time::time_ms;

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// Newer versions say where a compaction begins, older ones have only its summary.
    compactions: u64,
    summaries: u64,
    /// What the session as a whole says of tokens and cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pico_usd: Option<u64>,
}

object! { Session {
    id: "id", parent: "parentID", directory: "directory", title: "title", version: "version",
    time: "time", cost: "cost", tokens: "tokens",
} }

object! { Info {
    role: "role", time: "time", model: "model", model_id: "modelID", path: "path", cost: "cost",
    tokens: "tokens", summary: "summary", session: "sessionID", id: "id",
} }

object! { Part {
    kind: "type", text: "text", synthetic: "synthetic", ignored: "ignored", cost: "cost",
    tokens: "tokens",
} }

pub(super) fn header(raw: Raw<'_>, fold: &mut Fold) {
    let session = Session::read(raw);
    for key in ["created", "updated"] {
        if let Some(at) = time_ms(session.time.get(key)) {
            fold.at(at);
        }
    }
    if let Some(id) = session.id.full_text() {
        if let Some(parent) = session.parent.full_text() {
            let parent = Some(parent.into_owned());
            fold.facts.subagent = Some(Subagent {
                id: id.into_owned(),
                parent,
            });
        } else {
            fold.named(&id, None);
        }
    }
    if let Some(version) = session.version.text() {
        fold.version(&version);
    }
    if let Some(directory) = session.directory.text() {
        fold.cwd(&directory);
    }
    if let Some(title) = session.title.text().filter(|title| !is_placeholder(title)) {
        fold.title(TitleSource::Agent, &title);
    }
    with_kept(fold, |kept| {
        kept.tokens = tokens(session.tokens);
        kept.pico_usd = pico_usd(session.cost);
    });
}

/// The agent's own name for a session that has none yet.
fn is_placeholder(title: &str) -> bool {
    title.starts_with("New session - ") || title.starts_with("Child session - ")
}

fn with_kept(fold: &mut Fold, change: impl FnOnce(&mut Kept)) {
    let mut kept = match mem::take(&mut fold.state) {
        State::Opencode(kept) => kept,
        _ => Box::default(),
    };
    change(&mut kept);
    fold.state = State::Opencode(kept);
}

pub(super) fn entry(text: Text<'_>, fold: &mut Fold) {
    let raw = Raw::read_first(text);
    let info = Info::read(raw.get("info"));
    for key in ["created", "completed"] {
        if let Some(at) = time_ms(info.time.get(key)) {
            fold.at(at);
        }
    }
    if fold.facts.subagent.is_none()
        && let Some(session) = info.session.text()
    {
        fold.named(&session, info.id.text().as_deref());
    }
    let parts = raw.get("parts");
    let is_compaction = |part: &Raw<'_>| part.get("type").is("compaction");
    let compactions = parts.elements().filter(is_compaction).count() as u64;
    let is_answer = info.role.is("assistant");
    with_kept(fold, |kept| {
        kept.compactions += compactions;
        kept.summaries += u64::from(is_answer && info.summary.is_true());
    });
    if is_answer {
        answer(&info, parts, fold);
    } else if info.role.is("user")
        && let Some(text) = prompt(parts, PROMPT_CHARS)
    {
        fold.first_prompt(&text);
        fold.facts.counts.add(Counts::PROMPT);
    }
}

fn answer(info: &Info<'_>, parts: Raw<'_>, fold: &mut Fold) {
    let model = info.model_id.full_text();
    if let Some(model) = model.or_else(|| info.model.get("modelID").full_text()) {
        fold.model(&model);
    }
    if let Some(cwd) = info.path.get("cwd").text() {
        fold.cwd(&cwd);
    }
    let steps = Steps::of(parts);
    let mut counts = Counts::ANSWER.with_tool_calls(steps.tool_calls);
    if let Some(tokens) = tokens(info.tokens).or(steps.tokens) {
        counts = counts.with_tokens(tokens);
    }
    if let Some(cost) = pico_usd(info.cost).or(steps.pico_usd) {
        counts = counts.with_cost(cost);
    }
    fold.facts.counts.add(counts);
}

/// What the parts of an answer add up to.
#[derive(Default)]
struct Steps {
    tool_calls: u64,
    tokens: Option<Tokens>,
    pico_usd: Option<u64>,
}

impl Steps {
    fn of(parts: Raw<'_>) -> Self {
        let mut counts = Counts::default();
        let mut steps = Self::default();
        for raw in parts.elements() {
            let part = Part::read(raw);
            steps.tool_calls += u64::from(part.kind.is("tool"));
            if part.kind.is("step-finish") {
                let step = tokens(part.tokens).map(|tokens| Counts::default().with_tokens(tokens));
                counts.add(step.unwrap_or_default());
                let cost = pico_usd(part.cost).map(|cost| Counts::default().with_cost(cost));
                counts.add(cost.unwrap_or_default());
            }
        }
        steps.tokens = counts.tokens();
        steps.pico_usd = (counts.costs > 0).then_some(counts.pico_usd);
        steps
    }
}

/// What the person wrote: the text that the agent did not put in itself.
pub(super) fn prompt(parts: Raw<'_>, chars: usize) -> Option<String> {
    let mut said = String::new();
    for raw in parts.elements() {
        let part = Part::read(raw);
        if !part.kind.is("text") || part.synthetic.is_true() || part.ignored.is_true() {
            continue;
        }
        if let Some(text) = part.text.text_to(chars).filter(|text| !text.is_empty()) {
            if !said.is_empty() {
                said.push('\n');
            }
            said.push_str(&text);
        }
    }
    (!said.trim().is_empty()).then_some(said)
}

/// The agent's input includes nothing of the cache.
pub(super) fn tokens(raw: Raw<'_>) -> Option<Tokens> {
    if !raw.is_object() {
        return None;
    }
    let count = |raw: Raw<'_>| raw.count().unwrap_or(0);
    let cache = raw.get("cache");
    let written = count(cache.get("write"));
    Some(Tokens {
        input: count(raw.get("input")).saturating_add(written),
        cached: count(cache.get("read")),
        output: count(raw.get("output")),
        reasoning: raw.get("reasoning").count(),
    })
}

/// What the messages say of tokens and cost counts, else what the session as a whole says.
pub(super) fn finish(fold: &Fold, summary: &mut Summary) {
    let State::Opencode(kept) = &fold.state else {
        return;
    };
    summary.compactions = kept.compactions.max(kept.summaries);
    summary.tokens = summary.tokens.or(kept.tokens);
    #[expect(clippy::cast_precision_loss, reason = "16 digits of a cost are enough")]
    let whole = kept.pico_usd.map(|cost| cost as f64 / 1e12);
    summary.cost_usd = summary.cost_usd.or(whole);
}
