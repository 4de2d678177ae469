//! Which files a session becomes, and what each is to hold.

use std::path::{Path, PathBuf};

use sessiondb::{SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::opencode;

use super::content::{self, Content, Place};
use super::names::{self, Taken};
use super::rebase::Rebase;
use super::report::Likeness;
use super::segments::{self, Kind, Known, Log};
use crate::notes::TextForm;

/// A file that is to be written.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its path below the agent's folder, or below that of the export.
    pub(crate) path: PathBuf,
    /// The agent in whose folder it belongs.
    pub(crate) agent: Option<&'static str>,
    pub(crate) place: Place,
    pub(crate) content: Content,
    pub(crate) likeness: Likeness,
    /// Whether another session has the name that this file would have.
    pub(crate) is_renamed: bool,
}

impl Planned {
    /// Where it is below the folder of an export.
    pub(crate) fn below(&self, folder: &Path) -> PathBuf {
        match self.agent {
            Some(agent) => folder.join(agent).join(&self.path),
            None => folder.join(&self.path),
        }
    }

    pub(crate) fn is_trace(&self) -> bool {
        matches!(self.content, Content::Lines { trace: true, .. })
    }
}

/// What a session becomes.
pub(crate) struct Plan {
    pub(crate) files: Vec<Planned>,
    /// Whether an agent is known, whose files they are.
    pub(crate) is_native: bool,
}

/// What a session becomes that is to be resumed: its own file first.
pub(crate) struct Resumption {
    pub(crate) files: Vec<Planned>,
    pub(crate) main: Box<Log>,
}

/// Plans the files of one session after the other.
pub(crate) struct Planner<'p> {
    rebase: &'p Rebase,
    taken: Taken,
}

/// Plans the files of one session.
struct OfSession<'s> {
    now: &'s Snapshot,
    rebase: &'s Rebase,
    taken: &'s mut Taken,
    /// Whether something of the session was redacted.
    is_redacted: bool,
    files: Vec<Planned>,
}

/// The session's own log, and where its file is.
pub(super) struct Main<'k> {
    log: &'k Log,
    path: PathBuf,
}

impl<'p> Planner<'p> {
    pub(crate) fn new(rebase: &'p Rebase) -> Self {
        Self {
            rebase,
            taken: Taken::default(),
        }
    }

    fn begin<'s>(
        &'s mut self,
        now: &'s Snapshot,
        session: SessionId,
    ) -> Result<OfSession<'s>, StoreError> {
        Ok(OfSession {
            now,
            rebase: self.rebase,
            taken: &mut self.taken,
            is_redacted: !now.redactions(session)?.is_empty(),
            files: Vec::new(),
        })
    }

    /// The files of a session.
    pub(crate) fn session(
        &mut self,
        now: &Snapshot,
        session: SessionId,
    ) -> Result<Plan, StoreError> {
        let known = segments::of_session(now, session)?;
        let is_native = known
            .iter()
            .any(|known| !matches!(known.kind, Kind::Other(_)));
        let files = self.begin(now, session)?.plan(&known)?;
        Ok(Plan { files, is_native })
    }

    /// The files of a session in which `main`, or the log that was used last, goes under the plain name,
    /// without others of the session itself; and the log. `None` if there is none of an agent.
    pub(crate) fn resumption(
        &mut self,
        now: &Snapshot,
        session: SessionId,
        main: Option<SegmentId>,
    ) -> Result<Option<Resumption>, StoreError> {
        let mut known = segments::of_session(now, session)?;
        let main = match main {
            Some(main) => Some(main),
            None => segments::newest(now, &known)?,
        };
        segments::arrange(&mut known, main);
        let is_wanted = |known: &Known| match &known.kind {
            Kind::Log(log) => Some(known.info.id) == main || log.note.subagent.is_some(),
            Kind::Sidecar(_) => true,
            Kind::Other(_) => false,
        };
        known.retain(is_wanted);
        let is_first = known
            .first()
            .is_some_and(|known| Some(known.info.id) == main);
        if !is_first {
            return Ok(None);
        }
        let files = self.begin(now, session)?.plan(&known)?;
        match known.swap_remove(0).kind {
            Kind::Log(main) => Ok(Some(Resumption { files, main })),
            _ => Ok(None),
        }
    }
}

