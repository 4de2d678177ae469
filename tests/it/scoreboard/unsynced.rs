//! R5: a sync that fails and leaves pages marked clean, as ext4, XFS and Btrfs do; then the archive
//! is opened again in the same boot, appended to, and power is lost.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use sessiondb::testing::{self, Bug, Opening, StorageBackend};
use sessiondb::{Archive, Durability};

use super::crash_oracle::verify;
use super::disk::{Pages, index, new_archive};
use super::history::{History, State, fold_steps, play};
use super::row::{Dice, Row, by_form};

const PAGE: usize = 4096;

/// What a file system makes of the pages that a failed sync was to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// ext4, XFS: reads show them, and they are never written.
    KeptClean,
    /// Btrfs: reads show what is on the disk.
    Reverted,
}

/// A disk beneath the pages of an operating system.
struct Cached {
    inner: Mutex<Inner>,
}

struct Inner {
    cache: Pages,
    disk: Pages,
    dirty: BTreeSet<usize>,
    syncs: u64,
    fail: Option<(u64, After)>,
}

impl Cached {
    fn new(content: Pages, fail: Option<(u64, After)>) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                cache: content.clone(),
                disk: content,
                dirty: BTreeSet::new(),
                syncs: 0,
                fail,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no call panics")
    }

    /// What is on the disk after power loss: of the pages to be written some, or none.
    fn after_power_loss(&self, dice: &mut Dice) -> Pages {
        let inner = self.lock();
        let mut disk = inner.disk.clone();
        let all = dice.below(3);
        for page in &inner.dirty {
            if all == 1 || (all == 2 && dice.one_in(2)) {
                let needed = ((page + 1) * PAGE).min(inner.cache.len());
                disk.set_len(disk.len().max(needed));
                disk.copy_page(&inner.cache, *page);
            }
        }
        disk
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}

impl StorageBackend for Cached {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().cache.len() as u64)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.lock().cache.read(index(at), out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().cache.set_len(index(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.lock();
        let Inner {
            cache,
            disk,
            dirty,
            syncs,
            fail,
        } = &mut *inner;
        let sync = *syncs;
        *syncs += 1;
        let failed = fail.filter(|(at, _)| *at == sync);
        match failed {
            None => {
                disk.set_len(cache.len());
                for page in dirty.iter() {
                    disk.copy_page(cache, *page);
                }
            }
            Some((_, After::KeptClean)) => {}
            Some((_, After::Reverted)) => {
                for page in dirty.iter() {
                    cache.copy_page(disk, *page);
                }
            }
        }
        dirty.clear();
        match failed {
            None => Ok(()),
            Some(_) => Err(io::Error::other("the disk lost a write")),
        }
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        let start = index(at);
        inner.cache.write(start, bytes);
        let pages = start / PAGE..=(start + bytes.len().max(1) - 1) / PAGE;
        inner.dirty.extend(pages);
        Ok(())
    }
}

fn open(disk: &Arc<Cached>, history: &History) -> Result<Archive, String> {
    let disk: Arc<dyn StorageBackend> = Arc::<Cached>::clone(disk);
    let durability = history.durability;
    let opening = Opening {
        durability,
        ..Opening::default()
    };
    testing::open(disk, opening).map_err(|err| err.to_string())
}

/// How far a history came until a sync failed.
struct Reached {
    synced: usize,
    at_most: usize,
}

fn play_until_failure(disk: &Arc<Cached>, history: &History) -> Reached {
    let mut reached = Reached {
        synced: 0,
        at_most: 0,
    };
    let Ok(archive) = open(disk, history) else {
        return reached;
    };
    for (number, step) in history.steps.iter().enumerate() {
        reached.at_most = number + 1;
        if play(&archive, step, number).is_err() {
            break;
        }
        if history.is_synced(number) {
            reached.synced = number + 1;
        }
    }
    reached
}

/// Fails one sync of a history, goes on in the same boot, and loses power. Returns whether the
/// history came to that sync.
fn survives(history: &History, sync: u64, after: After, dice: &mut Dice) -> Result<bool, String> {
    const STEPS: usize = 2;
    let disk = Cached::new(new_archive(), Some((sync, after)));
    let Reached { synced, at_most } = play_until_failure(&disk, history);
    if disk.lock().syncs <= sync {
        return Ok(false);
    }
    let archive = open(&disk, history).map_err(|err| format!("opening again: {err}"))?;
    let found = State::of(&archive)?;
    let reached = (synced..=at_most)
        .rev()
        .find(|state| history.states[*state] == found);
    let reached =
        reached.ok_or_else(|| format!("not one of {synced}..={at_most}: {found:.300?}"))?;
    let mut acknowledged = synced;
    let end = (reached + STEPS).min(history.steps.len());
    for number in reached..end {
        play(&archive, &history.steps[number], number)
            .map_err(|err| format!("going on with step {number}: {err}"))?;
        if history.is_synced(number) {
            acknowledged = number + 1;
        }
    }
    let image = disk.after_power_loss(dice);
    verify(history, image, acknowledged..=end).map_err(|err| format!("after power loss: {err}"))?;
    Ok(true)
}

fn random_failures(row: &mut Row, cases: u64) {
    const STEPS: usize = 20;
    for number in 0.. {
        if row.cases() >= cases || row.violations() > 20 {
            return;
        }
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 5);
        let history = History::random(&mut dice, STEPS);
        for sync in 0.. {
            let after = [After::KeptClean, After::Reverted];
            let outcomes = after.map(|after| (after, survives(&history, sync, after, &mut dice)));
            if outcomes.iter().all(|(_, outcome)| outcome == &Ok(false)) {
                break;
            }
            for (after, outcome) in outcomes {
                row.case(outcome.map(drop).map_err(|err| {
                    format!("history {number}, sync {sync} failed, {after:?}: {err}")
                }));
            }
        }
    }
}

#[test]
fn r05_a_failed_sync_is_mended_before_it_loses_anything() {
    let mut row = Row::new("R5");
    let cases = by_form(1_000, 10_000);
    random_failures(&mut row, cases);
    row.finish(cases);
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R5");
    random_failures(&mut row, 1_000);
    row.violations() > 0
}

/// A sync that fails while the journal is folded in the background: what is not synced yet is
/// lost with it, and must not be called synced later.
fn fold_whose_sync_fails() -> Result<(), String> {
    let history = History::of(fold_steps(), Durability::Written);
    for sync in 0..40 {
        for after in [After::KeptClean, After::Reverted] {
            for seed in 0..8 {
                survives(&history, sync, after, &mut Dice::new(seed))
                    .map_err(|err| format!("sync {sync} failed, {after:?}: {err}"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_fold_whose_sync_fails_takes_no_acknowledgement_with_it() {
    fold_whose_sync_fails().unwrap();
}

/// Whether a bug that is switched on shows there.
pub(super) fn fold_catches(_: Bug) -> bool {
    fold_whose_sync_fails().is_err()
}
