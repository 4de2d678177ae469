//! Compaction of an archive whose path leads elsewhere by then, or to a file that cannot be replaced.

use std::fs;

use sessiondb::{Archive, StoreError};

use super::{segment, session};
use crate::scratch::Scratch;

#[test]
fn another_archive_at_the_path_is_left_alone() {
    let scratch = Scratch::new();
    let (path, away, other) = (scratch.fresh(), scratch.fresh(), scratch.fresh());
    let another = Archive::open(&other).unwrap();
    another
        .log(session(0), segment(0))
        .append(&"of the other")
        .unwrap();
    another.close().unwrap();
    let bytes = fs::read(&other).unwrap();

    let archive = Archive::open(&path).unwrap();
    archive.log(session(0), segment(0)).append(&"kept").unwrap();
    fs::rename(&path, &away).unwrap();
    fs::rename(&other, &path).unwrap();
    match archive.compact(&mut |_| ()).unwrap_err() {
        StoreError::Displaced { file, .. } => {
            if cfg!(target_os = "linux") {
                let file = file.unwrap().canonicalize().unwrap();
                assert_eq!(file, away.canonicalize().unwrap());
            }
        }
        err => panic!("{err:?}"),
    }
    assert!(
        fs::read(&path).unwrap() == bytes,
        "the other archive was changed"
    );
    let kept = Archive::open(&away).unwrap();
    assert_eq!(kept.log(session(0), segment(0)).len().unwrap(), 1);
}

/// What is mounted by itself cannot be replaced, only be put in order as it is.
#[cfg(all(target_os = "linux", feature = "cli"))]
#[test]
fn a_file_that_is_mounted_by_itself_stays_where_it_is() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    archive.log(session(0), segment(0)).append(&"kept").unwrap();
    archive.close().unwrap();
    let inside = |script: &str| {
        std::process::Command::new("unshare")
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
    let compacted = inside(&format!("{mount} && \"$2\" compact \"$1\""));
    let message = String::from_utf8_lossy(&compacted.stderr).into_owned();
    assert!(compacted.status.success(), "{message}");
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.log(session(0), segment(0)).len().unwrap(), 1);
    assert_eq!(
        scratch.names().len(),
        1,
        "a copy was left: {:?}",
        scratch.names()
    );
}
