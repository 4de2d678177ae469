//! The workloads, how large each is, and what they share.

mod append;
mod delete;
mod fork;
mod moving;
mod open;
mod parallel;
mod size;
mod space;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::entries::{ENTRY_BYTES, Limit, Writer, entry};
use crate::logs::Logs;
use crate::report::{Rounds, Section};
use crate::systems::{Kind, System};

/// A measurement with a name to ask for it.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Lab) -> Result<Section>,
}

/// All of them, in the order in which they run.
pub(crate) static WORKLOADS: &[Workload] = &[
    Workload {
        name: "written",
        about: "appends that survive the process, one thread",
        run: append::written,
    },
    Workload {
        name: "synced",
        about: "appends that survive power loss, one thread",
        run: append::synced,
    },
    Workload {
        name: "threads",
        about: "synced appends from 16 threads",
        run: parallel::threads,
    },
    Workload {
        name: "processes",
        about: "synced appends from two processes",
        run: parallel::processes,
    },
    Workload {
        name: "bytes",
        about: "bytes written for each append",
        run: size::bytes,
    },
    Workload {
        name: "scale",
        about: "appends to a large archive against a small one",
        run: size::scale,
    },
    Workload {
        name: "reads",
        about: "count and last entry of a long segment",
        run: open::reads,
    },
    Workload {
        name: "recovery",
        about: "opening after the writer was killed",
        run: open::recovery,
    },
    Workload {
        name: "stalls",
        about: "the slowest appends of a long row",
        run: append::stalls,
    },
    Workload {
        name: "memory",
        about: "resident memory of a process that appends",
        run: size::memory,
    },
    Workload {
        name: "move",
        about: "import and export of sessions shaped like real ones",
        run: moving::moving,
    },
    Workload {
        name: "size",
        about: "what the same sessions take on disk",
        run: space::size,
    },
    Workload {
        name: "fork",
        about: "forks of a segment of 10 MB",
        run: fork::fork,
    },
    Workload {
        name: "delete",
        about: "removing half of the sessions, and getting the space back",
        run: delete::delete,
    },
];

impl Workload {
    /// The workload called `name`.
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        let names = || {
            let names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
            names.join(", ")
        };
        WORKLOADS
            .iter()
            .find(|workload| workload.name == name)
            .ok_or_else(|| format!("there is no workload {name:?}; there are {}", names()).into())
    }
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Quick,
    Default,
    Full,
}

/// Where the files are, and how much is done.
pub(crate) struct Lab<'a> {
    root: &'a Path,
    mode: Mode,
    /// Logs to take in place of generated ones.
    data: Option<&'a Path>,
}

/// Entries of a segment of a filled archive.
const SEGMENT_ENTRIES: u64 = 1000;

impl<'a> Lab<'a> {
    /// A lab with its files in `root`.
    pub(crate) fn new(root: &'a Path, mode: Mode, data: Option<&'a Path>) -> Self {
        Self { root, mode, data }
    }

    /// Removes the files of a workload.
    pub(crate) fn clear(&self, workload: &str) -> Result<()> {
        match self.root.join(workload) {
            dir if dir.exists() => Ok(fs::remove_dir_all(dir)?),
            _ => Ok(()),
        }
    }

    /// A fresh folder for one system of a workload.
    fn dir(&self, workload: &str, kind: Kind) -> Result<PathBuf> {
        let dir = self.root.join(workload).join(kind.word());
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// The folder of a workload, which is made if it is not there.
    fn folder(&self, workload: &str) -> Result<PathBuf> {
        let dir = self.root.join(workload);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// The logs of whole archives, made anew for whoever asks.
    fn logs(&self) -> Result<Logs> {
        let folder = self.root.join("logs");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        match self.data {
            Some(data) => Logs::copy(&folder, data),
            None => Logs::generate(&folder, self.pick(30_000_000, 100_000_000, 300_000_000)),
        }
    }

    /// The value for the mode.
    fn pick<T>(&self, quick: T, default: T, full: T) -> T {
        match self.mode {
            Mode::Quick => quick,
            Mode::Default => default,
            Mode::Full => full,
        }
    }

    /// The limit of a round: so many appends, or if they are slow, so many milliseconds.
    fn limit(&self, quick: (u64, u64), default: (u64, u64)) -> Limit {
        let (appends, millis) = self.pick(quick, default, default);
        Limit {
            appends,
            time: Duration::from_millis(millis),
        }
    }

    /// The folder of the large archive and its number of segments. It is made by the first that
    /// asks; the segments numbered after those are free to use.
    fn large(&self) -> Result<(PathBuf, u64)> {
        let segments = self.pick(50, 200, 5000);
        let dir = self.root.join("large");
        if !dir.exists() {
            fs::create_dir(&dir)?;
            fill_archive(&dir, segments)?;
        }
        Ok((dir, segments))
    }
}

/// Makes an archive of `segments` segments, and checks that all is there.
fn fill_archive(dir: &Path, segments: u64) -> Result<()> {
    let system = Kind::Written.open(dir)?;
    for segment in 0..segments {
        fill(&*system, segment, SEGMENT_ENTRIES, ENTRY_BYTES)?;
    }
    for segment in 0..segments {
        if system.count(segment)? != SEGMENT_ENTRIES {
            return Err(format!("segment {segment} was not filled").into());
        }
    }
    system.close()?;
    settle(dir)
}

/// Syncs the files of a filled system, which would otherwise be written back in the middle of what
/// is measured next.
fn settle(dir: &Path) -> Result<()> {
    for file in fs::read_dir(dir)? {
        File::open(file?.path())?.sync_all()?;
    }
    Ok(())
}

/// Fills a new segment with `count` entries of `len` bytes.
fn fill(system: &dyn System, segment: u64, count: u64, len: usize) -> Result<()> {
    let chunk = (4 << 20) / len;
    let mut indexes = 0..count;
    loop {
        let entries: Vec<_> = indexes
            .by_ref()
            .take(chunk)
            .map(|index| entry(segment, index, len))
            .collect();
        if entries.is_empty() {
            return Ok(());
        }
        system.append_many(segment, &entries)?;
    }
}

/// A system with one writer, and the times of its rounds.
struct Subject {
    kind: Kind,
    system: Box<dyn System>,
    writer: Writer,
    rounds: Rounds,
}

/// Lets each system append in turn, round by round, and reads all of it back. The first round warms
/// up.
fn side_by_side(
    lab: &Lab,
    workload: &str,
    kinds: &[Kind],
    rounds: usize,
    limit: Limit,
) -> Result<Vec<(Kind, Rounds)>> {
    let mut subjects = Vec::new();
    for &kind in kinds {
        let system = kind.open(&lab.dir(workload, kind)?)?;
        subjects.push(Subject {
            kind,
            writer: Writer::new(&*system, 0, 0)?,
            system,
            rounds: Rounds::default(),
        });
    }
    for round in 0..=rounds {
        for subject in &mut subjects {
            let times = subject.writer.run(limit)?;
            if round > 0 {
                subject.rounds.push(&times);
            }
        }
    }
    let mut results = Vec::new();
    for subject in subjects {
        subject.writer.verify(&*subject.system)?;
        subject.system.close()?;
        results.push((subject.kind, subject.rounds));
    }
    Ok(results)
}

/// The rounds of `kind`.
fn of(results: &[(Kind, Rounds)], kind: Kind) -> Result<&Rounds> {
    let found = results.iter().find(|(of, _)| *of == kind);
    Ok(&found.ok_or("a system is missing from the results")?.1)
}