impl OfSession<'_> {
    fn plan(mut self, known: &[Known]) -> Result<Vec<Planned>, StoreError> {
        let mut main: Option<Main<'_>> = None;
        for one in known {
            match &one.kind {
                Kind::Log(log) => {
                    let path = self.log(one, log, main.as_ref())?;
                    if main.is_none() && log.note.subagent.is_none() {
                        main = Some(Main { log, path });
                    }
                }
                Kind::Sidecar(name) => self.sidecar(one, name, main.as_ref()),
                Kind::Other(form) => self.other(one, *form),
            }
        }
        Ok(self.files)
    }

    /// A log of an agent. Returns the path of its file.
    fn log(
        &mut self,
        known: &Known,
        log: &Log,
        main: Option<&Main<'_>>,
    ) -> Result<PathBuf, StoreError> {
        let agent = Some(log.agent.name());
        let native = native_path(log, main, self.rebase);
        if let Some(native) = &native
            && log.agent.name() == "opencode"
            && log.note.is_document
            && let Some(files) = self.many(known.place, log, native)?
        {
            for (path, json) in files {
                let content = Content::Json(json);
                self.add(agent, path, known.place, content, Likeness::Json);
            }
            return Ok(native.clone());
        }
        let path = native.unwrap_or_else(|| fallback(log, main, known.place));
        let path = if known.info.exists {
            let (content, likeness) = self.content(known, log);
            self.add(agent, path, known.place, content, likeness)
        } else {
            path
        };
        if let Some(header) = log.note.header.as_ref().filter(|_| !log.note.is_document) {
            let beside = names::beside(&path, "meta.json");
            let content = Content::Json(header.get().to_owned());
            self.add(agent, beside, known.place, content, Likeness::Json);
        }
        self.traces(known, agent, &path);
        Ok(path)
    }

    fn content(&self, known: &Known, log: &Log) -> (Content, Likeness) {
        if log.note.is_document {
            let header = log
                .note
                .header
                .as_ref()
                .map(|header| header.get().to_owned());
            let agent = log.agent;
            return (
                Content::Document { agent, header },
                self.like(Likeness::Json),
            );
        }
        let form = if log.is_own {
            segments::form(&log.note, known.info.entries)
        } else {
            TextForm::default()
        };
        let likeness = if form.is_exact {
            Likeness::Bytes
        } else {
            Likeness::Mended
        };
        (Content::Lines { trace: false, form }, self.like(likeness))
    }

    fn like(&self, likeness: Likeness) -> Likeness {
        match likeness {
            _ if self.rebase.in_entries => Likeness::Rebased,
            Likeness::Bytes | Likeness::Mended if self.is_redacted => Likeness::Redacted,
            likeness => likeness,
        }
    }

    /// The files of a session that has many, unless something of it would be in none of them.
    fn many(
        &self,
        place: Place,
        log: &Log,
        native: &Path,
    ) -> Result<Option<Vec<(PathBuf, String)>>, StoreError> {
        let header = log.note.header.as_ref().map(|header| header.get());
        let document = content::document(self.now, place, header, &Rebase::default())?;
        let parts = document.entries.iter().map(|entry| parts_of(entry));
        let Some(parts) = parts.sum::<Option<usize>>() else {
            return Ok(None);
        };
        let files = opencode::files(&document);
        let is_all = files.len() == 1 + document.entries.len() + parts;
        let paths = files.into_iter().map(|(path, json)| {
            if path.starts_with("session/") {
                return Some((native.to_owned(), json));
            }
            Some((names::safe(&path)?, json))
        });
        Ok(paths.collect::<Option<Vec<_>>>().filter(|_| is_all))
    }

    fn sidecar(&mut self, known: &Known, name: &str, main: Option<&Main<'_>>) {
        let session = known.place.session.to_string();
        let folder = match main {
            Some(main) => {
                let id = main.log.summary.native_id.as_deref();
                let id = id.and_then(names::safe).unwrap_or_else(|| session.into());
                main.path.parent().unwrap_or(Path::new("")).join(id)
            }
            None => session.into(),
        };
        let agent = main.map_or("claude", |main| main.log.agent.name());
        let Some(name) = names::safe(name) else {
            return self.other(known, TextForm::default());
        };
        let like = self.like(Likeness::Bytes);
        self.add(
            Some(agent),
            folder.join(name),
            known.place,
            Content::Sidecar,
            like,
        );
    }

    /// A log of which no agent is known, as other exports write it.
    fn other(&mut self, known: &Known, form: TextForm) {
        let Place { session, segment } = known.place;
        let path = PathBuf::from(format!("{session}/{segment}.jsonl"));
        if known.info.exists {
            let likeness = if form.is_exact {
                Likeness::Bytes
            } else {
                Likeness::Mended
            };
            let content = Content::Lines { trace: false, form };
            self.add(
                None,
                path.clone(),
                known.place,
                content,
                self.like(likeness),
            );
        }
        self.traces(known, None, &path);
    }

    fn traces(&mut self, known: &Known, agent: Option<&'static str>, path: &Path) {
        if known.info.traces > 0 {
            let content = Content::Lines {
                trace: true,
                form: TextForm::default(),
            };
            let path = names::beside(path, "trace.jsonl");
            self.add(
                agent,
                path,
                known.place,
                content,
                self.like(Likeness::Bytes),
            );
        }
    }

    /// Adds a file. Returns its path.
    fn add(
        &mut self,
        agent: Option<&'static str>,
        path: PathBuf,
        place: Place,
        content: Content,
        likeness: Likeness,
    ) -> PathBuf {
        let below = Path::new(agent.unwrap_or_default()).join(path);
        let (below, is_renamed) = self.taken.take(below, place.session, place.segment);
        let path = match agent {
            Some(agent) => below.strip_prefix(agent).unwrap_or(&below).to_owned(),
            None => below,
        };
        self.files.push(Planned {
            path: path.clone(),
            agent,
            place,
            content,
            likeness,
            is_renamed,
        });
        path
    }
}

