//! Steps: drawn one after the other, and those of histories that are made for a purpose.

use sessiondb::Durability;

use super::entry::{entry, redacted};
use super::state::State;
use super::step::{PLACES, Place, Step};
use crate::scoreboard::row::Dice;

/// How many kinds of short steps there are.
pub(in super::super) const SHORT_KINDS: usize = 10;

pub(super) fn random_durability(dice: &mut Dice) -> Durability {
    if dice.one_in(2) {
        Durability::Synced
    } else {
        Durability::Written
    }
}

pub(in super::super) fn random_step(dice: &mut Dice, state: &State, step: usize) -> Step {
    let place = random_place(dice, state);
    let there = state.logs.contains_key(&place);
    let session = state.has_session(place.session);
    if !there
        && dice.one_in(2)
        && let Some(branch) = branch_to(dice, state, place)
    {
        return branch;
    }
    match dice.below(40) {
        0..14 => Step::Append(
            place,
            random_entries(dice, step, 0),
            random_durability(dice),
        ),
        14..17 => {
            let other = PLACES[dice.index(PLACES.len())];
            let parts = [
                (place, random_entries(dice, step, 0)),
                (other, random_entries(dice, step, 50)),
            ];
            Step::Batch(parts.to_vec())
        }
        17..20 if there => Step::Truncate(place, dice.below(state.len(place) + 1)),
        20 if !place.trace => Step::Replace(place, random_entries(dice, step, 0)),
        21 if there => Step::DeleteLog(place),
        22 if session => Step::DeleteSession(place.session),
        23 => Step::SetName(place.segment, step as u64),
        24 if state.names.contains_key(&place.segment) => Step::DeleteName(place.segment),
        25 if session => Step::SetMetadata(place.session, step as u64),
        26 => Step::Sync,
        27 => Step::Checkpoint,
        28 => Step::Reopen,
        29 => Step::Compact,
        30..36 if there && !place.trace => random_branch(dice, state, place),
        36..38 if state.len(place) > 0 => {
            let from = dice.below(state.len(place));
            let most = (state.len(place) - from).min(3);
            Step::Erase(place, from..from + 1 + dice.below(most))
        }
        38 if !redactable(state, place).is_empty() => {
            let places = redactable(state, place);
            Step::Redact(place, places[dice.index(places.len())])
        }
        _ => Step::Background,
    }
}

/// The entries of a log in which there is something to be redacted.
fn redactable(state: &State, place: Place) -> Vec<u64> {
    let entries = state.logs.get(&place).map_or(&[][..], Vec::as_slice);
    let numbered = (0..).zip(entries);
    let found = numbered.filter(|(_, entry)| redacted(entry).is_some());
    found.map(|(number, _)| number).collect()
}

/// Any log; now and then one of those that share entries, if there are some.
fn random_place(dice: &mut Dice, state: &State) -> Place {
    if dice.one_in(2) {
        let shared = |place: &&Place| state.is_shared(**place, 0);
        let shared: Vec<_> = PLACES.iter().filter(shared).collect();
        if !shared.is_empty() {
            return *shared[dice.index(shared.len())];
        }
    }
    PLACES[dice.index(PLACES.len())]
}

/// A branch, or where all segments are there already, room for one.
fn random_branch(dice: &mut Dice, state: &State, from: Place) -> Step {
    let free = |to: &&Place| to.may_share_with(from) && !state.logs.contains_key(to);
    let free: Vec<_> = PLACES.iter().filter(free).collect();
    if free.is_empty() {
        return Step::DeleteLog(from);
    }
    let to = *free[dice.index(free.len())];
    branch(dice, state, from, to)
}

/// Makes the segment a branch of another one of its session, if there is one.
fn branch_to(dice: &mut Dice, state: &State, to: Place) -> Option<Step> {
    let from = |from: &&Place| from.may_share_with(to) && state.len(**from) > 0;
    let from: Vec<_> = PLACES.iter().filter(from).collect();
    if from.is_empty() {
        return None;
    }
    let from = *from[dice.index(from.len())];
    Some(branch(dice, state, from, to))
}

/// Most share all, so that the next steps meet what is shared.
fn branch(dice: &mut Dice, state: &State, from: Place, to: Place) -> Step {
    let all = state.len(from);
    let len = if dice.one_in(3) {
        dice.below(all + 1)
    } else {
        all
    };
    Step::Branch { from, len, to }
}

/// Half of the journal is filled, and folded while something that is only written waits for its
/// sync.
pub(in super::super) fn fold_steps() -> Vec<Step> {
    let write = |number, len| {
        let entries = vec![entry(number, 0, len)];
        Step::Append(PLACES[0], entries, Durability::Written)
    };
    let mut steps = vec![write(0, 5_000), Step::Sync, write(2, 5_000), Step::Sync];
    steps.extend([
        write(4, 40),
        Step::Background,
        Step::Sync,
        write(7, 40),
        Step::Sync,
    ]);
    steps
}

/// Steps of the given kinds on one log and a branch of it: those that most crashes are about.
pub(in super::super) fn short_steps(kinds: impl Iterator<Item = usize>) -> Vec<Step> {
    const LOG: Place = PLACES[0];
    const BRANCH: Place = PLACES[1];
    const OTHER: Place = PLACES[4];
    let (mut steps, mut state) = (Vec::new(), State::default());
    for (number, kind) in kinds.enumerate() {
        let there = state.logs.contains_key(&LOG);
        let append = |len, durability| Step::Append(LOG, vec![entry(number, 0, len)], durability);
        let step = match kind {
            // Two of these do not fit into one half of the journal.
            0 => append(5_000, Durability::Synced),
            1 => append(40, Durability::Written),
            // Too large for the journal.
            2 => append(9_000, Durability::Synced),
            3 if there => Step::Truncate(LOG, state.len(LOG) / 2),
            4 => Step::Replace(LOG, vec![entry(number, 0, 40)]),
            5 if there => Step::DeleteSession(LOG.session),
            6 => Step::Background,
            7 => Step::Reopen,
            8 if there && !state.logs.contains_key(&BRANCH) => Step::Branch {
                from: LOG,
                len: state.len(LOG),
                to: BRANCH,
            },
            8 if there => Step::DeleteLog(LOG),
            9 if state.len(BRANCH) > 0 => Step::Erase(BRANCH, 0..1),
            9 if state.len(LOG) > 0 => Step::Erase(LOG, 0..state.len(LOG)),
            _ => Step::Batch(vec![
                (LOG, vec![entry(number, 0, 40)]),
                (OTHER, vec![entry(number, 1, 40)]),
            ]),
        };
        state.apply(&step);
        steps.push(step);
    }
    steps
}

/// Entries that tell which step they are of; now and then more than the journal takes.
fn random_entries(dice: &mut Dice, step: usize, from: usize) -> Vec<String> {
    let count = 1 + dice.index(3);
    let numbers = from..from + count;
    numbers
        .map(|number| {
            let len = match dice.below(24) {
                0 => 70_000,
                1 => 9_000,
                2..8 => 2_500,
                _ => 40,
            };
            entry(step, number, len)
        })
        .collect()
}
