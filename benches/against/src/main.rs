//! This build of the store beside that of another commit, in one process: both make each call in
//! turn, so that a change of the machine's speed meets both.
//!
//! `benches/against/run COMMIT [WORD ...]` measures what has one of the words in its name.

#[path = "../../common/machine.rs"]
mod machine;

use std::path::Path;
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Of each log that is read.
const ENTRIES: usize = 1000;
const ROUNDS: usize = 500;
/// A turn takes about so long, and a median is over the means of turns: of calls that come now and then,
/// and of those that never pause, which wait for what happens in the background.
const TURN_US: f64 = 60.0;
const LONG_TURN_US: f64 = 50_000.0;
/// Until its folder has been as it is for some seconds, each sync looks at the file itself.
const REST: Duration = Duration::from_secs(4);

struct Case {
    name: &'static str,
    turn_us: f64,
    call: Box<dyn FnMut() -> Outcome>,
}

macro_rules! build {
    ($build:ident) => {
        mod $build {
            use std::hint::black_box;
            use std::path::{Path, PathBuf};

            use ::$build::{
                Archive, Durability, Log, LogEntry, RawJson, Sharing, StoreError, new_segment_id,
                new_session_id,
            };

            use crate::{Case, ENTRIES, LONG_TURN_US, Outcome, TURN_US, entry};

            pub(crate) fn cases(folder: &Path, shared: bool) -> Outcome<Vec<Case>> {
                let line: &'static [u8] = entry().leak();
                let path = folder.join(format!("{}-{shared}.sessiondb", stringify!($build)));
                let other = folder.join(format!("{}-{shared}-b.sessiondb", stringify!($build)));
                let sharing = [Sharing::Exclusive, Sharing::Shared][usize::from(shared)];
                let logs = Logs::of(open(&path, sharing)?, line)?;
                open(&other, sharing)?
                    .log(new_session_id(), new_segment_id())
                    .append(&RawJson::from_bytes(line)?)?;
                let mut cases = reads(&logs);
                cases.extend(appends(&logs, line));
                cases.push(opening(other, sharing));
                Ok(cases)
            }

            fn open(path: &Path, sharing: Sharing) -> Result<Archive, StoreError> {
                Archive::options().sharing(sharing).open(path)
            }

            /// An archive with the logs that are read and written, among others.
            struct Logs {
                archive: Archive,
                /// Its entries are in the tables.
                tables: Log,
                /// Its entries are in the journal.
                recent: Log,
                written: Log,
                synced: Log,
            }

            impl Logs {
                fn of(archive: Archive, line: &[u8]) -> Outcome<Self> {
                    let log = |durability| {
                        let log = archive.log(new_session_id(), new_segment_id());
                        log.with_durability(durability)
                    };
                    let entries = vec![RawJson::from_bytes(line)?; ENTRIES];
                    for _ in 0..20 {
                        let log = archive.log(new_session_id(), new_segment_id());
                        log.append_many(&entries)?;
                    }
                    archive.checkpoint()?;
                    let tables = log(Durability::Written);
                    tables.append_many(&entries)?;
                    archive.checkpoint()?;
                    let recent = log(Durability::Written);
                    for _ in 0..20 {
                        recent.append(&RawJson::from_bytes(line)?)?;
                    }
                    let (written, synced) = (log(Durability::Written), log(Durability::Synced));
                    Ok(Self {
                        archive,
                        tables,
                        recent,
                        written,
                        synced,
                    })
                }
            }

            fn case(
                name: &'static str,
                log: &Log,
                mut call: impl FnMut(&Log) -> Outcome + 'static,
            ) -> Case {
                let log = log.clone();
                Case {
                    name,
                    turn_us: TURN_US,
                    call: Box::new(move || call(&log)),
                }
            }

            fn reads(logs: &Logs) -> Vec<Case> {
                let mut at = 0;
                vec![
                    case("count", &logs.tables, |log| {
                        black_box(log.len()?);
                        Ok(())
                    }),
                    case("last entry", &logs.tables, |log| {
                        black_box(log.last(1)?.count());
                        Ok(())
                    }),
                    case("last entry, journal", &logs.recent, |log| {
                        black_box(log.last(1)?.count());
                        Ok(())
                    }),
                    case("last 20", &logs.tables, |log| {
                        black_box(log.last(20)?.count());
                        Ok(())
                    }),
                    case("one entry, anywhere", &logs.tables, move |log| {
                        at = (at + 617) % ENTRIES as u64;
                        black_box(log.read(at..=at)?.count());
                        Ok(())
                    }),
                    case("all, raw", &logs.tables, |log| {
                        black_box(log.read(..)?.count());
                        Ok(())
                    }),
                    case("all, typed", &logs.tables, |log| {
                        for entry in log.read(..)?.decode::<LogEntry>() {
                            black_box(entry?);
                        }
                        Ok(())
                    }),
                ]
            }

            fn appends(logs: &Logs, line: &'static [u8]) -> Vec<Case> {
                let append = move |log: &Log| {
                    black_box(log.append(&RawJson::from_bytes(line)?)?);
                    Ok(())
                };
                let archive = logs.archive.clone();
                vec![
                    case("append, written", &logs.written, append),
                    Case {
                        turn_us: LONG_TURN_US,
                        ..case("append, written, no pause", &logs.written, append)
                    },
                    case("append, synced", &logs.synced, append),
                    case("append, checkpoint, last", &logs.written, move |log| {
                        log.append(&RawJson::from_bytes(line)?)?;
                        archive.checkpoint()?;
                        black_box(log.last(1)?.count());
                        Ok(())
                    }),
                ]
            }

            fn opening(path: PathBuf, sharing: Sharing) -> Case {
                let call = move || {
                    let archive = open(&path, sharing)?;
                    black_box(archive.sessions()?.count());
                    archive.close()?;
                    Ok(())
                };
                Case {
                    name: "open, count, close",
                    turn_us: TURN_US,
                    call: Box::new(call),
                }
            }
        }
    };
}

