//! What is known of a session after some of its entries.

use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::identity::{Identity, Parent, Subagent, session_id, subagent_id};
use crate::json::{Text, decoded};
use crate::summary::{Origin, Summary, TitleSource};
use crate::text::{PROMPT_CHARS, TITLE_CHARS, clip, file_stem, one_line};

mod agent_name;
mod counts;
mod names;
mod recent;
mod state;

pub(crate) use counts::{Counts, pico_usd, with_cache_in_input};
use names::Names;
pub(crate) use recent::Recent;
pub(crate) use state::State;

/// Models beyond these are left out of a summary.
const MOST_MODELS: usize = 64;
/// A name, a path or a version beyond these characters is cut.
const FIELD_CHARS: usize = 4_096;

/// What is known of a session after some of its entries: all that is needed to go on with the rest.
///
/// It can be written (some KiB of JSON) and read again between any two entries.
///
/// ```
/// use sessiondb_agents::{Fold, by_name};
///
/// let mut fold = Fold::new(by_name("claude").unwrap(), "s1.jsonl");
/// fold.entry(br#"{"type":"user","message":{"content":"One"}}"#);
/// let saved = serde_json::to_string(&fold)?;
///
/// let mut fold: Fold = serde_json::from_str(&saved)?;
/// fold.entry(br#"{"type":"user","message":{"content":"Two"}}"#);
/// assert_eq!(fold.summary().turns, 2);
/// assert_eq!(fold.summary().first_prompt.as_deref(), Some("One"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fold {
    #[serde(with = "agent_name")]
    agent: &'static dyn Agent,
    path: String,
    entries: u64,
    #[serde(flatten)]
    pub(crate) facts: Facts,
    names: Names,
    #[serde(default, skip_serializing_if = "State::is_plain")]
    pub(crate) state: State,
}

/// What entries say of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    titles: Vec<(TitleSource, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    git_branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activity_ms: Option<i64>,
    pub(crate) counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subagent: Option<Subagent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Parent>,
}

impl Fold {
    /// Before the first entry of the log at `path`, of which the parts stand between `/`.
    pub fn new(agent: &'static dyn Agent, path: &str) -> Self {
        Self {
            agent,
            path: path.to_owned(),
            entries: 0,
            facts: Facts::default(),
            names: Names::default(),
            state: State::default(),
        }
    }

    /// Whose log it is.
    pub fn agent(&self) -> &'static dyn Agent {
        self.agent
    }

    /// How many entries were folded.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Goes on with the next entry.
    pub fn entry(&mut self, entry: &[u8]) {
        self.text(Text::plain(&decoded(entry)));
    }

    /// The same with one that is a text.
    pub(crate) fn text(&mut self, entry: Text<'_>) {
        self.agent.fold(entry, self);
        self.entries += 1;
    }

    /// Takes in the header of a [`Document`](crate::Document).
    pub fn header(&mut self, header: &str) {
        self.agent.fold_header(header, self);
    }

    /// What a list shows of the session so far.
    pub fn summary(&self) -> Summary {
        let facts = &self.facts;
        let identity = self.identity();
        let title = facts.titles.iter().min_by_key(|(source, _)| *source);
        let prompt = facts
            .first_prompt
            .as_deref()
            .map(|text| one_line(text, TITLE_CHARS));
        let (title_source, title) = match (title, prompt) {
            (Some((source, title)), _) => (Some(*source), Some(title.clone())),
            (None, Some(prompt)) if !prompt.is_empty() => (Some(TitleSource::Prompt), Some(prompt)),
            _ => (None, None),
        };
        let mut summary = Summary {
            agent: self.agent.name().to_owned(),
            agent_version: facts.version.clone(),
            title,
            title_source,
            first_prompt: facts.first_prompt.clone(),
            cwd: facts.cwd.clone(),
            git_branch: facts.git_branch.clone(),
            repository: facts.repository.clone(),
            models: facts.models.clone(),
            started_ms: facts.started_ms,
            last_activity_ms: facts.last_activity_ms,
            turns: facts.counts.turns,
            messages: facts.counts.messages,
            tool_calls: facts.counts.tool_calls,
            tokens: facts.counts.tokens(),
            cost_usd: facts.counts.cost_usd(),
            parent: origin(&identity),
            compactions: facts.counts.compactions,
            native_id: identity.subagent.map(|own| own.id).or(identity.native_id),
            source_path: None,
            host: None,
        };
        self.agent.finish(self, &mut summary);
        summary
    }

    /// Which session it is, as far as the entries so far and the path tell.
    pub fn identity(&self) -> Identity {
        let in_path = || self.agent.id_in_path(&self.path);
        let own = self
            .names
            .own(file_stem(&self.path))
            .map(ToOwned::to_owned)
            .or_else(in_path);
        let subagent = self
            .facts
            .subagent
            .clone()
            .or_else(|| self.agent.subagent_in_path(&self.path));
        if let Some(subagent) = subagent {
            let native_id = subagent.parent.clone();
            return Identity {
                session: native_id
                    .as_deref()
                    .map(|id| session_id(self.agent.name(), id)),
                native_id,
                segment: Some(subagent_id(self.agent.name(), &subagent)),
                subagent: Some(subagent),
                parent: None,
            };
        }
        let parent = self
            .facts
            .parent
            .clone()
            .or_else(|| self.names.before(own.as_deref()?));
        Identity {
            session: own.as_deref().map(|id| session_id(self.agent.name(), id)),
            parent: parent.filter(|parent| Some(&parent.session) != own.as_ref()),
            native_id: own,
            segment: self.agent.segment_in_path(&self.path),
            subagent: None,
        }
    }
}

