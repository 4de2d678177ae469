//! The meaning of each op, which is written down twice: for the layers of an open archive, and for
//! what a recovery found. Random changes must leave the same with both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use crate::engine::file::superblock::{DEFAULT_JOURNAL_BYTES, Superblock};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::op::Op;
use crate::engine::model::run::Run;
use crate::engine::open::handle::{Engine, EngineOptions};
use crate::engine::open::view::View;
use crate::engine::salvage::{Found, FoundLog, FoundOrigin, FoundSegment, Source};
use crate::ids::{SegmentId, SessionId};

const OPTIONS: EngineOptions = EngineOptions {
    read_only: false,
    shared: false,
    cache_bytes: 1 << 20,
    lock_timeout: Duration::ZERO,
    sync_interval: Duration::from_secs(60),
    background: false,
};

const SESSIONS: u128 = 2;
const SEGMENTS: u128 = 4;

/// What is seen of a segment.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    exists: bool,
    entries: Vec<String>,
    traces: Vec<String>,
    origin: Option<OriginRecord>,
    created_ms: u64,
    updated_ms: u64,
}

/// All that is seen of an archive.
#[derive(Debug, Default, PartialEq, Eq)]
struct All {
    segments: BTreeMap<(SessionId, SegmentId), Seen>,
    metadata: BTreeMap<SessionId, Vec<u8>>,
    /// When the sessions without segments began, and when they were changed.
    begun: BTreeMap<SessionId, (u64, u64)>,
    names: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Change {
    what: u8,
    session: u128,
    segment: u128,
    other: u128,
    traces: bool,
    texts: Vec<String>,
    at: Index,
    with_origin: bool,
}

fn change() -> impl Strategy<Value = Change> {
    let texts = prop::collection::vec("[a-z]{1,3}", 1..4);
    let ids = (0..SESSIONS, 0..SEGMENTS, 0..SEGMENTS);
    let rest = (any::<bool>(), texts, any::<Index>(), any::<bool>());
    (0..13_u8, ids, rest).prop_map(|(what, (session, segment, other), rest)| {
        let (traces, texts, at, with_origin) = rest;
        Change {
            what,
            session,
            segment,
            other,
            traces,
            texts,
            at,
            with_origin,
        }
    })
}

impl Change {
    /// The op, where the log that it is about has `len` entries.
    fn op(&self, len: u64, at_ms: u64) -> Op {
        let session = Uuid::from_u128(self.session);
        let log = self.log();
        let index = self.at.index(usize::try_from(len).unwrap() + 1) as u64;
        let mut entries = Entries::default();
        for text in &self.texts {
            entries.push(format!("\"{text}\"").as_bytes());
        }
        let origin = self.with_origin.then(|| OriginRecord {
            kind: 1,
            segment: Uuid::from_u128(100 + self.other),
            at_turn: at_ms,
        });
        let name = format!("worker-{}", self.other);
        let json = format!("{{\"at\":{at_ms}}}").into_bytes();
        match self.what {
            0..4 => Op::Append {
                log,
                expected: None,
                entries,
                origin,
                at_ms,
            },
            4 => Op::Replace {
                log,
                entries,
                origin,
                at_ms,
            },
            5 | 6 => Op::Branch {
                session,
                from: log.segment,
                len: index,
                to: Uuid::from_u128(10 + self.other),
                origin,
                at_ms,
            },
            7 => Op::Erase {
                log,
                first: index,
                entries,
                at_ms,
            },
            8 => Op::Truncate {
                log,
                len: index,
                at_ms,
            },
            9 => Op::DeleteLog { log },
            10 if self.with_origin => Op::DeleteSession { session },
            10 => Op::DeleteName { name },
            11 => Op::SetMetadata {
                session,
                json,
                at_ms,
            },
            _ => Op::SetName { name, json },
        }
    }

