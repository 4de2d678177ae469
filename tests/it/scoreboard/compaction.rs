//! R16: a fresh copy takes an archive's place. At every crash point, and after every failed call,
//! what is at the path is a whole archive with all that was there.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use sessiondb::StoreError;
use sessiondb::testing::{Bug, Place, StorageBackend, compact_into};

use super::crash_oracle::{Played, open, take, verify};
use super::disk::{Disk, Fault, Pages, new_archive};
use super::history::History;
use super::power::crashes;
use super::row::{Dice, Row, by_form};

/// How many steps are taken before the compaction; the others follow after a crash.
const STEPS: usize = 16;

/// An archive with a history, and the folder that it is in.
pub(super) struct Folder {
    old: Arc<Disk>,
    new: Arc<Disk>,
    /// When the copy took the archive's place, by its events before.
    replaced: Cell<Option<usize>>,
    /// Which call on the folder fails.
    fails: Option<u32>,
    calls: Cell<u32>,
}

impl Folder {
    pub(super) fn new(old: Pages, fails: Option<u32>) -> Self {
        Self {
            old: Disk::new(old),
            new: Disk::new(Pages::default()),
            replaced: Cell::new(None),
            fails,
            calls: Cell::new(0),
        }
    }

    pub(super) fn compact(&self, history: &History) -> Result<(), StoreError> {
        compact_into(&open(&self.old, history)?, self)
    }

    /// What the path leads to.
    pub(super) fn content(&self) -> Pages {
        match self.replaced.get() {
            Some(_) => self.new.content(),
            None => self.old.content(),
        }
    }

    fn call(&self) -> io::Result<()> {
        let call = self.calls.get();
        self.calls.set(call + 1);
        if self.fails == Some(call) {
            return Err(io::Error::other("the folder"));
        }
        Ok(())
    }
}

impl Place for Folder {
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>> {
        self.call()?;
        let disk: Arc<dyn StorageBackend> = Arc::<Disk>::clone(&self.new);
        Ok(disk)
    }

    fn publish(&self) -> io::Result<()> {
        Err(io::Error::other("the name is taken"))
    }

    fn replace(&self) -> io::Result<()> {
        self.call()?;
        if self.replaced.get().is_none() {
            self.replaced.set(Some(self.new.now()));
        }
        Ok(())
    }

    fn remove_first_name(&self) -> io::Result<()> {
        self.call()
    }

    fn sync(&self) -> io::Result<()> {
        self.call()
    }
}

/// A history, and the disk after its first steps, as the death of the process leaves it.
fn played(dice: &mut Dice) -> Result<(History, Pages), String> {
    let history = History::random(dice, STEPS + 2);
    let disk = Disk::new(new_archive());
    let told = |err: StoreError| err.to_string();
    let mut archive = open(&disk, &history).map_err(told)?;
    for step in 0..STEPS {
        archive = take(archive, &disk, &history, step).map_err(told)?;
    }
    let content = disk.content();
    Ok((history, content))
}

/// Power is lost at every event of a compaction: until the copy has the name the archive is there,
/// then the copy, and as long as the folder is not synced either.
fn lose_power(row: &mut Row, histories: u64) {
    for number in 0..histories {
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 16);
        let (history, start) = match played(&mut dice) {
            Ok(played) => played,
            Err(err) => return row.case(Err(err)),
        };
        row.within(format!("history {number}"));
        let most = by_form(2, 20);
        let folder = Folder::new(start.clone(), None);
        if let Err(err) = folder.compact(&history) {
            return row.case(Err(err.to_string()));
        }
        let same = || verify(&history, folder.content(), STEPS..=STEPS).map(drop);
        row.case(same().map_err(|err| format!("at the end: {err}")));
        // The first commits in the copy are like any others.
        match Played::of(&history, STEPS..STEPS + 2, folder.content()) {
            Err(err) => row.case(Err(err)),
            Ok(next) => {
                let events = (next.events.as_slice(), 0);
                crashes(&next.start, events, &mut dice, most, |crash, image| {
                    let allowed = next.allowed(crash.after, !crash.keeps_all());
                    let whole = verify(&history, image, allowed).map(drop);
                    row.case(whole.map_err(|err| format!("after it, {crash}: {err}")));
                    true
                });
            }
        }
        let old_events = folder.old.events();
        crashes(&start, (&old_events, 0), &mut dice, most, |crash, image| {
            let whole = verify(&history, image, STEPS..=STEPS).map(drop);
            row.case(whole.map_err(|err| format!("old, {crash}: {err}")));
            true
        });
        let events = folder.new.events();
        let replaced = folder.replaced.get().expect("it was replaced");
        let from = (events.as_slice(), replaced);
        crashes(&Pages::default(), from, &mut dice, 20, |crash, image| {
            let whole = verify(&history, image, STEPS..=STEPS).map(drop);
            row.case(whole.map_err(|err| format!("new, {crash}: {err}")));
            true
        });
    }
}

/// Every call fails, of the old disk, the new one and the folder: it says so, and the path leads to
/// a whole archive.
fn fail(row: &mut Row, histories: u64) {
    for number in 0..histories {
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 0x17);
        let (history, start) = match played(&mut dice) {
            Ok(played) => played,
            Err(err) => return row.case(Err(err)),
        };
        for of_new in [false, true] {
            for call in 0.. {
                let folder = Folder::new(start.clone(), None);
                let disk = if of_new { &folder.new } else { &folder.old };
                disk.set_fault(Some(Fault {
                    at_call: call,
                    from_then_on: call % 2 == 0,
                    kind: io::ErrorKind::StorageFull,
                    short: call % 3 == 0,
                }));
                let compacted = folder.compact(&history);
                if disk.failed() == 0 {
                    break;
                }
                row.within(format!("history {number}, new {of_new}, call {call}"));
                row.case(whole(&folder, &history, &compacted, !of_new));
            }
        }
        for call in 0..3 {
            let folder = Folder::new(start.clone(), Some(call));
            let compacted = folder.compact(&history);
            row.within(format!("history {number}, folder call {call}"));
            row.case(whole(&folder, &history, &compacted, false));
        }
    }
}

/// `may_go_well`: closing the old file when all is done may fail without harm.
fn whole(
    folder: &Folder,
    history: &History,
    compacted: &Result<(), StoreError>,
    may_go_well: bool,
) -> Result<(), String> {
    if compacted.is_ok() && !may_go_well {
        return Err("it says that all went well".to_owned());
    }
    verify(history, folder.content(), STEPS..=STEPS).map(drop)
}

#[test]
fn r16_a_fresh_copy_takes_the_place_in_one_step() {
    let mut row = Row::new("R16");
    lose_power(&mut row, by_form(20, 400));
    fail(&mut row, by_form(1, 10));
    row.finish(by_form(300, 4_000));
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R16");
    lose_power(&mut row, 10);
    row.violations() > 0
}
