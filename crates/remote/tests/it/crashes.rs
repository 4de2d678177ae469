//! The process dies after every single request of a push, a pull and a gc, with that request done or not.

use std::time::Duration;

use sessiondb::archive::Redaction;
use sessiondb::{Archive, RawJson, SegmentId, SessionId};
use sessiondb_remote::{GcOptions, PullOptions, gc, pull, push};

use crate::history::{History, clean, good, history, pull_from, push_to, remote, run};
use crate::unreliable::{Bucket, Mood};

/// With notes of so many bytes that there is a base.
const SESSIONS: u128 = 20;

fn session(number: u128) -> (SessionId, SegmentId) {
    (
        SessionId::from_u128(1000 + number),
        SegmentId::from_u128(5000 + number),
    )
}

/// An archive that has pushed once, with a base; what it said then, and what it says now.
fn begun(bucket: &Bucket) -> (Archive, History, History) {
    let archive = Archive::in_memory().unwrap();
    for number in 0..SESSIONS {
        let (session, segment) = session(number);
        archive
            .log(session, segment)
            .append_many(["a", "hunter2", "b"])
            .unwrap();
        archive
            .write_note(&format!("session/{session}/long"), &"x".repeat(4000))
            .unwrap();
    }
    push_to(bucket, &archive);
    let before = history(&archive);
    for number in 0..SESSIONS / 2 {
        let (session, segment) = session(number);
        archive.log(session, segment).append("c").unwrap();
    }
    let (session, segment) = session(SESSIONS - 1);
    let redaction = Redaction::new(1, "\"hunter2\"", RawJson::new("\"[redacted]\"").unwrap());
    archive.log(session, segment).redact([redaction]).unwrap();
    let after = history(&archive);
    (archive, before, after)
}

fn deaths(requests: u64) -> impl Iterator<Item = Mood> {
    (1..=requests).flat_map(|after| [false, true].map(|is_done| Mood::Dies { after, is_done }))
}

#[test]
fn a_push_that_dies_leaves_the_last_manifest_or_the_new_one() {
    let bucket = Bucket::default();
    let (archive, ..) = begun(&bucket);
    let way = bucket.way(Mood::Good, 0);
    run(push(&archive, &remote(way.clone()), None)).unwrap();
    let requests = way.requests();
    assert!(requests >= 6, "{requests} requests");
    let mut seen = [0, 0];
    for mood in deaths(requests) {
        let bucket = Bucket::default();
        let (archive, before, after) = begun(&bucket);
        run(push(&archive, &remote(bucket.way(mood, 0)), None)).unwrap_err();
        let reader = Archive::in_memory().unwrap();
        pull_from(&bucket, &reader);
        let is_after = history(&reader) == after;
        assert!(is_after || history(&reader) == before, "{mood:?}");
        seen[usize::from(is_after)] += 1;
        let report = push_to(&bucket, &archive);
        assert!(!report.is_new_writer, "{mood:?}");
        pull_from(&bucket, &reader);
        assert_eq!(history(&reader), after, "{mood:?}");
        assert_eq!(clean(&bucket).manifests, 1, "{mood:?}");
    }
    println!(
        "{requests} requests; seen then: {} times before, {} times after",
        seen[0], seen[1]
    );
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn a_pull_that_dies_is_done_again() {
    let bucket = Bucket::default();
    let (archive, _, after) = begun(&bucket);
    push_to(&bucket, &archive);
    let way = bucket.way(Mood::Good, 0);
    let reader = Archive::in_memory().unwrap();
    run(pull(
        &reader,
        &remote(way.clone()),
        &PullOptions::new(),
        None,
    ))
    .unwrap();
    assert!(way.requests() >= 4, "{} requests", way.requests());
    for mood in deaths(way.requests()) {
        let reader = Archive::in_memory().unwrap();
        run(pull(
            &reader,
            &remote(bucket.way(mood, 0)),
            &PullOptions::new(),
            None,
        ))
        .unwrap_err();
        for (session, logs) in history(&reader) {
            assert_eq!(Some(&logs), after.get(&session), "{mood:?}");
        }
        pull_from(&bucket, &reader);
        assert_eq!(history(&reader), after, "{mood:?}");
    }
    println!("{} requests", way.requests());
}

#[test]
fn a_gc_that_dies_has_deleted_nothing_that_is_of_use() {
    let now = GcOptions::new().grace(Duration::ZERO);
    let bucket = Bucket::default();
    let (archive, ..) = begun(&bucket);
    push_to(&bucket, &archive);
    let way = bucket.way(Mood::Good, 0);
    let report = run(gc(&remote(way.clone()), &now)).unwrap();
    assert!(
        report.manifests > 0 && report.bases > 0 && report.packs > 0,
        "{report:?}"
    );
    for mood in deaths(way.requests()) {
        let bucket = Bucket::default();
        let (archive, _, after) = begun(&bucket);
        push_to(&bucket, &archive);
        run(gc(&remote(bucket.way(mood, 0)), &now)).unwrap_err();
        let reader = Archive::in_memory().unwrap();
        pull_from(&bucket, &reader);
        assert_eq!(history(&reader), after, "{mood:?}");
        assert!(push_to(&bucket, &archive).is_unchanged(), "{mood:?}");
        assert_eq!(clean(&bucket).manifests, 1, "{mood:?}");
    }
    println!("{} requests", way.requests());
}

#[test]
fn what_is_young_stays() {
    let bucket = Bucket::default();
    let (archive, ..) = begun(&bucket);
    push_to(&bucket, &archive);
    let keys = run(bucket.keys());
    let report = run(gc(&good(&bucket), &GcOptions::new())).unwrap();
    assert_eq!((report.manifests, report.bases, report.packs), (0, 0, 0));
    assert_eq!(run(bucket.keys()), keys);
    let now = GcOptions::new().grace(Duration::ZERO).dry_run(true);
    assert!(run(gc(&good(&bucket), &now)).unwrap().packs > 0);
    assert_eq!(run(bucket.keys()), keys);
}
