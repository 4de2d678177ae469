//! What an archive promises beyond the contract: raw entries, ranges, batches, snapshots,
//! metadata, names, and handles.

/// Metadata of sessions, with which one may begin.
mod metadata;
/// Names and their records.
mod names;
/// Notes, and marks of what was taken away for good.
mod notes;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sessiondb::archive::Match;
use sessiondb::{
    Archive, LogEntry, MAX_ENTRY_BYTES, RawJson, StoreError, new_segment_id, new_session_id,
    segment,
};
use uuid::Uuid;

use crate::model_store::config;
use crate::raw::{raw, raws};
use crate::scratch::{Scratch, noise};

proptest! {
    #![proptest_config(config(48))]

    /// Appends, truncates and replaces of raw entries of all sizes around a run's, against a
    /// plain list; and every range read from either end.
    #[test]
    fn a_log_is_the_list_of_its_entries(
        ops in prop::collection::vec(log_op(), 1..14),
        ranges in prop::collection::vec((0..60_usize, 0..60_usize), 6),
    ) {
        let archive = Archive::in_memory().unwrap();
        let log = archive.log(new_session_id(), new_segment_id());
        let mut model: Vec<String> = Vec::new();
        log.replace(raws([""; 0])).unwrap();
        for op in ops {
            match op {
                LogOp::Append(sizes) => {
                    let entries = sized(&sizes);
                    let receipt = log.append_many(raws(&entries)).unwrap();
                    prop_assert_eq!(receipt.index, model.len() as u64);
                    model.extend(entries);
                    prop_assert_eq!(receipt.len, model.len() as u64);
                }
                LogOp::Truncate(share) => {
                    let len = model.len() * usize::from(share) / 100;
                    log.truncate(len as u64).unwrap();
                    model.truncate(len);
                }
                LogOp::Replace(sizes) => {
                    model = sized(&sizes);
                    log.replace(raws(&model)).unwrap();
                }
            }
            prop_assert_eq!(texts(log.read(..).unwrap()), model.clone());
        }
        let info = archive.segment(log.session_id(), log.segment_id()).unwrap().unwrap();
        prop_assert_eq!(info.entries, model.len() as u64);
        prop_assert_eq!(info.entry_bytes, model.iter().map(|entry| entry.len() as u64).sum::<u64>());
        for (from, to) in ranges {
            let range = from as u64..to as u64;
            let expected: Vec<String> =
                model.iter().take(to).skip(from).cloned().collect();
            prop_assert_eq!(texts(log.read(range.clone()).unwrap()), expected.clone());
            let mut reversed = texts(log.read(range.clone()).unwrap().rev());
            reversed.reverse();
            prop_assert_eq!(reversed, expected);
            let last = model.len().saturating_sub(to);
            prop_assert_eq!(texts(log.last(to as u64).unwrap()), model[last..].to_vec());
        }
        prop_assert_eq!(archive.check(None).unwrap().problems, []);
    }
}

#[derive(Debug, Clone)]
enum LogOp {
    Append(Vec<usize>),
    Truncate(u8),
    Replace(Vec<usize>),
}

fn log_op() -> impl Strategy<Value = LogOp> {
    let size = prop_oneof![6 => 1..200_usize, 2 => 20_000..40_000_usize, 1 => 65_200..65_500_usize];
    let sizes = prop::collection::vec(size, 0..7);
    prop_oneof![
        6 => sizes.clone().prop_map(LogOp::Append),
        2 => (0..=100_u8).prop_map(LogOp::Truncate),
        1 => sizes.prop_map(LogOp::Replace),
    ]
}

/// JSON strings of these lengths, each telling its size.
fn sized(sizes: &[usize]) -> Vec<String> {
    sizes
        .iter()
        .map(|size| format!("\"{size}{}\"", "x".repeat(*size)))
        .collect()
}

