//! An archive beside a folder of JSONL files: append, count, read all, read the last 20, open; and the first page of many
//! sessions.
//!
//! `cargo bench --bench store [-- --quick]`. The stores take turns within each round, so that a
//! change of the machine's speed meets all of them.

#[path = "common/machine.rs"]
mod machine;

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sessiondb::archive::SessionQuery;
use sessiondb::{
    Archive, Durability, Log, RawJson, SegmentId, SessionId, new_segment_id, new_session_id,
};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const ENTRY_BYTES: usize = 1024;
const LAST: u64 = 20;

/// How much is measured.
struct Scale {
    name: &'static str,
    sessions: usize,
    entries: usize,
    appends: usize,
    reads: usize,
    /// How many sessions there are of which a page is read.
    listed: [usize; 2],
}

const FULL: Scale = Scale {
    name: "",
    sessions: 50,
    entries: 1000,
    appends: 2000,
    reads: 500,
    listed: [10_000, 100_000],
};
const QUICK: Scale = Scale {
    name: " -- --quick",
    sessions: 10,
    entries: 1000,
    appends: 500,
    reads: 100,
    listed: [1_000, 10_000],
};
/// Under `cargo test --all-targets` only that it runs is of interest.
const SMOKE: Scale = Scale {
    name: " (smoke test)",
    sessions: 2,
    entries: 30,
    appends: 3,
    reads: 3,
    listed: [10, 20],
};

fn main() -> Outcome {
    let given = |wanted: &str| std::env::args().any(|arg| arg == wanted);
    let scale = match (given("--bench"), given("--quick")) {
        (false, _) => SMOKE,
        (true, true) => QUICK,
        (true, false) => FULL,
    };
    // Beside the build, since the folder for temporary files may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut stores = Stores::new(folder.path(), &scale)?;

    println!("machine: {}", machine::machine());
    println!("command: cargo bench --bench store{}", scale.name);
    println!(
        "content: {} sessions of {} entries of {ENTRY_BYTES} bytes; archive {} KiB, folder {} KiB",
        scale.sessions,
        scale.entries,
        fs::metadata(&stores.path)?.len() / 1024,
        scale.sessions * scale.entries * (ENTRY_BYTES + 1) / 1024,
    );
    println!("{:<14} {:<26} {:>12} {:>12}", "", "", "p50 us", "p99 us");
    stores.append(scale.appends)?;
    stores.count(scale.reads)?;
    stores.read_all(scale.reads)?;
    stores.read_last(scale.reads)?;
    stores.open(scale.reads)?;
    scale
        .listed
        .into_iter()
        .try_for_each(|sessions| first_page(folder.path(), sessions, scale.reads))
}

/// The same sessions in an archive and in a folder.
struct Stores {
    path: PathBuf,
    /// Opened anew by what measures opening; open otherwise.
    archive: Option<Archive>,
    /// What is read: the last session, and its file.
    ids: (SessionId, SegmentId),
    file: PathBuf,
    line: Vec<u8>,
}

impl Stores {
    fn new(folder: &Path, scale: &Scale) -> Outcome<Self> {
        let path = folder.join("bench.sessiondb");
        let archive = Archive::open(&path)?;
        let mut line = entry();
        let entries = vec![RawJson::from_bytes(&line)?; scale.entries];
        line.push(b'\n');
        let (mut ids, mut file) = ((new_session_id(), new_segment_id()), PathBuf::new());
        for _ in 0..scale.sessions {
            ids = (new_session_id(), new_segment_id());
            archive.log(ids.0, ids.1).append_many(&entries)?;
            let session = folder.join(ids.0.to_string());
            fs::create_dir_all(&session)?;
            file = session.join(ids.1.to_string()).with_extension("jsonl");
            fs::write(&file, line.repeat(scale.entries))?;
        }
        let archive = Some(archive);
        Ok(Self {
            path,
            archive,
            ids,
            file,
            line,
        })
    }

    fn log(&self) -> Outcome<Log> {
        let archive = self.archive.as_ref().ok_or("the archive is closed")?;
        Ok(archive.log(self.ids.0, self.ids.1))
    }

    /// One entry at a time, each its own call, to logs that are not read afterwards.
    fn append(&mut self, rounds: usize) -> Outcome {
        let archive = self.archive.as_ref().ok_or("the archive is closed")?;
        let log = archive.log(self.ids.0, new_segment_id());
        let entry = self.line.trim_ascii_end();
        let (synced, plain) = (
            self.file.with_extension("synced"),
            self.file.with_extension("plain"),
        );
        compare(
            "append",
            rounds,
            [
                ("archive, synced", &|| {
                    black_box(log.append(&RawJson::from_bytes(entry)?)?);
                    Ok(())
                }),
                ("JSONL, fdatasync", &|| {
                    Ok(append(&synced, &self.line)?.sync_data()?)
                }),
                ("JSONL, no sync", &|| append(&plain, &self.line).map(drop)),
            ],
        )
    }

    fn count(&mut self, rounds: usize) -> Outcome {
        let log = self.log()?;
        compare(
            "count",
            rounds,
            [
                ("archive", &|| {
                    black_box(log.len()?);
                    Ok(())
                }),
                ("JSONL", &|| {
                    black_box(count_lines(&self.file)?);
                    Ok(())
                }),
            ],
        )
    }

