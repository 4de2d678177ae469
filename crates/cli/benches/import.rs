//! How fast logs of agents come in by the command: megabytes a second, processor time and memory.
//!
//! `cargo bench -p sessiondb-cli --bench import -- [--megabytes N] [--rounds N] [COMMAND...]`
//!
//! Copies the real sessions of `../shared/data/real`, each under another id, to a temporary folder
//! (`TMPDIR`) and imports them by this command and by others, such as one that was built before a change,
//! one after the other in each round. Gives the medians, which another program that runs beside changes
//! little, as it runs beside all of them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is copied, and the id in it that each copy has another one for.
const LOGS: [(&str, &str); 3] = [
    (
        "claude/compacted.jsonl",
        "198393f2-22db-477b-ac77-1825bea883ae",
    ),
    (
        "claude/snapshot-2.jsonl",
        "cc432c40-914a-4c1a-a972-0103199a736a",
    ),
    (
        "pi-large-session.jsonl",
        "d703a1a9-1b7b-4fb1-b512-c9738b1fe617",
    ),
];

/// How many copies a folder has.
const A_FOLDER: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let Asked {
        bytes,
        rounds,
        commands,
    } = asked()?;
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/real");
    if !real.is_dir() {
        println!("SKIPPED: there are no sessions in {}", real.display());
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let logs = folder.path().join("logs");
    let (files, bytes) = write_logs(&real, &logs, bytes)?;
    println!("{files} logs, {:.0} MB", megabytes(bytes));
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); commands.len()];
    for _ in 0..rounds {
        for (command, taken) in commands.iter().zip(&mut taken) {
            let archive = folder.path().join("a.sessiondb");
            taken.push(import(command, &archive, &logs)?);
            fs::remove_file(archive)?;
        }
    }
    for (command, taken) in commands.iter().zip(&taken) {
        let of = |value: fn(&Taken) -> f64| median(taken.iter().map(value).collect());
        let seconds = of(|taken| taken.time.as_secs_f64());
        println!(
            "{:6.0} MB/s  {seconds:5.2} s  {:5.2} s of processor  {:5.0} MB at most  {:5.1} MB archive  {}",
            megabytes(bytes) / seconds,
            of(|taken| taken.processor),
            of(|taken| megabytes(taken.peak_bytes)),
            of(|taken| megabytes(taken.archive_bytes)),
            command.display(),
        );
    }
    Ok(())
}

struct Asked {
    bytes: u64,
    rounds: usize,
    commands: Vec<PathBuf>,
}

fn asked() -> Result<Asked, Box<dyn Error>> {
    let mut asked = Asked {
        bytes: 300_000_000,
        rounds: 5,
        commands: vec![env!("CARGO_BIN_EXE_sessiondb").into()],
    };
    // Cargo adds a `--bench` of its own.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut number = || words.next().ok_or(format!("{word} needs a number"));
        match word.as_str() {
            "--megabytes" => asked.bytes = number()?.parse::<u64>()? * 1_000_000,
            "--rounds" => asked.rounds = number()?.parse()?,
            _ => asked.commands.push(word.into()),
        }
    }
    Ok(asked)
}

/// Writes copies until they have so many bytes. Returns how many there are, and their bytes.
fn write_logs(real: &Path, logs: &Path, most_bytes: u64) -> Result<(u64, u64), Box<dyn Error>> {
    let texts = LOGS.map(|(log, id)| (fs::read_to_string(real.join(log)), id));
    let (mut files, mut bytes) = (0, 0);
    while bytes < most_bytes {
        for (text, id) in &texts {
            let text = text.as_ref().map_err(ToString::to_string)?;
            let own = format!("{:08x}{}", files, id.get(8..).unwrap_or_default());
            let folder = logs.join(format!("project-{}", files / A_FOLDER));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("{own}.jsonl")), text.replace(id, &own))?;
            files += 1;
            bytes += text.len() as u64;
        }
    }
    Ok((files, bytes))
}

/// What an import took.
#[derive(Clone)]
struct Taken {
    time: Duration,
    /// In seconds.
    processor: f64,
    peak_bytes: u64,
    archive_bytes: u64,
}

fn import(command: &Path, archive: &Path, logs: &Path) -> Result<Taken, Box<dyn Error>> {
    let before = processor_of_children();
    let begun = Instant::now();
    let mut child = Command::new(command)
        .arg("--archive")
        .arg(archive)
        .args(["import", "--quiet"])
        .arg(logs)
        .stdout(Stdio::null())
        .spawn()?;
    let mut peak_bytes = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak_bytes = peak_bytes.max(memory_of(&child));
        std::thread::sleep(Duration::from_millis(5));
    };
    if !status.success() {
        return Err(format!("{}: {status}", command.display()).into());
    }
    Ok(Taken {
        time: begun.elapsed(),
        processor: processor_of_children() - before,
        peak_bytes,
        archive_bytes: on_disk(archive)?,
    })
}

/// The most memory that the process had so far; 0 where the system does not say.
fn memory_of(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// The processor time of all processes that this one waited for, in seconds; 0 where the system does
/// not say.
fn processor_of_children() -> f64 {
    /// Linux counts in hundredths of a second for all programs.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit_once(") ")
        .map_or("", |(_, behind_name)| behind_name);
    let ticks = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

#[cfg(unix)]
fn on_disk(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(path)?.blocks() * 512)
}

#[cfg(not(unix))]
fn on_disk(path: &Path) -> std::io::Result<u64> {
    Ok(fs::metadata(path)?.len())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure of three digits is shown"
)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
