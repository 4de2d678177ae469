//! Compactions beside processes that open the archive, append and close it: nothing that was
//! acknowledged is lost, whichever file an open had found. And one of a file that cannot be replaced.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sessiondb::archive::CompactMode;
use sessiondb::{Archive, SegmentId, SessionId, StoreError};

use crate::scratch::Scratch;

const WRITERS: u64 = 3;
const SESSION: SessionId = SessionId::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000);
const SEGMENT: SegmentId = SegmentId::from_u128(0x0199_0000_0000_7000_9000_0000_0000_0000);

/// Appends one line by a process of its own; whether it was acknowledged.
fn append(archive: &Path, line: &str) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sessiondb"))
        .args(["append", "--lock-timeout", "60", "-a"])
        .arg(archive)
        .args(["--session", &SESSION.to_string()])
        .args(["--segment", &SEGMENT.to_string()])
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
            match archive.and_then(|archive| Ok(archive.compact(None)?)) {
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
    assert!(archive.check(None).unwrap().is_clean());
    let log = archive.log(SESSION, SEGMENT);
    let stored: Vec<String> = log
        .read(..)
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

/// What is mounted by itself cannot be replaced, only be put in order as it is.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_mounted_by_itself_stays_where_it_is() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    archive.log(SESSION, SEGMENT).append(&"kept").unwrap();
    archive.close().unwrap();
    let inside = |script: &str| {
        Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&path)
            .arg(env!("CARGO_BIN_EXE_sessiondb"))
            .output()
            .unwrap()
    };
    let mount = "mount --bind \"$1\" \"$1\"";
    if !inside(mount).status.success() {
        eprintln!("SKIPPED: no file can be mounted here");
        return;
    }
    let compacted = inside(&format!("{mount} && \"$2\" -a \"$1\" compact"));
    let message = String::from_utf8_lossy(&compacted.stderr).into_owned();
    assert!(compacted.status.success(), "{message}");
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.log(SESSION, SEGMENT).len().unwrap(), 1);
    assert_eq!(
        scratch.names().len(),
        1,
        "a copy was left: {:?}",
        scratch.names()
    );
}
