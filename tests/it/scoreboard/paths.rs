//! R21: what becomes of the path of an open archive. After its file was removed, moved, replaced or written over, no
//! write to it is acknowledged for long, the error says where what was acknowledged still is, and nobody else is
//! kept from working.

/// The process that writes.
mod process;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use sessiondb::testing::{Bug, create_file};
use sessiondb::{Archive, StoreError};

pub(super) use self::process::live;
use self::process::{Life, MANY, Order, SEGMENT, SESSION, Word};
use super::child::{Child, Task};
use super::row::{Row, by_form};
use crate::scratch::Scratch;

/// So short that folding never ends while somebody writes.
const JOURNAL_BYTES: u64 = 16 << 10;

/// What happens to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Removed,
    Moved,
    /// Another archive is moved over it.
    Replaced,
    /// It is moved away, and a new archive made in its place.
    Remade,
    /// It has two names, and the one by which it was opened goes.
    OneNameGone,
    /// It was opened by a symbolic link, which then leads to another archive.
    LinkTurned,
    /// Another archive is copied over it.
    CopiedOver,
    Garbage,
    CutOff,
    CutInJournal,
    /// It gets a second name, which changes nothing.
    Linked,
}

const EVENTS: [Event; 11] = [
    Event::Removed,
    Event::Moved,
    Event::Replaced,
    Event::Remade,
    Event::OneNameGone,
    Event::LinkTurned,
    Event::CopiedOver,
    Event::Garbage,
    Event::CutOff,
    Event::CutInJournal,
    Event::Linked,
];

impl Event {
    /// Whether the file is as it was, under whatever name.
    fn leaves_the_file(self) -> bool {
        !matches!(
            self,
            Self::CopiedOver | Self::Garbage | Self::CutOff | Self::CutInJournal
        )
    }
}

/// One file, and what it meets.
struct Case {
    event: Event,
    life: Life,
    /// Whether the handle is at work meanwhile, folding again and again.
    at_work: bool,
    scratch: Scratch,
    /// Where the file is at first, which is not the path if that is a link.
    file: PathBuf,
    other: PathBuf,
    away: PathBuf,
}

impl Case {
    fn new(event: Event, synced: bool, exclusive: bool, at_work: bool) -> Self {
        let scratch = Scratch::new();
        let (file, other, away) = (scratch.fresh(), scratch.fresh(), scratch.fresh());
        create_file(&file, JOURNAL_BYTES).expect("an archive");
        create_file(&other, JOURNAL_BYTES).expect("an archive");
        let another = Archive::open(&other).expect("it opens");
        another
            .log(SESSION, SEGMENT)
            .append(&"of the other")
            .expect("an entry");
        another.close().expect("it closes");
        let mut path = file.clone();
        if event == Event::LinkTurned {
            path = scratch.fresh();
            link(&file, &path);
        }
        if event == Event::OneNameGone {
            std::fs::hard_link(&file, &away).expect("a second name");
        }
        let life = Life {
            path,
            synced,
            exclusive,
            bug: false,
        };
        Self {
            event,
            life,
            at_work,
            scratch,
            file,
            other,
            away,
        }
    }

    fn happen(&self) {
        let Self {
            file, other, away, ..
        } = self;
        let path = &self.life.path;
        let happened = match self.event {
            Event::Removed | Event::OneNameGone => std::fs::remove_file(file),
            Event::Moved => std::fs::rename(file, away),
            Event::Replaced => std::fs::rename(other, file),
            Event::Remade => {
                std::fs::rename(file, away).and_then(|()| std::fs::rename(other, file))
            }
            Event::LinkTurned => std::fs::remove_file(path).map(|()| link(other, path)),
            Event::CopiedOver => std::fs::copy(other, file).map(drop),
            Event::Garbage => over(file).and_then(|mut file| file.write_all(&vec![7; 100_000])),
            Event::CutOff => over(file).and_then(|file| file.set_len(0)),
            Event::CutInJournal => over(file).and_then(|file| file.set_len(9_000)),
            Event::Linked => std::fs::hard_link(file, away),
        };
        happened.expect("it happens");
    }

