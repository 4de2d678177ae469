//! How the generated corpus compares with real logs: the sizes of entries and sessions, and what zstd
//! makes of them.
//!
//! `cargo bench --bench corpus`. The figures of real logs are those of 274 sessions of a coding agent,
//! 351 MB, each session a file.

#[path = "mod.rs"]
mod corpus;

use std::time::{Duration, Instant};

use corpus::Corpus;
use xxhash_rust::xxh3::Xxh3;
use zstd::bulk::Compressor;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Of 80 tried, the one with as many sessions as the corpus before had, and which zstd makes as much smaller;
/// they are about as long as real ones.
const SEED: u64 = 67;
const CHECKED_BYTES: usize = 8_000_000;
/// Of the lines of so many bytes, forks among them.
const FINGERPRINT: u64 = 0x1059_4577_9963_da71;
const PARTS: &[(&str, usize, usize)] = &[
    ("entry bytes p10", 1_000, 581),
    ("entry bytes p50", 5_000, 1_050),
    ("entry bytes p75", 7_500, 1_956),
    ("entry bytes p90", 9_000, 6_200),
    ("entry bytes p99", 9_900, 50_800),
    ("entry bytes p99.9", 9_990, 113_000),
    ("entry bytes max", 10_000, 961_000),
];
const SESSION_PARTS: &[(&str, usize, usize)] = &[
    ("entries a session p50", 5_000, 236),
    ("entries a session p90", 9_000, 893),
    ("entries a session max", 10_000, 2_331),
];
/// KiB of a block of whole lines, and how much smaller zstd -3 makes such blocks of real logs.
const BLOCKS: &[(usize, f64)] = &[
    (16, 4.4),
    (64, 5.3),
    (128, 5.9),
    (256, 6.8),
    (512, 7.4),
    (1024, 8.4),
];

fn main() -> Outcome {
    check()?;
    // Without `--bench` (as under `cargo test --all-targets`) only that it runs is of interest.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let (bytes, level) = if measured {
        (100_000_000, 19)
    } else {
        (300_000, 3)
    };
    let (files, took) = files(bytes);
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    let speed = bytes as u128 * 1_000 / took.as_nanos().max(1);
    println!(
        "{bytes} bytes in {} sessions, made at {} MB/s",
        files.len(),
        speed
    );
    println!("{:<26} {:>9} {:>9}", "", "corpus", "real logs");
    sizes(&files);
    println!("bytes by bytes of zstd");
    let alone = smaller(&files, 3, File::entries)?;
    println!("{:<26} {alone:>9.2} {:>9.2}", "-3, each entry alone", 2.9);
    for (kib, real) in BLOCKS {
        let ratio = smaller(&files, 3, |file| file.blocks(kib * 1024))?;
        println!(
            "{:<26} {ratio:>9.2} {real:>9.2}",
            format!("-3, blocks of {kib} KiB")
        );
    }
    for (level, real) in [(3, 9.2), (level, 11.1)] {
        let ratio = smaller(&files, level, |file| vec![file.text.as_slice()])?;
        println!(
            "{:<26} {ratio:>9.2} {real:>9.2}",
            format!("-{level}, each session whole")
        );
    }
    Ok(())
}

/// That the corpus is still the same, or its figures could not be compared with earlier ones, and that
/// it is what it should be: objects, and forks that begin as what they were forked from.
fn check() -> Outcome {
    let (mut all, mut before) = (Xxh3::new(), None);
    for session in Corpus::new(SEED, CHECKED_BYTES).with_forks(100) {
        if before.replace(session.id) >= Some(session.id) {
            return Err(format!("session {} is not later than the one before", session.id).into());
        }
        for line in session.segments.iter().flat_map(|segment| &segment.lines) {
            serde_json::from_slice::<serde_json::Map<_, _>>(line)?;
            all.update(line);
        }
        if let [first, fork] = session.segments.as_slice()
            && first.lines.first() != fork.lines.first()
        {
            return Err(format!("segment {} is no fork of {}", fork.id, first.id).into());
        }
    }
    if all.digest() != FINGERPRINT {
        return Err(format!("the corpus has become another one: {:#018x}", all.digest()).into());
    }
    Ok(())
}

/// A session as a JSONL file.
struct File {
    text: Vec<u8>,
    /// Bytes of each line with its newline.
    lines: Vec<usize>,
}

impl File {
    fn entries(&self) -> Vec<&[u8]> {
        self.blocks(0)
    }

    /// Whole lines together, of at most `limit` bytes where one line alone has no more.
    fn blocks(&self, limit: usize) -> Vec<&[u8]> {
        let (mut blocks, mut rest, mut taken) = (Vec::new(), self.text.as_slice(), 0);
        for line in &self.lines {
            if taken > 0 && taken + line > limit {
                let (block, after) = rest.split_at(taken);
                blocks.push(block);
                (rest, taken) = (after, 0);
            }
            taken += line;
        }
        blocks.push(rest);
        blocks
    }
}

/// The corpus, and how long it took to make.
fn files(bytes: usize) -> (Vec<File>, Duration) {
    let (mut files, mut took) = (Vec::new(), Duration::ZERO);
    let mut start = Instant::now();
    for session in Corpus::new(SEED, bytes) {
        took += start.elapsed();
        for segment in session.segments {
            let mut text = segment.lines.join(&b'\n');
            text.push(b'\n');
            let lines = segment.lines.iter().map(|line| line.len() + 1).collect();
            files.push(File { text, lines });
        }
        start = Instant::now();
    }
    (files, took)
}

fn sizes(files: &[File]) {
    let mut entries: Vec<usize> = files
        .iter()
        .flat_map(|file| &file.lines)
        .map(|line| line - 1)
        .collect();
    let mut counts: Vec<usize> = files.iter().map(|file| file.lines.len()).collect();
    entries.sort_unstable();
    counts.sort_unstable();
    for (parts, sorted) in [(PARTS, &entries), (SESSION_PARTS, &counts)] {
        for (name, part, real) in parts {
            let at = (sorted.len() - 1) * part / 10_000;
            println!("{name:<26} {:>9} {real:>9}", sorted.get(at).unwrap_or(&0));
        }
    }
    let mean = entries.iter().sum::<usize>() / entries.len();
    println!("{:<26} {mean:>9} {:>9}", "entry bytes mean", 3_600);
}

/// How many times smaller all files together become in such parts.
fn smaller<'f>(
    files: &'f [File],
    level: i32,
    parts: impl Fn(&'f File) -> Vec<&'f [u8]>,
) -> Outcome<f64> {
    let mut zstd = Compressor::new(level)?;
    let (mut bytes, mut compressed) = (0, 0);
    for part in files.iter().flat_map(parts) {
        bytes += part.len();
        compressed += zstd.compress(part)?.len();
    }
    let hundredths = u32::try_from(bytes * 100 / compressed)?;
    Ok(f64::from(hundredths) / 100.0)
}
