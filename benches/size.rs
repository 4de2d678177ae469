//! The size of an archive beside the JSONL that it holds, what an entry costs to read, and how
//! fast sessions go in and out.
//!
//! `cargo bench --bench size [-- --quick]`, on generated sessions that are shaped like real ones;
//! `-- --data DIR` takes a folder of JSONL files instead, and `-- --repeated` has values come again across
//! sessions as they do in real logs. `-- --write DIR` only writes the sessions there, `-- --unfiltered FILE`
//! only makes an archive that is to have no word filters, and `-- --sizes` leaves out how fast they go in and out.

#[path = "corpus/mod.rs"]
#[allow(dead_code, reason = "not every bench wants forks")]
mod corpus;
#[path = "corpus/repeats.rs"]
mod repeats;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corpus::Corpus;
use repeats::Repeated;
use sessiondb::jsonl::{Export, Import};
use sessiondb::{Archive, Durability, Log, RawJson, SegmentId, SessionId};
use zstd::bulk::{Compressor, Decompressor};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const SEED: u64 = 67;
/// Entries that one turn of an agent appends.
const TURN: usize = 7;
/// Sessions that are written to in turn.
const AT_ONCE: usize = 4;
/// Bytes of a 'group of appends' between two checkpoints of a sitting.
const ROUNDS: usize = 3;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().collect();
    let given = |wanted: &str| args.iter().any(|arg| arg == wanted);
    let (name, bytes) = match (given("--bench"), given("--quick")) {
        (false, _) => (" (smoke test)", 300_000),
        (true, true) => (" -- --quick", 30_000_000),
        (true, false) => ("", 300_000_000),
    };
    let folder_of = |wanted: &str| {
        let at = args.iter().position(|arg| arg == wanted);
        at.and_then(|at| args.get(at + 1)).map(PathBuf::from)
    };
    if let Some(folder) = folder_of("--write") {
        return write_corpus(&folder, bytes, given("--repeated"));
    }
    if let Some(path) = folder_of("--unfiltered") {
        let archive = Archive::options().word_filters(false).open(&path)?;
        return Ok(archive.close().map(drop)?);
    }
    let data = folder_of("--data");
    // Beside the build, since the folder for temporary files may be in memory.
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = data.unwrap_or_else(|| scratch.path().join("sessions"));
    if folder.starts_with(scratch.path()) {
        write_corpus(&folder, bytes, given("--repeated"))?;
    }
    let repeated = if given("--repeated") {
        " --repeated"
    } else {
        ""
    };
    println!("command: cargo bench --bench size{name}{repeated}");
    let files = files_below(&folder)?;
    let bytes: u64 = files.iter().map(|file| file.text.len() as u64).sum();
    println!("content: {bytes} bytes of JSONL in {} files", files.len());
    anchors(&files)?;

    let path = scratch.path().join("written.sessiondb");
    write_as_agents_do(&path, &files)?;
    report(
        "archive as agents write it",
        bytes,
        fs::metadata(&path)?.len(),
    );
    #[cfg(unix)]
    report("  what it takes on the disk", bytes, on_disk(&path)?);
    reads(&path)?;
    let start = Instant::now();
    let (archive, _) = Archive::open(&path)?.compact(None)?;
    archive.close()?;
    let speed = u128::from(bytes) * 1000 / start.elapsed().as_nanos().max(1);
    report("archive, compacted", bytes, fs::metadata(&path)?.len());
    println!("  compacted at {speed} MB of JSONL a second");
    reads(&path)?;
    if given("--sizes") {
        return Ok(());
    }
    speeds(scratch.path(), &folder, &files, bytes)
}

/// A session's file, and its lines.
struct File {
    text: Vec<u8>,
    ids: (SessionId, SegmentId),
}

fn write_corpus(folder: &Path, bytes: usize, repeated: bool) -> Outcome {
    let mut repeats = Repeated::new(Corpus::new(SEED, bytes), SEED);
    let mut plain = Corpus::new(SEED, bytes);
    let sessions = std::iter::from_fn(|| {
        if repeated {
            repeats.next()
        } else {
            plain.next()
        }
    });
    for session in sessions {
        let inside = folder.join(session.id.to_string());
        fs::create_dir_all(&inside)?;
        for segment in session.segments {
            let mut text = segment.lines.join(&b'\n');
            text.push(b'\n');
            fs::write(inside.join(format!("{}.jsonl", segment.id)), text)?;
        }
    }
    if repeated {
        let percent = repeats.again_bytes * 100 / repeats.bytes.max(1);
        println!("values that were there before: {percent} % of all bytes");
    }
    Ok(())
}

fn files_below(folder: &Path) -> Outcome<Vec<File>> {
    let (mut folders, mut paths) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(end) if end == "jsonl" => paths.push(path),
                _ => {}
            }
        }
    }
    paths.sort();
    let file = |path: &PathBuf| {
        let ids = (sessiondb::new_session_id(), sessiondb::new_segment_id());
        Ok(File {
            text: fs::read(path)?,
            ids,
        })
    };
    paths.iter().map(file).collect()
}

/// The bytes of a file that are no hole.
#[cfg(unix)]
fn on_disk(path: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;

    Ok(fs::metadata(path)?.blocks() * 512)
}

fn report(name: &str, bytes: u64, size: u64) {
    let hundredths = bytes * 100 / size.max(1);
    println!(
        "{name:<34} {size:>12} bytes  1/{}.{:02}",
        hundredths / 100,
        hundredths % 100
    );
}

