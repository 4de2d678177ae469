//! Two copies of one archive, and a file that was put back from a backup: each is noticed, and nothing is lost.

use std::path::Path;

use sessiondb::{Archive, SegmentId, SessionId, new_segment_id, new_session_id};

use crate::history::{clean, history, pull_from, push_to, settle};
use crate::unreliable::Bucket;

fn open(path: &Path) -> Archive {
    Archive::open(path).unwrap()
}

/// An archive that has pushed, closed, and a copy of its file.
fn two_copies(bucket: &Bucket, dir: &Path) -> (Archive, Archive, SessionId, SegmentId) {
    let (one, two) = (dir.join("one.sessiondb"), dir.join("two.sessiondb"));
    let archive = open(&one);
    let (session, segment) = (new_session_id(), new_segment_id());
    archive
        .log(session, segment)
        .append_many(["a", "b"])
        .unwrap();
    push_to(bucket, &archive);
    archive.close().unwrap();
    std::fs::copy(&one, &two).unwrap();
    (open(&one), open(&two), session, segment)
}

#[test]
fn the_later_of_two_copies_gets_a_new_id() {
    let (bucket, dir) = (Bucket::default(), tempfile::tempdir().unwrap());
    let (one, two, session, segment) = two_copies(&bucket, dir.path());
    one.log(session, segment).append("one").unwrap();
    two.log(session, segment).append("two").unwrap();
    let first = push_to(&bucket, &one);
    let later = push_to(&bucket, &two);
    assert!(!first.is_new_writer && later.is_new_writer);
    assert_ne!(first.writer, later.writer);
    // It stays that one, and the other the one that it was.
    two.log(session, segment).append("more").unwrap();
    let again = push_to(&bucket, &two);
    assert_eq!(
        (again.writer, again.is_new_writer, again.number),
        (later.writer, false, 2)
    );
    assert!(push_to(&bucket, &one).is_unchanged());
    let archives = [one, two, Archive::in_memory().unwrap()];
    settle(&bucket, &archives);
    let histories: Vec<_> = archives.iter().map(history).collect();
    assert!(histories.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(histories[2][&session].len(), 2);
    assert_eq!(clean(&bucket).writers, 3);
}

/// Times and lengths do not tell these two apart.
#[test]
fn copies_that_write_as_much_in_the_same_millisecond_are_told_apart() {
    let (bucket, dir) = (Bucket::default(), tempfile::tempdir().unwrap());
    let (one, two, session, segment) = two_copies(&bucket, dir.path());
    for (archive, entry) in [(&one, "one"), (&two, "two")] {
        let log = archive
            .log(session, segment)
            .with_timestamp(4_000_000_000_000);
        log.append(entry).unwrap();
        push_to(&bucket, archive);
    }
    let reader = Archive::in_memory().unwrap();
    pull_from(&bucket, &reader);
    assert_eq!(history(&reader)[&session].len(), 2);
}

/// Both list before either has put its manifest.
#[test]
fn two_copies_that_push_at_once_lose_nothing() {
    use sessiondb_remote::{Remote, push};
    let (bucket, dir) = (Bucket::default(), tempfile::tempdir().unwrap());
    let (one, two, session, segment) = two_copies(&bucket, dir.path());
    one.log(session, segment).append("one").unwrap();
    two.log(session, segment).append("two").unwrap();
    // A bucket of its own for each, as it was before: what one puts the other does not see.
    let (here, there) = (bucket.copy(), bucket.copy());
    let copy = |from: &Bucket, to: &Bucket| {
        crate::history::run(async {
            use object_store::ObjectStoreExt;
            for key in from.keys().await {
                let path = object_store::path::Path::from(key);
                let bytes = from.store.get(&path).await.unwrap().bytes().await.unwrap();
                to.store.put(&path, bytes.into()).await.unwrap();
            }
        });
    };
    let way = |bucket: &Bucket| -> Remote { crate::history::good(bucket) };
    let first = crate::history::run(push(&one, &way(&here), None)).unwrap();
    let second = crate::history::run(push(&two, &way(&there), None)).unwrap();
    assert_eq!((first.writer, first.number), (second.writer, second.number));
    copy(&here, &bucket);
    copy(&there, &bucket);
    // A reader sees both.
    let reader = Archive::in_memory().unwrap();
    pull_from(&bucket, &reader);
    assert_eq!(history(&reader)[&session].len(), 2);
    // From now on they are two.
    one.log(session, segment).append("more").unwrap();
    two.log(session, segment).append("more").unwrap();
    let (first, second) = (push_to(&bucket, &one), push_to(&bucket, &two));
    assert_ne!(first.writer, second.writer);
    assert_ne!(first.is_new_writer, second.is_new_writer);
    assert!(push_to(&bucket, &one).is_unchanged() && push_to(&bucket, &two).is_unchanged());
    // The tip of the one that went is replaced, and goes.
    assert_eq!(clean(&bucket).manifests, 2);
    let archives = [one, two, reader];
    settle(&bucket, &archives);
    assert!(
        archives
            .iter()
            .all(|archive| history(archive)[&session].len() == 2)
    );
}

#[test]
fn a_file_from_a_backup_goes_on_and_loses_nothing() {
    let (bucket, dir) = (Bucket::default(), tempfile::tempdir().unwrap());
    let (one, old, session, segment) = two_copies(&bucket, dir.path());
    one.log(session, segment)
        .append("lost with the disk")
        .unwrap();
    push_to(&bucket, &one);
    drop(one);
    assert_eq!(pull_from(&bucket, &old).new_entries, 1);
    old.log(session, segment).append("and on").unwrap();
    assert!(push_to(&bucket, &old).is_new_writer);
    let reader = Archive::in_memory().unwrap();
    pull_from(&bucket, &reader);
    assert_eq!(reader.log(session, segment).len().unwrap(), 4);
}

#[test]
fn a_backup_is_another_archive() {
    let (bucket, dir) = (Bucket::default(), tempfile::tempdir().unwrap());
    let archive = open(&dir.path().join("one.sessiondb"));
    archive
        .log(new_session_id(), new_segment_id())
        .append("a")
        .unwrap();
    let first = push_to(&bucket, &archive);
    archive
        .backup(dir.path().join("backup.sessiondb"), None)
        .unwrap();
    let backup = open(&dir.path().join("backup.sessiondb"));
    let report = push_to(&bucket, &backup);
    assert_ne!(first.writer, report.writer);
    assert!(!report.is_new_writer);
}
