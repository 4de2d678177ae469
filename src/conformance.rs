//! The contract of [`Store`] as a test suite that runs against any implementation.
//!
//! What the trait does not show is left to the tests of the implementation: that traces are kept
//! as they were, durability, and several processes.
//!
//! ```
//! use sessiondb::{MemoryStore, conformance};
//!
//! conformance::run(|| Box::new(MemoryStore::new()));
//! ```

mod subject;

use std::thread;

use serde_json::json;
use uuid::Uuid;

use self::subject::{Subject, entries, entry, join, new_ids, unreadable};
use crate::error::StoreError;
use crate::ids::{new_segment_id, new_session_id};
use crate::raw_json::RawJson;
use crate::segment_log::LogEntry;
use crate::store::Store;

/// One law of the contract.
///
/// ```
/// use sessiondb::{MemoryStore, conformance};
///
/// for case in conformance::cases() {
///     println!("{}", case.name);
///     (case.run)(&MemoryStore::new());
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it is called in its panic message.
    pub name: &'static str,
    /// Runs it against an empty store.
    ///
    /// # Panics
    ///
    /// If the store violates it. The message has the name of the case, what was expected and
    /// what was found.
    pub run: fn(&dyn Store),
}

/// Runs every case, each against a fresh store.
///
/// `make` returns an empty store. What a store keeps its files in, such as a temporary folder,
/// has to live as long as the box.
///
/// # Panics
///
/// If a case is violated. The message has the name of the case, what was expected and what was
/// found.
pub fn run(make: impl Fn() -> Box<dyn Store>) {
    for case in cases() {
        (case.run)(make().as_ref());
    }
}

/// Returns all cases, for a runner that wants to name or choose them.
pub fn cases() -> &'static [Case] {
    CASES
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$(Case {
            name: stringify!($name),
            run: |store| $name(&Subject { case: stringify!($name), store }),
        }),*]
    };
}

static CASES: &[Case] = cases![
    append_creates_session_and_segment,
    entries_are_read_back_in_order,
    missing_segment_is_not_found,
    missing_segment_is_listed_nowhere,
    sessions_and_segments_are_separate,
    create_segment_replaces,
    create_segment_with_no_entries,
    create_segment_is_atomic_for_readers,
    truncate_removes_the_end,
    truncate_to_zero_keeps_the_segment,
    truncate_to_the_count_changes_nothing,
    truncate_past_the_end_is_refused,
    lists_are_descending,
    traces_alone_make_no_segment,
    traces_and_entries_are_independent,
    lookup_is_stable,
    eight_threads_lose_and_reorder_nothing,
    failed_append_leaves_nothing,
    failed_create_segment_leaves_the_old_one,
    unknown_kinds_and_fields_survive,
    entries_that_fit_no_type_are_kept,
    large_segment_is_read_back,
];

fn append_creates_session_and_segment(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.append(session, segment, &entry(0));
    subject.equal("exists", &subject.exists(session, segment), &true);
    subject.equal("list_sessions", &subject.sessions(), &vec![session]);
    subject.equal("list_segments", &subject.segments(session), &vec![segment]);
    subject.equal(
        "lookup_session_of",
        &subject.lookup(segment),
        &Some(session),
    );
    subject.holds_entries(session, segment, &[entry(0)]);
}

fn entries_are_read_back_in_order(subject: &Subject) {
    let (session, segment) = new_ids();
    for n in 0..20 {
        subject.append(session, segment, &entry(n));
        subject.equal(
            "read_entry_count after an append",
            &subject.count(session, segment),
            &(n + 1),
        );
    }
    subject.holds_entries(session, segment, &entries(0..20));
}

fn missing_segment_is_not_found(subject: &Subject) {
    let (session, segment) = new_ids();
    // Once with no session, once with a session that holds another segment.
    for _ in 0..2 {
        let store = subject.store;
        subject.not_found("read_all", segment, store.read_all(session, segment));
        subject.not_found(
            "for_each_entry",
            segment,
            store.for_each_entry(session, segment, &mut |_| ()),
        );
        subject.not_found(
            "read_entry_count",
            segment,
            store.read_entry_count(session, segment),
        );
        subject.not_found(
            "truncate to 0",
            segment,
            store.truncate(session, segment, 0),
        );
        subject.not_found(
            "truncate to 1",
            segment,
            store.truncate(session, segment, 1),
        );
        subject.append(session, new_segment_id(), &entry(0));
    }
}