/// Each file by itself through zstd: what an archive is measured against.
fn anchors(files: &[File]) -> Outcome {
    for level in [3, 9] {
        let mut zstd = Compressor::new(level)?;
        let (mut bytes, mut size) = (0, 0);
        for file in files {
            bytes += file.text.len() as u64;
            size += zstd.compress(&file.text)?.len() as u64;
        }
        report(&format!("zstd -{level}, each file by itself"), bytes, size);
    }
    together(files)
}

/// All files as one stream that looks back 128 MiB, as of a tar.
fn together(files: &[File]) -> Outcome {
    let mut zstd = zstd::stream::Encoder::new(Vec::new(), 3)?;
    zstd.long_distance_matching(true)?;
    zstd.window_log(27)?;
    let mut bytes = 0;
    for file in files {
        bytes += file.text.len() as u64;
        zstd.write_all(&file.text)?;
    }
    report(
        "zstd -3 --long=27, all files",
        bytes,
        zstd.finish()?.len() as u64,
    );
    Ok(())
}

/// Several sessions at once, turn by turn, in several sittings.
fn write_as_agents_do(path: &Path, files: &[File]) -> Outcome {
    for some in files.chunks(AT_ONCE) {
        let lines = some.iter().map(|file| {
            let lines = file.text.split(|byte| *byte == b'\n');
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
        });
        let lines: Vec<_> = lines.collect();
        for round in 0..ROUNDS {
            let archive = Archive::options()
                .durability(Durability::Written)
                .open(path)?;
            let mut logs: Vec<(Log, _)> = Vec::new();
            for (file, lines) in some.iter().zip(&lines) {
                let part = lines.len().div_ceil(ROUNDS);
                let part = lines.chunks(part).nth(round).unwrap_or_default();
                logs.push((archive.log(file.ids.0, file.ids.1), part.chunks(TURN)));
            }
            let mut open = true;
            while open {
                open = false;
                for (log, turns) in &mut logs {
                    for line in turns.next().unwrap_or_default() {
                        log.append(&RawJson::from_bytes(line)?)?;
                        open = true;
                    }
                }
            }
            drop(logs);
            archive.close()?;
        }
    }
    Ok(())
}

/// Entries here and there, each by a handle that has read none of the others.
fn reads(path: &Path) -> Outcome {
    let archive = Archive::options().read_only(true).open(path)?;
    let mut segments = Vec::new();
    for session in archive.sessions()? {
        for segment in archive.segments(session?.id)? {
            segments.push(segment?);
        }
    }
    drop(archive);
    let mut took = Vec::new();
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..1000 {
        let segment = rng.choice(&segments).ok_or("no segments")?;
        let index = rng.u64(..segment.entries.max(1));
        let archive = Archive::options().read_only(true).open(path)?;
        let log = archive.log(segment.session, segment.id);
        let start = Instant::now();
        let entry = log.read(index..=index)?.next().ok_or("no entry")??;
        took.push(start.elapsed());
        std::hint::black_box(entry.as_str().len());
    }
    took.sort_unstable();
    let at = |part: usize| {
        took.get((took.len() - 1) * part / 1000)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "  one entry of it, read first: p50 {:?}, p99 {:?}, max {:?}",
        at(500),
        at(990),
        at(1000)
    );
    Ok(())
}

fn speeds(scratch: &Path, folder: &Path, files: &[File], bytes: u64) -> Outcome {
    let mut frames = Vec::new();
    let mut zstd = Compressor::new(3)?;
    for file in files {
        frames.push((file.text.len(), zstd.compress(&file.text)?));
    }
    let names = ["import", "export", "cp", "zstd -3", "zstd -d"];
    let mut times = names.map(|name| (name, Vec::new()));
    for round in 0..5 {
        let path = scratch.join(format!("imported-{round}.sessiondb"));
        let out = scratch.join(format!("exported-{round}"));
        let copy = scratch.join(format!("copied-{round}"));
        let import = || {
            let archive = Archive::open(&path)?;
            let report = Import::new(&archive).run(&[folder.to_owned()], None)?;
            assert_eq!(report.failed(), 0);
            archive.close()?;
            Ok(())
        };
        let export = || {
            let archive = Archive::options().read_only(true).open(&path)?;
            let report = Export::new(&archive).run(&out, None)?;
            assert_eq!(report.failed(), 0);
            Ok(())
        };
        let cp = || {
            fs::create_dir(&copy)?;
            for (number, file) in files.iter().enumerate() {
                fs::write(copy.join(number.to_string()), &file.text)?;
            }
            Ok(())
        };
        let mut packed = 0;
        let pack = || {
            for file in files {
                packed += zstd.compress(&file.text)?.len();
            }
            Ok(())
        };
        let unpack = || {
            let mut zstd = Decompressor::new()?;
            for (len, frame) in &frames {
                std::hint::black_box(zstd.decompress(frame, *len)?);
            }
            Ok(())
        };
        let calls: [&mut dyn FnMut() -> Outcome; 5] = [
            &mut { import },
            &mut { export },
            &mut { cp },
            &mut { pack },
            &mut { unpack },
        ];
        for ((_, times), call) in times.iter_mut().zip(calls) {
            let start = Instant::now();
            call()?;
            times.push(start.elapsed());
        }
        fs::remove_file(&path)?;
        fs::remove_dir_all(&out)?;
        fs::remove_dir_all(&copy)?;
    }
    print_speeds(times, bytes);
    Ok(())
}

/// How many megabytes each of these does in a second.
fn print_speeds(times: [(&str, Vec<Duration>); 5], bytes: u64) {
    println!("MB of JSONL a second, median of 5 rounds");
    for (name, mut times) in times {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let speed = u128::from(bytes) * 1000 / median.as_nanos().max(1);
        println!("  {name:<10} {speed:>6}");
    }
}
