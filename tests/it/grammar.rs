//! What is accepted can be read: one entry that fits no type is one entry, and never makes a segment
//! unreadable.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::RawValue;
use sessiondb::entry::{Item, Role};
use sessiondb::segment::{self, Head, Seed};
use sessiondb::{
    Archive, LogEntry, MemoryStore, RawJson, Store, StoreError, new_segment_id, new_session_id,
};

use crate::raw::{raw, raws};

/// JSON that the type of its kind does not hold, or that has none.
fn unfit() -> Vec<String> {
    let nested =
        |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    let payload =
        |json: &str| format!(r#"{{"kind":"extension","ts":3,"domain":"d","payload":{json}}}"#);
    let digits = "9".repeat(700);
    vec![
        r#"{"v":"a\ud83d"}"#.to_owned(),
        r#"{"kind":"run_errored","ts":2,"interrupted":true,"message":"a\ud83d"}"#.to_owned(),
        r#"{"kind":"assistant_item","ts":2,"item":{"kind":"text","text":"\udc00"}}"#.to_owned(),
        r#"{"\ud83d":1,"kind":"turn_end","ts":1,"turn_count":1}"#.to_owned(),
        r#"{"kind":"turn_end","ts":1,"turn_count":"x"}"#.to_owned(),
        r#"{"kind":"turn_end","ts":1e400,"turn_count":1}"#.to_owned(),
        r#"{"kind":"turn_end","ts":18446744073709551616,"turn_count":1}"#.to_owned(),
        r#"{"kind":"turn_end","kind":"invoke","ts":1,"turn_count":1}"#.to_owned(),
        r#"{"kind":"turn_end","ts":1,"turn_count":1,"new":0.12345678901234567890}"#.to_owned(),
        r#"{"new":1e-400,"kind":"turn_end","ts":1,"turn_count":1}"#.to_owned(),
        payload("1e400"),
        payload("1234567890123456789012345678901234567890"),
        payload(&digits),
        payload(&nested(130, "")),
        payload(&nested(100_000, r#""\ud83d""#)),
        nested(100_000, ""),
        format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000)),
        "1".to_owned(),
        digits,
        r#""x""#.to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        r#" {"kind":"turn_end"} "#.to_owned() + "\r",
    ]
}

/// A turn, all that fits no type, and another turn.
fn fill(store: &impl Store, append: impl Fn(&Head, &str)) -> Head {
    let mut head = segment::start(store, &Seed::default()).unwrap();
    let say = |head: &mut Head, turn| {
        let answer = Item::message(Role::Assistant, format!("Answer {turn}"));
        segment::save_history_delta(store, head, [answer]).unwrap();
        segment::save_turn_end(store, head, turn).unwrap();
    };
    say(&mut head, 1);
    for json in unfit() {
        append(&head, &json);
        head.entries += 1;
    }
    say(&mut head, 2);
    head
}

fn answers(turns: u64) -> Vec<Item> {
    (1..=turns)
        .map(|turn| Item::message(Role::Assistant, format!("Answer {turn}")))
        .collect()
}

/// Everything that reads a whole segment goes on over what fits no type.
fn assert_goes_on(store: &impl Store, head: &Head) {
    let (session, segment) = (head.session_id, head.segment_id);
    let entries = store.read_all(session, segment).unwrap();
    assert_eq!(entries.len(), head.entries);
    for (entry, json) in entries[3..].iter().zip(unfit()) {
        let LogEntry::Unknown(raw) = entry else {
            panic!("{entry:?}")
        };
        assert_eq!(raw.as_str(), json);
        assert_eq!(serde_json::to_string(entry).unwrap(), json.trim());
    }
    let mut each = Vec::new();
    store
        .for_each_entry(session, segment, &mut |entry| each.push(entry))
        .unwrap();
    assert_eq!(each, entries);

    let (found, state) = segment::restore_by_segment(store, segment).unwrap();
    assert_eq!((found, state.entries), (session, head.entries));
    assert_eq!(state.history, answers(2));
    let fork = segment::fork_at(store, session, segment, 2).unwrap();
    let forked = segment::restore(store, session, fork.segment_id).unwrap();
    assert_eq!(forked.history, answers(2));
    let behind = Head {
        entries: head.entries - 1,
        ..*head
    };
    assert!(
        segment::ensure_head_or_fork(store, behind, &state)
            .unwrap()
            .forked
    );

    let copy = new_segment_id();
    store.create_segment(session, copy, &entries).unwrap();
    assert_eq!(store.read_all(session, copy).unwrap(), entries);
}

#[test]
fn no_entry_makes_a_segment_of_an_archive_unreadable() {
    let archive = Archive::in_memory().unwrap();
    let append = |head: &Head, json: &str| {
        let log = archive.log(head.session_id, head.segment_id);
        log.append(&raw(json.as_bytes())).unwrap();
    };
    let head = fill(&archive, append);
    for _ in 0..2 {
        assert_goes_on(&archive, &head);
        let log = archive.log(head.session_id, head.segment_id);
        let raw = log.read(3..).unwrap();
        for (entry, json) in raw.zip(unfit()) {
            assert_eq!(entry.unwrap().as_str(), json);
        }

        let fork = archive
            .fork_at(head.session_id, head.segment_id, 2)
            .unwrap();
        assert_eq!(fork.entries, head.entries);
        let state = segment::restore(&archive, fork.session_id, fork.segment_id).unwrap();
        assert_eq!(state.history, answers(2));
        segment::save_turn_end(&archive, &mut { fork }, 3).unwrap();
        let moved = archive.ensure_head_or_fork(fork, &state).unwrap();
        // It shares the entries, as they still add up to the state.
        assert!(moved.forked);
        assert_eq!(moved.entries, head.entries);
        archive.checkpoint().unwrap();
    }
}

#[test]
fn no_entry_makes_a_segment_in_memory_unreadable() {
    let store = MemoryStore::new();
    let append = |head: &Head, json: &str| {
        let entry = LogEntry::Unknown(RawJson::new(json).unwrap());
        store
            .append(head.session_id, head.segment_id, &entry)
            .unwrap();
    };
    assert_goes_on(&store, &fill(&store, append));
}

#[test]
fn what_a_store_copies_keeps_its_bytes() {
    let archive = Archive::in_memory().unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    archive
        .log(session, segment)
        .append_many(raws(unfit()))
        .unwrap();
    let entries = archive.read_all(session, segment).unwrap();
    let copy = archive.log(session, new_segment_id());
    archive
        .create_segment(session, copy.segment_id(), &entries)
        .unwrap();
    for (entry, json) in copy.read(..).unwrap().zip(unfit()) {
        assert_eq!(entry.unwrap().as_str(), json);
    }
}

#[test]
fn depth_needs_no_stack() {
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let run = || {
        let deep = [
            format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000)),
            format!("{}1{}", r#"{"ts":"#.repeat(200_000), "}".repeat(200_000)),
        ];
        let archive = Archive::in_memory().unwrap();
        let log = archive.log(new_session_id(), new_segment_id());
        log.append_many(raws(&deep)).unwrap();
        let entries = archive
            .read_all(log.session_id(), log.segment_id())
            .unwrap();
        assert_eq!(entries.len(), 2);
        for entry in &entries {
            assert_eq!((entry.kind(), entry.ts()), ("", None));
        }
        let read: Vec<Result<serde_json::Value, _>> = log.read(..).unwrap().decode().collect();
        assert!(read.iter().all(Result::is_err));
        assert_eq!(log.erase(..).unwrap(), 2);
        assert!(RawJson::from_bytes(&deep[0].as_bytes()[1..]).is_err());
        assert!(RawJson::from_bytes(&deep[1].as_bytes()[..1_000_000]).is_err());
    };
    small.spawn(run).unwrap().join().unwrap();
}

