//! Histories by hand: some that look odd and are sound, and one of each way to break the claim.

use super::{Answer, Call, Event, check};

/// A history under construction.
#[derive(Default)]
struct Told(Vec<Event>);

impl Told {
    /// A call with the moments of its beginning and its end.
    fn during(mut self, span: (u64, u64), client: usize, call: Call, answer: Answer) -> Self {
        self.0.push(Event {
            client,
            call,
            answer: Some(answer),
            called: span.0,
            returned: span.1,
        });
        self
    }

    /// A call that begins when all before it have ended.
    fn then(self, client: usize, call: Call, answer: Answer) -> Self {
        let now = self.now();
        self.during((now + 1, now + 2), client, call, answer)
    }

    /// A call of a client that was killed in it.
    fn killed(mut self, client: usize, call: Call) -> Self {
        let now = self.now();
        self.0.push(Event {
            client,
            call,
            answer: None,
            called: now + 1,
            returned: now + 2,
        });
        self
    }

    fn now(&self) -> u64 {
        self.0.iter().map(|event| event.returned).max().unwrap_or(0)
    }

    fn expect_sound(self) {
        check(&self.0).expect("it can be explained");
    }

    fn expect_broken(self) {
        let explained = check(&self.0);
        assert!(explained.is_err(), "taken for sound: {:?}", self.0);
    }
}

fn append(entry: u64) -> Call {
    Call::Append {
        entries: vec![entry],
        expected: None,
    }
}

fn append_at(expected: u64, entry: u64) -> Call {
    Call::Append {
        entries: vec![entry],
        expected: Some(expected),
    }
}

fn at(index: u64) -> Answer {
    Answer::Appended {
        index,
        len: index + 1,
    }
}

fn read() -> Call {
    Call::ReadFrom(0)
}

fn entries(entries: &[u64]) -> Answer {
    Answer::Entries(entries.to_vec())
}

/// Two entries, appended by two clients.
fn two() -> Told {
    Told::default()
        .then(0, append(1), at(0))
        .then(1, append(2), at(1))
}

#[test]
fn calls_at_the_same_time_may_take_effect_in_any_order() {
    let overlapping = || Told::default().during((1, 10), 0, append(1), at(1));
    overlapping()
        .during((2, 9), 1, append(2), at(0))
        .then(2, read(), entries(&[2, 1]))
        .expect_sound();
    overlapping()
        .during((2, 9), 1, append(2), at(0))
        .then(2, read(), entries(&[1, 2]))
        .expect_broken();
    // A reader beside them may see one, the other one, both, or no log at all.
    for (told, sound) in [
        (Answer::NotFound, true),
        (entries(&[2]), true),
        (entries(&[2, 1]), true),
        (entries(&[1]), false),
        (entries(&[]), false),
    ] {
        let history =
            overlapping()
                .during((2, 9), 1, append(2), at(0))
                .during((3, 8), 2, read(), told);
        if sound {
            history.expect_sound();
        } else {
            history.expect_broken();
        }
    }
}

#[test]
fn what_a_killed_client_was_at_may_have_happened_or_not() {
    let killed = || {
        Told::default()
            .then(0, append(1), at(0))
            .killed(1, append(2))
    };
    killed().then(0, read(), entries(&[1, 2])).expect_sound();
    killed().then(0, read(), entries(&[1])).expect_sound();
    killed()
        .then(0, read(), entries(&[1, 2]))
        .then(0, read(), entries(&[1]))
        .expect_broken();
    // But not after it was gone.
    killed()
        .then(0, read(), entries(&[1]))
        .then(0, read(), entries(&[1, 2]))
        .expect_broken();
}

#[test]
fn a_lost_append_is_found() {
    two().then(0, read(), entries(&[1])).expect_broken();
    two().then(0, Call::Len, Answer::Len(1)).expect_broken();
    Told::default()
        .then(0, append(1), at(0))
        .then(1, append(2), at(0))
        .expect_broken();
}

