//! How a log of entries is made, grows and shrinks.

use std::thread;

use super::subject::{Subject, entries, entry, join, new_ids};
use crate::error::StoreError;
use crate::ids::new_segment_id;

pub(super) fn append_creates_session_and_segment(subject: &Subject) {
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

pub(super) fn entries_are_read_back_in_order(subject: &Subject) {
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

pub(super) fn missing_segment_is_not_found(subject: &Subject) {
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

pub(super) fn create_segment_replaces(subject: &Subject) {
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

pub(super) fn create_segment_with_no_entries(subject: &Subject) {
    let (session, segment) = new_ids();
    for _ in 0..2 {
        subject.create(session, segment, &[]);
        subject.holds_empty_segment(session, segment);
        subject.append(session, segment, &entry(0));
        subject.holds_entries(session, segment, &[entry(0)]);
    }
}

pub(super) fn create_segment_is_atomic_for_readers(subject: &Subject) {
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

pub(super) fn truncate_removes_the_end(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.create(session, segment, &entries(0..10));
    subject.truncate(session, segment, 4);
    subject.holds_entries(session, segment, &entries(0..4));
    subject.append(session, segment, &entry(20));
    let expected = [entries(0..4), vec![entry(20)]].concat();
    subject.holds_entries(session, segment, &expected);
}

pub(super) fn truncate_to_zero_keeps_the_segment(subject: &Subject) {
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

pub(super) fn truncate_to_the_count_changes_nothing(subject: &Subject) {
    let (session, segment) = new_ids();
    subject.create(session, segment, &entries(0..3));
    subject.truncate(session, segment, 3);
    subject.holds_entries(session, segment, &entries(0..3));
}

pub(super) fn truncate_past_the_end_is_refused(subject: &Subject) {
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

pub(super) fn eight_threads_lose_and_reorder_nothing(subject: &Subject) {
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