fn origin(identity: &Identity) -> Option<Origin> {
    if let Some(subagent) = &identity.subagent {
        return Some(Origin {
            id: subagent.parent.clone()?,
            at: None,
        });
    }
    let parent = identity.parent.as_ref()?;
    Some(Origin {
        id: parent.session.clone(),
        at: parent.at.clone(),
    })
}

/// What agents say while they fold.
impl Fold {
    /// The path of the log.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// This entry, whose own id is `entry`, is of the session `id`.
    pub(crate) fn named(&mut self, id: &str, entry: Option<&str>) {
        self.names.saw(id, entry, &self.path);
    }

    /// The last one counts.
    pub(crate) fn version(&mut self, version: &str) {
        set_last(&mut self.facts.version, version);
    }

    /// The last of each source counts.
    pub(crate) fn title(&mut self, source: TitleSource, title: &str) {
        let title = one_line(title, TITLE_CHARS);
        if title.is_empty() {
            return;
        }
        match self.facts.titles.iter_mut().find(|(own, _)| *own == source) {
            Some((_, own)) => *own = title,
            None => self.facts.titles.push((source, title)),
        }
    }

    /// Takes back the title of a source.
    pub(crate) fn untitle(&mut self, source: TitleSource) {
        self.facts.titles.retain(|(own, _)| *own != source);
    }

    /// The first one counts.
    pub(crate) fn first_prompt(&mut self, prompt: &str) {
        let prompt = prompt.trim();
        if self.facts.first_prompt.is_none() && !prompt.is_empty() {
            self.facts.first_prompt = Some(clip(prompt, PROMPT_CHARS).to_owned());
        }
    }

    /// The first one counts.
    pub(crate) fn cwd(&mut self, cwd: &str) {
        if self.facts.cwd.is_none() {
            set_last(&mut self.facts.cwd, cwd);
        }
    }

    /// The last one counts.
    pub(crate) fn git_branch(&mut self, branch: &str) {
        set_last(&mut self.facts.git_branch, branch);
    }

    /// The last one counts.
    pub(crate) fn repository(&mut self, repository: &str) {
        set_last(&mut self.facts.repository, repository);
    }

    pub(crate) fn model(&mut self, model: &str) {
        let models = &mut self.facts.models;
        let is_new = models.last().is_none_or(|last| last != model)
            && !models.iter().any(|known| known == model);
        if is_new && !model.is_empty() && models.len() < MOST_MODELS {
            models.push(clip(model, FIELD_CHARS).to_owned());
        }
    }

    /// The latest time of an entry so far, in milliseconds since 1970.
    pub fn last_activity_ms(&self) -> Option<i64> {
        self.facts.last_activity_ms
    }

    /// When an entry was written.
    pub(crate) fn at(&mut self, time_ms: i64) {
        let facts = &mut self.facts;
        facts.started_ms = Some(
            facts
                .started_ms
                .map_or(time_ms, |started| started.min(time_ms)),
        );
        facts.last_activity_ms = facts.last_activity_ms.max(Some(time_ms));
    }
}

fn set_last(field: &mut Option<String>, value: &str) {
    if !value.is_empty() && field.as_deref() != Some(value) {
        *field = Some(clip(value, FIELD_CHARS).to_owned());
    }
}
