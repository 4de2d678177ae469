//! What a process takes that appends: at its peak and a second later, above a program that makes the
//! same entries and stores none; what small random reads cost with the same cache; and how long it
//! takes to create an archive, and to open one and count after SIGKILL.
//!
//! `cargo bench --bench memory [-- --quick]`, on Linux; `-- --large` tells instead what one entry of 256 MiB takes. Each figure comes from a process of its own.
//! Files are in `/dev/shm` where there is one, so that no figure contains a wait for a disk.

#![allow(
    clippy::indexing_slicing,
    reason = "the figures of a run are as many as it prints"
)]

#[path = "corpus/mod.rs"]
#[allow(dead_code, reason = "not every bench wants forks")]
mod corpus;
#[path = "common/machine.rs"]
mod machine;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use corpus::Corpus;
use sessiondb::{Archive, Durability, MAX_ENTRY_BYTES, RawJson, SegmentId, SessionId};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const SEED: u64 = 14;
/// Bytes of sessions that are made at a time.
const CORPUS_BYTES: usize = 1 << 30;
/// Sizes of the cache, in MiB.
const CACHES: [usize; 5] = [32, 16, 8, 4, 2];
const ROUNDS: usize = 3;
const READS: u64 = 2000;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--child") {
        return child(args.get(at + 1..).unwrap_or_default());
    }
    let given = |wanted: &str| args.iter().any(|arg| arg == wanted);
    let (name, entries) = match (given("--bench"), given("--quick")) {
        (false, _) => (" (smoke test)", 300),
        (true, true) => (" -- --quick", 50_000),
        (true, false) => ("", 200_000),
    };
    if !cfg!(target_os = "linux") {
        println!("skipped: memory is read from /proc, which only Linux has");
        return Ok(());
    }
    println!("command: cargo bench --bench memory{name}");
    println!("machine: {}", machine::machine());
    let shared_memory = Path::new("/dev/shm");
    let folder = if shared_memory.is_dir() {
        tempfile::tempdir_in(shared_memory)?
    } else {
        tempfile::tempdir()?
    };
    if given("--large") {
        return large(folder.path());
    }
    let entries = entries.to_string();
    let run = |words: &[&str]| measure(folder.path(), words);
    let alone = run(&["append", "none", &entries])?;
    println!(
        "a program that makes {entries} entries: peak {:.1} MiB",
        alone[0]
    );
    for cache in CACHES {
        let cache_mib = cache.to_string();
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let mut round = run(&["append", &cache_mib, &entries])?;
            round.extend(run(&["read", &cache_mib, &entries])?);
            rounds.push(round);
        }
        let median = |at: usize| {
            let mut all: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!(
            "cache of {cache:>2} MiB: peak {:.1} MiB above it, idle {:.1} MiB above it; \
             random read median {:.1} us, p99 {:.1} us",
            median(0) - alone[0],
            median(1) - alone[0],
            median(2),
            median(3),
        );
    }
    files(&run, &entries)
}

/// What it takes to make an archive, and to open one whose writer was killed.
fn files(run: &dyn Fn(&[&str]) -> Outcome<Vec<f64>>, entries: &str) -> Outcome {
    let created = run(&["create"])?;
    println!(
        "create: median {:.2} ms, p99 {:.2} ms, {:.0} bytes",
        created[0], created[1], created[2]
    );
    for part in [1, 10] {
        let some = (entries.parse::<u64>()? / part).to_string();
        // The writer is killed where it stands.
        let _ = run(&["killed", &some]);
        let opened = run(&["reopen"])?;
        println!(
            "open and count after SIGKILL, {some} entries: median {:.2} ms, best {:.2} ms",
            opened[0], opened[1]
        );
    }
    Ok(())
}

