//! One scenario over every engine and each promise that it has, against a plain model.

use std::collections::BTreeMap;
use std::path::Path;

use sessiondb::{SegmentId, SessionId};
use tempfile::TempDir;

use super::{Appender, Engine, LogId, Promise, Region, System};
use crate::logs::{LogFile, Logs};

/// Session and segment by number; both ascend.
fn log(session: u128, segment: u128) -> LogId {
    let id = |number: u128| SessionId::from_u128((0x0198 << 112) | (number << 80) | (7 << 76));
    LogId {
        session: id(session),
        segment: id(100 * session + segment),
        traces: false,
    }
}

fn traces(log: LogId) -> LogId {
    LogId {
        traces: true,
        ..log
    }
}

/// From some bytes to some kilobytes, each entry different.
fn entry(number: usize) -> Vec<u8> {
    let text = "x".repeat(number * 37 % 3000);
    format!(r#"{{"kind":"extension","number":{number},"text":"{text}"}}"#).into_bytes()
}

/// A system beside what it has to hold.
struct Pair {
    system: Box<dyn System>,
    model: BTreeMap<(SessionId, SegmentId, bool), Vec<Vec<u8>>>,
    written: usize,
}

impl Pair {
    fn of(&mut self, log: LogId) -> &mut Vec<Vec<u8>> {
        let key = (log.session, log.segment, log.traces);
        self.model.entry(key).or_default()
    }

    fn next_entry(&mut self) -> Vec<u8> {
        self.written += 1;
        entry(self.written)
    }

    fn append(&mut self, appender: &mut dyn Appender, log: LogId) {
        let entry = self.next_entry();
        appender.append(&entry).unwrap();
        self.of(log).push(entry);
    }

    fn append_many(&mut self, log: LogId, count: usize) {
        let entries: Vec<_> = (0..count).map(|_| self.next_entry()).collect();
        self.system.append_many(log, &entries).unwrap();
        self.of(log).extend(entries);
    }

    fn fork(&mut self, from: LogId, at: usize, to: LogId) {
        self.system.fork(from, at as u64, to.segment).unwrap();
        *self.of(to) = self.of(from)[..at].to_vec();
    }

    fn truncate(&mut self, log: LogId, len: usize) {
        self.system.truncate(log, len as u64).unwrap();
        self.of(log).truncate(len);
    }

    fn delete_session(&mut self, session: SessionId) {
        self.system.delete_session(session).unwrap();
        self.model.retain(|(of, _, _), _| *of != session);
    }

    fn check(&self) {
        for ((session, segment, traces), entries) in &self.model {
            let log = LogId {
                session: *session,
                segment: *segment,
                traces: *traces,
            };
            assert_eq!(self.system.count(log).unwrap(), entries.len() as u64);
            let found = collect(|each| self.system.read(log, each));
            assert!(found == *entries, "{log:?}: {} entries read", found.len());
            for count in [0, 1, 3, entries.len(), entries.len() + 5] {
                let found = collect(|each| self.system.last(log, count as u64, each));
                let from = entries.len().saturating_sub(count);
                assert!(found == entries[from..], "{log:?}: the last {count}");
            }
            if !traces {
                let found = self.system.session_of(*segment).unwrap();
                assert_eq!(found, Some(*session));
            }
        }
        self.check_sessions();
        let absent = log(77, 1);
        assert_eq!(self.system.count(absent).unwrap(), 0);
        assert_eq!(self.system.session_of(absent.segment).unwrap(), None);
    }

    fn check_sessions(&self) {
        let mut sessions = BTreeMap::new();
        for ((session, _, traces), entries) in &self.model {
            let counted = if *traces { 0 } else { entries.len() as u64 };
            *sessions.entry(*session).or_insert(0) += counted;
        }
        let newest: Vec<_> = sessions.into_iter().rev().collect();
        for limit in [0, 1, 2, newest.len(), usize::MAX] {
            let found = self.system.sessions(limit).unwrap();
            assert_eq!(found, newest[..limit.min(newest.len())], "limit {limit}");
        }
    }
}

fn collect(read: impl FnOnce(super::Each<'_>) -> crate::Result<()>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    read(&mut |entry| {
        found.push(entry.to_vec());
        Ok(())
    })
    .unwrap();
    found
}

