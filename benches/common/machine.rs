//! What a benchmark ran on.

use std::fs;

pub(crate) fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores, {} {} {}",
        model.map_or("unknown processor", |(_, name)| name.trim()),
        std::env::consts::OS,
        kernel.trim(),
        std::env::consts::ARCH,
    )
}
