//! The same question answered in the plainest way, by trying every order, for tiny histories; and
//! histories drawn from a seed, sound ones and changed ones, on which the two answers must agree.

use super::super::row::{Dice, by_form, seed};
use super::{Answer, Call, Event, check};

/// One log as a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain(Option<Vec<u64>>);

impl Plain {
    pub(super) fn make(&mut self, call: &Call) -> Answer {
        let len = self.0.as_ref().map_or(0, |log| log.len() as u64);
        match (call, &mut self.0) {
            (
                Call::Append {
                    expected: Some(expected),
                    ..
                },
                _,
            ) if *expected != len => Answer::Conflict(len),
            (Call::Append { entries, .. }, log) => {
                let log = log.get_or_insert_default();
                log.extend(entries);
                Answer::Appended {
                    index: len,
                    len: log.len() as u64,
                }
            }
            (_, None) => Answer::NotFound,
            (Call::Truncate(to), Some(_)) if *to > len => Answer::PastEnd,
            (Call::Truncate(to), Some(log)) => {
                log.truncate(usize::try_from(*to).expect("small"));
                Answer::Truncated
            }
            (Call::Len, Some(_)) => Answer::Len(len),
            (Call::ReadFrom(from), Some(log)) => {
                let from = usize::try_from(*from).expect("small");
                Answer::Entries(log.get(from..).unwrap_or_default().to_vec())
            }
        }
    }

    fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, |log| log.len() as u64)
    }
}

/// Whether some order of the calls that are left explains their answers.
fn explained(log: &Plain, left: &[&Event]) -> bool {
    if left.iter().all(|event| event.answer.is_none()) {
        return true;
    }
    left.iter().any(|next| {
        let before = |other: &Event| other.returned < next.called;
        if left
            .iter()
            .any(|other| before(other) && other.answer.is_some())
        {
            return false;
        }
        let mut after = log.clone();
        let answer = after.make(&next.call);
        let refused = matches!(next.answer, Some(Answer::Refused(_)));
        if refused {
            after = log.clone();
        } else if next.answer.as_ref().is_some_and(|told| *told != answer) {
            return false;
        }
        // A killed client's call that was to come before this one never happened.
        let rest: Vec<&Event> = left
            .iter()
            .filter(|other| !std::ptr::eq(**other, *next) && !before(other))
            .copied()
            .collect();
        explained(&after, &rest)
    })
}

/// A history that is linearizable, since it was made so: each call takes effect at one moment
/// between its beginning and its end.
pub(super) fn sound(dice: &mut Dice, clients: usize, calls: usize, kills: bool) -> Vec<Event> {
    let mut history: Vec<Event> = Vec::new();
    let mut log = Plain::default();
    let mut open: Vec<Option<(Event, bool)>> = vec![None; clients];
    let (mut begun, mut now) = (0, 0);
    while history.len() < calls {
        // Room for other moments between any two.
        now += 4;
        let client = dice.index(clients);
        let killed = kills && dice.one_in(12);
        match open[client].take() {
            None if begun < calls => {
                begun += 1;
                let event = Event {
                    client,
                    call: draw(dice, &log, begun as u64),
                    answer: None,
                    called: now,
                    returned: 0,
                };
                open[client] = Some((event, false));
            }
            None => {}
            Some((mut event, false)) if !killed => {
                event.answer = Some(log.make(&event.call));
                open[client] = Some((event, true));
            }
            Some((mut event, _)) => {
                event.returned = now;
                if killed {
                    event.answer = None;
                }
                history.push(event);
            }
        }
    }
    history
}

fn draw(dice: &mut Dice, log: &Plain, number: u64) -> Call {
    match dice.below(8) {
        0..4 => Call::Append {
            entries: (0..=dice.below(2))
                .map(|entry| 10 * number + entry)
                .collect(),
            expected: dice
                .one_in(3)
                .then(|| (log.len() + dice.below(3)).saturating_sub(1)),
        },
        4 => Call::Truncate(dice.below(log.len() + 2)),
        5 => Call::Len,
        _ => Call::ReadFrom(dice.below(log.len() + 1)),
    }
}

/// Changes one thing in a history, which may then be broken, or not.
fn change(dice: &mut Dice, history: &mut Vec<Event>) {
    let number = dice.index(history.len());
    match dice.below(8) {
        0 => drop(history.remove(number)),
        1 => history[number].returned = history[number].called + 1,
        2 => history[number].called = history[number].returned - 1,
        3 => {
            let other = dice.index(history.len());
            let answer = history[other].answer.clone();
            history[number].answer = answer;
        }
        _ => {
            if let Some(answer) = &mut history[number].answer {
                change_answer(dice, answer);
            }
        }
    }
}

fn change_answer(dice: &mut Dice, answer: &mut Answer) {
    let more = dice.one_in(2);
    let step = |number: &mut u64| {
        *number = if more {
            *number + 1
        } else {
            number.saturating_sub(1)
        };
    };
    match answer {
        Answer::Appended { index, len } => {
            step(index);
            if dice.one_in(2) {
                step(len);
            }
        }
        Answer::Conflict(len) | Answer::Len(len) => step(len),
        Answer::Entries(entries) if !entries.is_empty() => {
            let at = dice.index(entries.len());
            match dice.below(4) {
                0 => drop(entries.remove(at)),
                1 => entries.push(entries[at]),
                2 => entries.swap(0, at),
                _ => entries[at] += 1,
            }
        }
        answer => *answer = Answer::Truncated,
    }
}

#[test]
fn the_checker_agrees_with_trying_every_order() {
    let mut dice = Dice::new(seed());
    let mut verdicts = [0, 0];
    for round in 0..by_form(20_000, 400_000) {
        let (clients, calls) = (2 + dice.index(2), 2 + dice.index(5));
        let mut history = sound(&mut dice, clients, calls, true);
        for _ in 0..dice.below(3) {
            if history.len() > 1 {
                change(&mut dice, &mut history);
            }
        }
        let all: Vec<&Event> = history.iter().collect();
        let expected = explained(&Plain::default(), &all);
        let found = check(&history);
        assert_eq!(
            found.is_ok(),
            expected,
            "seed {}, round {round}: {history:?}",
            seed()
        );
        verdicts[usize::from(expected)] += 1;
    }
    println!(
        "R9: the checker agrees with every order tried on {} broken and {} sound histories",
        verdicts[0], verdicts[1]
    );
    assert!(verdicts.iter().all(|count| *count > 2000), "{verdicts:?}");
}

#[test]
fn long_sound_histories_are_accepted_and_one_changed_answer_in_them_is_found() {
    let mut dice = Dice::new(seed());
    let (mut changed, mut found) = (0, 0);
    for round in 0..by_form(40, 400) {
        let clients = 2 + dice.index(4);
        let mut history = sound(&mut dice, clients, 500, round % 2 == 0);
        check(&history).unwrap_or_else(|err| panic!("seed {}, round {round}: {err}", seed()));
        let appended = |event: &Event| matches!(event.answer, Some(Answer::Appended { .. }));
        let number = history
            .iter()
            .rposition(appended)
            .expect("there are appends");
        if let Some(Answer::Appended { len, .. }) = &mut history[number].answer {
            *len += 1;
        }
        changed += 1;
        found += u32::from(check(&history).is_err());
    }
    assert_eq!(changed, found, "a wrong length was taken for a right one");
}
