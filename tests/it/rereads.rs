//! Reads of what has been read before, or is read ahead: whatever was unpacked by then, they show
//! what the log holds now, and a snapshot what it held then.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redb::backends::FileBackend;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use sessiondb::entry::collect_state;
use sessiondb::testing::{self, Opening};
use sessiondb::{Archive, Log, Store, StoreError, new_segment_id, new_session_id, segment};

use crate::raw::{raw, raws};
use crate::scratch::{Scratch, noise};

/// Entries that fill some runs, of which each seed makes others.
fn entries(seed: u64, count: u64) -> Vec<String> {
    let entry = |number: u64| json!([number, noise(seed * 10_000 + number, 900)]).to_string();
    (0..count).map(entry).collect()
}

fn texts(entries: impl Iterator<Item = Result<sessiondb::Entry, StoreError>>) -> Vec<String> {
    let text = |entry: Result<sessiondb::Entry, _>| entry.unwrap().as_str().to_owned();
    entries.map(text).collect()
}

/// Reads small parts of the log, some of them again, forth and back, and all of it.
fn assert_holds(log: &Log, model: &[String], when: &str) {
    let len = model.len();
    assert_eq!(log.len().unwrap(), len as u64, "{when}");
    for part in [
        len.saturating_sub(20)..len,
        0..len.min(1),
        len / 2..len.min(len / 2 + 30),
        len / 2..len.min(len / 2 + 200),
        len / 3..len.min(len / 3 + 30),
        len.saturating_sub(20)..len,
    ] {
        let range = part.start as u64..part.end as u64;
        let forth = texts(log.read(range.clone()).unwrap());
        assert_eq!(forth, model[part.clone()], "{when}, {part:?}");
        let mut back = texts(log.read(range).unwrap().rev());
        back.reverse();
        assert_eq!(back, model[part.clone()], "{when}, {part:?} from behind");
    }
    let all: Vec<Value> = log.read(..).unwrap().decode().map(Result::unwrap).collect();
    let expected = model
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap());
    assert!(all.into_iter().eq(expected), "{when}: all of it");
}

/// One kind of change, and what it makes of the list of entries.
type Change = fn(&Archive, &Log, &mut Vec<String>);

const CHANGES: &[(&str, Change)] = &[
    ("erased at the end", |archive, log, model| {
        let len = model.len() as u64;
        erase(archive, log, model, len - 10..len - 5);
    }),
    ("erased in the middle", |archive, log, model| {
        let half = model.len() as u64 / 2;
        erase(archive, log, model, half..half + 3);
    }),
    ("cut off, and grown again", |_, log, model| {
        let len = model.len() - 15;
        log.truncate(len as u64).unwrap();
        model.truncate(len);
        let new = entries(2, 15);
        log.append_many(raws(&new)).unwrap();
        model.extend(new);
    }),
    ("cut off", |_, log, model| {
        let len = model.len() * 3 / 4 + 7;
        log.truncate(len as u64).unwrap();
        model.truncate(len);
    }),
    ("replaced", |_, log, model| {
        *model = entries(3, 2_500);
        log.replace(raws(model)).unwrap();
    }),
    ("deleted and made anew", |_, log, model| {
        assert!(log.delete().unwrap());
        *model = entries(4, 2_400);
        log.append_many(raws(model)).unwrap();
    }),
    ("grown", |_, log, model| {
        let new = entries(5, 40);
        log.append_many(raws(&new)).unwrap();
        model.extend(new);
    }),
];

fn erase(archive: &Archive, log: &Log, model: &mut [String], range: std::ops::Range<u64>) {
    for number in range.clone() {
        let text = &mut model[usize::try_from(number).unwrap()];
        r#"{"kind":"erased"}"#.clone_into(text);
    }
    archive
        .log(log.session_id(), log.segment_id())
        .erase(range)
        .unwrap();
}