build!(before);
build!(now);

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let commit = args.next().ok_or("which commit is beside this one?")?;
    let words: Vec<String> = args.collect();
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR"))?;
    println!("machine: {}", machine::machine());
    println!("command: benches/against/run {commit} {}", words.join(" "));
    println!(
        "{:<36} {:>12} {:>12} {:>7} {:>12} {:>12}",
        "", "before p50", "now p50 us", "ratio", "before p99", "now p99 us"
    );
    for shared in [false, true] {
        compare(folder.path(), shared, &words)?;
    }
    Ok(())
}

fn compare(folder: &Path, shared: bool, words: &[String]) -> Outcome {
    let builds = before::cases(folder, shared)?
        .into_iter()
        .zip(now::cases(folder, shared)?);
    std::thread::sleep(REST);
    for (mut before, mut now) in builds {
        let name = format!(
            "{}, {}",
            ["exclusive", "shared"][usize::from(shared)],
            now.name
        );
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let calls = calls_in_a_turn(&mut now)?;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let rounds = if now.turn_us > TURN_US {
            ROUNDS / 5
        } else {
            ROUNDS
        };
        for round in 0..rounds {
            if round % 2 == 0 {
                left.push(turn(&mut before, calls)?);
                right.push(turn(&mut now, calls)?);
            } else {
                right.push(turn(&mut now, calls)?);
                left.push(turn(&mut before, calls)?);
            }
        }
        let ((left, left_99), (right, right_99)) = (percentiles(left), percentiles(right));
        println!(
            "{name:<36} {left:>12.3} {right:>12.3} {:>7.3} {left_99:>12.3} {right_99:>12.3}",
            right / left
        );
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small count"
)]
fn calls_in_a_turn(case: &mut Case) -> Outcome<u32> {
    turn(case, 10)?;
    Ok((case.turn_us / turn(case, 10)?).clamp(1.0, 10_000.0) as u32)
}

/// Microseconds of a call.
fn turn(case: &mut Case, calls: u32) -> Outcome<f64> {
    let start = Instant::now();
    for _ in 0..calls {
        (case.call)()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls))
}

/// Median and 99th percentile.
fn percentiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |per_cent: usize| {
        let index = (times.len() * per_cent / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or(f64::NAN)
    };
    (at(50), at(99))
}

/// An entry of the size that entries have at the median.
fn entry() -> Vec<u8> {
    let head = r#"{"kind":"tool_result","ts":1756000000000,"item":{"kind":"tool_result","call_id":"call_1","summary":""#;
    let text = "The function reads its settings, then starts the server on port 8080. ";
    let text: String = text.chars().cycle().take(900).collect();
    format!("{head}{text}\"}}}}").into_bytes()
}