fn texts(entries: impl Iterator<Item = Result<sessiondb::Entry, StoreError>>) -> Vec<String> {
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

#[cfg(feature = "conformance")]
#[test]
fn an_archive_keeps_the_contract() {
    let scratch = Scratch::new();
    sessiondb::conformance::run(|| Box::new(Archive::open(scratch.fresh()).unwrap()));
    sessiondb::conformance::run(|| Box::new(Archive::in_memory().unwrap()));
}

#[test]
fn raw_entries_come_back_byte_for_byte_after_reopening() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let entries = [
        "{ \"b\":1,\"a\" : 1e400 }\r",
        "[1, 2]",
        "\"\\u00e9 \u{e9}\"",
        "  null  ",
        "{\"a\":1,\"a\":2}",
    ];
    let (session, segment) = (new_session_id(), new_segment_id());
    let archive = Archive::open(&path).unwrap();
    archive
        .log(session, segment)
        .append_many(raws(entries))
        .unwrap();
    archive.close().unwrap();
    let archive = Archive::options().read_only(true).open(&path).unwrap();
    assert_eq!(
        texts(archive.log(session, segment).read(..).unwrap()),
        entries
    );
    let refused = archive.log(session, segment).append(&raw(b"1"));
    assert!(
        matches!(refused, Err(StoreError::ReadOnly { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_is_not_one_json_value_on_one_line_is_refused_whole() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let bad: [&[u8]; 7] = [
        b"",
        b"{}{}",
        b"{\n}",
        b"{\"a\":\"\xff\"}",
        b"{\"torn\":",
        b"nul",
        b" ",
    ];
    for entry in bad {
        assert!(RawJson::from_bytes(entry).is_err(), "{entry:?}");
    }
    // Only JSON of its own making can bring a line break in.
    let two_lines = serde_json::value::RawValue::from_string("[1,\n2]".to_owned()).unwrap();
    let one = serde_json::value::RawValue::from_string("1".to_owned()).unwrap();
    let refused = log.append_many([&one, &two_lines]).unwrap_err();
    assert!(
        matches!(refused, StoreError::InvalidEntry { position: 1, .. }),
        "{refused}"
    );
    let message = refused.to_string();
    assert!(message.contains(&log.segment_id().to_string()), "{message}");
    assert!(!log.exists().unwrap());
}

/// Many times what a journal, or a run of several entries, holds.
const LARGE_BYTES: usize = 70 << 20;

#[test]
fn a_large_entry_is_taken_and_one_over_the_limit_is_refused() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    // The reliability row R15 stores the largest; here it would take seconds.
    let mut entry = vec![b'1'; MAX_ENTRY_BYTES + 1];
    let refused = log.append(&raw(&entry)).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { .. }), "{refused}");
    assert!(refused.to_string().contains("268435457"), "{refused}");
    entry.truncate(LARGE_BYTES);
    log.append(&raw(&entry)).unwrap();
    assert_eq!(log.len().unwrap(), 1);
    assert_eq!(
        log.read(..).unwrap().next().unwrap().unwrap().len(),
        LARGE_BYTES
    );
}

/// Runs of two such entries are never full, since a third does not fit, and each is as large as what is
/// folded in behind it. They were all packed again each time.
#[test]
fn a_fold_packs_again_no_more_than_the_end_of_a_log() {
    const FOLDS: u64 = 48;
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let mut content = 0;
    for fold in 0..FOLDS {
        let entries = [1, 2].map(|n| format!("\"{}\"", noise(fold * 2 + n, 360_000)));
        content += entries.iter().map(|entry| entry.len() as u64).sum::<u64>();
        log.append_many(raws(&entries)).unwrap();
        archive.checkpoint().unwrap();
    }
    assert_eq!(log.len().unwrap(), FOLDS * 2);
    // In one change there must be room for what it packs again beside what was there before.
    let file = archive.stats().unwrap().file_bytes;
    assert!(file < content * 2, "{file} bytes for {content}");
}

#[test]
fn a_conditional_append_says_what_it_found() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append_at(0, raws(["1", "2"])).unwrap();
    let conflict = log.append_at(1, raws(["3"])).unwrap_err();
    assert!(
        matches!(
            conflict,
            StoreError::Conflict {
                expected: 1,
                actual: 2,
                ..
            }
        ),
        "{conflict}"
    );
    log.append_at(2, [3]).unwrap();
    assert_eq!(texts(log.read(..).unwrap()), ["1", "2", "3"]);
    let other = archive.log(log.session_id(), new_segment_id());
    assert!(matches!(
        other.append_at(1, raws(["1"])),
        Err(StoreError::Conflict { actual: 0, .. })
    ));
    assert!(!other.exists().unwrap());
}

#[test]
fn a_batch_is_all_or_nothing() {
    let archive = Archive::in_memory().unwrap();
    let session = new_session_id();
    let (one, two) = (
        archive.log(session, new_segment_id()),
        archive.log(session, new_segment_id()),
    );
    one.append_many(raws(["1", "2", "3"])).unwrap();
    let mut batch = archive.batch();
    batch.append(&two, &raw(b"9")).unwrap();
    batch.truncate(&one, 1);
    batch.append_at(&one, 3, raws(["4"])).unwrap();
    assert!(matches!(
        batch.commit(),
        Err(StoreError::Conflict {
            expected: 3,
            actual: 1,
            ..
        })
    ));
    assert_eq!(one.len().unwrap(), 3);
    assert!(!two.exists().unwrap());

    let mut batch = archive.batch();
    batch
        .append(&two, &raw(b"9"))
        .unwrap()
        .truncate(&one, 1)
        .append(&one, &raw(b"4"))
        .unwrap();
    batch
        .append(&archive.trace(session, two.segment_id()), &raw(b"0"))
        .unwrap();
    batch.commit().unwrap();
    assert_eq!(texts(one.read(..).unwrap()), ["1", "4"]);
    assert_eq!(texts(two.read(..).unwrap()), ["9"]);
    assert_eq!(archive.trace(session, two.segment_id()).len().unwrap(), 1);
}

#[test]
fn a_snapshot_and_an_iterator_stay_as_of_their_moment() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append_many(raws(["1", "2"])).unwrap();
    let snapshot = archive.snapshot().unwrap();
    let entries = log.read(..).unwrap();
    log.replace(raws(["9"])).unwrap();
    archive.delete_session(log.session_id()).unwrap();
    assert_eq!(texts(entries), ["1", "2"]);
    assert_eq!(
        snapshot
            .log(log.session_id(), log.segment_id())
            .len()
            .unwrap(),
        2
    );
    assert_eq!(snapshot.sessions().count(), 1);
    assert_eq!(archive.sessions().unwrap().count(), 0);
}