/// The same file once more, as another process would open it.
fn other_process(path: &Path, shared: bool) -> Result<Archive, StoreError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let storage = FileBackend::new(file.unwrap()).unwrap();
    let opening = Opening {
        shared,
        lock_timeout: Duration::from_secs(20),
        ..Opening::default()
    };
    testing::open(Arc::new(storage), opening)
}

#[test]
fn what_was_read_before_a_change_is_not_shown_after_it() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let beside = other_process(&path, true).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let same = beside.log(log.session_id(), log.segment_id());
    let mut model = entries(1, 3_000);
    log.append_many(raws(&model)).unwrap();
    archive.checkpoint().unwrap();
    // Changed and folded by this process, by the other one, and by one after the other.
    for (changer, folder) in [
        (&archive, &archive),
        (&beside, &beside),
        (&archive, &beside),
        (&beside, &archive),
    ] {
        for (name, change) in CHANGES {
            assert_holds(&log, &model, name);
            let (then, before) = (archive.snapshot().unwrap(), model.clone());
            let log_of_changer = changer.log(log.session_id(), log.segment_id());
            change(changer, &log_of_changer, &mut model);
            assert_holds(&log, &model, name);
            folder.checkpoint().unwrap();
            assert_holds(&log, &model, name);
            assert_holds(&same, &model, name);
            let last = before.len() as u64 - 20..;
            let shown = then.log(log.session_id(), log.segment_id()).read(last);
            assert_eq!(texts(shown.unwrap()), before[before.len() - 20..], "{name}");
        }
    }
}

#[test]
fn branches_and_copies_show_their_own_entries() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let mut model = entries(1, 2_500);
    log.append_many(raws(&model)).unwrap();
    archive.checkpoint().unwrap();
    assert_holds(&log, &model, "before it is branched");
    let branch = archive
        .log(log.session_id(), log.segment_id())
        .branch(1_300, new_segment_id());
    let branch = branch.unwrap();
    let mut of_branch = model[..1_300].to_vec();
    assert_holds(&branch, &of_branch, "just branched");
    let new = entries(7, 30);
    branch.append_many(raws(&new)).unwrap();
    of_branch.extend(new);
    erase(&archive, &log, &mut model, 1_290..1_295);
    of_branch[1_290..1_295].clone_from_slice(&model[1_290..1_295]);
    for name in ["in the journal", "in the tables"] {
        assert_holds(&branch, &of_branch, name);
        assert_holds(&log, &model, name);
        archive.checkpoint().unwrap();
    }
    let ids = (log.session_id(), log.segment_id(), branch.segment_id());
    drop((log, branch));
    let (archive, _) = archive.compact(None).unwrap();
    assert_holds(&archive.log(ids.0, ids.1), &model, "compacted");
    assert_holds(&archive.log(ids.0, ids.2), &of_branch, "compacted");
}

#[test]
fn reading_ahead_changes_no_order_and_ends_with_its_iterator() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let model = entries(1, 4_000);
    log.append_many(raws(&model)).unwrap();
    archive.checkpoint().unwrap();
    log.append(&raw(b"[4000]")).unwrap();
    let numbers = |values: Vec<Value>| -> Vec<u64> {
        let number = |value: &Value| value[0].as_u64().unwrap();
        values.iter().map(number).collect()
    };
    for from_behind in [0, 1, 700, 2_000, 3_999] {
        let mut both = log.read(..).unwrap().decode::<Value>();
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for round in 0..=4_000 {
            if round < from_behind {
                back.extend(both.next_back().map(Result::unwrap));
            }
            front.extend(both.next().map(Result::unwrap));
        }
        assert!(both.next().is_none() && both.next_back().is_none());
        back.reverse();
        let all = numbers([front, back].concat());
        assert!(all.into_iter().eq(0..=4_000), "{from_behind} from behind");
    }
    for taken in [1, 200, 400, 1_100, 2_300] {
        let read = log.read(..).unwrap().decode::<Value>().take(taken);
        assert_eq!(read.map(Result::unwrap).count(), taken);
    }
    // Whoever still reads keeps the file open.
    drop(log);
    archive.close().unwrap();
    let alone = other_process(&path, false).unwrap();
    assert_eq!(alone.stats().unwrap().entries, 4_001);
}