#[test]
fn an_entry_that_does_not_fit_is_one_error_that_counts_from_zero() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let entries: Vec<String> = (0..200)
        .map(|n| {
            if n % 7 == 3 {
                "1e400".to_owned()
            } else {
                n.to_string()
            }
        })
        .collect();
    log.append_many(raws(&entries)).unwrap();
    let expect = |n: usize, read: Result<u64, StoreError>| match read {
        Ok(number) => assert_eq!(number, n as u64),
        Err(StoreError::DoesNotFit { index, .. }) => {
            assert_eq!((index, n % 7), (n as u64, 3));
        }
        Err(other) => panic!("{other}"),
    };
    let mut count = 0;
    for (n, read) in log.read(..).unwrap().decode::<u64>().enumerate() {
        count += 1;
        expect(n, read);
    }
    assert_eq!(count, 200);
    for (n, read) in log.read(..).unwrap().decode::<u64>().rev().enumerate() {
        expect(199 - n, read);
    }
    let said = log
        .read(3..)
        .unwrap()
        .decode::<u64>()
        .next()
        .unwrap()
        .unwrap_err();
    let said = said.to_string();
    assert!(said.contains("entry 3 does not fit the type"), "{said}");
    assert!(!said.contains("corrupt"), "{said}");
}

#[test]
fn every_message_counts_from_zero() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let [one, two] = ["1", "[1,\n2]"].map(|json| RawValue::from_string(json.into()).unwrap());
    let refused = log.append_many([&one, &one, &two]).unwrap_err();
    assert!(
        refused.to_string().contains("entry 2 of this call"),
        "{refused}"
    );
    let large = format!("\"{}\"", "x".repeat(sessiondb::MAX_ENTRY_BYTES));
    let refused = log.append_many(raws(["1", &large])).unwrap_err();
    assert!(
        refused.to_string().contains("entry 1 of this call"),
        "{refused}"
    );
    let other = StoreError::Corrupt {
        line: 3,
        message: "torn".to_owned(),
    };
    assert_eq!(other.to_string(), "entry 2: torn");
}

