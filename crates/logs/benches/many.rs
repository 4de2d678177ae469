//! Many small logs: the first import, one that finds nothing new, and one that finds a few.
//!
//! `cargo bench -p sessiondb-logs --bench many -- [FILES]`

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use sessiondb::Archive;
use sessiondb_logs::Import;

/// How many files a folder has: about what a year of work in one project leaves.
const A_FOLDER: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let files = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let files: usize = files.unwrap_or(20_000);
    let folder = tempfile::tempdir()?;
    let (logs, archive) = (
        folder.path().join("projects"),
        folder.path().join("a.sessiondb"),
    );
    write_logs(&logs, files)?;
    // The time of a file tells only once it is a little old.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let archive = Archive::open(archive)?;
    run(&archive, &logs, "first import")?;
    run(&archive, &logs, "again, nothing new")?;
    run(&archive, &logs, "again, nothing new")?;
    for number in (0..files).step_by(files / 20 + 1) {
        let mut file = OpenOptions::new()
            .append(true)
            .open(path_of(&logs, number))?;
        file.write_all(line(number, 1).as_bytes())?;
    }
    run(&archive, &logs, "again, 20 have grown")?;
    archive.close()?;
    Ok(())
}

fn run(archive: &Archive, logs: &Path, what: &str) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let report = Import::new(archive).run(&[logs.to_owned()], None)?;
    let skipped = report.files.iter().filter(|file| file.was_skipped).count();
    println!(
        "{what:22} {:6.2} s  {} files, {} new entries, {skipped} not read, {} failed",
        begun.elapsed().as_secs_f64(),
        report.files.len(),
        report.new_entries(),
        report.failed(),
    );
    Ok(())
}

fn write_logs(logs: &Path, files: usize) -> Result<(), Box<dyn Error>> {
    for number in 0..files {
        let path = path_of(logs, number);
        if number % A_FOLDER == 0
            && let Some(folder) = path.parent()
        {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, line(number, 0))?;
    }
    Ok(())
}

fn path_of(logs: &Path, number: usize) -> std::path::PathBuf {
    let folder = format!("-home-ann-project-{}", number / A_FOLDER);
    logs.join(folder).join(format!("{}.jsonl", id(number)))
}

fn id(number: usize) -> String {
    format!("0a1b2c3d-4e5f-4061-8071-{number:012x}")
}

fn line(number: usize, entry: usize) -> String {
    let id = id(number);
    format!(
        "{{\"type\":\"user\",\"sessionId\":\"{id}\",\"uuid\":\"{id}-{entry}\",\"cwd\":\"/home/ann/project\",\
         \"version\":\"2.1.0\",\"gitBranch\":\"main\",\"timestamp\":\"2026-03-0{}T10:00:00.000Z\",\
         \"isSidechain\":false,\"message\":{{\"role\":\"user\",\"content\":\"Why is total {number} off?\"}}}}\n",
        1 + entry % 9,
    )
}
