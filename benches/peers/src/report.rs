//! What is printed: the machine and the versions, a table for each workload, the targets at the end.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// One workload: what was measured, and the targets that hang on it.
pub(crate) struct Section {
    title: String,
    note: Option<&'static str>,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    targets: Vec<Target>,
}

/// A figure against its limit.
pub(crate) struct Target {
    what: String,
    found: String,
    limit: String,
    met: bool,
}

impl Section {
    /// A table whose first column names the systems.
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self {
            title: title.into(),
            note: None,
            columns: columns.to_vec(),
            rows: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Sets a line that explains the columns.
    pub(crate) fn note(&mut self, note: &'static str) {
        self.note = Some(note);
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(std::iter::once(name.into()).chain(cells).collect());
    }

    /// Adds the target that `found` is at most `limit`.
    pub(crate) fn at_most(
        &mut self,
        what: impl Into<String>,
        found: f64,
        limit: f64,
        show: impl Fn(f64) -> String,
    ) {
        self.targets.push(Target {
            what: what.into(),
            found: show(found),
            limit: format!("<= {}", show(limit)),
            met: found <= limit,
        });
    }

    /// Adds the target that `found` is at least `limit`.
    pub(crate) fn at_least(
        &mut self,
        what: impl Into<String>,
        found: f64,
        limit: f64,
        show: impl Fn(f64) -> String,
    ) {
        self.targets.push(Target {
            what: what.into(),
            found: show(found),
            limit: format!(">= {}", show(limit)),
            met: found >= limit,
        });
    }

    /// Prints the table and hands its targets on to the summary.
    pub(crate) fn print(self) -> Vec<Target> {
        println!("\n## {}\n", self.title);
        if let Some(note) = self.note {
            println!("{note}\n");
        }
        if !self.rows.is_empty() {
            let mut header = vec!["system".to_owned()];
            header.extend(self.columns.into_iter().map(str::to_owned));
            table(header, self.rows);
        }
        if !self.targets.is_empty() {
            println!();
        }
        for target in &self.targets {
            println!(
                "{}: {} = {} (target {})",
                verdict(target.met),
                target.what,
                target.found,
                target.limit
            );
        }
        self.targets
    }
}

/// Prints all targets together.
pub(crate) fn print_targets(targets: &[Target]) {
    if targets.is_empty() {
        return;
    }
    let met = targets.iter().filter(|target| target.met).count();
    println!("\n## Targets: {met} of {} met\n", targets.len());
    let header = ["target", "measured", "limit", "verdict"].map(str::to_owned);
    let rows = targets.iter().map(|target| {
        vec![
            target.what.clone(),
            target.found.clone(),
            target.limit.clone(),
            verdict(target.met).to_owned(),
        ]
    });
    table(header.into(), rows.collect());
}

fn verdict(met: bool) -> &'static str {
    if met { "pass" } else { "FAIL" }
}

