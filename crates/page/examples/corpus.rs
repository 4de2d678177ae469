//! Writes sessions that are shaped like real ones into a folder, for measuring pages of them:
//! `cargo run --release -p sessiondb-page --example corpus -- DIR SESSIONS BYTES` cuts each off after so many
//! bytes.

#[path = "../../../benches/corpus/mod.rs"]
mod corpus;

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const SEED: u64 = 67;

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("give DIR SESSIONS BYTES");
    let (folder, sessions, most) = (PathBuf::from(next()?), next()?.parse()?, next()?.parse()?);
    let mut bytes = 0;
    for session in corpus::Corpus::new(SEED, usize::MAX)
        .with_forks(10)
        .take(sessions)
    {
        let folder = folder.join(session.id.to_string());
        fs::create_dir_all(&folder)?;
        for segment in &session.segments {
            let file = fs::File::create(folder.join(format!("{}.jsonl", segment.id)))?;
            let mut file = BufWriter::new(file);
            let mut written = 0;
            for line in segment.lines.iter().filter(|line| line.len() < most) {
                if written + line.len() > most {
                    break;
                }
                file.write_all(line)?;
                file.write_all(b"\n")?;
                written += line.len() + 1;
            }
            bytes += written;
            file.flush()?;
        }
    }
    println!("{bytes} bytes in {sessions} sessions");
    Ok(())
}
