//! Entries of every kind and length, those that a store may refuse among them.

use serde_json::json;

use super::subject::{Subject, entries, entry, new_ids, unreadable};
use crate::entry::segment_log::LogEntry;
use crate::ids::new_segment_id;
use crate::raw_json::RawJson;

pub(super) fn failed_append_leaves_nothing(subject: &Subject) {
    for refused in unreadable() {
        let (session, segment) = new_ids();
        let before = subject.sessions();
        if subject.store.append(session, segment, &refused).is_err() {
            subject.equal(
                "exists after a failed append",
                &subject.exists(session, segment),
                &false,
            );
            subject.equal(
                "list_sessions after a failed append",
                &subject.sessions(),
                &before,
            );
        } else {
            subject.holds_entries(session, segment, std::slice::from_ref(&refused));
        }
        subject.create(session, segment, &entries(0..2));
        if subject.store.append(session, segment, &refused).is_err() {
            subject.holds_entries(session, segment, &entries(0..2));
        }
        subject.truncate(session, segment, 2);
        subject.append(session, segment, &entry(2));
        subject.holds_entries(session, segment, &entries(0..3));
    }
}

pub(super) fn failed_create_segment_leaves_the_old_one(subject: &Subject) {
    for refused in unreadable() {
        let (session, segment) = new_ids();
        subject.create(session, segment, &entries(0..2));
        let new = [entry(10), refused, entry(11)];
        match subject.store.create_segment(session, segment, &new) {
            Err(_) => subject.holds_entries(session, segment, &entries(0..2)),
            Ok(()) => subject.holds_entries(session, segment, &new),
        }
    }
}

pub(super) fn unknown_kinds_and_fields_survive(subject: &Subject) {
    let (session, segment) = new_ids();
    let lines = [
        json!({"kind": "turn_end", "ts": 1, "turn_count": 2, "new": {"a": [1, null, 2.5]}}),
        json!({"kind": "from_the_future", "ts": "no number", "deep": {"kind": 7}, "nil": null}),
        json!({"no_kind": true}),
        json!({"kind": "assistant_item", "ts": u64::MAX, "item": {"kind": "hologram", "x": -1}}),
        json!({"kind": "extension", "ts": 3, "domain": "d", "payload": null}),
        json!({"kind": "run_errored", "ts": 4, "interrupted": true,
               "message": "quotes \" \\ line\nfeed, nul \u{0}, \u{2028} and \u{1f980}"}),
    ];
    let typed: Vec<LogEntry> = lines.iter().map(|line| subject.decoded(line)).collect();
    for entry in &typed {
        subject.append(session, segment, entry);
    }
    let copy = new_segment_id();
    subject.create(session, copy, &typed);
    for segment in [segment, copy] {
        let found = subject.read(session, segment);
        let found = found
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<Vec<_>, _>>();
        let found = subject.ok("an entry that was read is turned into JSON", found);
        subject.equal("read_all as JSON", &found, &lines.to_vec());
    }
}

pub(super) fn entries_that_fit_no_type_are_kept(subject: &Subject) {
    let (session, segment) = new_ids();
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let lines = [
        r#"{"kind":"turn_end","ts":1,"turn_count":"not a number"}"#,
        r#"{"kind":"run_errored","ts":2,"interrupted":true,"message":"half a pair: \ud83d"}"#,
        r#"{"kind":"extension","ts":3,"domain":"d","payload":1e400}"#,
        r#"{"kind":"extension","ts":3,"domain":"d","payload":12345678901234567890123}"#,
        r#"{ "z": 1, "a": 2, "kind": "from_the_future", "a": 2 }"#,
        r#""no object""#,
        &deep,
    ];
    let raw = |line: &str| LogEntry::Unknown(subject.ok("JSON is taken", RawJson::new(line)));
    let mut expected: Vec<LogEntry> = lines.iter().map(|line| raw(line)).collect();
    for entry in &expected {
        subject.append(session, segment, entry);
    }
    let turn = json!({"kind": "turn_end", "ts": 1, "turn_count": 2});
    // What does fit its type is read as that, however it came in.
    subject.append(session, segment, &raw(&turn.to_string()));
    expected.push(subject.decoded(&turn));
    subject.holds_entries(session, segment, &expected);
    let copy = new_segment_id();
    subject.create(session, copy, &expected);
    subject.holds_entries(session, copy, &expected);
    subject.truncate(session, copy, 3);
    expected.truncate(3);
    subject.holds_entries(session, copy, &expected);
}

pub(super) fn large_segment_is_read_back(subject: &Subject) {
    let (session, segment) = new_ids();
    let mut expected: Vec<LogEntry> = entries(0..3000);
    // Lengths around powers of two, where pages and buffers end, and one above a mebibyte.
    let large = |len| LogEntry::Unknown(json!({"kind": "large", "text": "x".repeat(len)}).into());
    for shift in [9, 12, 16, 20] {
        for len in (1_usize << shift) - 2..=(1 << shift) + 2 {
            expected.push(large(len));
        }
    }
    // About a picture.
    expected.push(large(5 << 20));
    subject.create(session, segment, &expected);
    subject.append(session, segment, &entry(3000));
    expected.push(entry(3000));
    subject.holds_entries(session, segment, &expected);
    subject.truncate(session, segment, 1234);
    subject.holds_entries(session, segment, &entries(0..1234));
}
