//! Which sessions limits remove, and that only those go.

use std::time::Duration;

use sessiondb::Archive;
use sessiondb::entry::{Active, Extra, WorkerName, WorkerRecord};
use sessiondb::retention::{Limits, Plan, plan};
use uuid::Uuid;

use crate::raw::raw;

const NOW: u64 = 1_000_000;

fn session(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_0000 + number)
}

/// Sessions 1 to 6, each 100 bytes of JSONL, last updated at 100 s, 200 s, ... of 1,000 s.
fn sample() -> Archive {
    let archive = Archive::in_memory().unwrap();
    for number in 1..=6_u64 {
        let log = archive.log(session(number.into()), session(number.into()));
        let entry = format!("\"{}\"", "x".repeat(97));
        log.with_timestamp(number * 100_000)
            .append(&raw(entry.as_bytes()))
            .unwrap();
    }
    archive
}

fn name(archive: &Archive, name: &str, number: u128) {
    let mut record = WorkerRecord::new(WorkerName::new(name).unwrap());
    record.active = Some(Active {
        session_id: session(number),
        segment_id: None,
        extra: Extra::new(),
    });
    archive.write_name(name, &record).unwrap();
}

fn gone(plan: &Plan) -> Vec<u128> {
    let base = session(0).as_u128();
    plan.sessions
        .iter()
        .map(|session| session.id.as_u128() - base)
        .collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn each_limit_and_all_of_them_together() {
    let archive = sample();
    name(&archive, "keeper", 2);
    let new = Limits::new;
    for (limits, expected, kept_named) in [
        (new(), &[][..], 0),
        (new().older_than(seconds(650)), &[1, 3], 1),
        // An age of exactly the limit is not over it.
        (new().older_than(seconds(700)), &[1], 1),
        (new().older_than(seconds(699)), &[1, 3], 1),
        (new().older_than(seconds(650)).named(true), &[1, 2, 3], 0),
        (new().keep_last(4), &[1], 1),
        (new().keep_last(5), &[1], 0),
        (new().keep_last(0), &[1, 3, 4, 5, 6], 1),
        (new().keep_last(9), &[], 0),
        (new().max_bytes(600), &[], 0),
        (new().max_bytes(599), &[1], 0),
        // The named session counts, and another goes in its place.
        (new().max_bytes(400), &[1, 3], 1),
        (new().max_bytes(0), &[1, 3, 4, 5, 6], 1),
        (new().max_bytes(0).named(true), &[1, 2, 3, 4, 5, 6], 0),
        // Beside another limit the newest are only protected.
        (new().older_than(seconds(650)).keep_last(4), &[1], 1),
        (new().older_than(seconds(650)).keep_last(5), &[1], 0),
        (new().older_than(seconds(1)).keep_last(2), &[1, 3, 4], 1),
        (new().older_than(seconds(5000)).keep_last(2), &[], 0),
        (new().max_bytes(0).keep_last(2), &[1, 3, 4], 1),
        (new().max_bytes(300).older_than(seconds(850)), &[1, 3, 4], 1),
        (new().max_bytes(500).older_than(seconds(650)), &[1, 3], 1),
    ] {
        let plan = plan(&archive, &limits, NOW).unwrap();
        assert_eq!(gone(&plan), expected, "{limits:?}");
        assert_eq!(plan.kept_named, kept_named, "{limits:?}");
        assert_eq!(plan.bytes, 100 * expected.len() as u64);
        assert_eq!(plan.kept_bytes, 600 - plan.bytes);
        assert_eq!(plan.kept_sessions, 6 - expected.len() as u64);
    }
}

#[test]
fn nothing_goes_before_it_is_applied_and_then_nothing_else() {
    let archive = sample();
    let plan = plan(&archive, &Limits::new().keep_last(2), NOW).unwrap();
    assert_eq!(archive.sessions().unwrap().count(), 6);
    let mut told = (0, 0);
    let pruned = plan.apply(
        &archive,
        Some(&mut |progress| {
            told = (progress.done, progress.total);
        }),
    );
    let pruned = pruned.unwrap();
    assert_eq!(told, (4, 4));
    assert_eq!(pruned.removed, [1, 2, 3, 4].map(session));
    assert_eq!((pruned.bytes, pruned.spared.len()), (400, 0));
    let left: Vec<_> = archive
        .sessions()
        .unwrap()
        .map(|info| info.unwrap().id)
        .collect();
    assert_eq!(left, [6, 5].map(session));
}

#[test]
fn what_has_changed_since_the_plan_stays() {
    let archive = sample();
    let plan = plan(&archive, &Limits::new().keep_last(0), NOW).unwrap();
    archive
        .log(session(1), session(1))
        .with_timestamp(1)
        .append(&raw(b"1"))
        .unwrap();
    name(&archive, "late", 2);
    archive.delete_session(session(3)).unwrap();
    let pruned = plan.apply(&archive, None).unwrap();
    assert_eq!(pruned.spared, [1, 2, 3].map(session));
    assert_eq!(pruned.removed, [4, 5, 6].map(session));
    assert_eq!(pruned.bytes, 300);
    assert_eq!(archive.sessions().unwrap().count(), 2);
}

#[test]
fn very_many_go_in_several_changes() {
    let archive = Archive::in_memory().unwrap();
    for number in 0..200 {
        archive
            .log(session(number), session(number))
            .append(&raw(b"1"))
            .unwrap();
    }
    let plan = plan(&archive, &Limits::new().keep_last(1), NOW).unwrap();
    let pruned = plan.apply(&archive, None).unwrap();
    assert_eq!(pruned.removed.len(), 199);
    assert_eq!(archive.sessions().unwrap().count(), 1);
}

/// Imported logs have the times of their files, which tell nothing once they were copied.
#[test]
fn the_times_of_the_entries_decide_where_they_are_known() {
    let archive = sample();
    let set = |number, ms: serde_json::Value| {
        let summary = serde_json::json!({"last_activity_ms": ms, "turns": 3});
        let key = format!("session/{}/summary", session(number));
        archive.write_note(&key, &summary).unwrap();
    };
    let file_of_2099 = archive.log(session(7), session(7));
    file_of_2099
        .with_timestamp(4_070_908_800_000)
        .append(&raw(b"1"))
        .unwrap();
    let limits = Limits::new().older_than(seconds(650));
    assert_eq!(gone(&plan(&archive, &limits, NOW).unwrap()), [1, 2, 3]);
    set(7, 150_000.into());
    set(1, 999_000.into());
    // Before the epoch, and what is no time.
    set(3, (-5).into());
    set(4, "yesterday".into());
    let found = plan(&archive, &limits, NOW).unwrap();
    assert_eq!(gone(&found), [3, 7, 2]);
    assert_eq!(found.last_activity_ms[&session(7)], 150_000);
    assert_eq!(found.last_activity_ms[&session(2)], 200_000);
    let newest = plan(&archive, &Limits::new().keep_last(2), NOW).unwrap();
    assert_eq!(gone(&newest), [3, 7, 2, 4, 5]);
    // The order of the archive is still that of its updates.
    let first = archive.sessions().unwrap().next().unwrap().unwrap();
    assert_eq!(first.id, session(7));

    // Who has gone on with it since is spared.
    set(2, 990_000.into());
    let pruned = found.apply(&archive, None).unwrap();
    assert_eq!(pruned.removed, [3, 7].map(session));
    assert_eq!(pruned.spared, [2].map(session));
    let now = archive.snapshot().unwrap();
    for number in [3, 7] {
        assert!(now.is_session_forgotten(session(number)).unwrap());
    }
    assert!(!now.is_session_forgotten(session(2)).unwrap());
}