/// How many parts a message has.
fn parts_of(entry: &str) -> Option<usize> {
    #[derive(serde::Deserialize)]
    struct Message {
        #[serde(default)]
        parts: Vec<serde::de::IgnoredAny>,
    }
    let message: Message = serde_json::from_str(entry).ok()?;
    Some(message.parts.len())
}

/// The path that the agent itself would choose. A subagent's is where the session's own is.
pub(super) fn native_path(log: &Log, main: Option<&Main<'_>>, rebase: &Rebase) -> Option<PathBuf> {
    let mut summary = log.summary.clone();
    if let (Some(main), Some(_)) = (main, &log.note.subagent) {
        summary.cwd.clone_from(&main.log.summary.cwd);
    }
    if let Some(moved) = summary
        .cwd
        .as_deref()
        .and_then(|cwd| rebase.relocation.path(cwd))
    {
        summary.cwd = Some(moved);
    }
    names::safe(&log.agent.native_path(&summary)?)
}

/// The name of the file that it came from, else one that is made of ids.
fn fallback(log: &Log, main: Option<&Main<'_>>, place: Place) -> PathBuf {
    let name = names::file_name(&log.note.path).unwrap_or_else(|| {
        if !log.note.is_document {
            return format!("{}/{}.jsonl", place.session, place.segment).into();
        }
        let id = log
            .summary
            .native_id
            .as_deref()
            .filter(|id| !id.contains('/'));
        let named = id.and_then(|id| names::safe(&format!("{id}.json")));
        named.unwrap_or_else(|| format!("{}.json", place.segment).into())
    });
    match main {
        Some(main) if log.note.subagent.is_some() && log.agent.name() == "claude" => {
            let folder = main.path.parent().unwrap_or(Path::new(""));
            folder
                .join(place.session.to_string())
                .join("subagents")
                .join(name)
        }
        _ => name,
    }
}