/// The peak of a program that appends, imports or reads one entry as long as one can be.
fn large(folder: &Path) -> Outcome {
    for kind in ["string", "strings", "words"] {
        let run = |what: &str| measure(folder, &["large", kind, what]);
        let alone = run("make")?[0];
        let (append, read) = (run("append")?, run("read")?);
        let (streamed_in, streamed_out) = (run("stream-in")?, run("stream-out")?);
        let size = fs::metadata(folder.join("memory.sessiondb"))?.len();
        let (import, export) = (run("import")?, run("export")?);
        println!(
            "one entry of 256 MiB, {kind:<8} in a file of {size:>9} bytes; peak with the caller's copy: \
             {alone:.0} MiB made, {:.0} MiB appended, {:.0} MiB read; without one: {:.0} MiB appended from a reader, \
             {:.0} MiB read from one, {:.0} MiB imported, {:.0} MiB exported",
            append[0], read[0], streamed_in[0], streamed_out[0], import[0], export[0]
        );
    }
    Ok(())
}

/// JSON as long as an entry can be: one string that does not compress, many of them, or words.
fn large_entry(kind: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut json = String::with_capacity(MAX_ENTRY_BYTES);
    let mut random = SEED;
    json.push_str("[\"");
    while json.len() < MAX_ENTRY_BYTES - 16 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if kind == "words" {
            json.push_str(["one ", "two ", "three "][(random >> 33) as usize % 3]);
        } else {
            json.push(char::from(LETTERS[(random >> 58) as usize]));
        }
        if kind == "strings" && json.len().is_multiple_of(600) {
            json.push_str("\",\"");
        }
    }
    json.push_str("\"]");
    json
}

/// The beginning of a file.
struct Part {
    json: fs::File,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.json.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Seek for Part {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.json.stream_position()? + self.left;
        let place = self.json.seek(to)?;
        self.left = end.saturating_sub(place);
        Ok(place)
    }
}

fn large_child(path: &Path, kind: &str, what: &str) -> Outcome {
    let (session, segment) = (SessionId::from_u128(1), SegmentId::from_u128(2));
    let file = path.with_extension("jsonl");
    match what {
        "make" => {
            let mut entry = large_entry(kind);
            entry.push('\n');
            fs::write(&file, entry)?;
        }
        "append" => {
            remove(path)?;
            let archive = Archive::open(path)?;
            let entry = RawJson::new(large_entry(kind))?;
            archive.log(session, segment).append(&entry)?;
            archive.close()?;
        }
        "read" => {
            let archive = Archive::options().read_only(true).open(path)?;
            let log = archive.log(session, segment);
            let entry = log.read(..)?.next().ok_or("an entry")??;
            std::hint::black_box(entry.as_str().len());
        }
        "stream-in" => {
            remove(path)?;
            let archive = Archive::open(path)?;
            let json = fs::File::open(&file)?;
            // Without the line end.
            let len = json.metadata()?.len() - 1;
            archive
                .log(session, segment)
                .append_reader(Part { json, left: len })?;
            archive.close()?;
        }
        "stream-out" => {
            let archive = Archive::options().read_only(true).open(path)?;
            let reader = archive.log(session, segment).entry_reader(0)?;
            let mut reader = reader.ok_or("an entry")?;
            let copied = std::io::copy(&mut reader, &mut std::io::sink())?;
            if copied != fs::metadata(&file)?.len() - 1 {
                return Err(format!("{copied} bytes were read").into());
            }
        }
        "export" => {
            let archive = Archive::options().read_only(true).open(path)?;
            let folder = path.with_extension("exported");
            let report = sessiondb::jsonl::Export::new(&archive).run(&folder, None)?;
            fs::remove_dir_all(folder)?;
            if report.failed() > 0 {
                return Err(format!("{report:?}").into());
            }
        }
        _ => {
            remove(path)?;
            let archive = Archive::open(path)?;
            let report = sessiondb::jsonl::Import::new(&archive).run(&[file], None)?;
            if report.failed() > 0 {
                return Err(format!("{report:?}").into());
            }
            archive.close()?;
        }
    }
    println!("{}", status_mib("VmHWM:")?);
    Ok(())
}

/// Runs this program again, and reads the figures that it writes.
fn measure(folder: &Path, words: &[&str]) -> Outcome<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child".as_ref(), folder.as_os_str()])
        .args(words)
        .output()?;
    if !output.status.success() {
        return Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?)
}