/// Everything once; `round` keeps the ids of the rounds apart.
fn play(pair: &mut Pair, round: u128) {
    let (first, second) = (log(10 * round, 1), log(10 * round + 1, 1));
    let mut one = pair.system.appender(first).unwrap();
    let mut two = pair.system.appender(second).unwrap();
    for _ in 0..20 {
        pair.append(&mut *one, first);
        pair.append(&mut *two, second);
        pair.append(&mut *one, first);
    }
    drop((one, two));
    pair.check();

    pair.append_many(first, 7);
    pair.append_many(traces(first), 30);
    pair.append_many(log(10 * round, 2), 200);
    let mut going_on = pair.system.appender(first).unwrap();
    let mut tracing = pair.system.appender(traces(first)).unwrap();
    pair.append(&mut *going_on, first);
    pair.append(&mut *tracing, traces(first));
    drop((going_on, tracing));
    pair.check();

    let long = log(10 * round, 2);
    pair.fork(long, 200, log(10 * round, 3));
    pair.fork(long, 120, log(10 * round, 4));
    pair.append_many(log(10 * round, 3), 3);
    pair.fork(first, 1, log(10 * round, 5));
    pair.truncate(long, 198);
    pair.truncate(log(10 * round, 4), 120);
    pair.truncate(log(10 * round, 3), 10);
    pair.truncate(first, 0);
    pair.append_many(first, 2);
    pair.append_many(log(10 * round, 4), 2);
    pair.check();

    let third = log(10 * round + 2, 1);
    pair.append_many(third, 5);
    pair.append_many(traces(third), 5);
    pair.append_many(log(10 * round + 2, 2), 5);
    pair.check();
    pair.delete_session(third.session);
    assert_eq!(pair.system.count(third).unwrap(), 0);
    assert_eq!(pair.system.count(traces(third)).unwrap(), 0);
    assert_eq!(pair.system.session_of(third.segment).unwrap(), None);
    pair.check();
}

/// What cannot be done leaves everything as it was.
fn refuse_what_is_too_long(pair: &Pair) {
    let (short, fork) = (log(10, 5), log(10, 6));
    let more = pair.system.count(short).unwrap() + 1;
    assert!(pair.system.truncate(short, more).is_err());
    assert!(pair.system.fork(short, more, fork.segment).is_err());
    assert_eq!(pair.system.session_of(fork.segment).unwrap(), None);
    pair.check();
}

fn scenario(engine: Engine, promise: Promise) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("system");
    let open = || engine.open(&dir, promise).unwrap();
    let mut pair = Pair {
        system: open(),
        model: BTreeMap::new(),
        written: 0,
    };
    play(&mut pair, 1);
    let reopen = |pair: Pair| {
        pair.system.close().unwrap();
        Pair {
            system: open(),
            ..pair
        }
    };
    let mut pair = reopen(pair);
    pair.check();
    play(&mut pair, 2);

    pair.system.close().unwrap();
    engine.reclaim(&dir).unwrap();
    pair.system = open();
    pair.check();
    play(&mut pair, 3);
    refuse_what_is_too_long(&pair);
    pair.system.close().unwrap();
}

fn all_promises(engine: Engine) {
    for promise in Promise::ALL {
        if engine.promises(promise) {
            scenario(engine, promise);
            assert!(!engine.settings(promise).is_empty());
        }
    }
}

#[test]
fn an_archive_does_all_of_it() {
    all_promises(Engine::Sessiondb);
}

#[test]
fn an_exclusive_archive_does_all_of_it() {
    all_promises(Engine::Exclusive);
}

#[test]
fn jsonl_does_all_of_it() {
    all_promises(Engine::Jsonl);
}

#[test]
fn sqlite_does_all_of_it() {
    all_promises(Engine::Sqlite);
}

#[test]
fn lmdb_does_all_of_it() {
    all_promises(Engine::Lmdb);
}

#[test]
fn fjall_does_all_of_it() {
    all_promises(Engine::Fjall);
}

#[test]
fn redb_does_all_of_it() {
    all_promises(Engine::Redb);
}

/// Three small files, of which two are in one session.
fn some_logs(folder: &Path) -> Logs {
    let files = [log(1, 1), log(1, 2), log(2, 1)].into_iter().zip(1..);
    let files = files.map(|(log, number)| {
        let mut text = (number..number + 40)
            .map(entry)
            .collect::<Vec<_>>()
            .join(&b'\n');
        text.push(b'\n');
        let file = LogFile {
            session: log.session,
            segment: log.segment,
            len_bytes: text.len() as u64,
        };
        std::fs::write(file.new_path_in(folder).unwrap(), text).unwrap();
        file
    });
    Logs {
        files: files.collect(),
        folder: folder.to_owned(),
    }
}

#[test]
fn logs_come_out_as_they_went_in() {
    let folder = TempDir::new().unwrap();
    let logs = some_logs(&folder.path().join("logs"));
    for engine in Engine::ALL {
        let dir = folder.path().join(engine.name());
        let system = engine.open(&dir, Promise::Synced).unwrap();
        system.import(&logs).unwrap();
        let file = &logs.files[1];
        assert_eq!(system.count(file.log()).unwrap(), 40, "{engine}");
        let session = system.session_of(file.segment).unwrap();
        assert_eq!(session, Some(file.session), "{engine}");
        assert_eq!(system.sessions(1).unwrap(), [(logs.files[2].session, 40)]);
        let out = folder.path().join(format!("{engine}-out"));
        system.export(&logs, &out).unwrap();
        logs.compare(&out).unwrap();
        system.close().unwrap();
    }
}

#[test]
fn the_bare_region_knows_its_last_append() {
    let folder = TempDir::new().unwrap();
    let mut region = Region::create(folder.path()).unwrap();
    let (large, small) = (vec![b'a'; 20 << 20], entry(5));
    for _ in 0..4 {
        region.append(&large).unwrap();
        region.read_back(&large).unwrap();
    }
    region.append_synced(&small).unwrap();
    region.read_back(&small).unwrap();
    assert!(region.read_back(&large).is_err());
    assert!(region.read_back(&entry(6)).is_err());
}