    fn run(&self) -> Result<(), String> {
        let mut child = Child::start(Task::Path, &self.life);
        let mut seen = Acknowledged::default();
        seen.hear(&mut child)?;
        for _ in 0..5 {
            seen.ask(&mut child, &Order::Append)?;
        }
        if self.at_work {
            child.tell(&Order::AppendOn);
            for _ in 0..40 {
                seen.hear(&mut child)?;
            }
        }
        self.happen();
        if self.event == Event::Linked {
            return self.go_on(&mut child, &mut seen);
        }
        let refused = self.refused(&mut child, &mut seen)?;
        if self.event == Event::CutInJournal && self.at_work {
            // What the handle writes makes the file longer again, so that it may find damage instead.
            seen.ask(&mut child, &Order::Close)?;
            return Ok(());
        }
        let Word::Refused {
            displaced: true,
            file,
            text,
        } = refused
        else {
            return Err(format!("not told that the file is displaced: {refused:?}"));
        };
        self.verify_named(file.as_deref(), &text, &seen)?;
        self.others_work(&mut child, &seen)?;
        match seen.ask(&mut child, &Order::Close)? {
            Word::Refused {
                displaced: true, ..
            } => Ok(()),
            word => Err(format!("closing it: {word:?}")),
        }?;
        self.other_is_whole()
    }

    /// What the process is told once it is told no.
    fn refused(&self, child: &mut Child, seen: &mut Acknowledged) -> Result<Word, String> {
        if self.at_work {
            loop {
                match seen.hear(child)? {
                    Word::Stored(index) if index == 5 + MANY => {
                        return Err("it goes on and on".to_owned());
                    }
                    Word::Stored(_) => {}
                    word => return Ok(word),
                }
            }
        }
        match seen.ask(child, &Order::Append)? {
            Word::Stored(_) if !self.life.synced => {}
            answer => return Ok(answer),
        }
        seen.ask(child, &Order::Sync)
    }

    /// What was acknowledged is in the file that the error names.
    fn verify_named(
        &self,
        file: Option<&Path>,
        text: &str,
        seen: &Acknowledged,
    ) -> Result<(), String> {
        if !self.event.leaves_the_file() {
            return Ok(());
        }
        let moved = match self.event {
            Event::Moved | Event::Remade => Some(&self.away),
            Event::LinkTurned => Some(&self.file),
            _ => None,
        };
        let Some(file) = file else {
            return if cfg!(target_os = "linux") {
                Err(format!("no file is named: {text}"))
            } else {
                Ok(())
            };
        };
        if !text.contains(&file.display().to_string()) {
            return Err(format!("{} is not in the message: {text}", file.display()));
        }
        if let Some(moved) = moved
            && file.canonicalize().ok() != moved.canonicalize().ok()
        {
            return Err(format!(
                "{} in place of {}",
                file.display(),
                moved.display()
            ));
        }
        // A copy, since the handle may keep the file to itself.
        let copy = self.scratch.path().join("copy.sessiondb");
        std::fs::copy(file, &copy).map_err(|err| format!("{}: {err}", file.display()))?;
        seen.verify(&copy)
    }

    /// Neither those who open the path now wait for the handle, nor this process at the file's new name.
    fn others_work(&self, child: &mut Child, seen: &Acknowledged) -> Result<(), String> {
        if self.event.leaves_the_file() {
            let path = &self.life.path;
            let archive = Archive::open(path).map_err(|err| format!("to another: {err}"))?;
            let log = archive.log(SESSION, SEGMENT);
            log.append(&"of another")
                .map_err(|err| format!("to another: {err}"))?;
            archive
                .close()
                .map_err(|err| format!("to another: {err}"))?;
        }
        let moved = matches!(
            self.event,
            Event::Moved | Event::Remade | Event::OneNameGone
        );
        if moved && !self.life.exclusive {
            let mut beside = Acknowledged {
                entries: seen.entries.clone(),
            };
            match beside.ask(child, &Order::AppendAt(self.away.clone()))? {
                Word::Stored(_) => beside.verify(&self.away)?,
                word => return Err(format!("where the file is now: {word:?}")),
            }
        }
        Ok(())
    }

