//! The workloads, how large each is, and what they share.

mod append;
mod bytes;
mod delete;
mod fork;
mod growth;
mod list;
mod memory;
mod moving;
mod open;
mod processes;
mod read;
mod restore;
mod size;
mod small_reads;
mod sustained;
mod truncate;
mod turn;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::entries::Limit;
use crate::figures::{Rounds, Section};
use crate::logs::{Logs, files};
use crate::systems::{Engine, Promise, System};

/// A measurement with a name to ask for it.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn(&Lab<'_>, &'static str) -> Result<Section>,
}

/// All of them, in the order in which they run.
pub(crate) static WORKLOADS: &[Workload] = &[
    Workload {
        name: "append-synced",
        about: "appends that survive the loss of power, by 1, 4 and 16 threads",
        run: append::synced,
    },
    Workload {
        name: "append-written",
        about: "appends that survive the death of the process, by 1, 4 and 16 threads",
        run: append::written,
    },
    Workload {
        name: "sustained",
        about: "appends in a row without a pause, checkpoints and compactions included",
        run: sustained::sustained,
    },
    Workload {
        name: "processes",
        about: "appends by 1, 2 and 4 processes",
        run: processes::processes,
    },
    Workload {
        name: "turn",
        about: "the seven entries of an agent's turn, and streamed traces",
        run: turn::turn,
    },
    Workload {
        name: "bytes",
        about: "bytes that the process writes for each append",
        run: bytes::bytes,
    },
    Workload {
        name: "memory",
        about: "resident memory of a process that appends",
        run: memory::memory,
    },
    Workload {
        name: "move",
        about: "import and export of whole logs",
        run: moving::moving,
    },
    Workload {
        name: "read",
        about: "a whole segment, raw and typed",
        run: read::read,
    },
    Workload {
        name: "small-reads",
        about: "count, last entry and last 20 of 100,000",
        run: small_reads::small_reads,
    },
    Workload {
        name: "list",
        about: "listing 10,000 sessions, and finding the session of a segment",
        run: list::list,
    },
    Workload {
        name: "restore",
        about: "the state that the entries of a segment add up to",
        run: restore::restore,
    },
    Workload {
        name: "fork",
        about: "forks at the end of a segment of 10 MB",
        run: fork::fork,
    },
    Workload {
        name: "truncate",
        about: "cutting off the last two entries",
        run: truncate::truncate,
    },
    Workload {
        name: "delete",
        about: "removing sessions, and getting their space back",
        run: delete::delete,
    },
    Workload {
        name: "open",
        about: "opening after a close and after SIGKILL",
        run: open::open,
    },
    Workload {
        name: "size",
        about: "what the same sessions take on the disk",
        run: size::size,
    },
    Workload {
        name: "growth",
        about: "what each operation costs as the store grows",
        run: growth::growth,
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

    /// Runs it, and removes its files.
    pub(crate) fn run(&self, lab: &Lab<'_>) -> Result<Section> {
        let section = (self.run)(lab, self.name).map_err(|error| format!("{}: {error}", self.name));
        lab.clear(self.name)?;
        Ok(section?)
    }
}

/// Where the files are, and how much is done.
pub(crate) struct Lab<'a> {
    root: &'a Path,
    quick: bool,
    /// Logs to take in place of generated ones.
    data: Option<&'a Path>,
    /// Is told what is being done.
    tell: &'a dyn Fn(&str),
}

impl<'a> Lab<'a> {
    /// A lab with its files in `root`.
    pub(crate) fn new(
        root: &'a Path,
        quick: bool,
        data: Option<&'a Path>,
        tell: &'a dyn Fn(&str),
    ) -> Self {
        Self {
            root,
            quick,
            data,
            tell,
        }
    }

    /// Removes the files of a workload, or of a part of it.
    fn clear(&self, part: &str) -> Result<()> {
        match self.root.join(part) {
            dir if dir.exists() => Ok(fs::remove_dir_all(dir)?),
            _ => Ok(()),
        }
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
            None => Logs::generate(&folder, self.pick(30_000_000, 100_000_000)),
        }
    }

    /// Entries one after another of together at least `bytes` as JSONL, or `limit` entries if that
    /// is less: those of the logs, from the front again if there are too few.
    fn entries(&self, bytes: usize, limit: usize) -> Result<Vec<Vec<u8>>> {
        let logs = self.logs()?;
        let (mut entries, mut len) = (Vec::new(), 0);
        loop {
            for file in &logs.files {
                for entry in logs.entries(file)? {
                    len += entry.len() + 1;
                    entries.push(entry);
                    if len >= bytes || entries.len() == limit {
                        return Ok(entries);
                    }
                }
            }
        }
    }

    /// The value for a quick run, or the one for a whole run.
    fn pick<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// The limit of a round: so many times, or if they are slow, so many milliseconds.
    fn limit(&self, quick: (u64, u64), whole: (u64, u64)) -> Limit {
        let (times, millis) = self.pick(quick, whole);
        Limit {
            times,
            time: Duration::from_millis(millis),
        }
    }

    /// Says which system is at work.
    fn tell(&self, engine: Engine) {
        (self.tell)(engine.name());
    }

    /// Opens each of `engines` that has the promise, in a folder of its own.
    fn open(&self, part: &str, engines: &[Engine], promise: Promise) -> Result<Vec<Subject>> {
        let engines = engines.iter().filter(|engine| engine.promises(promise));
        engines
            .map(|&engine| Subject::open(engine, promise, self.folder(part)?.join(engine.name())))
            .collect()
    }

    /// The same, to be read: the promise of what was written does not matter then.
    fn open_for_reads(&self, part: &str, engines: &[Engine]) -> Result<Vec<Subject>> {
        let open = |&engine: &Engine| {
            let dir = self.folder(part)?.join(engine.name());
            Subject::open(engine, for_reads(engine), dir)
        };
        engines.iter().map(open).collect()
    }
}