/// What a typed read gives, errors as text.
fn decoded<T: DeserializeOwned + Debug>(
    values: impl Iterator<Item = Result<T, StoreError>>,
) -> Vec<String> {
    let text = |value: Result<T, StoreError>| match value {
        Ok(value) => format!("{value:?}"),
        Err(err) => err.to_string(),
    };
    values.map(text).collect()
}

/// Reads the log as values of `T`, and compares them with its entries decoded one by one.
fn assert_decodes_as<T: DeserializeOwned + Debug>(log: &Log) {
    let entries = log.read(..).unwrap().map(Result::unwrap);
    let one_by_one = decoded::<T>(entries.map(|entry| entry.decode()));
    assert_eq!(decoded(log.read(..).unwrap().decode::<T>()), one_by_one);
    let mut back = decoded(log.read(..).unwrap().decode::<T>().rev());
    back.reverse();
    assert_eq!(back, one_by_one);
    // From both ends in turn, so that the ends meet among values that are decoded already.
    let mut values = log.read(..).unwrap().decode::<T>();
    let (mut front, mut back) = (Vec::new(), Vec::new());
    while let Some(value) = values.next() {
        front.push(value);
        back.extend(values.next_back());
        let left = one_by_one.len() - front.len() - back.len();
        assert!(values.size_hint().0 <= left);
        assert_eq!(values.size_hint().1, Some(left));
    }
    back.reverse();
    front.extend(back);
    assert_eq!(decoded(front.into_iter()), one_by_one);
}

#[test]
fn values_that_are_decoded_together_are_those_decoded_one_by_one() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let kinds = [
        "1",
        " 22 ",
        "\"a\\n\\u00e9\"",
        "\t[1, 2]\r",
        "{\"n\":1}",
        "null",
        "-3.5e2",
        "true",
        "\"\u{e9}\"",
    ];
    let mut entries: Vec<String> = Vec::new();
    for number in 0..400 {
        entries.push(kinds[number * number % kinds.len()].to_owned());
        if number % 7 == 0 {
            entries.push(format!("{number}"));
        }
        if number % 90 == 0 {
            entries.push(format!("\"{}\"", "x".repeat(70_000)));
        }
    }
    log.append_many(raws(&entries)).unwrap();
    for _ in 0..2 {
        assert_decodes_as::<Value>(&log);
        assert_decodes_as::<u64>(&log);
        assert_decodes_as::<Option<String>>(&log);
        assert_decodes_as::<BTreeMap<String, u8>>(&log);
        assert_decodes_as::<IgnoredAny>(&log);
        archive.checkpoint().unwrap();
    }
}

#[test]
fn a_restore_reads_what_read_all_does() {
    let archive = Archive::in_memory().unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let log = archive.log(session, segment);
    for number in 0..3_000_u64 {
        let entry = json!({"kind": "turn_end", "ts": number, "turn_count": number,
                           "note": noise(number, 500)});
        log.append(&entry).unwrap();
    }
    archive.checkpoint().unwrap();
    let all = archive.read_all(session, segment).unwrap();
    let mut each = Vec::new();
    let read = archive.for_each_entry(session, segment, &mut |entry| each.push(entry));
    read.unwrap();
    assert_eq!(each, all);
    let state = segment::restore(&archive, session, segment).unwrap();
    assert_eq!(state, collect_state(all));
    log.append(&raw(b"7")).unwrap();
    let mut known = segment::restore(&archive, session, segment).unwrap();
    known.entries -= 1;
    assert_eq!(known, state);
}
