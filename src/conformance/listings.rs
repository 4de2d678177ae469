//! What is listed and found, and what is kept apart.

use uuid::Uuid;

use super::subject::{Subject, entries, entry, new_ids};
use crate::ids::{new_segment_id, new_session_id};

pub(super) fn missing_segment_is_listed_nowhere(subject: &Subject) {
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

pub(super) fn sessions_and_segments_are_separate(subject: &Subject) {
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

pub(super) fn lists_are_descending(subject: &Subject) {
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

pub(super) fn traces_alone_make_no_segment(subject: &Subject) {
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

pub(super) fn traces_and_entries_are_independent(subject: &Subject) {
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

pub(super) fn lookup_is_stable(subject: &Subject) {
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
