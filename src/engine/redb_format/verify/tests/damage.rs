//! What is answered of a damaged page, and of one that nobody says anything of.

use super::*;

/// A handle that met a page that redb could not use names that page ever after, and takes no
/// writes.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb then visits every page when it opens")]
fn later_errors_name_the_first_damage() {
    let (mut bytes, image) = closed_twice();
    let page = root_of(&bytes, image, "heads");
    bytes[page.start] = 7;
    let engine = Arc::new(open(&bytes, false).1.unwrap());
    let place = format!("heads, page at byte {}", page.start);
    for _ in 0..2 {
        let view = engine.view().unwrap();
        let err = view.read(|layers| layers.log_size(&LOG)).unwrap_err();
        assert!(
            matches!(&err, StoreError::Damaged { place: named, .. } if *named == place),
            "{err:?}"
        );
    }
    let err = append(&engine, "three").unwrap_err();
    assert!(matches!(err, StoreError::Poisoned { .. }), "{err:?}");
    assert!(err.to_string().contains(&place), "{err}");
}

/// One flipped bit of a head: the rows beside it are still believed, and nothing is taken for
/// absent, nor is the page written again with a checksum that matches.
#[test]
fn in_a_damaged_table_nothing_is_absent_and_nothing_is_folded_into_it() {
    let (mut bytes, image) = closed_twice();
    let page = root_of(&bytes, image, "heads");
    let Ok(Node::Leaf(leaf)) = Node::parse(
        &bytes[page.clone()],
        Widths {
            key: Some(32),
            value: None,
        },
    ) else {
        panic!("the table of heads has a branch")
    };
    let head = leaf.rows().next().unwrap().1.to_vec();
    let at = bytes
        .windows(head.len())
        .rposition(|part| part == head)
        .unwrap();
    assert!(page.contains(&at));
    bytes[at + 20] ^= 4;
    let (storage, engine) = open(&bytes, false);
    let engine = Arc::new(engine.unwrap());
    let view = engine.view().unwrap();
    let place = |log: LogId| {
        let err = view.read(|layers| layers.log_size(&log)).unwrap_err();
        let StoreError::Damaged { place, .. } = err else {
            panic!("{err:?}")
        };
        place
    };
    assert!(place(LOG).contains("head"), "{}", place(LOG));
    let absent = LogId {
        segment: Uuid::from_u128(9),
        ..LOG
    };
    let named = format!("heads, page at byte {}", page.start);
    assert_eq!(place(absent), named);
    let err = view.read(|layers| layers.heads(LOG.session)).unwrap_err();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
    let listed = view.read(crate::engine::Layers::names).unwrap();
    assert_eq!(listed, [""; 0]);

    drop(view);
    let err = append(&engine, "three").unwrap_err();
    assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
    let engine = Arc::into_inner(engine).unwrap();
    let name = Op::SetName {
        name: "worker".to_owned(),
        json: b"{}".to_vec(),
    };
    engine.write(true, [name]).unwrap();
    engine.checkpoint().unwrap();
    drop(engine);
    let kept = storage.0.lock().unwrap();
    assert_eq!(kept[page.clone()], bytes[page]);
}

/// After a commit the pages above a damaged one are in redb's cache, and the header leads to them
/// by other links than those that were read when the archive was opened.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb then visits every page when it opens")]
fn a_damaged_page_is_damaged_after_later_commits_too() {
    let (bytes, image) = with_branches(120);
    let damaged = log_numbered(3);
    let (page, key) = leaf_with(&bytes, image, "heads", &head_key(&damaged));
    // In the key of the damaged segment, and in the first one of the page, by which it is sought.
    for (byte, commits, forgotten) in [(key, 1, false), (key, 3, true), (page + 5, 2, true)] {
        let mut bytes = bytes.clone();
        bytes[byte + 31] ^= 1;
        let (_, engine) = open(&bytes, false);
        let engine = Arc::new(engine.unwrap());
        for _ in 0..commits {
            // Its head is in another leaf.
            append_to(&engine, log_numbered(119), "else").unwrap();
            engine.checkpoint().unwrap();
        }
        if forgotten {
            engine.committer.sources.file.watch().pages().forget();
        }
        let view = engine.view().unwrap();
        let place = match view.read(|layers| layers.log_size(&damaged)) {
            Err(StoreError::Damaged { place, .. }) => place,
            // The key of another row of its page changed.
            Ok(Some(_)) if byte != key => format!("heads, page at byte {page}"),
            found => panic!("after {commits} commits: {found:?}"),
        };
        assert_eq!(place, format!("heads, page at byte {page}"));
        let suspects = engine.committer.sources.file.watch().suspects().clone();
        assert_eq!(suspects.len(), 1, "{suspects:?}");
        drop(view);
        if byte == key {
            let err = append_to(&engine, damaged, "anew").unwrap_err();
            assert!(matches!(err, StoreError::Damaged { .. }), "{err:?}");
        }
    }
}

/// A page that nobody says anything of is looked for, and not believed if it is not found.
#[test]
fn of_a_forgotten_page_the_header_still_says_what_it_must_be() {
    let (bytes, image) = with_branches(120);
    let read = |offset: u64, out: &mut [u8]| {
        let start = image + usize::try_from(offset).unwrap();
        out.copy_from_slice(&bytes[start..start + out.len()]);
        Ok(())
    };
    let watch = Watch::new(0);
    watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
    for table in ["heads", "runs", "segment_index", "sessions", "meta"] {
        let page = root_of(&bytes, image, table);
        let mut out = vec![0; page.len()];
        watch.pages().forget();
        let offset = (page.start - image) as u64;
        watch.read(offset, &mut out, &read).unwrap();
        assert_eq!(out, bytes[page]);
    }
    assert_eq!(watch.first(), None);
    let (free, _) = leaf_with(&bytes, image, "heads", &head_key(&log_numbered(3)));
    let free = (free - image) as u64;
    let mut out = vec![0; 4096];
    watch.read(free, &mut out, &read).unwrap();
    // There is no page of this length, and none there after the last one.
    assert!(watch.read(free, &mut vec![0; 8192], &read).is_err());
    let pages = (1..(bytes.len() - image) / 4096).rev();
    let mut free = pages.map(|page| watch.read(page as u64 * 4096, &mut [0; 4096], &read));
    let err = free.find_map(Result::err).unwrap();
    assert!(err.to_string().contains("no page above it"), "{err}");
}

/// What redb has written and no commit leads to yet is what it was when it was written.
#[test]
fn a_page_that_redb_wrote_is_verified_before_a_commit_leads_to_it() {
    let watch = Watch::new(0);
    let page = Mutex::new(vec![0; 4096]);
    let write = |bytes: &[u8]| {
        page.lock().unwrap().copy_from_slice(bytes);
        Ok(())
    };
    let read = |_: u64, out: &mut [u8]| {
        out.copy_from_slice(&page.lock().unwrap());
        Ok(())
    };
    watch.write(8192, &[7; 4096], write).unwrap();
    watch.pages().forget();
    watch.read(8192, &mut [0; 4096], &read).unwrap();
    page.lock().unwrap()[100] = 8;
    watch.read(8192, &mut [0; 4096], &read).unwrap_err();
    assert!(watch.first().is_some());
}
