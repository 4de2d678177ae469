//! Three archives that push and pull at random at the remote URL, for so many seconds, from a seed; then all must
//! have one history. `sessiondb-remote-s3 URL SECONDS SEED`: credentials and endpoint by the usual variables.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use sessiondb_remote::Remote;
use sessiondb_remote_s3::{Failure, Team};

/// So long may a server take until it answers again.
const PATIENCE: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(seconds), Some(seed)) = (args.next(), args.next(), args.next()) else {
        return Err("give URL, SECONDS and SEED".into());
    };
    let remote = Remote::open(&url)?;
    let mut team = Team::new(3, seed.parse()?)?;
    let (begun, length) = (Instant::now(), Duration::from_secs(seconds.parse()?));
    while begun.elapsed() < length {
        team.step(&remote)?;
    }
    println!("{:#?}", team.counts);
    let settling = Instant::now();
    loop {
        match team.settle(&remote) {
            Ok(entries) => {
                println!("one history, with all of {entries} entries; check finds nothing");
                return Ok(());
            }
            Err(error) if settling.elapsed() < PATIENCE => {
                println!("not yet: {error}");
                std::thread::sleep(Duration::from_secs(2));
            }
            Err(error) => return Err(error),
        }
    }
}