#[test]
fn sessions_are_listed_page_by_page_newest_first() {
    let archive = Archive::in_memory().unwrap();
    let ids: Vec<Uuid> = (0..200).map(Uuid::from_u128).collect();
    let mut batch = archive.batch();
    for id in &ids {
        batch.append(&archive.log(*id, *id), &raw(b"1")).unwrap();
    }
    batch.commit().unwrap();
    let listed: Vec<Uuid> = archive
        .sessions()
        .unwrap()
        .map(|info| info.unwrap().id)
        .collect();
    assert_eq!(listed, ids.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(archive.stats().unwrap().sessions, 200);
}

#[test]
fn ids_are_found_by_prefix() {
    let archive = Archive::in_memory().unwrap();
    let session: Uuid = "01890000-0000-7000-8000-00000000000a".parse().unwrap();
    let segment: Uuid = "01890000-0000-7000-8000-00000000000b".parse().unwrap();
    archive.log(session, segment).append(&raw(b"1")).unwrap();
    let both = [Match::Session(session), Match::Segment { session, segment }];
    for prefix in ["", "0", "01890000-0", "018900000000700080000000000000"] {
        assert_eq!(archive.matching(prefix).unwrap(), both, "{prefix}");
    }
    assert_eq!(archive.matching(&segment.to_string()).unwrap(), both[1..]);
    for prefix in ["1", "x", "01890000-0000-7000-8000-00000000000a0"] {
        assert_eq!(archive.matching(prefix).unwrap(), [], "{prefix}");
    }
}

#[test]
fn a_session_ends_with_its_last_log_and_takes_its_metadata_along() {
    let archive = Archive::in_memory().unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let metadata = |title: &str| Map::from_iter([("title".to_owned(), Value::from(title))]);
    archive.log(session, segment).append(&raw(b"1")).unwrap();
    archive.trace(session, segment).append(&raw(b"2")).unwrap();
    archive.set_metadata(session, &metadata("x")).unwrap();
    archive
        .update_metadata(session, |map| {
            map.insert("cwd".into(), json!("/w"));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(
        archive.metadata(session).unwrap().map(Value::from),
        Some(json!({"title": "x", "cwd": "/w"}))
    );
    assert!(archive.log(session, segment).delete().unwrap());
    assert!(!archive.log(session, segment).delete().unwrap());
    assert!(!archive.segment(session, segment).unwrap().unwrap().exists);
    assert!(archive.metadata(session).unwrap().is_some());
    assert!(archive.trace(session, segment).delete().unwrap());
    assert_eq!(archive.session(session).unwrap(), None);
    assert_eq!(archive.metadata(session).unwrap(), None);
    assert!(!archive.delete_segment(session, segment).unwrap());
    assert_eq!(archive.check(None).unwrap().problems, []);
}

#[test]
fn one_of_two_writers_that_check_the_head_at_once_stays_and_the_other_forks() {
    let archive = Archive::in_memory().unwrap();
    let head = segment::start(&archive, &segment::Seed::default()).unwrap();
    let state = segment::restore(&archive, head.session_id, head.segment_id).unwrap();
    archive
        .log(head.session_id, head.segment_id)
        .append(&json!({"kind": "note"}))
        .unwrap();
    let moved = archive.ensure_head_or_fork(head, &state).unwrap();
    assert!(moved.forked && moved.entries == 1 && moved.session_id == head.session_id);
    let info = archive
        .segment(moved.session_id, moved.segment_id)
        .unwrap()
        .unwrap();
    assert_eq!(info.origin.unwrap().segment, head.segment_id);
    assert_eq!(
        archive
            .ensure_head_or_fork(moved, &state)
            .unwrap()
            .segment_id,
        moved.segment_id
    );
    let gone = segment::Head::new(head.session_id, new_segment_id(), 0);
    assert!(matches!(
        archive.ensure_head_or_fork(gone, &state),
        Err(StoreError::NotFound(_))
    ));
}

#[test]
fn an_entry_of_another_shape_is_an_error_that_names_it_and_stays_readable_raw() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append_many(raws([r#"{"kind":"turn_end","ts":1,"turn_count":1}"#, "[]"]))
        .unwrap();
    let err = log.read(1..).unwrap().decode::<LogEntry>().next().unwrap();
    let err = err.unwrap_err();
    assert!(
        matches!(err, StoreError::DoesNotFit { index: 1, .. }),
        "{err}"
    );
    assert!(err.to_string().contains("entry 1 does not fit"), "{err}");
    assert!(
        err.to_string().contains(&log.segment_id().to_string()),
        "{err}"
    );
    assert_eq!(texts(log.read(1..).unwrap()), ["[]"]);
    assert!(matches!(
        log.read(..1).unwrap().decode::<LogEntry>().next(),
        Some(Ok(LogEntry::TurnEnd(_)))
    ));
}
