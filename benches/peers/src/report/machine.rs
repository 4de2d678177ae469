//! The header: the machine, the versions and the settings that the figures depend on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::systems::{Engine, Promise};

/// What the figures depend on.
pub(crate) struct Header {
    /// The command that gives the figures again.
    pub(super) command: String,
    /// Names and values.
    pub(super) facts: Vec<(&'static str, String)>,
    /// How each system is set up for each promise that it has.
    pub(super) settings: Vec<(Engine, Promise, &'static str)>,
    dir: String,
}

impl Header {
    /// Looks at this machine, and at the file system of `dir`, where the files go.
    pub(crate) fn read(dir: &Path, command: &str) -> Self {
        let facts = [
            ("date", Some(date())),
            ("processor", Some(processor())),
            ("memory", memory()),
            ("kernel", file("/proc/sys/kernel/osrelease")),
            ("file system", Some(file_system(dir))),
            ("versions", Some(versions())),
            ("compiler", compiler()),
        ];
        let facts = facts.into_iter();
        let settings = Engine::ALL.into_iter().flat_map(|engine| {
            let promises = Promise::ALL.into_iter();
            let promises = promises.filter(move |promise| engine.promises(*promise));
            promises.map(move |promise| (engine, promise, engine.settings(promise)))
        });
        Self {
            command: command.trim_end_matches(" --").to_owned(),
            facts: facts
                .filter_map(|(name, fact)| Some((name, fact?)))
                .collect(),
            settings: settings.collect(),
            dir: dir.display().to_string(),
        }
    }

    /// Prints it, and warns if the disk is none.
    pub(crate) fn print(&self) {
        let line = |name: &str, value: &str| println!("{name:<12}{value}");
        line("command", &self.command);
        line("directory", &self.dir);
        for (name, fact) in &self.facts {
            line(name, fact);
        }
        println!("settings");
        for (engine, promise, settings) in &self.settings {
            println!("  {:<19} {:<7}  {settings}", engine.name(), promise.name());
        }
        println!(
            "Medians over interleaved rounds, p99 over all of them; ratios are medians of the ratios \
             within a round.\nAll that was written is read back and compared."
        );
        let on_tmpfs =
            |(name, fact): &(&str, String)| *name == "file system" && fact.starts_with("tmpfs");
        if self.facts.iter().any(on_tmpfs) {
            eprintln!("warning: a tmpfs has nothing to sync; choose another folder");
        }
    }
}

/// The day of the run.
fn date() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    day(since.map_or(0, |since| since.as_secs() / 86_400))
}

/// The date of a day, counted from the first of 1970. Years are taken to begin in March, so that the
/// leap day is their last.
fn day(days: u64) -> String {
    let since_march_of_0 = days + 719_468;
    let (era, day) = (since_march_of_0 / 146_097, since_march_of_0 % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

fn processor() -> String {
    let info = file("/proc/cpuinfo").unwrap_or_default();
    let mut models = info
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = models.next().map_or("unknown", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {cores} cores")
}

fn memory() -> Option<String> {
    let memory = file("/proc/meminfo")?;
    let mut lines = memory.lines();
    let kib = lines.find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let mib = kib?.parse::<u64>().ok()? / 1024;
    Some(format!("{}.{} GiB", mib / 1024, mib % 1024 * 10 / 1024))
}

/// The type and the device of the file system that `dir` is on.
fn file_system(dir: &Path) -> String {
    let mounts = file("/proc/self/mountinfo").unwrap_or_default();
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

fn versions() -> String {
    let of = |package| locked_version(include_str!("../../Cargo.lock"), package);
    format!(
        "sessiondb {} (redb {}, zstd-sys {}), SQLite {} (rusqlite {}), LMDB (heed {}, lmdb-master-sys \
         {}), fjall {}, redb {}",
        of("sessiondb"),
        of("redb"),
        of("zstd-sys"),
        rusqlite::version(),
        of("rusqlite"),
        of("heed"),
        of("lmdb-master-sys"),
        of("fjall"),
        of("redb")
    )
}

fn locked_version(lock: &str, package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
    version.unwrap_or("unknown").to_owned()
}

/// The compiler on the path, which is the one that built this if `cargo run` started it.
fn compiler() -> Option<String> {
    let version = Command::new("rustc").arg("--version").output().ok()?.stdout;
    let version = String::from_utf8(version).ok()?.trim().to_owned();
    (!version.is_empty()).then_some(version)
}

fn file(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(19_782), "2024-02-29");
        assert_eq!(day(20_453), "2025-12-31");
        assert_eq!(day(20_454), "2026-01-01");
    }

    #[test]
    fn every_version_is_in_the_lock_file() {
        assert!(!versions().contains("unknown"), "{}", versions());
    }
}