    /// An archive that was copied over the file is not written to.
    fn other_is_whole(&self) -> Result<(), String> {
        if self.event != Event::CopiedOver || self.at_work {
            return Ok(());
        }
        let failed = |err: StoreError| format!("what was copied over it: {err}");
        let archive = Archive::open(&self.life.path).map_err(failed)?;
        let report = archive.check(None).map_err(failed)?;
        let len = archive.log(SESSION, SEGMENT).len().map_err(failed)?;
        if !report.is_clean() || len != 1 {
            return Err(format!(
                "what was copied over it has {len} entries: {report:?}"
            ));
        }
        Ok(())
    }

    /// Two names are one archive.
    fn go_on(&self, child: &mut Child, seen: &mut Acknowledged) -> Result<(), String> {
        if self.at_work {
            while !matches!(seen.hear(child)?, Word::Stored(index) if index == 5 + MANY) {}
        }
        for order in [Order::Append, Order::Sync, Order::Checkpoint, Order::Append] {
            if let Word::Refused { text, .. } = seen.ask(child, &order)? {
                return Err(text);
            }
        }
        if !self.life.exclusive {
            let failed = |err: StoreError| format!("by the second name: {err}");
            let archive = Archive::open(&self.away).map_err(failed)?;
            archive.log(SESSION, SEGMENT).append(&"x").map_err(failed)?;
            drop(archive);
        }
        if let Word::Refused { text, .. } = seen.ask(child, &Order::Close)? {
            return Err(text);
        }
        seen.verify(&self.away)
    }
}

fn over(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).open(path)
}

fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).expect("a symbolic link");
}

/// What the process was told is done, by place.
#[derive(Debug, Default)]
struct Acknowledged {
    entries: BTreeMap<u64, u64>,
}

impl Acknowledged {
    fn ask(&mut self, child: &mut Child, order: &Order) -> Result<Word, String> {
        child.tell(order);
        self.hear(child)
    }

    fn hear(&mut self, child: &mut Child) -> Result<Word, String> {
        let word = child.hear().ok_or("the process ended early")?;
        if let Word::Stored(index) = word {
            let number = self.entries.len() as u64;
            self.entries.insert(index, number);
        }
        Ok(word)
    }

    fn verify(&self, path: &Path) -> Result<(), String> {
        let failed = |err: StoreError| format!("{}: {err}", path.display());
        let archive = Archive::options()
            .create(false)
            .open(path)
            .map_err(failed)?;
        let entries = archive.log(SESSION, SEGMENT).read(..).map_err(failed)?;
        let found = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        for (index, number) in &self.entries {
            let entry = usize::try_from(*index).ok().and_then(|at| found.get(at));
            let wanted = format!("[{number},");
            if !entry.is_some_and(|entry| entry.as_str().starts_with(&wanted)) {
                return Err(format!(
                    "entry {index} was acknowledged and is not in {}",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

#[test]
fn r21_nothing_is_acknowledged_where_nobody_finds_it() {
    let mut row = Row::new("R21");
    let mut met = BTreeMap::<_, u64>::new();
    for _ in 0..by_form(1, 6) {
        for (event, number) in EVENTS.into_iter().zip(0..) {
            // Of the eight kinds of handles the quick form takes two for each event, and each for some event.
            let two = vec![number % 4, 4 + (number + 1) % 4];
            for kind in by_form(two, (0..8).collect()) {
                let (synced, exclusive, at_work) = (kind & 1 == 0, kind & 2 != 0, kind & 4 != 0);
                row.within(format!(
                    "{event:?}, synced {synced}, exclusive {exclusive}, at work {at_work}"
                ));
                row.case(Case::new(event, synced, exclusive, at_work).run());
                *met.entry((synced, exclusive, at_work)).or_default() += 1;
            }
        }
    }
    println!("R21: handles by synced, exclusive, at work: {met:?}");
    assert_eq!(met.len(), 8, "a kind of handle was never met");
    row.finish(by_form(22, 528));
}

/// Whether a handle that never looks at its path again is found.
pub(super) fn catches(_bug: Bug) -> bool {
    [Event::Removed, Event::CopiedOver]
        .into_iter()
        .all(|event| {
            let mut case = Case::new(event, true, false, false);
            case.life.bug = true;
            case.run().is_err()
        })
}
