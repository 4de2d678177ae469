//! Small archives with everything in them, and all that their public face answers.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use serde_json::{Map, Value};
use sessiondb::archive::Match;
use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::testing::{self, BackendError, Opening, StorageBackend};
use sessiondb::{Archive, SegmentInfo, SessionInfo, Store, StoreError};
use uuid::Uuid;

use crate::raw::{raw, raws};

/// The shortest journal.
pub(crate) const JOURNAL_BYTES: u64 = 16_384;
/// Where the image begins behind it.
pub(crate) const IMAGE: usize = 8192 + 16_384;
/// When everything in the samples was written.
const AT_MS: u64 = 1_700_000_000_000;

/// An archive in memory.
#[derive(Debug)]
pub(crate) struct Memory(Mutex<Vec<u8>>);

impl Memory {
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(bytes)))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.lock();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let part = start
            .checked_add(out.len())
            .and_then(|end| bytes.get(start..end));
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // As a disk of 64 MiB would.
        if len > 1 << 26 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.lock()
            .resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start
            .checked_add(data.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        if end > 1 << 26 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = self.lock();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(data);
        Ok(())
    }

    // Nobody else has it open.
    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}

pub(crate) fn open(storage: &Arc<Memory>, read_only: bool) -> Result<Archive, StoreError> {
    let opening = Opening {
        read_only,
        ..Opening::default()
    };
    testing::open(Arc::clone(storage) as Arc<dyn StorageBackend>, opening)
}

/// All that an archive answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    pub(crate) sessions: Vec<SessionInfo>,
    pub(crate) last_used: Vec<SessionInfo>,
    pub(crate) segments: BTreeMap<Uuid, Vec<SegmentInfo>>,
    pub(crate) metadata: BTreeMap<Uuid, Metadata>,
    /// Entries and traces of each segment.
    pub(crate) logs: BTreeMap<(Uuid, Uuid), [Vec<String>; 2]>,
    pub(crate) session_of: BTreeMap<Uuid, Option<Uuid>>,
    pub(crate) names: Vec<String>,
    pub(crate) records: BTreeMap<String, Option<WorkerRecord>>,
    pub(crate) matching: Vec<Match>,
}

/// What the questions are about: also things that have been deleted, or never were.
#[derive(Debug, Clone)]
pub(crate) struct Questions {
    segments: Vec<(Uuid, Uuid)>,
    names: Vec<String>,
}

/// One archive, and what it answers.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) content: Content,
    /// The same once [`append_one`] has appended to it.
    pub(crate) appended: Content,
    pub(crate) questions: Questions,
}

/// Some sessions, some of whose segments were truncated or deleted.
pub(crate) fn small() -> Sample {
    sample("small", 3, 2)
}

/// So many sessions that several tables have branch pages.
pub(crate) fn large() -> Sample {
    sample("large", 60, 1)
}

fn sample(name: &'static str, sessions: u128, rounds: u32) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.sessiondb");
    testing::create_file(&path, JOURNAL_BYTES).unwrap();
    let mut questions = Questions {
        segments: Vec::new(),
        names: vec!["never".to_owned()],
    };
    for round in 0..rounds {
        let archive = Archive::open(&path).unwrap();
        fill(&archive, sessions, round, &mut questions);
        archive.close().unwrap();
    }
    questions
        .segments
        .push((Uuid::from_u128(77), Uuid::from_u128(78)));
    questions.segments.sort_unstable();
    questions.segments.dedup();
    questions.names.sort_unstable();
    questions.names.dedup();
    let bytes = fs::read(&path).unwrap();
    let content = content_of(&path, &questions);
    let archive = Archive::open(&path).unwrap();
    append_one(&archive, &questions).unwrap();
    archive.close().unwrap();
    let appended = content_of(&path, &questions);
    assert_ne!(content, appended);
    Sample {
        name,
        bytes,
        content,
        appended,
        questions,
    }
}