#[test]
fn a_duplicate_append_is_found() {
    two().then(0, read(), entries(&[1, 2, 2])).expect_broken();
    two().then(0, append(3), at(3)).expect_broken();
}

#[test]
fn a_stale_read_is_found() {
    two().then(2, read(), entries(&[])).expect_broken();
    two().then(2, Call::Len, Answer::NotFound).expect_broken();
    // One that overlaps with the append may miss it, one that begins behind it may not.
    two()
        .during((5, 8), 0, append(3), at(2))
        .during((6, 7), 2, read(), entries(&[1, 2]))
        .then(2, read(), entries(&[1, 2]))
        .expect_broken();
}

#[test]
fn appends_that_two_readers_see_in_another_order_are_found() {
    let told = || {
        Told::default()
            .during((1, 20), 0, append(1), at(0))
            .during((2, 19), 1, append(2), at(1))
    };
    told()
        .during((3, 4), 2, read(), entries(&[1]))
        .during((5, 6), 3, read(), entries(&[1, 2]))
        .expect_sound();
    told()
        .during((3, 4), 2, read(), entries(&[1, 2]))
        .during((5, 6), 3, read(), entries(&[2, 1]))
        .expect_broken();
    // What one has seen, the next one sees too.
    told()
        .during((3, 4), 2, read(), entries(&[1, 2]))
        .during((5, 6), 3, read(), entries(&[1]))
        .expect_broken();
}

#[test]
fn a_conditional_append_that_should_have_been_refused_is_found() {
    two().then(0, append_at(2, 3), at(2)).expect_sound();
    two()
        .then(0, append_at(1, 3), Answer::Conflict(2))
        .expect_sound();
    two().then(0, append_at(1, 3), at(2)).expect_broken();
    two().then(0, append_at(1, 3), at(1)).expect_broken();
    // Of two at the same length one is refused, whatever their times.
    two()
        .during((5, 8), 0, append_at(2, 3), at(2))
        .during((6, 7), 1, append_at(2, 4), Answer::Conflict(3))
        .expect_sound();
    two()
        .during((5, 8), 0, append_at(2, 3), at(2))
        .during((6, 7), 1, append_at(2, 4), at(2))
        .expect_broken();
}

#[test]
fn a_conditional_append_refused_at_the_right_length_is_found() {
    two()
        .then(0, append_at(2, 3), Answer::Conflict(2))
        .expect_broken();
    two()
        .then(0, append_at(2, 3), Answer::Conflict(1))
        .expect_broken();
}

#[test]
fn a_truncate_that_was_undone_is_found() {
    let told = || two().then(0, Call::Truncate(1), Answer::Truncated);
    told().then(1, read(), entries(&[1])).expect_sound();
    told().then(1, read(), entries(&[1, 2])).expect_broken();
    told().then(1, append(3), at(2)).expect_broken();
    told()
        .then(1, append(3), at(1))
        .then(0, read(), entries(&[1, 2]))
        .expect_broken();
}

#[test]
fn a_truncate_beyond_the_end_changes_nothing() {
    two()
        .then(0, Call::Truncate(3), Answer::PastEnd)
        .expect_sound();
    two()
        .then(0, Call::Truncate(3), Answer::Truncated)
        .expect_broken();
    two()
        .then(0, Call::Truncate(2), Answer::PastEnd)
        .expect_broken();
    Told::default()
        .then(0, Call::Truncate(0), Answer::NotFound)
        .then(0, Call::Len, Answer::NotFound)
        .expect_sound();
}

#[test]
fn a_phantom_of_a_refused_append_is_found() {
    let conflict = || two().then(0, append_at(1, 3), Answer::Conflict(2));
    conflict().then(1, read(), entries(&[1, 2])).expect_sound();
    conflict()
        .then(1, read(), entries(&[1, 2, 3]))
        .expect_broken();
    let busy = || two().then(0, append(3), Answer::Refused("busy".to_owned()));
    busy().then(1, read(), entries(&[1, 2])).expect_sound();
    busy().then(1, read(), entries(&[1, 2, 3])).expect_broken();
}
