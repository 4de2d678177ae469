//! Pages that others use again meanwhile are no damage; one that went back to what it was is.

use super::*;

/// What was learned of a page is out of date when another process has used the page again.
#[test]
fn a_page_that_another_process_has_used_again_is_no_damage() {
    let watch = Watch::new(0);
    let (bytes, image) = closed_twice();
    let read = |offset: u64, out: &mut [u8]| {
        let start = image + usize::try_from(offset).unwrap();
        out.copy_from_slice(&bytes[start..start + out.len()]);
        Ok(())
    };
    watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
    let header = Header::parse(&bytes[image..]).unwrap();
    let (offset, claim) = roots_of(header.published())[0];
    let mut page = vec![0; usize::try_from(claim.len).unwrap()];
    watch.read(offset, &mut page, &read).unwrap();
    // The claim is an older one, so no page above says any more what it says.
    let older = Claim {
        checksum: claim.checksum ^ 1,
        ..claim
    };
    watch.pages().learn([(offset, older)]);
    watch.read(offset, &mut page, &read).unwrap();
    assert_eq!(watch.first(), None);
    let known = watch.pages().get(offset, page.len());
    assert_eq!(known, Some(Known::Claimed(claim)));

    // With the page itself changed under a claim that the header confirms, it is.
    watch.read(HEADER, &mut [0; HEADER_LEN], &read).unwrap();
    let damaged = |at: u64, out: &mut [u8]| {
        read(at, out).inspect(|()| {
            if at == offset {
                out[2] ^= 1;
            }
        })
    };
    let err = watch.read(offset, &mut page, &damaged).unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::InvalidData);
    assert!(
        err.to_string().contains(&format!("page at byte {offset}")),
        "{err}"
    );
    assert!(watch.first().is_some());
}

/// A reader of an older commit, whose pages the header no longer leads to.
#[test]
fn a_reader_of_an_older_commit_sees_no_damage() {
    let (bytes, _) = with_branches(120);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sessiondb");
    std::fs::write(&path, &bytes).unwrap();
    let options = EngineOptions {
        shared: true,
        cache_bytes: 16 << 10,
        lock_timeout: Duration::from_secs(20),
        ..OPTIONS
    };
    let [reader, writer] = [0, 1].map(|_| Arc::new(Engine::open(&path, options).unwrap()));
    for here in [&reader, &writer] {
        let before = here.view().unwrap();
        let heads = |view: &crate::engine::open::view::View| {
            here.committer.sources.file.watch().pages().forget();
            let heads = view.read(|layers| layers.heads(LOG.session)).unwrap();
            heads.iter().map(|(_, head)| head.log.entries).sum::<u64>()
        };
        let entries = heads(&before);
        for round in 1..6 {
            for number in 0..120 {
                append_to(&writer, log_numbered(number), "more").unwrap();
            }
            writer.checkpoint().unwrap();
            assert_eq!(heads(&before), entries);
            // Others come and go meanwhile.
            assert_eq!(heads(&here.view().unwrap()), entries + 120 * round);
        }
        assert_eq!(here.committer.sources.file.watch().first(), None);
        assert!(here.committer.sources.file.watch().suspects().is_empty());
    }
}

