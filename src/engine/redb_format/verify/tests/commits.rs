//! Which of its commits an archive shows, and which it may.

use super::*;

/// A commit by a redb that lays its pages out in another way: none of them is judged, and nothing is
/// written.
#[test]
fn pages_of_another_format_of_redb_are_refused_untouched() {
    const SLOTS: [usize; 2] = [64, 192];
    let (mut bytes, image) = closed_twice();
    for slot in SLOTS {
        let slot = bytes.get_mut(image + slot..image + slot + 128).unwrap();
        slot[0] = page::FORMAT + 1;
        let checksum = xxhash_rust::xxh3::xxh3_128(&slot[..112]);
        slot[112..].copy_from_slice(&checksum.to_le_bytes());
    }
    for read_only in [false, true] {
        let (storage, engine) = open(&bytes, read_only);
        let err = engine.map(drop).unwrap_err().to_string();
        let named = format!("redb's format {}", page::FORMAT + 1);
        assert!(err.contains(&named) && err.contains("a.sessiondb"), "{err}");
        assert!(*storage.0.lock().unwrap() == bytes, "it was written to");
    }
}

#[test]
fn a_closed_archive_that_shows_another_commit_than_its_last_is_damaged() {
    let (bytes, image) = closed_twice();
    for flag in [SECOND_IS_PRIMARY, PRIMARY_UNFLUSHED] {
        for read_only in [true, false] {
            let mut damaged = bytes.clone();
            damaged[image + FLAGS] ^= flag;
            let err = open(&damaged, read_only).1.unwrap_err();
            assert!(
                matches!(&err, StoreError::Damaged { place, .. } if place.starts_with("header")),
                "{err:?}"
            );
            assert!(err.to_string().contains("last commit"), "{err}");
        }
    }
}

/// Power fails between the two writes of a commit, and what it had written is given up: from then
/// on the earlier commit counts, also once the archive has been closed without another commit.
#[test]
fn a_commit_that_was_given_up_is_no_damage() {
    let (mut bytes, image) = closed_twice();
    let header = Header::parse(&bytes[image..]).unwrap();
    assert!(header.unpublished().transaction < header.published().transaction);
    bytes[image + FLAGS] ^= SECOND_IS_PRIMARY | RECOVERY_REQUIRED;
    // The journal of the last epoch is gone as well, or it would be checkpointed anew.
    bytes[8192..image].fill(0);
    assert!(
        Header::parse(&bytes[image..])
            .unwrap()
            .unpublished_is_newer()
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    for shared in [false, true] {
        std::fs::write(&path, &bytes).unwrap();
        let open = |read_only| {
            let options = EngineOptions {
                read_only,
                shared,
                ..OPTIONS
            };
            Engine::open(&path, options).unwrap()
        };
        let before = entries(open(true)).unwrap();
        open(false).close().unwrap();
        let closed = std::fs::read(&path).unwrap();
        let header = Header::parse(&closed[image..]).unwrap();
        assert!(!header.recovery_required && !header.unpublished_is_newer());
        assert_eq!(entries(open(true)).unwrap(), before);
        let engine = open(false);
        append(&engine, "two again").unwrap();
        engine.close().unwrap();
        assert_eq!(entries(open(true)).unwrap(), before + 1);
    }
}

/// The same where redb makes no commit of its own: closing makes a later commit that does not
/// count look like none.
#[test]
fn closing_makes_a_commit_that_was_given_up_unsound() {
    let (mut bytes, image) = closed_twice();
    bytes[image + FLAGS] ^= SECOND_IS_PRIMARY;
    let written = Mutex::new(Vec::new());
    let write = |header: &[u8]| {
        *written.lock().unwrap() = header.to_vec();
        Ok(())
    };
    let header = &mut bytes[image..image + HEADER_LEN];
    Watch::new(0).write(HEADER, header, write).unwrap();
    let closed = Header::parse(&written.lock().unwrap()).unwrap();
    assert!(closed.published().sound && !closed.unpublished().sound);
    assert_eq!(sound(&closed), Ok(()));

    // While a commit is under way, it stays as it is.
    header[FLAGS] |= RECOVERY_REQUIRED;
    Watch::new(0).write(HEADER, header, write).unwrap();
    assert_eq!(*written.lock().unwrap(), *header);
}

/// A header that goes back to an earlier commit while the archive is open.
#[test]
fn a_header_that_shows_an_earlier_commit_than_before_is_damaged() {
    let (bytes, image) = closed_twice();
    let mut header = bytes[image..image + HEADER_LEN].to_vec();
    header[FLAGS] |= RECOVERY_REQUIRED;
    let watch = Watch::new(0);
    let read = |header: &[u8]| {
        let read = |_: u64, out: &mut [u8]| {
            out.copy_from_slice(header);
            Ok(())
        };
        watch.read(HEADER, &mut [0; HEADER_LEN], &read)
    };
    read(&header).unwrap();
    header[FLAGS] ^= SECOND_IS_PRIMARY;
    let err = read(&header).unwrap_err();
    assert!(err.to_string().contains("earlier commit"), "{err}");
}

/// A page of the commit before the one that somebody reads may be used again: that commit does not
/// vouch for what stands there.
#[test]
fn a_commit_that_nobody_reads_vouches_for_no_page() {
    let (first, image) = with_branches(120);
    let (storage, engine) = open(&first, false);
    let engine = engine.unwrap();
    let changed = log_numbered(119);
    let mut commits = Vec::new();
    for _ in 0..12 {
        append_to(&engine, changed, "more").unwrap();
        engine.checkpoint().unwrap();
        commits.push(storage.0.lock().unwrap().clone());
    }
    let leaf_in = |bytes: &[u8]| leaf_with(bytes, image, "heads", &head_key(&changed)).0;
    let mut tried = 0;
    for window in commits.windows(3) {
        let [before, pinned, newest] = window else {
            unreachable!("windows of three")
        };
        let leaf = leaf_in(before);
        if [pinned, newest].iter().any(|bytes| leaf_in(bytes) == leaf) {
            continue;
        }
        let watch = Arc::new(Watch::new(0));
        let look = |bytes: &[u8]| {
            let read = |at: u64, out: &mut [u8]| {
                read_image(bytes, image, at, out);
                Ok(())
            };
            watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
        };
        look(before);
        look(pinned);
        let _pin = watch.pin();
        look(newest);
        watch.pages().forget();
        // What stood there before, as if the writes since then had not reached the disk.
        let stale = |at: u64, out: &mut [u8]| {
            let is_it = image + usize::try_from(at).unwrap() == leaf;
            read_image(if is_it { before } else { newest }, image, at, out);
            Ok(())
        };
        let offset = (leaf - image) as u64;
        watch.read(offset, &mut [0; 4096], &stale).unwrap_err();
        tried += 1;
    }
    assert!(tried > 0, "each leaf stands where a later one does");
}

fn read_image(bytes: &[u8], image: usize, at: u64, out: &mut [u8]) {
    let start = image + usize::try_from(at).unwrap();
    out.copy_from_slice(&bytes[start..start + out.len()]);
}
