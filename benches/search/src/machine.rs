//! What the figures depend on: machine, load, versions.

#[path = "../../common/machine.rs"]
mod common;

use std::fs;

pub(crate) fn print(command: &str) {
    println!("command     {command}");
    println!("machine     {}", common::machine());
    println!("versions    {}", versions());
    print_load();
}

/// How many processes wanted a core in the last minute: one busy benchmark by itself makes one or two.
pub(crate) fn print_load() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "load        {}",
        load.split(' ').next().unwrap_or("unknown")
    );
}

fn versions() -> String {
    let ripgrep = super::systems::ripgrep_version();
    let mut versions = format!(
        "SQLite {}, {}",
        rusqlite::version(),
        ripgrep.as_deref().unwrap_or("no ripgrep")
    );
    if cfg!(feature = "tantivy") {
        versions.push_str(", tantivy ");
        versions.push_str(locked("tantivy"));
    }
    versions
}

fn locked(package: &str) -> &str {
    let name = format!("name = \"{package}\"");
    let mut lines = include_str!("../Cargo.lock")
        .lines()
        .skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
    version.unwrap_or("unknown")
}
