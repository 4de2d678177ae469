//! Machines at a folder, and what their calls ask of it. Whoever reads is a process of its own, so that its memory is known.

use std::error::Error;
use std::fmt;
use std::path::Path as FilePath;
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sessiondb::{Archive, Durability, new_segment_id};
use sessiondb_remote::{GcOptions, PullOptions, Remote, gc, listing, pull, push};
use tokio::runtime::{Builder, Runtime};

use crate::shared::counted::{Counted, Counts};
use crate::shared::machine::machine_of;

/// The first word of the arguments of a process that reads.
pub(crate) const READER: &str = "--reader";
/// So often each machine pushes one more turn before it is measured.
const ROUNDS: u64 = 2;

/// How many machines there are, and how many sessions each has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) machines: u64,
    pub(crate) sessions: u64,
}

impl FromStr for Size {
    type Err = Box<dyn Error>;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let (machines, sessions) = word.split_once('x').ok_or("a size is MACHINESxSESSIONS")?;
        Ok(Self {
            machines: machines.parse()?,
            sessions: sessions.parse()?,
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.machines, self.sessions)
    }
}

/// What was measured, by what it is.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) rows: Vec<(String, f64)>,
}

impl Measured {
    pub(crate) fn value(&self, name: &str) -> f64 {
        let row = self.rows.iter().find(|(what, _)| what == name);
        row.map_or(0.0, |(_, value)| *value)
    }

    fn pushes(&mut self, call: &str, counts: Counts, seconds: f64) {
        for (what, value) in [
            ("puts", counts.puts),
            ("lists", counts.lists),
            ("gets", counts.gets),
            ("bytes out", counts.sent),
            ("bytes in", counts.received),
        ] {
            self.rows.push((format!("{call}, {what}"), real(value)));
        }
        self.rows.push((format!("{call}, seconds"), seconds));
    }

    fn read(&mut self, call: &str, read: &Read) {
        for (what, value) in [
            ("lists", real(read.counts.lists)),
            ("gets", real(read.counts.gets)),
            ("bytes in", real(read.counts.received)),
            ("seconds", read.seconds),
            ("MiB of memory", real(read.peak_kib) / 1024.0),
        ] {
            self.rows.push((format!("{call}, {what}"), value));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nothing here has so many digits"
)]
pub(crate) fn real(number: u64) -> f64 {
    number as f64
}

/// Measures one size.
pub(crate) fn run(size: Size) -> Result<Measured, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let shared = folder.path().join("shared");
    let reader = |call| ask(call, &shared, &folder.path().join("reader.sessiondb"));
    let mut world = World::new(&shared)?;
    let mut measured = Measured::default();
    for machine in 0..size.machines {
        world.machines.push(machine_of(machine, size.sessions)?);
    }
    let (counts, seconds) = world.push_all()?;
    measured.pushes("first push of each", counts, seconds);
    for _ in 0..ROUNDS {
        world.turn_of_each()?;
        world.push_all()?;
    }
    world.turn_of_each()?;
    let (counts, seconds) = world.push_all()?;
    measured.pushes("push of a turn each", counts, seconds);
    let (counts, seconds) = world.push_all()?;
    measured.pushes("push of nothing each", counts, seconds);
    measured.read("listing", &reader("listing")?);
    measured.read("pull of all", &reader("pull")?);
    world.turn_of_each()?;
    world.push_all()?;
    measured.read("pull of a turn each", &reader("pull")?);
    measured.read("pull of nothing", &reader("pull")?);
    measured.read("gc", &reader("gc")?);
    for (what, folder) in [("manifests", "m"), ("bases", "b"), ("packs", "p")] {
        let (files, bytes) = stored(&shared.join("v1").join(folder))?;
        measured.rows.push((format!("stored, {what}"), real(files)));
        let row = (format!("stored, bytes of {what}"), real(bytes));
        measured.rows.push(row);
    }
    Ok(measured)
}

/// The machines that push.
struct World {
    runtime: Runtime,
    store: Arc<Counted>,
    remote: Remote,
    machines: Vec<Archive>,
}

impl World {
    fn new(shared: &FilePath) -> Result<Self, Box<dyn Error>> {
        std::fs::create_dir_all(shared)?;
        let store = Arc::new(Counted::new(LocalFileSystem::new_with_prefix(shared)?));
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            remote: Remote::new(store.clone(), Path::default(), "file:///shared"),
            store,
            machines: Vec::new(),
        })
    }

    /// Each goes on with its first session.
    fn turn_of_each(&self) -> Result<(), Box<dyn Error>> {
        for archive in &self.machines {
            let Some(session) = archive.sessions()?.next().transpose()? else {
                continue;
            };
            if let Some(segment) = archive.segments(session.id)?.next().transpose()? {
                let text = "And why does the total look so off?";
                let turn = json!({"type": "user", "uuid": new_segment_id(), "text": text});
                archive.log(session.id, segment.id).append(&turn)?;
            }
        }
        Ok(())
    }

    fn push_all(&self) -> Result<(Counts, f64), Box<dyn Error>> {
        self.store.take();
        let begun = Instant::now();
        for archive in &self.machines {
            self.runtime.block_on(push(archive, &self.remote, None))?;
        }
        Ok((self.store.take(), begun.elapsed().as_secs_f64()))
    }
}

/// What a process that reads tells.
#[derive(Serialize, Deserialize)]
struct Read {
    counts: Counts,
    seconds: f64,
    peak_kib: u64,
}

fn ask(call: &str, shared: &FilePath, archive: &FilePath) -> Result<Read, Box<dyn Error>> {
    let mut reader = Command::new(std::env::current_exe()?);
    let output = reader
        .args([READER, call])
        .args([shared, archive])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The process that reads: a call, the folder, and an archive to pull into.
pub(crate) fn reader(words: &[String]) -> Result<(), Box<dyn Error>> {
    let [call, shared, archive] = words else {
        return Err("a call, a folder and an archive are needed".into());
    };
    let world = World::new(FilePath::new(shared))?;
    let (begun, remote) = (Instant::now(), &world.remote);
    match &**call {
        "listing" => drop(world.runtime.block_on(listing(remote))?),
        "gc" => {
            let options = GcOptions::new().dry_run(true);
            world.runtime.block_on(gc(remote, &options))?;
        }
        _ => {
            let options = Archive::options().create(true);
            let archive = options.durability(Durability::Written).open(archive)?;
            let all = PullOptions::new();
            world.runtime.block_on(pull(&archive, remote, &all, None))?;
            archive.close()?;
        }
    }
    let read = Read {
        counts: world.store.take(),
        seconds: begun.elapsed().as_secs_f64(),
        peak_kib: peak_kib(),
    };
    println!("{}", serde_json::to_string(&read)?);
    Ok(())
}

/// The most memory that this process had, where the system tells; else 0.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = peak.and_then(|peak| peak.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How many files there are below a folder, and their bytes.
fn stored(folder: &FilePath) -> std::io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    // Small states have no base.
    let entries = folder.is_dir().then(|| std::fs::read_dir(folder));
    for entry in entries.transpose()?.into_iter().flatten() {
        let entry = entry?;
        let found = if entry.file_type()?.is_dir() {
            stored(&entry.path())?
        } else {
            (1, entry.metadata()?.len())
        };
        files += found.0;
        bytes += found.1;
    }
    Ok((files, bytes))
}