fn missing_segment_is_listed_nowhere(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.equal("list_sessions", &subject.sessions(), &vec![]);
    subject.equal("list_segments", &subject.segments(session), &vec![]);
    let other = new_segment_id();
    for listed in [vec![], vec![other]] {
        subject.equal("list_segments", &subject.segments(session), &listed);
        subject.equal("exists", &subject.exists(session, segment), &false);
        subject.equal("lookup_session_of", &subject.lookup(segment), &None);
        subject.append(session, other, &entry(0));
    }
}

fn sessions_and_segments_are_separate(subject: &Subject) {
    let (first, second) = (new_session_id(), new_session_id());
    let (one, two) = (new_segment_id(), new_segment_id());
    let logs = [(first, one), (first, two), (second, one), (second, two)];
    // In turns, so that a store that mixes them up shows it.
    for n in 0..3 {
        for (log, &(session, segment)) in logs.iter().enumerate() {
            subject.append(session, segment, &entry(10 * log + n));
        }
    }
    subject.truncate(second, one, 1);
    for (log, &(session, segment)) in logs.iter().enumerate() {
        let len = if (session, segment) == (second, one) {
            1
        } else {
            3
        };
        subject.holds_entries(session, segment, &entries(10 * log..10 * log + len));
    }
}

fn create_segment_replaces(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.create(session, segment, &entries(0..5));
    subject.holds_entries(session, segment, &entries(0..5));
    for (from, len) in [(10, 3), (20, 8)] {
        subject.create(session, segment, &entries(from..from + len));
        subject.holds_entries(session, segment, &entries(from..from + len));
    }
    subject.append(session, segment, &entry(28));
    subject.holds_entries(session, segment, &entries(20..29));
    subject.equal("list_segments", &subject.segments(session), &vec![segment]);
    subject.equal(
        "lookup_session_of",
        &subject.lookup(segment),
        &Some(session),
    );
}

fn create_segment_with_no_entries(subject: &Subject) {
    let (session, segment) = new_ids();
    for _ in 0..2 {
        subject.create(session, segment, &[]);
        subject.holds_empty_segment(session, segment);
        subject.append(session, segment, &entry(0));
        subject.holds_entries(session, segment, &[entry(0)]);
    }
}

fn create_segment_is_atomic_for_readers(subject: &Subject) {
    let (session, segment) = new_ids();
    let versions = [entries(0..3), entries(10..15)];
    let [old, new] = &versions;
    subject.create(session, segment, old);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..30 {
                subject.create(session, segment, new);
                subject.create(session, segment, old);
            }
        });
        while !writer.is_finished() {
            let found = subject.read(session, segment);
            subject.holds(
                versions.contains(&found),
                "read_all during create_segment returns the old entries or the new ones, \
                 and nothing in between",
            );
        }
        join(writer);
    });
}

fn truncate_removes_the_end(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.create(session, segment, &entries(0..10));
    subject.truncate(session, segment, 4);
    subject.holds_entries(session, segment, &entries(0..4));
    subject.append(session, segment, &entry(20));
    let expected = [entries(0..4), vec![entry(20)]].concat();
    subject.holds_entries(session, segment, &expected);
}

fn truncate_to_zero_keeps_the_segment(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.create(session, segment, &entries(0..3));
    // The second time it is empty already.
    for _ in 0..2 {
        subject.truncate(session, segment, 0);
        subject.holds_empty_segment(session, segment);
    }
    subject.append(session, segment, &entry(7));
    subject.holds_entries(session, segment, &[entry(7)]);
}

fn truncate_to_the_count_changes_nothing(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.create(session, segment, &entries(0..3));
    subject.truncate(session, segment, 3);
    subject.holds_entries(session, segment, &entries(0..3));
}

fn truncate_past_the_end_is_refused(subject: &Subject) {
    let (session, segment) = new_ids();
    for len in [3, 0] {
        subject.create(session, segment, &entries(0..len));
        for past in [len + 1, len + 100] {
            match subject.store.truncate(session, segment, past) {
                Err(StoreError::Corrupt { line, .. }) if line == past => {}
                other => subject.fail(&format!(
                    "truncate of {len} entries to {past} returns Corrupt with line {past}, \
                     but returned {other:?}"
                )),
            }
            subject.holds_entries(session, segment, &entries(0..len));
        }
    }
}