    fn log(&self) -> LogId {
        let of_entries = !self.traces || matches!(self.what, 5 | 6);
        LogId {
            session: Uuid::from_u128(self.session),
            segment: Uuid::from_u128(10 + self.segment),
            kind: if of_entries {
                LogKind::Entries
            } else {
                LogKind::Traces
            },
        }
    }
}

fn texts_of(run: &Run, first: u64, count: u64) -> Vec<String> {
    let text = |index| {
        let range = run.range_of(index).expect("the run has the entry");
        String::from_utf8(run.entries().payload()[range].to_vec()).unwrap()
    };
    (first..first + count).map(text).collect()
}

fn read_log(view: &View, log: &LogId) -> Vec<String> {
    let size = view.read(|layers| layers.log_size(log)).unwrap();
    let len = size.map_or(0, |size| size.entries);
    let text = |index| {
        let part = view.read(|layers| layers.part_holding(log, index, &(index..index + 1)));
        let slice = part.unwrap().entry(index).expect("the part has the entry");
        String::from_utf8(slice.bytes().to_vec()).unwrap()
    };
    (0..len).map(text).collect()
}

/// What the layers of the archive say.
fn of_archive(engine: &Arc<Engine>) -> All {
    let view = engine.view().unwrap();
    let mut all = All::default();
    for session in (0..SESSIONS).map(Uuid::from_u128) {
        for (segment, head) in view.read(|layers| layers.heads(session)).unwrap() {
            let log = |kind| LogId {
                session,
                segment,
                kind,
            };
            let seen = Seen {
                exists: head.exists,
                entries: read_log(&view, &log(LogKind::Entries)),
                traces: read_log(&view, &log(LogKind::Traces)),
                origin: head.origin,
                created_ms: head.created_ms,
                updated_ms: head.updated_ms,
            };
            all.segments.insert((session, segment), seen);
        }
        let metadata = view.read(|layers| layers.metadata(session)).unwrap();
        all.metadata.extend(metadata.map(|json| (session, json)));
        let row = view.read(|layers| layers.session(session)).unwrap();
        let begun = row.filter(|row| row.heads == 0);
        all.begun
            .extend(begun.map(|row| (session, (row.created_ms, row.updated_ms))));
    }
    for name in view.read(crate::engine::layers::Layers::names).unwrap() {
        let json = view.read(|layers| layers.name(&name)).unwrap();
        all.names
            .insert(name, json.expect("a name that is listed has a record"));
    }
    all
}

fn found_log(log: &FoundLog) -> Vec<String> {
    let mut texts = Vec::new();
    for (first, at) in log.runs_without_overlap() {
        assert_eq!(first, texts.len() as u64, "a gap");
        let Source::Memory(run) = &at.source else {
            panic!("there are no tables");
        };
        texts.extend(texts_of(run, first, at.count));
    }
    assert_eq!(log.len.unwrap_or_default(), texts.len() as u64);
    assert!(log.unplaced.is_empty());
    texts
}

fn found_segment(found: &FoundSegment) -> Seen {
    let origin = match found.origin {
        FoundOrigin::Known(origin) => origin,
        FoundOrigin::Unknown => None,
    };
    Seen {
        exists: found.exists,
        entries: found_log(&found.log),
        traces: found_log(&found.traces),
        origin,
        created_ms: found.created_ms.unwrap_or_default(),
        updated_ms: found.updated_ms.unwrap_or_default(),
    }
}

/// What a recovery would say.
fn of_recovery(found: &Found) -> All {
    let segments = found.segments.iter();
    let there = segments.filter(|(_, segment)| segment.is_there());
    All {
        segments: there
            .map(|(id, segment)| (*id, found_segment(segment)))
            .collect(),
        metadata: found.metadata.clone(),
        begun: found.without_segments().collect(),
        names: found.names.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn each_op_means_the_same_to_a_recovery(changes in prop::collection::vec(change(), 1..40)) {
        let engine = Arc::new(Engine::in_memory(Superblock::new(DEFAULT_JOURNAL_BYTES), OPTIONS).unwrap());
        let mut found = Found::default();
        for (at_ms, change) in (1..).zip(changes) {
            let log = change.log();
            let size = engine.view().unwrap().read(|layers| layers.log_size(&log)).unwrap();
            let op = change.op(size.map_or(0, |size| size.entries), at_ms);
            // What is refused is not in the journal.
            if engine.write(false, [op.clone()]).is_ok() {
                found.apply(op.clone());
            }
            prop_assert_eq!(of_recovery(&found), of_archive(&engine), "after {:?}", op);
        }
    }
}