/// An archive that nobody closed, and what it has answered after each change that its journal
/// holds.
pub(crate) fn unclosed(sample: &Sample) -> (Vec<u8>, Vec<Content>) {
    let storage = Memory::new(sample.bytes.clone());
    let archive = open(&storage, false).unwrap();
    let mut states = vec![sample.content.clone()];
    let (session, segment) = appended_to(&sample.questions);
    for number in 0..6 {
        let log = archive.log(session, segment).with_timestamp(AT_MS + 1);
        match number % 3 {
            0 => drop(log.append(&raw(br#"{"kind":"more"}"#)).unwrap()),
            1 => log.truncate(log.len().unwrap() - 1).unwrap(),
            _ => write_name(&archive, "worker-0", number, &mut sample.questions.clone()),
        }
        states.push(Content::read(&archive, &sample.questions).unwrap());
    }
    let bytes = storage.bytes();
    assert!(states.windows(2).all(|pair| pair[0] != pair[1]));
    (bytes, states)
}

fn session_id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + (number << 80) + number)
}

fn segment_id(session: u128, number: u128) -> Uuid {
    Uuid::from_u128(0x0191_0000_0000_7000_8000_0000_0000_0000 + (session << 84) + number)
}

/// Writes, each round, what changes the pages of the rounds before.
fn fill(archive: &Archive, sessions: u128, round: u32, questions: &mut Questions) {
    for number in 0..sessions {
        let session = session_id(number);
        for segment in 0..=number % 3 {
            let segment = segment_id(number, segment);
            questions.segments.push((session, segment));
            write_log(archive, session, segment, round);
        }
        if number.is_multiple_of(2) {
            let title = format!("session {number} in round {round}");
            let metadata = Map::from_iter([("title".to_owned(), Value::String(title))]);
            archive.set_metadata(session, &metadata).unwrap();
        }
        write_name(archive, &format!("worker-{number}"), round, questions);
    }
    share(archive, round, questions);
    // What is gone again.
    let (session, segment) = (session_id(1), segment_id(1, 1));
    archive.delete_segment(session, segment).unwrap();
    let gone = session_id(1000 + u128::from(round));
    write_log(archive, gone, segment, round);
    archive.delete_session(gone).unwrap();
    questions.segments.push((gone, segment));
    write_name(archive, "worker-gone", round, questions);
    archive.delete_name("worker-gone").unwrap();
}

/// Branches of the first segment, of which the next round cuts off what they share, and an
/// entry that all have erased.
fn share(archive: &Archive, round: u32, questions: &mut Questions) {
    let (session, first) = (session_id(0), segment_id(0, 0));
    let branches = [10, 11].map(|number| segment_id(0, number + u128::from(round) * 2));
    let len = archive.log(session, first).len().unwrap();
    for (branch, shared) in branches.into_iter().zip([len, len - 1]) {
        archive.log(session, first).branch(shared, branch).unwrap();
        write_log(archive, session, branch, 0);
        questions.segments.push((session, branch));
    }
    archive.log(session, branches[0]).erase(1..2).unwrap();
}

fn write_name(archive: &Archive, name: &str, round: u32, questions: &mut Questions) {
    let mut record = WorkerRecord::new(WorkerName::new(name).unwrap());
    record.extra.insert("round".to_owned(), Value::from(round));
    archive.write_name(name, &record).unwrap();
    questions.names.push(name.to_owned());
}

fn write_log(archive: &Archive, session: Uuid, segment: Uuid, round: u32) {
    let log = archive.log(session, segment).with_timestamp(AT_MS);
    let traces = archive.trace(session, segment).with_timestamp(AT_MS);
    let len = log.len().unwrap_or(0);
    if round > 0 && len > 2 {
        log.truncate(len - 2).unwrap();
    }
    let entry = |number: u32| {
        let filler = "x".repeat(usize::try_from(number * 60).unwrap());
        format!(r#"{{"kind":"entry {number} of round {round}","text":"{filler}"}}"#)
    };
    let entries: Vec<String> = (0..4).map(entry).collect();
    log.append_many(raws(&entries)).unwrap();
    traces.append(&raw(entry(1).as_bytes())).unwrap();
}

pub(crate) fn append_one(archive: &Archive, questions: &Questions) -> Result<(), StoreError> {
    let (session, segment) = appended_to(questions);
    let log = archive.log(session, segment).with_timestamp(AT_MS + 1);
    log.append(&raw(br#"{"kind":"one more"}"#)).map(drop)
}

fn appended_to(questions: &Questions) -> (Uuid, Uuid) {
    questions.segments[1]
}

fn content_of(path: &Path, questions: &Questions) -> Content {
    let archive = Archive::options().read_only(true).open(path).unwrap();
    let content = Content::read(&archive, questions).unwrap();
    assert!(!content.sessions.is_empty() && content.names.len() > 2);
    assert!(content.logs.values().any(|[entries, _]| entries.len() > 3));
    assert!(content.session_of.values().any(Option::is_none));
    assert!(archive.check(None).unwrap().is_clean());
    content
}

impl Content {
    /// Asks everything, and fails with the first error.
    pub(crate) fn read(archive: &Archive, questions: &Questions) -> Result<Self, StoreError> {
        let mut answers = Answers::default();
        answers.ask(archive, questions);
        let Answers {
            sessions,
            last_used,
            segments,
            metadata,
            logs,
            session_of,
            names,
            records,
            matching,
        } = answers;
        let logs = logs
            .into_iter()
            .map(|(id, [entries, traces])| Ok((id, [entries?, traces?])));
        Ok(Self {
            sessions: sessions
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
            last_used: last_used
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
            segments: all(segments)?,
            metadata: all(metadata)?,
            logs: logs.collect::<Result<_, StoreError>>()?,
            session_of: all(session_of)?,
            names: names.into_iter().collect::<Result<Vec<_>, _>>()?.concat(),
            records: all(records)?,
            matching: matching
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
        })
    }
}

fn all<K: Ord, V>(answers: Vec<(K, Result<V, StoreError>)>) -> Result<BTreeMap<K, V>, StoreError> {
    answers
        .into_iter()
        .map(|(id, answer)| Ok((id, answer?)))
        .collect()
}

type Answer<T> = Result<T, StoreError>;
type Log = Answer<Vec<String>>;
type Metadata = Option<Map<String, Value>>;

/// The same, each with its own outcome.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    sessions: Vec<Answer<Vec<SessionInfo>>>,
    last_used: Vec<Answer<Vec<SessionInfo>>>,
    segments: Vec<(Uuid, Answer<Vec<SegmentInfo>>)>,
    metadata: Vec<(Uuid, Answer<Metadata>)>,
    logs: Vec<((Uuid, Uuid), [Log; 2])>,
    session_of: Vec<(Uuid, Answer<Option<Uuid>>)>,
    names: Vec<Answer<Vec<String>>>,
    records: Vec<(String, Answer<Option<WorkerRecord>>)>,
    matching: Vec<Answer<Vec<Match>>>,
}

impl Answers {
    /// Asks through handles of both kinds: snapshots, and each call by itself.
    pub(crate) fn ask(&mut self, archive: &Archive, questions: &Questions) {
        let mut last = None;
        for (session, segment) in &questions.segments {
            if last != Some(session) {
                let segments = archive.segments(*session);
                let segments = segments.and_then(Iterator::collect);
                self.segments.push((*session, segments));
                self.metadata.push((*session, archive.metadata(*session)));
                last = Some(session);
            }
            let session_of = archive.lookup_session_of(*segment);
            self.session_of.push((*segment, session_of));
            let logs = [
                archive.log(*session, *segment),
                archive.trace(*session, *segment),
            ];
            self.logs
                .push(((*session, *segment), logs.map(|log| read(&log))));
        }
        for name in &questions.names {
            self.records.push((name.clone(), archive.read_name(name)));
        }
        let sessions = archive.sessions();
        self.sessions.push(sessions.and_then(Iterator::collect));
        let last_used = archive.sessions_by_last_use();
        self.last_used.push(last_used.and_then(Iterator::collect));
        self.names.push(archive.names());
        self.matching.push(archive.matching("019"));
    }

    /// Whether each is what one of these contents says, or an error that names damage. Returns
    /// how many are errors.
    pub(crate) fn agree_with(&self, contents: &[&Content]) -> Result<u32, String> {
        let mut errors = 0;
        for sessions in &self.sessions {
            errors += agree("sessions", sessions, contents, |content| &content.sessions)?;
        }
        for sessions in &self.last_used {
            errors += agree("last used", sessions, contents, |content| {
                &content.last_used
            })?;
        }
        for (id, segments) in &self.segments {
            errors += agree("segments", segments, contents, |content| {
                &content.segments[id]
            })?;
        }
        for (id, metadata) in &self.metadata {
            errors += agree("metadata", metadata, contents, |content| {
                &content.metadata[id]
            })?;
        }
        for (id, [entries, traces]) in &self.logs {
            errors += agree("entries", entries, contents, |content| &content.logs[id][0])?;
            errors += agree("traces", traces, contents, |content| &content.logs[id][1])?;
        }
        for (id, session) in &self.session_of {
            errors += agree("session of", session, contents, |content| {
                &content.session_of[id]
            })?;
        }
        for names in &self.names {
            errors += agree("names", names, contents, |content| &content.names)?;
        }
        for (name, record) in &self.records {
            errors += agree("record", record, contents, |content| &content.records[name])?;
        }
        for matching in &self.matching {
            errors += agree("matching", matching, contents, |content| &content.matching)?;
        }
        Ok(errors)
    }
}

fn agree<T: PartialEq + Debug>(
    what: &str,
    answer: &Result<T, StoreError>,
    contents: &[&Content],
    of: impl Fn(&Content) -> &T,
) -> Result<u32, String> {
    match answer {
        Ok(answer) if contents.iter().any(|content| of(content) == answer) => Ok(0),
        Ok(answer) => {
            let expected = of(contents[0]);
            Err(format!("{what}: {answer:?}, which was {expected:?}"))
        }
        Err(err) if names_damage(err) => Ok(1),
        Err(err) => Err(format!("{what}: an error that does not name damage: {err}")),
    }
}

pub(crate) fn names_damage(err: &StoreError) -> bool {
    matches!(
        err,
        StoreError::Damaged { .. } | StoreError::Poisoned { .. }
    )
}

/// A log that is not there has no entries.
fn read(log: &sessiondb::Log) -> Log {
    log.read(..)?
        .map(|entry| Ok(entry?.as_str().to_owned()))
        .collect()
}
