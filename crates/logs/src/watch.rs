//! Goes on with a sync as logs grow.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sessiondb::StoreError;
use sessiondb::jsonl::Outcome;
use sessiondb_agents::Agent;

use crate::notes::Stamp;
use crate::sync::{AgentReport, Sync, SyncReport, items_in, there};
use crate::tree::{Item, Kind};

#[cfg(target_os = "linux")]
mod inotify;
mod notices;
mod poll;

use notices::{Notices, Seen};

/// How long to wait at most before it is looked whether a place has appeared.
const TICK: Duration = Duration::from_millis(500);
/// How often everything is looked at again, should the system have kept something to itself; longer
/// where that takes longer.
const ALL_AGAIN: Duration = Duration::from_secs(60);
/// How much longer than a search took it is left alone after it.
const SEARCH_REST: u32 = 20;
/// When a session of rows or many files is looked at again after a change: its last turn is held back
/// until it has ended.
const LATER: [Duration; 4] = [
    Duration::from_secs(3),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(610),
];

/// A sync that goes on, made by [`Sync::watch`].
///
/// The system tells of changes where it does (Linux); elsewhere, and where it cannot, what was written
/// to within the last hour is looked at twice a second, all else as often as is cheap.
///
/// ```
/// use std::time::Duration;
///
/// use sessiondb::Archive;
/// use sessiondb_logs::Sync;
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let archive = Archive::in_memory()?;
/// let mut watch = Sync::new(&archive).home(home).watch();
/// // The first call brings in what is there.
/// assert!(watch.next(Duration::ZERO)?.is_some());
/// assert!(watch.next(Duration::from_millis(10))?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Watch<'a> {
    sync: Sync<'a>,
    notices: Notices,
    agents: Vec<Watched>,
    has_begun: bool,
    all_again: Instant,
}

/// What is watched of one agent.
#[derive(Debug)]
struct Watched {
    agent: &'static dyn Agent,
    /// The places that are there.
    there: Vec<PathBuf>,
    known: HashMap<PathBuf, Known>,
    /// What has to be read.
    changed: HashSet<PathBuf>,
    /// Whether there may be logs that are not known.
    is_stale: bool,
    search_after: Instant,
    later: HashMap<PathBuf, Vec<Instant>>,
}

#[derive(Debug)]
struct Known {
    item: Item,
    stamp: Option<Stamp>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(sync: Sync<'a>) -> Self {
        let now = Instant::now();
        let agents = sync.all_agents().iter();
        let agents = agents.map(|agent| Watched {
            agent: *agent,
            there: Vec::new(),
            known: HashMap::new(),
            changed: HashSet::new(),
            is_stale: false,
            search_after: now,
            later: HashMap::new(),
        });
        Self {
            agents: agents.collect(),
            sync,
            notices: Notices::new(),
            has_begun: false,
            all_again: now + ALL_AGAIN,
        }
    }

    /// Brings in what is new. The first call does so with all that is there and returns at once; each
    /// later one returns as soon as something came in or failed, and `None` if nothing did for so long.
    ///
    /// # Errors
    ///
    /// Those of the archive. After [`StoreError::Busy`] the next call goes on with the same.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<SyncReport>, StoreError> {
        if !self.has_begun {
            // What changes from here on is noticed.
            self.look_for_places();
            for watched in &mut self.agents {
                watched.search(|_, _| false);
            }
            let report = self.sync.run(None)?;
            self.has_begun = true;
            return Ok(Some(report));
        }
        let until = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            let wait = until.saturating_duration_since(now).min(TICK);
            let seen = self.notices.wait(wait);
            self.note(&seen);
            let report = self.bring_in()?;
            let has_news = |agent: &AgentReport| agent.new_entries > 0 || agent.failed > 0;
            if report.agents.iter().any(has_news) {
                return Ok(Some(report));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }

    /// Notes what has to be read again.
    fn note(&mut self, seen: &Seen) {
        let now = Instant::now();
        self.look_for_places();
        let is_late = now >= self.all_again;
        for watched in &mut self.agents {
            watched.is_stale |= seen.is_incomplete || is_late;
            for path in &seen.changed {
                watched.note(path, false);
            }
            for path in &seen.appeared {
                watched.note(path, true);
            }
            watched.note_due(now);
        }
        if is_late {
            self.all_again = now + ALL_AGAIN;
        }
    }

    /// Watches places that were not there before.
    fn look_for_places(&mut self) {
        for watched in &mut self.agents {
            let there = there(self.sync.places_of(watched.agent));
            for place in &there {
                if !watched.there.contains(place) {
                    self.notices.add(place);
                    watched.is_stale = true;
                }
            }
            watched.there = there;
        }
    }