/// A leaf of the heads, replaced by what it was at an earlier time, as a write that never reached
/// the disk leaves it, while somebody reads an earlier commit and nothing is remembered.
#[test]
#[cfg_attr(debug_assertions, ignore = "redb then visits every page when it opens")]
fn a_page_replaced_by_an_earlier_version_of_itself_is_damaged() {
    const ROUNDS: usize = 5;
    let (bytes, image) = with_branches(120);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sessiondb");
    let options = EngineOptions {
        shared: true,
        cache_bytes: 0,
        lock_timeout: Duration::from_secs(20),
        ..OPTIONS
    };
    let mut refused = 0;
    for trial in 0..4 * (ROUNDS - 1) * 2 {
        let (number, round, who) = (trial / 8 * 30, trial / 2 % (ROUNDS - 1), trial % 2);
        std::fs::write(&path, &bytes).unwrap();
        let engines = [0, 1].map(|_| Arc::new(Engine::open(&path, options).unwrap()));
        let mut versions = Vec::new();
        let mut kept = None;
        for round in 0..ROUNDS {
            for number in 0..120 {
                append_to(&engines[0], log_numbered(number), "more").unwrap();
            }
            engines[0].checkpoint().unwrap();
            if round == ROUNDS / 2 {
                kept = Some(engines[who].view().unwrap());
            }
            versions.push(std::fs::read(&path).unwrap());
        }
        let key = head_key(&log_numbered(u128::try_from(number).unwrap()));
        let leaf_in = |bytes: &[u8]| leaf_with(bytes, image, "heads", &key).0;
        let earlier = leaf_in(&versions[round]);
        let earlier = &versions[round][earlier..earlier + 4096];
        let leaf = leaf_in(&versions[ROUNDS - 1]);
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(io::SeekFrom::Start(leaf as u64)).unwrap();
        file.write_all(earlier).unwrap();
        let engine = &engines[who];
        engine.committer.sources.file.watch().pages().forget();
        let heads = engine
            .view()
            .and_then(|view| view.read(|layers| layers.heads(LOG.session)));
        match heads {
            // redb has the page in its cache.
            Ok(heads) => {
                let entries = heads.iter().map(|(_, head)| head.log.entries);
                let entries = entries.sum::<u64>();
                assert_eq!(entries, 122 + 120 * ROUNDS as u64, "round {round}");
            }
            Err(err) => {
                assert!(matches!(err, StoreError::Damaged { .. }), "{err}");
                refused += 1;
            }
        }
        drop(kept);
    }
    assert!(refused >= 10, "{refused} reads met an earlier version");
}

/// Several engines on one file, each with a small cache, so that pages are used again by others
/// all the time: nothing is called damaged.
#[test]
fn engines_that_use_each_other_s_pages_again_see_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sessiondb");
    crate::engine::open::create::create(&path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
    let options = EngineOptions {
        shared: true,
        cache_bytes: 64 << 10,
        lock_timeout: Duration::from_secs(20),
        ..OPTIONS
    };
    std::thread::scope(|scope| {
        // One of them remembers few pages.
        for (writer, limit) in [(0_u128, 1 << 18), (1, 1 << 18), (2, 20)] {
            let path = &path;
            scope.spawn(move || {
                // Not by the registry, which would give all of them the same one.
                let engine = Arc::new(Engine::open(path, options).unwrap());
                engine
                    .committer
                    .sources
                    .file
                    .watch()
                    .pages()
                    .set_limit(limit);
                for round in 0_u64..150 {
                    let mut entries = Entries::default();
                    entries.push(format!("\"{}\"", "x".repeat(3_000)).as_bytes());
                    let log = LogId {
                        segment: Uuid::from_u128(writer * 1000 + u128::from(round % 40)),
                        ..LOG
                    };
                    let change = if round % 5 == 4 {
                        Op::DeleteLog { log }
                    } else {
                        Op::Append {
                            log,
                            expected: None,
                            entries,
                            origin: None,
                            at_ms: 1,
                        }
                    };
                    engine.write(false, [change]).unwrap();
                    let view = engine.view().unwrap();
                    for (_, head) in view.read(|layers| layers.heads(LOG.session)).unwrap() {
                        assert!(head.log.bytes > 0);
                    }
                    if let Some(size) = view.read(|layers| layers.log_size(&log)).unwrap() {
                        let last = size.entries - 1;
                        view.read(|layers| layers.part_holding(&log, last, &(0..last + 1)))
                            .unwrap();
                    }
                }
                assert_eq!(engine.committer.sources.file.watch().first(), None);
                assert!(engine.committer.sources.file.watch().suspects().is_empty());
            });
        }
    });
    assert!(crate::engine::open(&path, Creation::Never, options).is_ok());
}
