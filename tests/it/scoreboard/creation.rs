//! R3: at every crash point of a creation, and after every failed call, the archive is absent or
//! whole.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use sessiondb::testing::{Bug, Place, StorageBackend, create_in};
use sessiondb::{Durability, StoreError};

use super::crash_oracle::verify;
use super::disk::{Disk, Fault, Pages};
use super::history::History;
use super::power::crashes;
use super::row::{Dice, Row, by_form};

const JOURNAL_BYTES: u64 = 16 << 10;

/// A folder with one file, whose own calls can fail as well.
struct Folder {
    disk: Arc<Disk>,
    /// When the file got its name, by the events before.
    published: Cell<Option<usize>>,
    /// When that name was made to last.
    synced: Cell<Option<usize>>,
    /// Which call on the folder fails.
    fails: Option<u32>,
    calls: Cell<u32>,
}

impl Folder {
    fn new(fails: Option<u32>) -> Self {
        Self {
            disk: Disk::new(Pages::default()),
            published: Cell::new(None),
            synced: Cell::new(None),
            fails,
            calls: Cell::new(0),
        }
    }

    fn create(&self) -> Result<(), StoreError> {
        create_in(self, JOURNAL_BYTES)
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
        let disk: Arc<dyn StorageBackend> = Arc::<Disk>::clone(&self.disk);
        Ok(disk)
    }

    fn publish(&self) -> io::Result<()> {
        self.call()?;
        self.published.set(Some(self.disk.now()));
        Ok(())
    }

    fn replace(&self) -> io::Result<()> {
        self.publish()
    }

    fn remove_first_name(&self) -> io::Result<()> {
        self.call()
    }

    fn sync(&self) -> io::Result<()> {
        self.call()?;
        self.synced.set(Some(self.disk.now()));
        Ok(())
    }
}

fn nothing() -> History {
    History::of(Vec::new(), Durability::Synced)
}

/// Power is lost at every event of a creation. From the moment of its publication on the name may
/// be there, and then it must be a whole archive that is.
fn lose_power(row: &mut Row) {
    let folder = Folder::new(None);
    folder.create().expect("a disk that works");
    let published = folder.published.get().expect("it was published");
    let events = folder.disk.events();
    let mut dice = Dice::new(super::row::seed());
    crashes(
        &Pages::default(),
        (&events, 0),
        &mut dice,
        by_form(40, 1000),
        |crash, image| {
            let named = crash.after >= published;
            let whole = verify(&nothing(), image, 0..=0);
            row.case(match whole {
                Err(err) if named => Err(format!("{crash}: {err}")),
                _ => Ok(()),
            });
            true
        },
    );
}

/// A failed call leaves nothing under the name, or a whole archive, and creating says that it
/// failed.
fn fail(row: &mut Row) {
    for call in 0.. {
        let folder = Folder::new(None);
        folder.disk.set_fault(Some(Fault {
            at_call: call,
            from_then_on: call % 2 == 0,
            kind: io::ErrorKind::StorageFull,
            short: call % 3 == 0,
        }));
        let created = folder.create();
        if folder.disk.failed() == 0 {
            break;
        }
        row.case(absent_or_whole(&folder, &created).map_err(|err| format!("call {call}: {err}")));
    }
    for call in 0..4 {
        let folder = Folder::new(Some(call));
        let created = folder.create();
        let outcome = match (call, &created) {
            // What is left behind under the first name is removed by a later creation.
            (2, Err(err)) => Err(format!("an old name kept it from being made: {err}")),
            (2, Ok(())) => Ok(()),
            _ => absent_or_whole(&folder, &created),
        };
        row.case(outcome.map_err(|err| format!("folder call {call}: {err}")));
    }
}

fn absent_or_whole(folder: &Folder, created: &Result<(), StoreError>) -> Result<(), String> {
    if created.is_ok() {
        return Err("it says that the archive was made".to_owned());
    }
    match folder.published.get() {
        None => Ok(()),
        Some(_) => verify(&nothing(), folder.disk.content(), 0..=0).map(drop),
    }
}

#[test]
fn r03_a_creation_leaves_nothing_or_a_whole_archive() {
    let mut row = Row::new("R3");
    lose_power(&mut row);
    fail(&mut row);
    row.finish(100);
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R3");
    lose_power(&mut row);
    row.violations() > 0
}
