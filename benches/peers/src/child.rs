//! Workloads that need a process of their own: this program starts itself with the hidden
//! subcommand `child`, and the two talk in lines over stdin and stdout.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::entries::{Limit, Writer};
use crate::systems::Kind;

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
}

/// How many segments the job `Memory` writes.
pub(crate) const MEMORY_SEGMENTS: u64 = 20;

/// Does what the arguments behind `child` say.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let [job, kind, dir, numbers @ ..] = args else {
        return Err("child takes a job, a system, a directory and numbers".into());
    };
    let kind = Kind::from_word(kind)?;
    let dir = Path::new(dir);
    let numbers: Vec<u64> = numbers
        .iter()
        .map(|number| number.parse())
        .collect::<Result<_, _>>()?;
    match (job.as_str(), numbers.as_slice()) {
        ("race", &[segment, millis]) => race(kind, dir, segment, millis),
        ("until-killed", &[segment]) => until_killed(kind, dir, segment),
        ("memory", &[appends, millis]) => memory(kind, dir, appends, millis),
        _ => Err(format!("there is no job {job:?} with {} numbers", numbers.len()).into()),
    }
}

fn race(kind: Kind, dir: &Path, segment: u64, millis: u64) -> Result<()> {
    let system = kind.open(dir)?;
    let written = system.count(segment)?;
    let mut writer = Writer::new(&*system, segment, written)?;
    say("ready")?;
    stdin().lock().read_line(&mut String::new())?;
    let limit = Limit {
        appends: u64::MAX,
        time: Duration::from_millis(millis),
    };
    let start = Instant::now();
    let times = writer.run(limit)?;
    let took = start.elapsed().as_nanos();
    drop(writer);
    system.close()?;
    say(&format!("{} {took}", times.len()))
}

fn until_killed(kind: Kind, dir: &Path, segment: u64) -> Result<()> {
    let system = kind.open(dir)?;
    let written = system.count(segment)?;
    let mut writer = Writer::new(&*system, segment, written)?;
    loop {
        writer.append()?;
        say(&writer.written().to_string())?;
    }
}

fn memory(kind: Kind, dir: &Path, appends: u64, millis: u64) -> Result<()> {
    let system = kind.open(dir)?;
    let mut writers = (0..MEMORY_SEGMENTS)
        .map(|segment| Writer::new(&*system, segment, 0))
        .collect::<Result<Vec<_>>>()?;
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
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next())
        .ok_or("/proc/self/status has no VmHWM")?;
    say(&format!("{done} {kib}"))
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
    /// Starts a child on the system whose files are in `dir`.
    pub(crate) fn start(job: Job, kind: Kind, dir: &Path) -> Result<Self> {
        let (word, numbers) = match job {
            Job::Race { segment, millis } => ("race", vec![segment, millis]),
            Job::UntilKilled { segment } => ("until-killed", vec![segment]),
            Job::Memory { appends, millis } => ("memory", vec![appends, millis]),
        };
        let mut process = Command::new(std::env::current_exe()?)
            .args(["child", word, kind.word()])
            .arg(dir)
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
