//! What was measured, and the tables of it.

use std::time::{Duration, Instant};

use crate::Result;
use crate::logs::{IN_SOME, Logs, NOWHERE, PART, RARE, REGEX};
use crate::systems::{Ask, How, System};

/// A system does one search so often, or for so long, before the next system takes its turn.
const CALLS_A_TURN: usize = 20;
const TURN: Duration = Duration::from_millis(500);

/// A system that was filled.
struct Build {
    system: &'static str,
    took: Duration,
    len_bytes: u64,
}

/// The calls of one system for one search.
struct Calls {
    ask: usize,
    system: usize,
    took: Vec<Duration>,
}

/// All figures of a run.
pub(crate) struct Table {
    sessions: usize,
    jsonl_bytes: u64,
    asks: Vec<Ask>,
    builds: Vec<Build>,
    calls: Vec<Calls>,
}

impl Table {
    pub(crate) fn new(logs: &Logs) -> Self {
        let ask = |name, pattern, how, hits| Ask {
            name,
            pattern,
            how,
            hits,
        };
        Self {
            sessions: logs.files.len(),
            jsonl_bytes: logs.len_bytes,
            asks: vec![
                ask("a word that is there once", RARE, How::Word, 1),
                ask(
                    "a word in every 100th session",
                    IN_SOME,
                    How::Word,
                    logs.some,
                ),
                ask("a word that is nowhere", NOWHERE, How::Word, 0),
                ask("a part of a word", PART, How::Part, 1),
                ask("a regular expression", REGEX, How::Regex, 1),
            ],
            builds: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Fills a system with the logs, and looks whether it finds all that it can find.
    pub(crate) fn build(&mut self, system: &mut dyn System, logs: &Logs) -> Result<()> {
        let began = Instant::now();
        system.build(logs)?;
        self.builds.push(Build {
            system: system.name(),
            took: began.elapsed(),
            len_bytes: system.len_bytes()?,
        });
        for ask in self.asks.iter().filter(|ask| system.can(ask.how)) {
            verified(system, ask)?;
        }
        Ok(())
    }

    /// Lets the systems take turns at each search.
    pub(crate) fn measure(&mut self, systems: &[Box<dyn System>], rounds: usize) -> Result<()> {
        for round in 1..=rounds {
            eprintln!("searches: round {round} of {rounds}");
            for (number, ask) in self.asks.iter().enumerate() {
                for (place, system) in systems.iter().enumerate() {
                    if !system.can(ask.how) {
                        continue;
                    }
                    let turn = turn(system.as_ref(), ask)?;
                    let known = self
                        .calls
                        .iter_mut()
                        .find(|calls| (calls.ask, calls.system) == (number, place));
                    match known {
                        Some(calls) => calls.took.extend(turn),
                        None => self.calls.push(Calls {
                            ask: number,
                            system: place,
                            took: turn,
                        }),
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn print_builds(&self) {
        println!(
            "\n{} MB of JSONL in {} sessions\n",
            self.jsonl_bytes / 1_000_000,
            self.sessions
        );
        println!("| | built in | JSONL a second | size | of the JSONL |");
        println!("|---|---:|---:|---:|---:|");
        for build in &self.builds {
            if build.took < Duration::from_millis(1) {
                println!("| {} | - | - | - | - |", build.system);
                continue;
            }
            println!(
                "| {} | {:.1} s | {} | {:.1} MB | {:.1} % |",
                build.system,
                build.took.as_secs_f64(),
                self.speed(build.took),
                megabytes(build.len_bytes),
                megabytes(build.len_bytes) * 100.0 / megabytes(self.jsonl_bytes),
            );
        }
    }

    pub(crate) fn print_searches(&self, systems: &[Box<dyn System>]) {
        let names: Vec<&str> = systems.iter().map(|system| system.name()).collect();
        println!("\n| | hits | {} |", names.join(" | "));
        println!("|---|---:|{}", "---:|".repeat(names.len()));
        for (number, ask) in self.asks.iter().enumerate() {
            let cells = systems.iter().enumerate();
            let cells = cells.map(|(place, system)| self.cell(number, ask, place, system.as_ref()));
            let cells: Vec<String> = cells.collect();
            println!("| {} | {} | {} |", ask.name, ask.hits, cells.join(" | "));
        }
    }

    /// Compacts what can be, after all has been searched.
    pub(crate) fn print_compacted(&self, systems: &[Box<dyn System>]) -> Result<()> {
        println!();
        for system in systems {
            if let Some(bytes) = system.compacted_bytes()? {
                let (name, bytes) = (system.name(), megabytes(bytes));
                let part = bytes * 100.0 / megabytes(self.jsonl_bytes);
                println!("compacted: {name} {bytes:.1} MB, {part:.1} % of the JSONL");
            }
        }
        Ok(())
    }

    fn cell(&self, number: usize, ask: &Ask, place: usize, system: &dyn System) -> String {
        let calls = self
            .calls
            .iter()
            .find(|calls| (calls.ask, calls.system) == (number, place));
        let Some(calls) = calls else {
            return "-".to_owned();
        };
        let mut took = calls.took.clone();
        took.sort_unstable();
        let at = |part: usize| took.get(part.min(took.len() - 1));
        let median = at(took.len() / 2).copied().unwrap_or_default();
        let p99 = at(took.len() * 99 / 100).copied().unwrap_or_default();
        // Of fewer calls it is the slowest.
        let name = if took.len() > 20 { "p99" } else { "at most" };
        let speed = if system.scans(ask.how) {
            format!(", {}", self.speed(median))
        } else {
            String::new()
        };
        format!("{} ({name} {}){speed}", time(median), time(p99))
    }

    /// How much JSONL that is in a second.
    fn speed(&self, took: Duration) -> String {
        format!(
            "{:.0} MB/s",
            megabytes(self.jsonl_bytes) / took.as_secs_f64().max(1e-9)
        )
    }
}

/// The times of one turn of a system.
fn turn(system: &dyn System, ask: &Ask) -> Result<Vec<Duration>> {
    let began = Instant::now();
    let mut took = Vec::new();
    while took.len() < CALLS_A_TURN && (took.is_empty() || began.elapsed() < TURN) {
        let call = Instant::now();
        verified(system, ask)?;
        took.push(call.elapsed());
    }
    Ok(took)
}

fn verified(system: &dyn System, ask: &Ask) -> Result<()> {
    let hits = system.count(ask)?;
    if hits == ask.hits {
        return Ok(());
    }
    let (name, pattern) = (system.name(), ask.pattern);
    Err(format!("{name} found {pattern:?} {hits} times, not {}", ask.hits).into())
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn time(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1e3;
    match ms {
        ..0.995 => format!("{:.0} us", ms * 1e3),
        ..9.95 => format!("{ms:.1} ms"),
        ..9_950.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}
