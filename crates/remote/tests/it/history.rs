//! What an archive holds, whatever the ids of its branches are, and archives that share a bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use sessiondb::{Archive, SegmentId, SessionId};
use sessiondb_remote::{
    CheckReport, GcOptions, PullOptions, PullReport, PushReport, Remote, RemoteError, check, gc,
    pull, push,
};

use crate::unreliable::{Bucket, Mood};

/// Of each session the logs that are the beginning of no other, of entries and of traces.
pub(crate) type History = BTreeMap<SessionId, BTreeSet<(bool, Vec<String>)>>;

pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

pub(crate) fn remote(store: Arc<dyn ObjectStore>) -> Remote {
    Remote::new(store, Path::from("of/us"), "test://of/us")
}

pub(crate) fn good(bucket: &Bucket) -> Remote {
    remote(bucket.way(Mood::Good, 0))
}

pub(crate) fn push_to(bucket: &Bucket, archive: &Archive) -> PushReport {
    run(push(archive, &good(bucket), None)).unwrap()
}

pub(crate) fn pull_from(bucket: &Bucket, archive: &Archive) -> PullReport {
    run(pull(archive, &good(bucket), &PullOptions::new(), None)).unwrap()
}

/// Deletes at once what nobody needs, and expects that all that is left is whole.
pub(crate) fn clean(bucket: &Bucket) -> CheckReport {
    run(async {
        let remote = good(bucket);
        let now = GcOptions::new().grace(std::time::Duration::ZERO);
        gc(&remote, &now).await.unwrap();
        let report = check(&remote, None).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        report
    })
}

pub(crate) fn history(archive: &Archive) -> History {
    let snapshot = archive.snapshot().unwrap();
    let mut history = History::new();
    for session in snapshot.sessions() {
        let session = session.unwrap().id;
        let mut logs = Vec::new();
        for segment in snapshot.segments(session) {
            let segment = segment.unwrap();
            if segment.exists {
                logs.push((false, lines(archive, session, segment.id, false)));
            }
            if segment.traces > 0 {
                logs.push((true, lines(archive, session, segment.id, true)));
            }
        }
        let is_beginning = |log: &(bool, Vec<String>)| {
            logs.iter().any(|other| {
                other.0 == log.0 && other.1.len() > log.1.len() && other.1.starts_with(&log.1)
            })
        };
        let whole = logs
            .iter()
            .filter(|log| !is_beginning(log))
            .cloned()
            .collect();
        history.insert(session, whole);
    }
    history
}

pub(crate) fn lines(
    archive: &Archive,
    session: SessionId,
    segment: SegmentId,
    traces: bool,
) -> Vec<String> {
    let log = if traces {
        archive.trace(session, segment)
    } else {
        archive.log(session, segment)
    };
    log.read(..)
        .unwrap()
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

/// Pushes and pulls until no push has anything new and no pull either. Returns how many rounds that took.
pub(crate) fn settle(bucket: &Bucket, archives: &[Archive]) -> u32 {
    run(bucket.let_all_arrive());
    for round in 1..=10 {
        let mut is_silent = true;
        for archive in archives {
            is_silent &= push_to(bucket, archive).is_unchanged();
            // A manifest that is torn is read once more by each pull.
            is_silent &= pull_from(bucket, archive).sessions == 0;
        }
        if is_silent {
            return round;
        }
    }
    panic!(
        "they do not settle: {:#?}",
        archives.iter().map(history).collect::<Vec<_>>()
    );
}

/// What a call that may fail came to; anything else than the store is no excuse.
pub(crate) fn excused<T>(done: Result<T, RemoteError>) -> Option<T> {
    match done {
        Ok(done) => Some(done),
        Err(
            RemoteError::Refused { .. } | RemoteError::Damaged { .. } | RemoteError::Missing { .. },
        ) => None,
        Err(error) => panic!("{error}"),
    }
}