    fn bring_in(&mut self) -> Result<SyncReport, StoreError> {
        let mut report = SyncReport::default();
        for watched in &mut self.agents {
            if watched.is_stale && Instant::now() >= watched.search_after {
                let began = Instant::now();
                watched.search(Item::is_other);
                let rest = began.elapsed() * SEARCH_REST;
                watched.search_after = Instant::now() + rest;
                self.all_again = self.all_again.max(Instant::now() + rest);
            }
            if let Some(agent) = watched.bring_in(&self.sync)? {
                report.agents.push(agent);
            }
        }
        Ok(report)
    }
}

impl Watched {
    /// Notes that there was a change at `path`.
    fn note(&mut self, path: &Path, is_new: bool) {
        let path = database_of(path);
        if self.known.contains_key(&*path) {
            self.changed.insert(path.clone().into_owned());
        } else if is_new && self.there.iter().any(|place| path.starts_with(place)) {
            self.is_stale = true;
        }
    }

    /// Notes what it is time to look at again.
    fn note_due(&mut self, now: Instant) {
        for (path, times) in &mut self.later {
            let before = times.len();
            times.retain(|time| *time > now);
            if times.len() < before {
                self.changed.insert(path.clone());
            }
        }
        self.later.retain(|_, times| !times.is_empty());
    }

    /// Searches the places. What is new has changed, and of what is known that which `is_other` says.
    fn search(&mut self, is_other: impl Fn(&Item, Option<&Stamp>) -> bool) {
        self.is_stale = false;
        for item in items_in(&self.there) {
            let path = item.file.path.clone();
            let known = self.known.remove(&path);
            let stamp = known.and_then(|known| known.stamp);
            if is_other(&item, stamp.as_ref()) {
                self.changed.insert(path.clone());
            }
            let stamp = stamp.or_else(|| item.stamp());
            self.known.insert(path, Known { item, stamp });
        }
    }

    fn bring_in(&mut self, sync: &Sync<'_>) -> Result<Option<AgentReport>, StoreError> {
        if self.changed.is_empty() {
            return Ok(None);
        }
        let mut items = Vec::new();
        for path in &self.changed {
            if let Some(mut known) = self.known.remove(path) {
                known.stamp = known.item.stamp();
                if let Some(stamp) = &known.stamp {
                    known.item.file.len_bytes = stamp.len_bytes;
                }
                items.push(known);
            }
        }
        items.sort_by(|one, other| one.item.file.path.cmp(&other.item.file.path));
        let (items, stamps): (Vec<Item>, Vec<_>) = items
            .into_iter()
            .map(|known| (known.item, known.stamp))
            .unzip();
        let done = sync.items(&items);
        for (item, stamp) in items.into_iter().zip(stamps) {
            let path = item.file.path.clone();
            if !matches!(item.kind, Kind::Log { .. }) {
                self.look_later(
                    &path,
                    done.as_ref().is_ok_and(|done| {
                        let of_it = |path: &Path| path.starts_with(&item.file.path);
                        let is_new =
                            |outcome: &Outcome| matches!(outcome, Outcome::Imported { .. });
                        let mut files = done.files.iter().map(|file| &file.report);
                        files.any(|file| of_it(&file.path) && is_new(&file.outcome))
                    }),
                );
            }
            self.known.insert(path, Known { item, stamp });
        }
        let mut report = done?;
        self.changed.clear();
        // What was removed meanwhile stays as it is in the archive.
        report
            .unreadable
            .retain(|one| one.kind != std::io::ErrorKind::NotFound);
        Ok(Some(AgentReport::new(
            self.agent.name(),
            self.there.clone(),
            report,
        )))
    }

    /// Plans when to look at something again, anew if it has just changed.
    fn look_later(&mut self, path: &Path, has_changed: bool) {
        if has_changed || !self.later.contains_key(path) {
            let now = Instant::now();
            let times = LATER.iter().map(|later| now + *later).collect();
            self.later.insert(path.to_owned(), times);
        }
    }
}

impl Item {
    /// What tells whether it is as it was; `None` for what tells so itself when it is read.
    fn stamp(&self) -> Option<Stamp> {
        match &self.kind {
            Kind::Log { .. } | Kind::Sidecar(_) => {
                Some(Stamp::of(&std::fs::metadata(&self.file.path).ok()?))
            }
            Kind::Opencode(storage) => storage.stamp().ok(),
            Kind::Database => None,
        }
    }

    fn is_other(&self, before: Option<&Stamp>) -> bool {
        let now = self.stamp();
        match (&now, before) {
            (Some(now), Some(before)) => {
                let facts =
                    |stamp: &Stamp| (stamp.len_bytes, stamp.modified_ns, stamp.file.clone());
                facts(now) != facts(before)
            }
            _ => true,
        }
    }
}

/// The database to which the file belongs that is written ahead of it; else the file.
fn database_of(path: &Path) -> std::borrow::Cow<'_, Path> {
    let name = path.as_os_str().to_str();
    match name.and_then(|name| name.strip_suffix("-wal")) {
        Some(database) => PathBuf::from(database).into(),
        None => path.into(),
    }
}