fn lists_are_descending(subject: &Subject) {
    // The ends of the range, and both sides of each place where a signed number would turn over.
    let ids = [
        0x7fff_ffff_ffff_ffff_ffff_ffff_ffff_ffff,
        1,
        u128::MAX - 1,
        0x0000_0000_0000_0000_8000_0000_0000_0000,
        0x8000_0000_0000_0000_0000_0000_0000_0000,
        0x0000_0000_0000_0000_7fff_ffff_ffff_ffff,
    ];
    let mut ids: Vec<Uuid> = ids.map(Uuid::from_u128).to_vec();
    for _ in 0..2 {
        ids.push(new_session_id());
    }
    for &session in &ids {
        for &segment in &ids {
            subject.append(session, segment, &entry(0));
        }
    }
    let mut descending = ids.clone();
    descending.sort_unstable_by(|a, b| b.cmp(a));
    subject.equal("list_sessions", &subject.sessions(), &descending);
    for session in ids {
        subject.equal("list_segments", &subject.segments(session), &descending);
    }
}

fn traces_alone_make_no_segment(subject: &Subject) {
    let (session, segment) = new_ids();
    for n in 0..3 {
        subject.append_trace(session, segment, n);
    }
    subject.equal("list_sessions", &subject.sessions(), &vec![session]);
    subject.equal("exists", &subject.exists(session, segment), &false);
    subject.equal("list_segments", &subject.segments(session), &vec![]);
    subject.equal("lookup_session_of", &subject.lookup(segment), &None);
    let store = subject.store;
    subject.not_found("read_all", segment, store.read_all(session, segment));
    subject.not_found(
        "read_entry_count",
        segment,
        store.read_entry_count(session, segment),
    );
    subject.not_found("truncate", segment, store.truncate(session, segment, 0));
    subject.append(session, segment, &entry(0));
    subject.holds_entries(session, segment, &[entry(0)]);
}

fn traces_and_entries_are_independent(subject: &Subject) {
    let (session, segment) = new_ids();
    for n in 0..4 {
        subject.append(session, segment, &entry(n));
        subject.append_trace(session, segment, n);
    }
    subject.holds_entries(session, segment, &entries(0..4));
    subject.truncate(session, segment, 2);
    subject.append_trace(session, segment, 4);
    subject.holds_entries(session, segment, &entries(0..2));
    subject.create(session, segment, &entries(10..13));
    subject.append_trace(session, segment, 5);
    subject.holds_entries(session, segment, &entries(10..13));
    subject.equal("list_sessions", &subject.sessions(), &vec![session]);
    subject.equal("list_segments", &subject.segments(session), &vec![segment]);
}

fn lookup_is_stable(subject: &Subject) {
    let segment = new_segment_id();
    let mut holders = vec![new_session_id(), new_session_id(), new_session_id()];
    for &session in &holders {
        subject.append_trace(new_session_id(), segment, 0);
        subject.append(session, segment, &entry(0));
    }
    let first = subject.lookup(segment);
    subject.holds(
        first.is_some_and(|session| holders.contains(&session)),
        "lookup_session_of returns one of the sessions that hold the segment",
    );
    for round in 0..10 {
        subject.equal(
            "lookup_session_of, asked again",
            &subject.lookup(segment),
            &first,
        );
        holders.rotate_left(1);
        for &session in &holders {
            subject.append(session, segment, &entry(round));
            subject.truncate(session, segment, 0);
        }
    }
}

fn eight_threads_lose_and_reorder_nothing(subject: &Subject) {
    const THREADS: usize = 8;
    const EACH: usize = 40;
    let (session, segment) = new_ids();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for n in 0..EACH {
                        subject.append(session, segment, &entry(thread * EACH + n));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(join);
    });
    let found = subject.read(session, segment);
    subject.equal("read_all again", &subject.read(session, segment), &found);
    subject.equal(
        "read_entry_count",
        &subject.count(session, segment),
        &(THREADS * EACH),
    );
    for thread in 0..THREADS {
        let own = entries(thread * EACH..(thread + 1) * EACH);
        let kept: Vec<_> = found
            .iter()
            .filter(|entry| own.contains(entry))
            .cloned()
            .collect();
        subject.same_entries("the entries of one of eight threads", &kept, &own);
    }
}

fn failed_append_leaves_nothing(subject: &Subject) {
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

fn failed_create_segment_leaves_the_old_one(subject: &Subject) {
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

fn unknown_kinds_and_fields_survive(subject: &Subject) {
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

fn entries_that_fit_no_type_are_kept(subject: &Subject) {
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

fn large_segment_is_read_back(subject: &Subject) {
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
