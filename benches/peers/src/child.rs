//! Workloads that need a process of their own: this program starts itself with the hidden
//! subcommand `child`, and the two talk in lines over stdin and stdout.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::entries::{Limit, Made, Writer, log};
use crate::systems::{Engine, Promise};

/// What a child does. All of them open the system in the directory first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Job {
    /// Says `ready`, waits for a line, appends for `millis`, then prints how many entries and
    /// nanoseconds that were.
    Race { segment: u64, millis: u64 },
    /// Appends for ever, and prints the number of entries after each append.
    UntilKilled { segment: u64 },
    /// Appends to `MEMORY_SEGMENTS` segments in turn, then prints how many entries, and the
    /// process's highest resident memory in KiB.
    Memory { appends: u64, millis: u64 },
    /// Restores the state of the segment of the workload `restore`, then prints how many entries,
    /// and the process's highest resident memory in KiB.
    Restore,
}

/// How many segments the job `Memory` writes.
pub(crate) const MEMORY_SEGMENTS: u64 = 20;

/// Does what the arguments behind `child` say.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let [job, engine, promise, dir, numbers @ ..] = args else {
        return Err("child takes a job, a system, a promise, a directory and numbers".into());
    };
    let promise = Promise::ALL
        .into_iter()
        .find(|known| known.name() == promise)
        .ok_or("there is no such promise")?;
    let store = Store {
        engine: Engine::named(engine)?,
        promise,
        dir: Path::new(dir),
    };
    let numbers: Vec<u64> = numbers
        .iter()
        .map(|number| number.parse())
        .collect::<Result<_, _>>()?;
    match (job.as_str(), numbers.as_slice()) {
        ("race", &[segment, millis]) => race(store, segment, millis),
        ("until-killed", &[segment]) => until_killed(store, segment),
        ("memory", &[appends, millis]) => memory(store, appends, millis),
        ("restore", &[]) => restore_state(store),
        _ => Err(format!("there is no job {job:?} with {} numbers", numbers.len()).into()),
    }
}

/// What a child opens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'a> {
    pub(crate) engine: Engine,
    pub(crate) promise: Promise,
    pub(crate) dir: &'a Path,
}

fn race(store: Store<'_>, segment: u64, millis: u64) -> Result<()> {
    let system = store.engine.open(store.dir, store.promise)?;
    let mut writer = Writer::new(&*system, Made::segment(segment))?;
    say("ready")?;
    stdin().lock().read_line(&mut String::new())?;
    let limit = Limit {
        times: u64::MAX,
        time: Duration::from_millis(millis),
    };
    let start = Instant::now();
    let times = writer.run(limit)?;
    let took = start.elapsed().as_nanos();
    drop(writer);
    system.close()?;
    say(&format!("{} {took}", times.len()))
}

fn until_killed(store: Store<'_>, segment: u64) -> Result<()> {
    let system = store.engine.open(store.dir, store.promise)?;
    let mut writer = Writer::new(&*system, Made::segment(segment))?;
    loop {
        writer.append()?;
        say(&writer.written().to_string())?;
    }
}

fn memory(store: Store<'_>, appends: u64, millis: u64) -> Result<()> {
    let system = store.engine.open(store.dir, store.promise)?;
    let mut writers = (0..MEMORY_SEGMENTS)
        .map(|segment| Writer::new(&*system, Made::segment(segment)))
        .collect::<Result<Vec<_>>>()?;
    // Whoever appends nothing holds what entries are made from all the same.
    let _ = Made::segment(0).entry(0);
    let deadline = Instant::now() + Duration::from_millis(millis);
    let mut done = 0;
    while done < appends && Instant::now() < deadline {
        for writer in &mut writers {
            writer.append()?;
            done += 1;
        }
    }
    drop(writers);
    system.close()?;
    say(&format!("{done} {}", memory_kib("VmHWM:")?))
}

fn restore_state(store: Store<'_>) -> Result<()> {
    let system = store.engine.open(store.dir, store.promise)?;
    let state = system.restore(log(0))?;
    say(&format!("{} {}", state.entries, memory_kib("VmHWM:")?))?;
    system.close()
}

/// A figure of this process's memory.
fn memory_kib(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
        .ok_or_else(|| format!("/proc/self/status has no {name}"))?;
    Ok(kib.parse()?)
}

fn say(line: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A child at work. It is killed when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts a child on a system.
    pub(crate) fn start(job: Job, store: Store<'_>) -> Result<Self> {
        let (word, numbers) = match job {
            Job::Race { segment, millis } => ("race", vec![segment, millis]),
            Job::UntilKilled { segment } => ("until-killed", vec![segment]),
            Job::Memory { appends, millis } => ("memory", vec![appends, millis]),
            Job::Restore => ("restore", vec![]),
        };
        let mut process = Command::new(std::env::current_exe()?)
            .args(["child", word, store.engine.name(), store.promise.name()])
            .arg(store.dir)
            .args(numbers.iter().map(u64::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("the child has no stdin")?;
        let output = process.stdout.take().ok_or("the child has no stdout")?;
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
        })
    }

    /// Sends an empty line.
    pub(crate) fn go(&mut self) -> Result<()> {
        Ok(self.input.write_all(b"\n")?)
    }

    /// The next line, or `None` at the end.
    pub(crate) fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        // A line without its end was cut by the kill.
        Ok(line.strip_suffix('\n').map(str::to_owned))
    }

    /// The two numbers that a job ends with, once the child has ended well.
    pub(crate) fn result(mut self) -> Result<(u64, u64)> {
        let line = self.line()?.ok_or("the child ended without a result")?;
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("the child failed: {status}").into());
        }
        let (first, second) = line.split_once(' ').ok_or("the child said too little")?;
        Ok((first.parse()?, second.parse()?))
    }

    /// Kills it (SIGKILL) and waits until it is gone. What it said before can still be read.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It has ended already unless something failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
