//! What the records say of their session.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::claude::said::Said;
use crate::claude::{Block, Claude, Record, Usage, kept};
use crate::fold::{Counts, Fold, Recent};
use crate::identity::{Parent, Subagent};
use crate::summary::{TitleSource, Tokens};
use crate::text::{PROMPT_CHARS, TITLE_CHARS, content_text, hash, one_line};
use crate::time::time_ms;

/// A summary names the last record of what it sums up, which stands shortly before it.
const RECORDS_KEPT: usize = 64;
/// Summaries whose record did not come yet.
const SUMMARIES_KEPT: usize = 16;

/// What is kept besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    recent: Recent,
    /// Whether a record came that tells whose log this is.
    begun: bool,
    /// A compaction came whose summary did not come yet.
    compacting: bool,
    /// The last records, hashed.
    records: VecDeque<u64>,
    /// Summaries whose record did not come yet: their number, the record, the text.
    summaries: VecDeque<(u64, u64, String)>,
    summaries_seen: u64,
    /// The number of the summary that is the title.
    titled: u64,
}

pub(super) fn fold(record: &Record<'_>, fold: &mut Fold) {
    let uuid = record.uuid.full_text();
    if let Some(session) = record.session.full_text() {
        fold.named(&session, uuid.as_deref());
    }
    if let Some(time) = time_ms(record.timestamp) {
        fold.at(time);
    }
    if let Some(version) = record.version.text() {
        fold.version(&version);
    }
    if let Some(cwd) = record.cwd.text() {
        fold.cwd(&cwd);
    }
    if let Some(branch) = record.branch.text() {
        fold.git_branch(&branch);
    }
    if let Some(uuid) = uuid {
        begin(record, fold);
        came(&uuid, fold);
    }
    fold_kind(record, fold);
}

fn fold_kind(record: &Record<'_>, fold: &mut Fold) {
    match record.kind.short_text().as_deref() {
        Some("user") => user(record, fold),
        Some("assistant") => assistant(record, fold),
        Some("system") if record.subtype.is("compact_boundary") => {
            kept(fold).compacting = true;
            fold.facts.counts.compactions += 1;
        }
        Some("summary") => summary(record, fold),
        Some("custom-title") => {
            // An empty one takes the title back.
            match record.custom_title.text() {
                Some(title) if !title.trim().is_empty() => fold.title(TitleSource::Custom, &title),
                Some(_) => fold.untitle(TitleSource::Custom),
                None => {}
            }
        }
        Some("ai-title") => {
            if let Some(title) = record.ai_title.text() {
                fold.title(TitleSource::Agent, &title);
            }
        }
        Some("pr-link") => {
            if let Some(repository) = record.pr_repository.text() {
                fold.repository(&repository);
            }
        }
        _ => {}
    }
}

/// The first record tells whether the log is a subagent's, or goes on with another session.
fn begin(record: &Record<'_>, fold: &mut Fold) {
    if fold.facts.parent.is_none() && record.forked_from.is_object() {
        let session = record.forked_from.get("sessionId").full_text();
        fold.facts.parent = session.map(|session| Parent {
            session: session.into_owned(),
            at: None,
        });
    }
    if let Some(parent) = &mut fold.facts.parent
        && record.forked_from.get("sessionId").is(&parent.session)
    {
        parent.at = record.forked_from.get("messageUuid").string();
    }
    if kept(fold).begun {
        return;
    }
    kept(fold).begun = true;
    let in_path = Claude.subagent_in_path(fold.path());
    let id = match record
        .agent_id
        .full_text()
        .filter(|_| record.is_sidechain.is_true())
    {
        Some(id) => id.into_owned(),
        None => match &in_path {
            Some(subagent) => subagent.id.clone(),
            None => return,
        },
    };
    // Newer versions give a subagent a session id of its own.
    let named = record
        .session
        .full_text()
        .filter(|session| !session.starts_with("agent-"));
    let parent = named.map(std::borrow::Cow::into_owned);
    fold.facts.subagent = Some(Subagent {
        id,
        parent: parent.or(in_path.and_then(|path| path.parent)),
    });
}