#[test]
fn a_tombstone_keeps_a_time_as_it_was_written() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    for (ts, kept) in [
        ("12345678901234567890123456", true),
        ("1e400", true),
        (r#""2026-01-02T03:04:05Z""#, true),
        ("[1]", false),
        (&format!("\"{}\"", "x".repeat(41)), false),
        (&"9".repeat(43), false),
    ] {
        let json = format!(r#"{{"half":"\ud83d","ts":{ts}}}"#);
        let index = log.append(&raw(json.as_bytes())).unwrap().index;
        log.erase(index..).unwrap();
        let left = log.last(1).unwrap().next().unwrap().unwrap();
        let expected = if kept {
            format!(r#"{{"kind":"erased","ts":{ts}}}"#)
        } else {
            r#"{"kind":"erased"}"#.to_owned()
        };
        assert_eq!(left.as_str(), expected);
    }
    // No field of a list is its time.
    let index = log.append(&raw(br#"["secret"]"#)).unwrap().index;
    log.erase(index..).unwrap();
    let left = log.last(1).unwrap().next().unwrap().unwrap();
    assert_eq!(left.as_str(), r#"{"kind":"erased"}"#);
}

/// A number by its digits and the power of ten that they stand for, made without any float.
fn decimal(number: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let mut exponent: i64 = exponent.parse().unwrap();
    let mut digits = String::new();
    let mut behind_point = false;
    for c in mantissa.chars() {
        match c {
            '.' => behind_point = true,
            '-' => {}
            digit => {
                digits.push(digit);
                exponent -= i64::from(behind_point);
            }
        }
    }
    while digits.ends_with('0') {
        digits.pop();
        exponent += 1;
    }
    let digits = digits.trim_start_matches('0').to_owned();
    let zero = digits.is_empty();
    (
        mantissa.starts_with('-') && !zero,
        digits,
        if zero { 0 } else { exponent },
    )
}

/// Whether two JSON texts have one value, numbers compared digit by digit. Of a key that stands
/// twice the last one counts.
fn same(one: &RawValue, other: &RawValue) -> bool {
    let (a, b) = (one.get(), other.get());
    match (a.as_bytes()[0], b.as_bytes()[0]) {
        (b'{', b'{') => {
            let (a, b): (BTreeMap<String, &RawValue>, BTreeMap<String, &RawValue>) = (
                serde_json::from_str(a).unwrap(),
                serde_json::from_str(b).unwrap(),
            );
            a.len() == b.len()
                && a.iter()
                    .zip(&b)
                    .all(|((k, v), (l, w))| k == l && same(v, w))
        }
        (b'[', b'[') => {
            let (a, b): (Vec<&RawValue>, Vec<&RawValue>) = (
                serde_json::from_str(a).unwrap(),
                serde_json::from_str(b).unwrap(),
            );
            a.len() == b.len() && a.iter().zip(&b).all(|(v, w)| same(v, w))
        }
        (b'"', b'"') => {
            let (a, b): (String, String) = (
                serde_json::from_str(a).unwrap(),
                serde_json::from_str(b).unwrap(),
            );
            a == b
        }
        (b'-' | b'0'..=b'9', b'-' | b'0'..=b'9') => decimal(a) == decimal(b),
        _ => a == b,
    }
}

fn any_json() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,22})?([eE][-+]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        number,
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(|f| serde_json::to_string(&f).unwrap()),
        any::<u64>().prop_map(|n| n.to_string()),
        Just(r#""\ud83d""#.to_owned()),
        Just(r#""1e400 \" \u00e4""#.to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        "\"[a-c]{0,3}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            // Of few keys, some stand twice.
            proptest::collection::vec(("[ab]", inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| format!("\"{key}\": {value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn any_line() -> impl Strategy<Value = String> {
    let (json, more) = (any_json(), any_json());
    (json, more, 0..7).prop_map(|(json, more, shape)| match shape {
        0 => json,
        1 => format!(r#"{{"kind":"turn_end","ts":1,"turn_count":{json},"x":{more}}}"#),
        2 => format!(r#"{{"kind":"turn_end","ts":1,"turn_count":2,"x":{json}}}"#),
        3 => format!(r#"{{"x":{json},"kind":"extension","ts":1,"domain":"d","payload":{more}}}"#),
        4 => format!(
            r#"{{"kind":"config_changed","ts":1,"config":{{"max_tokens":null,"temperature":{json},"top_p":0.7,"top_k":null,"stop_sequences":[],"reasoning":{more}}}}}"#
        ),
        5 => format!(r#"{{"kind":"assistant_item","ts":1,"item":{{"kind":"new","x":{json}}}}}"#),
        _ => format!(r#"{{"kind":"new","ts":1,"x":{json}}}"#),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_and_writing_gives_an_equal_value_or_the_bytes(line in any_line()) {
        let entry = LogEntry::from_json(&line).unwrap();
        let written = serde_json::to_string(&entry).unwrap();
        if matches!(entry, LogEntry::Unknown(_)) {
            prop_assert_eq!(written, line);
        } else {
            let (one, other): (&RawValue, &RawValue) =
                (serde_json::from_str(&line).unwrap(), serde_json::from_str(&written).unwrap());
            prop_assert!(same(one, other), "{} -> {}", line, written);
        }
    }
}

#[test]
fn what_64_bits_hold_is_read_as_its_type() {
    for line in [
        r#"{"kind":"extension","ts":1,"domain":"d","payload":[0.1,1e20,-0,1.50,18446744073709551615]}"#,
        r#"{"kind":"turn_end","ts":1,"turn_count":1,"took":12.345678901234567}"#,
        r#"{"kind":"turn_end","ts":1,"turn_count":1,"id":"1234567890123456789012345"}"#,
    ] {
        let entry = LogEntry::from_json(line).unwrap();
        assert!(!matches!(entry, LogEntry::Unknown(_)), "{line}");
    }
}