    fn read_all(&mut self, rounds: usize) -> Outcome {
        let log = self.log()?;
        compare(
            "read all",
            rounds,
            [
                ("archive, checksums", &|| {
                    for entry in log.read(..)? {
                        black_box(&*entry?);
                    }
                    Ok(())
                }),
                ("JSONL", &|| {
                    each_line(&self.file, |line| {
                        black_box(line);
                    })
                }),
            ],
        )
    }

    fn read_last(&mut self, rounds: usize) -> Outcome {
        let log = self.log()?;
        compare(
            "read last 20",
            rounds,
            [
                ("archive, checksums", &|| {
                    for entry in log.last(LAST)? {
                        black_box(&*entry?);
                    }
                    Ok(())
                }),
                ("JSONL", &|| {
                    let first = count_lines(&self.file)?.saturating_sub(LAST);
                    let mut number = 0;
                    each_line(&self.file, |line| {
                        if number >= first {
                            black_box(line);
                        }
                        number += 1;
                    })
                }),
            ],
        )
    }

    /// From nothing open to the number of entries in one segment, and closed again.
    fn open(&mut self, rounds: usize) -> Outcome {
        if let Some(archive) = self.archive.take() {
            archive.close()?;
        }
        let (session, segment) = self.ids;
        let look = |archive: Archive| -> Outcome {
            black_box(archive.log(session, segment).len()?);
            archive.close()?;
            Ok(())
        };
        compare(
            "open, count",
            rounds,
            [
                ("archive", &|| look(Archive::open(&self.path)?)),
                ("archive, for reading", &|| {
                    look(Archive::options().read_only(true).open(&self.path)?)
                }),
                ("JSONL", &|| {
                    black_box(count_lines(&self.file)?);
                    Ok(())
                }),
            ],
        )
    }
}

/// The 50 sessions of many that were written to last: from an archive that is open, the same with thousands of changed sessions in
/// the journal, and as the first read of an archive that was just opened.
fn first_page(folder: &Path, sessions: usize, rounds: usize) -> Outcome {
    let path = folder.join(format!("{sessions}.sessiondb"));
    let archive = Archive::options()
        .durability(Durability::Written)
        .open(&path)?;
    let mut ids = Vec::with_capacity(sessions);
    for number in 0..sessions {
        let (session, segment) = (new_session_id(), new_segment_id());
        // The order of use is another one than that of the ids.
        let at_ms = 1_756_000_000_000 + number as u64 * 7919 % 1_000_003;
        archive
            .log(session, segment)
            .with_timestamp(at_ms)
            .append("hello")?;
        ids.push((session, segment));
    }
    archive.checkpoint()?;
    let query = SessionQuery::new();
    let page = |archive: &Archive| -> Outcome {
        black_box(archive.query_sessions(&query)?);
        Ok(())
    };
    let what = format!("{sessions} listed");
    compare(&what, rounds, [("first page", &|| page(&archive))])?;
    for (session, segment) in ids.iter().take(5_000) {
        archive.log(*session, *segment).append("hello")?;
    }
    compare(
        &what,
        rounds,
        [("the same, with a journal", &|| page(&archive))],
    )?;
    archive.close()?;
    // Opening by itself takes most of the time, so what the page takes behind it is measured alone.
    let opened = || Archive::options().read_only(true).open(&path);
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let archive = opened()?;
        let start = Instant::now();
        page(&archive)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    print_line(&what, "the same, once opened", times);
    Ok(())
}

/// What a runtime with a folder of logs does for each entry.
fn append(file: &Path, line: &[u8]) -> Outcome<File> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(line)?;
    Ok(file)
}

fn count_lines(file: &Path) -> Outcome<u64> {
    let mut count = 0;
    each_line(file, |_| count += 1)?;
    Ok(count)
}

fn each_line(file: &Path, mut each: impl FnMut(&[u8])) -> Outcome {
    let mut reader = BufReader::with_capacity(64 << 10, File::open(file)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(&line);
        line.clear();
    }
    Ok(())
}

/// Measures each store once per round, beginning with another one each time, and prints a line
/// for each. The first tenth warms up.
fn compare<const N: usize>(
    what: &str,
    rounds: usize,
    stores: [(&str, &dyn Fn() -> Outcome); N],
) -> Outcome {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    let warm_up = rounds / 10;
    for round in 0..rounds + warm_up {
        for turn in 0..N {
            let store = (round + turn) % N;
            let (Some((_, call)), Some(times)) = (stores.get(store), times.get_mut(store)) else {
                continue;
            };
            let start = Instant::now();
            call()?;
            let time = start.elapsed();
            if round >= warm_up {
                times.push(time.as_secs_f64() * 1e6);
            }
        }
    }
    for ((name, _), times) in stores.into_iter().zip(times) {
        print_line(what, name, times);
    }
    Ok(())
}

fn print_line(what: &str, name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |per_cent: usize| {
        let index = (times.len() * per_cent / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or(f64::NAN)
    };
    println!("{what:<14} {name:<26} {:>12.1} {:>12.1}", at(50), at(99));
}

/// A tool's result of the size that entries have at the median.
fn entry() -> Vec<u8> {
    let head = r#"{"kind":"tool_result","ts":1756000000000,"item":{"kind":"tool_result","call_id":"call_1","summary":""#;
    let tail = r#""}}"#;
    let text = "The function reads its settings, then starts the server on port 8080. ";
    let len = ENTRY_BYTES - head.len() - tail.len();
    let text: String = text.chars().cycle().take(len).collect();
    format!("{head}{text}{tail}").into_bytes()
}
