//! A history played on a recording disk, and what must be there after a crash in the midst of it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use sessiondb::testing::{self, Opening, StorageBackend};
use sessiondb::{Archive, Durability, StoreError};

use super::disk::{Disk, Event, Pages};
use super::history::{History, State, Step, play};

/// What happened on the disk while a history was played.
pub(super) struct Played {
    pub(super) history: History,
    pub(super) start: Pages,
    pub(super) events: Vec<Event>,
    /// The state at the start, which is on the disk.
    from: usize,
    /// For each step from `from` on the events before it began, and before it had returned.
    marks: Vec<(usize, usize)>,
}

impl Played {
    /// What was played elsewhere, from an empty archive on.
    pub(super) fn from_parts(
        history: History,
        start: Pages,
        events: Vec<Event>,
        marks: Vec<(usize, usize)>,
    ) -> Self {
        Self {
            history,
            start,
            events,
            from: 0,
            marks,
        }
    }

    /// Plays steps on a disk whose archive is in the state before the first of them.
    pub(super) fn of(
        history: &History,
        steps: std::ops::Range<usize>,
        start: Pages,
    ) -> Result<Self, String> {
        let disk = Disk::new(start.clone());
        let from = steps.start;
        let mut marks = Vec::new();
        let mut archive = open(&disk, history).map_err(|err| format!("opening: {err}"))?;
        for step in steps {
            let began = disk.now();
            archive = take(archive, &disk, history, step)
                .map_err(|err| format!("step {step}, {:?}: {err}", history.steps[step]))?;
            marks.push((began, disk.now()));
        }
        // The close is not part of the history: what it does is checked where a step reopens.
        let events = disk.events();
        drop(archive);
        Ok(Self {
            history: history.clone(),
            start,
            events,
            from,
            marks,
        })
    }

    /// How many events there had been when the last step began.
    pub(super) fn last_began(&self) -> usize {
        self.marks.last().map_or(0, |(began, _)| *began)
    }

    /// The states that may be there when this many events have happened. After power loss what
    /// was only written may be gone, after the death of the process it may not.
    pub(super) fn allowed(&self, events: usize, power_lost: bool) -> RangeInclusive<usize> {
        let (mut least, mut most) = (self.from, self.from);
        for (step, (began, returned)) in (self.from..).zip(&self.marks) {
            if *began < events {
                most = step + 1;
            }
            if *returned <= events && (!power_lost || self.history.is_synced(step)) {
                least = step + 1;
            }
        }
        least..=most.max(least)
    }
}

pub(super) fn open(disk: &Arc<Disk>, history: &History) -> Result<Archive, StoreError> {
    open_with(disk, history.durability)
}

pub(super) fn open_with(disk: &Arc<Disk>, durability: Durability) -> Result<Archive, StoreError> {
    let disk: Arc<dyn StorageBackend> = Arc::<Disk>::clone(disk);
    testing::open(
        disk,
        Opening {
            durability,
            ..Opening::default()
        },
    )
}

/// Takes a step, and returns the archive to go on with.
pub(super) fn take(
    archive: Archive,
    disk: &Arc<Disk>,
    history: &History,
    step: usize,
) -> Result<Archive, StoreError> {
    if matches!(history.steps[step], Step::Reopen) {
        archive.close()?;
        return open(disk, history);
    }
    play(&archive, &history.steps[step], step)?;
    Ok(archive)
}

/// Opens what a crash left: it must be one of the allowed states. Then takes the next steps, which
/// may have been lost, and opens it once more. Returns the state that was found.
pub(super) fn verify(
    history: &History,
    image: Pages,
    allowed: RangeInclusive<usize>,
) -> Result<usize, String> {
    let disk = Disk::new(image);
    let archive = open(&disk, history).map_err(|err| format!("it does not open: {err}"))?;
    let found = State::of(&archive)?;
    let reached = allowed
        .clone()
        .rev()
        .find(|state| history.states[*state] == found)
        .ok_or_else(|| {
            let at = history.states.iter().position(|state| *state == found);
            format!("states {allowed:?} are allowed, and that of {at:?} is there: {found:.300?}")
        })?;
    go_on(archive, &disk, history, reached)
        .map_err(|err| format!("going on from state {reached}: {err}"))?;
    Ok(reached)
}

fn go_on(
    mut archive: Archive,
    disk: &Arc<Disk>,
    history: &History,
    from: usize,
) -> Result<(), String> {
    const STEPS: usize = 2;
    let to = (from + STEPS).min(history.steps.len());
    let told = |err: StoreError| err.to_string();
    for step in from..to {
        archive = take(archive, disk, history, step).map_err(told)?;
        expect(&archive, history, step + 1)?;
    }
    // As after the death of the process: with the journal as it stands.
    let image = disk.content();
    drop(archive);
    let archive = open(&Disk::new(image), history).map_err(told)?;
    expect(&archive, history, to)?;
    let report = archive.check(None).map_err(told)?;
    if !report.is_clean() {
        return Err(format!("{:?}", report.problems));
    }
    Ok(())
}

/// Opens a disk: it must show the state, and nothing in it may be damaged.
pub(super) fn verify_state(image: Pages, state: &State) -> Result<(), String> {
    let told = |err: StoreError| err.to_string();
    let archive = open_with(&Disk::new(image), Durability::Synced).map_err(told)?;
    let found = State::of(&archive)?;
    if found != *state {
        return Err(format!("after all, it shows {found:.300?}"));
    }
    let report = archive.check(None).map_err(told)?;
    if !report.is_clean() {
        return Err(format!("{:?}", report.problems));
    }
    Ok(())
}

fn expect(archive: &Archive, history: &History, state: usize) -> Result<(), String> {
    let found = State::of(archive)?;
    if found == history.states[state] {
        return Ok(());
    }
    Err(format!("not the state after step {state}: {found:.300?}"))
}