/// The systems that reads are measured with: how an archive is shared matters to what it looks at.
const READERS: [Engine; 7] = Engine::ALL;

/// One setup for each store: where a column for exclusive archives would say the same.
const STORES: [Engine; 6] = [
    Engine::Sessiondb,
    Engine::Jsonl,
    Engine::Sqlite,
    Engine::Lmdb,
    Engine::Fjall,
    Engine::Redb,
];

/// The cheapest promise that a system has, where nothing hangs on it.
fn for_reads(engine: Engine) -> Promise {
    if engine.promises(Promise::Written) {
        Promise::Written
    } else {
        Promise::Synced
    }
}

/// A system at work.
struct Subject {
    engine: Engine,
    promise: Promise,
    dir: PathBuf,
    /// Nothing while it is closed.
    system: Option<Box<dyn System>>,
}

impl Subject {
    fn open(engine: Engine, promise: Promise, dir: PathBuf) -> Result<Self> {
        let mut subject = Self {
            engine,
            promise,
            dir,
            system: None,
        };
        subject.reopen()?;
        Ok(subject)
    }

    fn system(&self) -> Result<&dyn System> {
        Ok(self.system.as_deref().ok_or("the system is closed")?)
    }

    fn close(&mut self) -> Result<()> {
        self.system.take().map_or(Ok(()), System::close)
    }

    /// Opens it, closed first if it is open.
    fn reopen(&mut self) -> Result<()> {
        self.close()?;
        self.system = Some(self.engine.open(&self.dir, self.promise)?);
        Ok(())
    }

    /// Closes it, waits until the disk has all of it, and opens it again: what is measured next
    /// begins with nothing in flight.
    fn settle(&mut self) -> Result<()> {
        self.close()?;
        files::settle(&self.dir)?;
        self.reopen()
    }

    /// Lets it give back what is free, and returns how many bytes of its files are in use: pages of
    /// zeros are not.
    fn used_bytes(&mut self) -> Result<u64> {
        self.close()?;
        self.engine.reclaim(&self.dir)?;
        let used = files::used_bytes(&self.dir)?;
        self.reopen()?;
        Ok(used)
    }
}

/// Something to measure for each of some subjects, in turn.
struct InTurn<'a, S> {
    lab: &'a Lab<'a>,
    subjects: &'a mut [S],
    rounds: usize,
    /// How many rounds go before, and do not count.
    warm_up: usize,
}

impl<'a, S: AsRef<Subject>> InTurn<'a, S> {
    fn new(lab: &'a Lab<'a>, subjects: &'a mut [S], rounds: usize) -> Self {
        Self {
            lab,
            subjects,
            rounds,
            warm_up: 1,
        }
    }

    /// The times of each, in rounds in which all take their turn.
    fn times(
        self,
        each: impl FnMut(&mut S) -> Result<Vec<Duration>>,
    ) -> Result<Vec<(Engine, Rounds)>> {
        let floor = || Ok(Vec::new());
        Ok(self.times_and_floor(each, floor)?.0)
    }

    /// The same, with one more that takes its turn: what the machine would allow.
    fn times_and_floor(
        self,
        mut each: impl FnMut(&mut S) -> Result<Vec<Duration>>,
        mut floor: impl FnMut() -> Result<Vec<Duration>>,
    ) -> Result<(Vec<(Engine, Rounds)>, Rounds)> {
        let mut cells: Vec<_> = self
            .subjects
            .iter()
            .map(|subject| (subject.as_ref().engine, Rounds::default()))
            .collect();
        let mut floors = Rounds::default();
        for round in 0..self.warm_up + self.rounds {
            let counts = round >= self.warm_up;
            for (subject, (engine, rounds)) in self.subjects.iter_mut().zip(&mut cells) {
                self.lab.tell(*engine);
                let times = each(subject)?;
                if counts {
                    rounds.push(&times);
                }
            }
            let times = floor()?;
            if counts {
                floors.push(&times);
            }
        }
        Ok((cells, floors))
    }
}

impl AsRef<Self> for Subject {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// What was read has to be right, or the run ends with that message.
fn expect(right: bool, otherwise: &str) -> Result<()> {
    if right { Ok(()) } else { Err(otherwise.into()) }
}
