//! A search by several threads, whose hits come in the order of one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use sessiondb::{SegmentInfo, SessionId, Snapshot, StoreError};

use crate::hit::Hit;
use crate::query::Query;
use crate::segment::SegmentSearch;

/// How many sessions ahead of the one whose hits are read are searched.
const SESSIONS_AHEAD: usize = 512;
/// How many hits wait to be read at most, beside those of the part that is read next.
const HITS_AHEAD: usize = 4_096;
/// How many ranges of a session one thread searches at a time.
const RANGES_A_PART: usize = 8;

/// The hits of a [`Query`], the newest first: by sessions as they were used last, of a session by segments likewise, and of a
/// segment from its last entry on. Dropping it ends the search.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_search::{Query, Search};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many(["one", "two", "one more"])?;
/// let entries = Search::new(&archive.snapshot()?, Query::literal("one").build()?);
/// let entries: Result<Vec<_>, _> = entries.map(|hit| Ok::<_, sessiondb::StoreError>(hit?.entry)).collect();
/// assert_eq!(entries?, [2, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Search {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// The hits of the part that is read, the last one first.
    here: Vec<Hit>,
}

impl Search {
    /// Begins to search.
    pub fn new(now: &Snapshot, query: Query) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = match query.asked.threads {
            0 => cores,
            asked => asked,
        };
        let shared = Arc::new(Shared {
            now: now.clone(),
            query,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        if let Err(error) = shared.list() {
            shared.lock().fail((0, 0), error);
        }
        let threads = (0..count).map_while(|_| {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name("sessiondb-search".to_owned());
            // One fewer where the system gives no more.
            thread.spawn(move || shared.work()).ok()
        });
        Self {
            threads: threads.collect(),
            shared,
            here: Vec::new(),
        }
    }
}

impl Iterator for Search {
    type Item = Result<Hit, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(hit) = self.here.pop() {
                return Some(Ok(hit));
            }
            let part = if self.threads.is_empty() {
                self.shared.next_part_alone()
            } else {
                self.shared.next_part()
            };
            match part? {
                Ok(mut hits) => {
                    hits.reverse();
                    self.here = hits;
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}

struct Shared {
    now: Snapshot,
    query: Query,
    state: Mutex<State>,
    changed: Condvar,
}

/// Where hits belong: the session, counted in the order of the search, and a part of it.
type Place = (usize, usize);

#[derive(Default)]
struct State {
    sessions: Vec<SessionId>,
    /// The next session that nobody has taken.
    next: usize,
    /// Parts of sessions that nobody has taken, in their order.
    open: BTreeMap<Place, Part>,
    /// How many parts each session has that is taken and not read.
    parts: BTreeMap<usize, usize>,
    done: BTreeMap<Place, Result<Vec<Hit>, StoreError>>,
    waiting_hits: usize,
    /// The place that is read next.
    read: Place,
    is_over: bool,
}

/// Some ranges of one segment, the last first.
struct Part {
    segment: SegmentInfo,
    ranges: Vec<Range<u64>>,
}

/// What a thread does next.
enum Task {
    Session(usize, SessionId),
    Part(Place, Part),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Result<(), StoreError> {
        let sessions = if let Some(sessions) = &self.query.asked.sessions {
            sessions.clone()
        } else {
            let sessions = self.now.sessions_by_last_use()?;
            // What fails is told in its place.
            let sessions = sessions.filter(|session| {
                let session = session.as_ref();
                session.map_or(true, |session| self.query.takes(session))
            });
            sessions
                .map(|session| Ok(session?.id))
                .collect::<Result<_, StoreError>>()?
        };
        self.lock().sessions = sessions;
        Ok(())
    }

    fn work(&self) {
        while let Some(task) = self.next_task() {
            self.run(task);
        }
    }

    fn next_task(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(task) = state.take() {
                return Some(task);
            }
            if state.next >= state.sessions.len() && state.open.is_empty() && state.parts.is_empty()
            {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, task: Task) {
        match task {
            Task::Session(number, session) => match self.plan(session) {
                Ok(parts) => self.lock().plan(number, parts),
                Err(error) => self.lock().fail((number, 0), error),
            },
            Task::Part(place, part) => {
                let hits = self.search(part);
                let mut state = self.lock();
                state.waiting_hits += hits.as_ref().map_or(0, Vec::len);
                state.done.insert(place, hits);
            }
        }
        self.changed.notify_all();
    }

    /// The parts of a session that may have hits.
    fn plan(&self, session: SessionId) -> Result<Vec<Part>, StoreError> {
        let mut segments = self.now.segments(session).collect::<Result<Vec<_>, _>>()?;
        segments.retain(|segment| {
            segment.exists && segment.entries > 0 && self.may_be_in_time(segment)
        });
        segments.sort_by_key(|segment| (segment.updated_ms, segment.id));
        let mut parts = Vec::new();
        for segment in segments.into_iter().rev() {
            let log = self.now.log(session, segment.id);
            let mut ranges = log.with_words(&self.query.words)?;
            ranges.reverse();
            for ranges in ranges.chunks(RANGES_A_PART) {
                parts.push(Part {
                    segment: segment.clone(),
                    ranges: ranges.to_vec(),
                });
            }
        }
        Ok(parts)
    }

    /// Whether a segment may have something that is not too old.
    fn may_be_in_time(&self, segment: &SegmentInfo) -> bool {
        let since = self.query.asked.since_ms;
        // Clocks of machines differ by less than a day.
        let updated = i64::try_from(segment.updated_ms).unwrap_or(i64::MAX);
        since.is_none_or(|since| updated.saturating_add(86_400_000) >= since)
    }

    fn search(&self, part: Part) -> Result<Vec<Hit>, StoreError> {
        let mut hits = Vec::new();
        let mut search = SegmentSearch::new(&self.now, &self.query, part.segment);
        for range in &part.ranges {
            search.hits(range, &mut hits)?;
        }
        Ok(hits)
    }

    /// The next part that has hits, or an error in its place.
    fn next_part(&self) -> Option<Result<Vec<Hit>, StoreError>> {
        let mut state = self.lock();
        loop {
            let before = state.read;
            let next = state.next_done();
            if state.read != before {
                // Others may go further ahead now.
                self.changed.notify_all();
            }
            if let Some(next) = next {
                return next;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same where there is no other thread.
    fn next_part_alone(&self) -> Option<Result<Vec<Hit>, StoreError>> {
        loop {
            if let Some(next) = self.lock().next_done() {
                return next;
            }
            let task = self.lock().take()?;
            self.run(task);
        }
    }
}

impl State {
    /// What comes next, unless too much of it waits to be read.
    fn take(&mut self) -> Option<Task> {
        let is_full = self.waiting_hits >= HITS_AHEAD;
        if let Some(first) = self.open.first_entry()
            && (!is_full || *first.key() == self.read)
        {
            let (place, part) = first.remove_entry();
            return Some(Task::Part(place, part));
        }
        let number = self.next;
        let is_near = number < self.read.0 + SESSIONS_AHEAD && !is_full || number == self.read.0;
        let session = *self.sessions.get(number).filter(|_| is_near)?;
        self.next += 1;
        self.parts.insert(number, usize::MAX);
        Some(Task::Session(number, session))
    }

    fn plan(&mut self, number: usize, parts: Vec<Part>) {
        self.parts.insert(number, parts.len());
        let places = parts.into_iter().enumerate();
        self.open
            .extend(places.map(|(at, part)| ((number, at), part)));
    }

    fn fail(&mut self, place: Place, error: StoreError) {
        self.parts.insert(place.0, 1);
        self.done.insert(place, Err(error));
    }

    /// The next part with hits, if all before it are done; `Some(None)` at the end, and behind an error.
    #[expect(
        clippy::option_option,
        reason = "there may be no next part, or it may not be done"
    )]
    fn next_done(&mut self) -> Option<Option<Result<Vec<Hit>, StoreError>>> {
        loop {
            if self.is_over {
                return Some(None);
            }
            let (session, part) = self.read;
            match self.parts.get(&session) {
                Some(count) if part >= *count => {
                    self.parts.remove(&session);
                    self.read = (session + 1, 0);
                }
                Some(_) => {
                    let done = self.done.remove(&self.read)?;
                    self.read.1 += 1;
                    match done {
                        Ok(hits) if hits.is_empty() => {}
                        Ok(hits) => {
                            self.waiting_hits -= hits.len().min(self.waiting_hits);
                            return Some(Some(Ok(hits)));
                        }
                        Err(error) => {
                            self.is_over = true;
                            return Some(Some(Err(error)));
                        }
                    }
                }
                None if session >= self.sessions.len() => return Some(None),
                None => return None,
            }
        }
    }
}
