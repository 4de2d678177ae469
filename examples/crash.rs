//! Appends until it is killed, and prints the number of each entry once it is safe:
//! `cargo run --example crash -- crash.sessiondb [COUNT]`. Kill it, run it again: it tells what
//! it found, and every number that was printed is there.

use std::io::Write;

use sessiondb::Archive;
use uuid::Uuid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: crash ARCHIVE [COUNT]")?;
    let count: u64 = args.next().map_or(Ok(u64::MAX), |count| count.parse())?;

    let archive = Archive::open(&path)?;
    let log = archive.log(Uuid::from_u128(1), Uuid::from_u128(2));
    let report = archive.check(None)?;
    if !report.is_clean() {
        return Err(format!("{path} is damaged: {:?}", report.problems).into());
    }
    let mut found = 0;
    if log.exists()? {
        for entry in log.read(..)?.decode::<u64>() {
            if entry? != found {
                return Err(format!("{path}: entry {found} is another one").into());
            }
            found += 1;
        }
    }
    eprintln!("{path}: {found} entries, all as they were written");

    let mut out = std::io::stdout().lock();
    for index in found..found.saturating_add(count) {
        log.append(&index)?;
        writeln!(out, "{index}")?;
        out.flush()?;
    }
    Ok(())
}
