//! Compactions beside processes that open the archive, append and close it: nothing that was
//! acknowledged is lost, whichever file an open had found.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sessiondb::{Archive, CompactMode, StoreError};

use super::{is_clean, segment, session};
use crate::scratch::Scratch;

const WRITERS: u64 = 3;

/// Appends one line by a process of its own; whether it was acknowledged.
fn append(archive: &Path, line: &str) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sessiondb"))
        .args(["append", "--lock-timeout", "60"])
        .arg(archive)
        .args(["--session", &session(0).to_string()])
        .args(["--segment", &segment(0).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    child.wait().unwrap().success()
}

#[test]
fn nothing_that_is_acknowledged_meanwhile_is_lost() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    drop(Archive::open(&path).unwrap());
    let stop = AtomicBool::new(false);
    let (told, fresh) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (path, stop) = (&path, &stop);
                scope.spawn(move || {
                    let lines = (0_u64..).map(|number| format!("[{writer},{number}]"));
                    lines
                        .take_while(|_| !stop.load(Ordering::Relaxed))
                        .filter(|line| append(path, line))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut fresh = 0;
        let brief = Archive::options().lock_timeout(Duration::from_millis(20));
        let deadline = Instant::now() + Duration::from_secs(60);
        while fresh < 10 && Instant::now() < deadline {
            let archive = brief.clone().open(&path);
            match archive.and_then(|archive| archive.compact(&mut |_| {})) {
                Ok((archive, compacted)) => {
                    fresh += u32::from(compacted.mode == CompactMode::Fresh);
                    archive.close().unwrap();
                }
                Err(StoreError::Busy { .. }) => {}
                Err(err) => panic!("{err}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
        let told: Vec<Vec<String>> = writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect();
        (told, fresh)
    });
    assert!(fresh > 0, "no fresh copy came about");
    assert!(told.iter().all(|lines| !lines.is_empty()));
    let archive = Archive::open(&path).unwrap();
    is_clean(&archive);
    let log = archive.log(session(0), segment(0));
    let stored: Vec<String> = log
        .read_raw(..)
        .unwrap()
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect();
    for lines in &told {
        let (writer, _) = lines[0].split_once(',').unwrap();
        let found: Vec<&String> = stored
            .iter()
            .filter(|line| line.starts_with(writer))
            .collect();
        assert_eq!(found, lines.iter().collect::<Vec<_>>());
    }
    assert_eq!(scratch.names(), ["1.sessiondb"]);
}
