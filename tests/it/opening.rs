//! Opening: what is refused and how, creation, and handles on one store.

use std::fs;
use std::time::Duration;

use sessiondb::{Archive, Sharing, StoreError, new_segment_id, new_session_id};

use crate::raw::raw;
use crate::scratch::Scratch;

/// Opening fails, the error names the path and says `reason`, and the file is as it was.
fn refused(path: &std::path::Path, reason: &str) -> StoreError {
    let before = fs::read(path).ok();
    for read_only in [false, true] {
        let err = Archive::options()
            .create(false)
            .read_only(read_only)
            .open(path)
            .unwrap_err();
        let message = err.to_string();
        assert!(message.contains(&path.display().to_string()), "{message}");
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(fs::read(path).ok(), before);
    Archive::options().create(false).open(path).unwrap_err()
}

#[test]
fn what_is_not_an_archive_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    for (content, reason) in [
        (&b""[..], "it is empty"),
        (b"{\"kind\":\"jsonl\"}\n", "mark"),
        (b"SQLite format 3\0", "mark"),
        (&[0; 10_000][..], "mark"),
    ] {
        fs::write(&path, content).unwrap();
        assert!(matches!(
            refused(&path, reason),
            StoreError::NotAnArchive { .. }
        ));
        let opened = Archive::open(&path);
        assert!(
            matches!(opened, Err(StoreError::NotAnArchive { .. })),
            "{opened:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    assert!(matches!(
        refused(scratch.path(), "directory"),
        StoreError::NotAnArchive { .. }
    ));
    assert!(matches!(
        Archive::open(""),
        Err(StoreError::NotAnArchive { .. })
    ));
    let missing = scratch.path().join("missing.sessiondb");
    assert!(matches!(
        refused(&missing, if cfg!(unix) { "No such file" } else { "" }),
        StoreError::Io(err) if err.kind() == std::io::ErrorKind::NotFound
    ));
    let nowhere = scratch.path().join("no/such/folder.sessiondb");
    let err = Archive::open(&nowhere).unwrap_err();
    assert!(
        err.to_string().starts_with(&nowhere.display().to_string()),
        "{err}"
    );
}

#[cfg(unix)]
#[test]
fn a_fifo_is_refused_without_waiting_for_a_writer() {
    let scratch = Scratch::new();
    let fifo = scratch.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no mkfifo on this machine");
        return;
    }
    assert!(matches!(
        Archive::open(&fifo),
        Err(StoreError::NotAnArchive { .. })
    ));
}

#[test]
fn a_truncated_or_overwritten_archive_is_damaged_or_none() {
    let scratch = Scratch::new();
    let whole = scratch.fresh();
    let archive = Archive::open(&whole).unwrap();
    archive
        .log(new_session_id(), new_segment_id())
        .append(&raw(b"1"))
        .unwrap();
    archive.close().unwrap();
    let bytes = fs::read(&whole).unwrap();
    let path = scratch.fresh();
    for len in [1, 15, 16, 100, 4095, 4096, 8191, 8192, 8200, 12_288, 20_000] {
        fs::write(&path, &bytes[..len]).unwrap();
        let err = Archive::open(&path).unwrap_err();
        assert!(
            matches!(
                err,
                StoreError::Damaged { .. } | StoreError::NotAnArchive { .. }
            ),
            "cut to {len}: {err:?}"
        );
        assert!(
            err.to_string().contains(&path.display().to_string()),
            "{err}"
        );
    }
}

#[test]
fn an_archive_is_made_whole_with_nothing_beside_it_and_for_its_owner_alone() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    assert!(Archive::options().create(false).open(&path).is_err());
    let archive = Archive::options().create_new(true).open(&path).unwrap();
    assert_eq!(scratch.names(), ["1.sessiondb"]);
    let again = Archive::options().create_new(true).open(&path).unwrap_err();
    assert!(
        matches!(&again, StoreError::Io(err) if err.kind() == std::io::ErrorKind::AlreadyExists),
        "{again:?}"
    );
    archive
        .log(new_session_id(), new_segment_id())
        .append(&raw(b"1"))
        .unwrap();
    assert_eq!(scratch.names(), ["1.sessiondb"]);
    drop(archive);
    assert_eq!(scratch.names(), ["1.sessiondb"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn threads_that_create_one_archive_at_once_share_it() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let (session, segment) = (new_session_id(), new_segment_id());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let archive = Archive::open(&path).unwrap();
                archive.log(session, segment).append(&raw(b"1")).unwrap();
            });
        }
    });
    assert_eq!(
        Archive::open(&path)
            .unwrap()
            .log(session, segment)
            .len()
            .unwrap(),
        8
    );
    assert_eq!(scratch.names(), ["1.sessiondb"]);
}

#[test]
fn opening_twice_gives_handles_on_the_same_store() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let one = Archive::open(&path).unwrap();
    let roundabout = scratch.path().join("sub").join("..").join("1.sessiondb");
    fs::create_dir(scratch.path().join("sub")).unwrap();
    let two = Archive::open(&roundabout).unwrap();
    let reader = Archive::options().read_only(true).open(&path).unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    one.log(session, segment).append(&raw(b"1")).unwrap();
    two.log(session, segment).append(&raw(b"2")).unwrap();
    assert_eq!(one.log(session, segment).len().unwrap(), 2);
    assert_eq!(reader.log(session, segment).len().unwrap(), 2);
    one.close().unwrap();
    two.log(session, segment).append(&raw(b"3")).unwrap();
    assert_eq!(reader.log(session, segment).len().unwrap(), 3);
    assert_eq!(
        two.stats().unwrap().archive_id,
        reader.stats().unwrap().archive_id
    );
}

#[test]
fn a_deleted_archive_is_not_the_one_made_anew_in_its_place() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let old = Archive::open(&path).unwrap();
    old.log(new_session_id(), new_segment_id())
        .append(&raw(b"1"))
        .unwrap();
    fs::remove_file(&path).unwrap();
    let new = Archive::open(&path).unwrap();
    assert_eq!(new.stats().unwrap().sessions, 0);
    assert_eq!(old.stats().unwrap().sessions, 1);
}

#[test]
fn an_exclusive_archive_keeps_others_out_and_says_so() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let exclusive = Archive::options().sharing(Sharing::Exclusive);
    let archive = exclusive.clone().open(&path).unwrap();
    archive
        .log(new_session_id(), new_segment_id())
        .append(&raw(b"1"))
        .unwrap();
    let shared = Archive::options().lock_timeout(Duration::from_millis(30));
    for options in [shared.clone(), shared.clone().read_only(true)] {
        let busy = options.open(&path).unwrap_err();
        assert!(matches!(busy, StoreError::Busy { .. }), "{busy:?}");
        assert!(
            busy.to_string().contains(&path.display().to_string()),
            "{busy}"
        );
    }
    drop(archive);
    let shared = shared.open(&path).unwrap();
    let busy = exclusive
        .lock_timeout(Duration::from_millis(30))
        .open(&path)
        .unwrap_err();
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy:?}");
    assert_eq!(shared.stats().unwrap().entries, 1);
}
