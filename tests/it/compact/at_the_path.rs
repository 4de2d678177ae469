//! Compaction of an archive whose path leads elsewhere by then.

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
    match archive.compact(None).unwrap_err().error {
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