fn child(words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (folder, words) = words.split_first().ok_or("no folder")?;
    let path = Path::new(folder).join("memory.sessiondb");
    match words {
        ["append", "none", entries] => {
            make(entries.parse()?, |_, _, _| Ok(()))?;
            println!("{}", status_mib("VmHWM:")?);
        }
        ["append", cache, entries] => append(&path, cache.parse()?, entries.parse()?)?,
        ["read", cache, _] => read(&path, cache.parse()?)?,
        ["create"] => create(&path)?,
        ["killed", entries] => {
            remove(&path)?;
            let archive = Archive::open(&path)?;
            fill(&archive, entries.parse()?)?;
            let pid = std::process::id().to_string();
            Command::new("kill").args(["-9", &pid]).status()?;
        }
        ["reopen"] => reopen(&path)?,
        ["large", kind, what] => large_child(&path, kind, what)?,
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}

/// Calls `take` with that many entries of made-up sessions.
fn make(entries: u64, mut take: impl FnMut(SessionId, SegmentId, Vec<u8>) -> Outcome) -> Outcome {
    let mut left = entries;
    for session in Corpus::new(SEED, CORPUS_BYTES) {
        for segment in session.segments {
            for line in segment.lines {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                take(session.id, segment.id, line)?;
            }
        }
    }
    Ok(())
}

fn fill(archive: &Archive, entries: u64) -> Outcome {
    make(entries, |session, segment, line| {
        let log = archive.log(session, segment);
        let log = log.with_durability(Durability::Written);
        log.append(&RawJson::new(String::from_utf8(line)?)?)?;
        Ok(())
    })
}

fn append(path: &Path, cache_mib: usize, entries: u64) -> Outcome {
    remove(path)?;
    let archive = Archive::options().cache_bytes(cache_mib << 20).open(path)?;
    fill(&archive, entries)?;
    std::thread::sleep(Duration::from_secs(1));
    println!("{} {}", status_mib("VmHWM:")?, status_mib("VmRSS:")?);
    Ok(archive.close().map(drop)?)
}

fn read(path: &Path, cache_mib: usize) -> Outcome {
    let archive = Archive::options().cache_bytes(cache_mib << 20).open(path)?;
    let mut logs = Vec::new();
    for session in archive.sessions()? {
        let session = session?.id;
        for segment in archive.segments(session)? {
            let segment = segment?;
            logs.push((archive.log(session, segment.id), segment.entries));
        }
    }
    logs.retain(|(_, len)| *len > 0);
    let mut random = SEED;
    let mut times = Vec::new();
    for _ in 0..READS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = random >> 20;
        let (log, len) = &logs[usize::try_from(at)? % logs.len()];
        let index = (at >> 7) % len;
        let start = Instant::now();
        let read = log.read(index..=index)?.next().ok_or("an entry")??;
        times.push(start.elapsed());
        std::hint::black_box(read);
    }
    times.sort_unstable();
    let us = |at: usize| times[at].as_secs_f64() * 1e6;
    println!("{} {}", us(times.len() / 2), us(times.len() * 99 / 100));
    Ok(())
}

fn create(path: &Path) -> Outcome {
    let mut times = Vec::new();
    for _ in 0..100 {
        remove(path)?;
        let start = Instant::now();
        let archive = Archive::open(path)?;
        times.push(start.elapsed());
        archive.close()?;
    }
    times.sort_unstable();
    let ms = |at: usize| times[at].as_secs_f64() * 1e3;
    println!("{} {} {}", ms(50), ms(99), fs::metadata(path)?.len());
    Ok(())
}

fn reopen(path: &Path) -> Outcome {
    let copy = PathBuf::from(format!("{}.copy", path.display()));
    let mut times = Vec::new();
    for _ in 0..31 {
        fs::copy(path, &copy)?;
        let start = Instant::now();
        let archive = Archive::open(&copy)?;
        let mut entries = 0;
        for session in archive.sessions()? {
            entries += session?.entries;
        }
        times.push(start.elapsed());
        std::hint::black_box(entries);
        archive.close()?;
        fs::remove_file(&copy)?;
    }
    times.sort_unstable();
    let ms = |at: usize| times[at].as_secs_f64() * 1e3;
    println!("{} {}", ms(15), ms(0));
    Ok(())
}

fn remove(path: &Path) -> Outcome {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn status_mib(key: &str) -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no such line")?
        .parse()?;
    Ok(kib / 1024.0)
}