/// A record came: a summary that waited for it is of this session.
fn came(uuid: &str, fold: &mut Fold) {
    let record = hash(uuid);
    let kept = kept(fold);
    if kept.records.len() >= RECORDS_KEPT {
        kept.records.pop_front();
    }
    kept.records.push_back(record);
    let waited = kept
        .summaries
        .iter()
        .rposition(|(_, leaf, _)| *leaf == record);
    if let Some((number, _, title)) = waited.and_then(|at| kept.summaries.remove(at))
        && number >= kept.titled
    {
        kept.titled = number;
        fold.title(TitleSource::Summary, &title);
    }
}

fn summary(record: &Record<'_>, fold: &mut Fold) {
    let (Some(leaf), Some(text)) = (record.leaf.text(), record.summary.text()) else {
        return;
    };
    let leaf = hash(&leaf);
    let kept = kept(fold);
    kept.summaries_seen += 1;
    if kept.records.contains(&leaf) {
        kept.titled = kept.summaries_seen;
        fold.title(TitleSource::Summary, &text);
        return;
    }
    if kept.summaries.len() >= SUMMARIES_KEPT {
        kept.summaries.pop_front();
    }
    kept.summaries
        .push_back((kept.summaries_seen, leaf, one_line(&text, TITLE_CHARS)));
}

fn user(record: &Record<'_>, fold: &mut Fold) {
    match Said::of(record) {
        Said::Prompt if !record.is_aside(fold) => {
            fold.facts.counts.add(Counts::PROMPT);
            if fold.facts.first_prompt.is_none() {
                fold.first_prompt(&content_text(
                    record.message.content.raw,
                    &["text"],
                    PROMPT_CHARS + 100,
                ));
            }
        }
        // Older versions write no boundary before it.
        Said::Summary if !std::mem::take(&mut kept(fold).compacting) => {
            fold.facts.counts.compactions += 1;
        }
        _ => {}
    }
}

fn assistant(record: &Record<'_>, fold: &mut Fold) {
    let message = &record.message;
    let model = message.model.text();
    if model.as_deref() == Some("<synthetic>") {
        return;
    }
    if let Some(model) = model {
        fold.model(&model);
    }
    let aside = record.is_aside(fold);
    let calls = message
        .content
        .items
        .iter()
        .filter(|block| is_call(block))
        .count() as u64;
    let usage = usage(&message.usage);
    let count = |before: Counts| {
        let mut counts = before.with_tool_calls(before.tool_calls + calls);
        counts.messages = 1;
        if aside {
            (counts.messages, counts.tool_calls) = (0, 0);
        }
        usage.map_or(counts, |tokens| counts.with_tokens(tokens))
    };
    let mut total = fold.facts.counts;
    match message.id.full_text() {
        Some(id) => kept(fold).recent.count(&id, &mut total, count),
        None => total.add(count(Counts::default())),
    }
    fold.facts.counts = total;
}

fn is_call(block: &Block<'_>) -> bool {
    block.kind.is("tool_use") || block.kind.is("server_tool_use")
}

/// The tokens of an answer; what was written to a cache is input.
pub(super) fn usage(usage: &Usage<'_>) -> Option<Tokens> {
    let tokens = Tokens {
        input: usage
            .input
            .count()
            .unwrap_or(0)
            .saturating_add(usage.written.count().unwrap_or(0)),
        cached: usage.cached.count().unwrap_or(0),
        output: usage.output.count().unwrap_or(0),
        reasoning: None,
    };
    let says_any = [usage.input, usage.cached, usage.output]
        .iter()
        .any(|raw| raw.count().is_some());
    says_any.then_some(tokens)
}