/// Prints a Markdown table, its columns padded so that it also reads well as text.
fn table(header: Vec<String>, rows: Vec<Vec<String>>) {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<String>| {
        let padded = cells.into_iter().zip(&widths).enumerate();
        let cells: Vec<String> = padded
            .map(|(column, (cell, &width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        println!("| {} |", cells.join(" | "));
    };
    line(header);
    let rules = widths.iter().enumerate().map(|(column, width)| {
        let dashes = "-".repeat(width.saturating_sub(1).max(1));
        match column {
            0 => format!("{dashes}-"),
            _ => format!("{dashes}:"),
        }
    });
    line(rules.collect());
    rows.into_iter().for_each(line);
}

/// The times of a system, round by round.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    medians: Vec<f64>,
    means: Vec<f64>,
    all: Vec<f64>,
}

impl Rounds {
    /// Takes in the times of one round.
    pub(crate) fn push(&mut self, times: &[Duration]) {
        let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        self.medians.push(median(&seconds));
        self.means
            .push(seconds.iter().sum::<f64>() / count(seconds.len()));
        self.all.extend(seconds);
    }

    /// The median of a round in seconds, at the median over the rounds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.medians)
    }

    /// The mean of a round, which what comes in bursts is part of, at the median over the rounds.
    pub(crate) fn mean(&self) -> f64 {
        median(&self.means)
    }

    /// How often the median of `other` fits into ours: the median of that over the rounds.
    pub(crate) fn per_median(&self, other: &Self) -> f64 {
        ratio(&self.medians, &other.medians)
    }

    /// How often the mean of `other` fits into ours: the median of that over the rounds.
    pub(crate) fn per_mean(&self, other: &Self) -> f64 {
        ratio(&self.means, &other.means)
    }

    /// Seconds at the 99th percentile of all rounds together.
    pub(crate) fn p99(&self) -> f64 {
        percentile(&self.all, 99)
    }

    /// The longest time of all rounds, in seconds.
    pub(crate) fn max(&self) -> f64 {
        self.all.iter().copied().fold(0.0, f64::max)
    }

    /// How many times were taken.
    pub(crate) fn samples(&self) -> usize {
        self.all.len()
    }
}

/// The median over the rounds of one figure divided by the other of the same round: a machine that
/// is slower for a while is so for both.
pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(our, their)| our / their)
        .collect();
    median(&ratios)
}

/// The median of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 50)
}

fn percentile(figures: &[f64], per_cent: usize) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * per_cent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
pub(crate) fn count(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

/// A time in the unit that suits it.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A factor.
pub(crate) fn times(factor: f64) -> String {
    format!("{factor:.2}x")
}

/// Appends a second.
pub(crate) fn rate(per_second: f64) -> String {
    format!("{per_second:.0}/s")
}

/// Bytes a second.
pub(crate) fn mb_rate(per_second: f64) -> String {
    format!("{:.0} MB/s", per_second / 1e6)
}

/// A part of a whole.
pub(crate) fn per_cent(part: f64) -> String {
    format!("{:.2} %", part * 100.0)
}

/// Bytes in KiB.
pub(crate) fn kib(bytes: f64) -> String {
    format!("{:.2} KiB", bytes / 1024.0)
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1024.0 / 1024.0)
}

/// Prints what the figures depend on.
pub(crate) fn print_header(dir: &Path) {
    let version = |package| locked_version(include_str!("../Cargo.lock"), package);
    let line = |name: &str, value: &dyn Display| println!("{name:<12}{value}");
    line("machine", &machine());
    line("kernel", &read("/proc/sys/kernel/osrelease").trim());
    line("directory", &dir.display());
    line("file system", &file_system(dir));
    println!(
        "{:<12}sessiondb {} (redb {}, zstd-sys {}), SQLite {} (rusqlite {})",
        "versions",
        version("sessiondb"),
        version("redb"),
        version("zstd-sys"),
        rusqlite::version(),
        version("rusqlite")
    );
    let args: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo run --release -- {}", args.join(" "));
    line("command", &command.trim_end_matches([' ', '-']));
    println!(
        "Medians over interleaved rounds, p99 and max over all of them; ratios are medians of the \
         ratios within a round.\nAll that was appended was read back and compared."
    );
}

fn locked_version(lock: &str, package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.next();
    let version = lines.next().and_then(|line| line.split('"').nth(1));
    version.unwrap_or("unknown").to_owned()
}

fn machine() -> String {
    let info = read("/proc/cpuinfo");
    let mut models = info
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = models.next().map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let gib = kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / (1 << 20);
    format!("{}, {cores} cores, {gib} GiB memory", model.trim())
}

/// The type and the device of the file system that `dir` is on.
pub(crate) fn file_system(dir: &Path) -> String {
    let mounts = read("/proc/self/mountinfo");
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let point = left.split(' ').nth(4)?;
            dir.starts_with(point).then_some((point.len(), right))
        })
        .max_by_key(|(len, _)| *len);
    let words = mount.map(|(_, right)| right.split(' ').take(2).collect::<Vec<_>>().join(" on "));
    words.unwrap_or_else(|| "unknown".to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
