//! Reading without pulling: what a listing tells beside a pull, what a search reads, caches, and remotes that change meanwhile.

use std::sync::atomic::Ordering;

use sessiondb::archive::Words;
use sessiondb::{Archive, SessionId, SessionInfo, new_segment_id, new_session_id};
use sessiondb_remote::{Cache, Listing, Remote, RemoteError, RemoteSession, listing};

use crate::history::{clean, excused, good, history, pull_from, push_to, remote, run, settle};
use crate::unreliable::{Bucket, Mood};

fn list(bucket: &Bucket) -> Listing {
    run(listing(&good(bucket))).unwrap()
}

/// What an archive that pulled all has of its sessions, in the order of their ids.
fn pulled(bucket: &Bucket) -> (Archive, Vec<SessionInfo>) {
    let archive = Archive::in_memory().unwrap();
    pull_from(bucket, &archive);
    let mut sessions: Vec<SessionInfo> = archive
        .snapshot()
        .unwrap()
        .sessions()
        .map(Result::unwrap)
        .collect();
    sessions.sort_by_key(|session| session.id);
    (archive, sessions)
}

fn listed(listing: &Listing) -> Vec<SessionInfo> {
    let sessions = listing.sessions().iter();
    sessions.map(|session| session.info().clone()).collect()
}

/// Four machines with 50 sessions each. One of all sessions has a rare word.
fn machines(bucket: &Bucket) -> SessionId {
    let mut rare = None;
    for machine in 0..4 {
        let archive = Archive::in_memory().unwrap();
        for number in 0..50 {
            let session = new_session_id();
            let word = if (machine, number) == (2, 20) {
                rare = Some(session);
                "quokka"
            } else {
                "common"
            };
            let lines = (0..20).map(|line| format!("a {word} line {line} of {machine}"));
            archive
                .log(session, new_segment_id())
                .append_many(lines)
                .unwrap();
        }
        push_to(bucket, &archive);
    }
    rare.unwrap()
}

#[test]
fn a_rare_word_is_found_with_filters_and_the_block_that_has_it() {
    let bucket = Bucket::default();
    let rare = machines(&bucket);
    let way = bucket.way(Mood::Good, 0);
    let remote = remote(way.clone());
    let listing = run(listing(&remote)).unwrap();
    // One list, and a manifest and a base, or a manifest alone, of each machine.
    assert!(way.requests() <= 1 + 2 * 4, "{:?}", way.told());
    assert!(!way.told().iter().any(|key| key.contains("/p/")));
    let all = || listing.sessions().iter().map(RemoteSession::id);
    let (words, begun) = (Words::of("quokka"), way.told().len());
    let found = run(listing.with_words(&remote, &words, all())).unwrap();
    assert_eq!((&*found.sessions, found.blocks), (&[rare][..], 1));
    assert_eq!(found.all_blocks, 200);
    assert_eq!(way.told().len() - begun, 4);
    assert_eq!(way.ranged.load(Ordering::Relaxed), found.filter_bytes);

    let (archive, begun) = (Archive::in_memory().unwrap(), way.told().len());
    let sessions = found.sessions.iter().copied();
    let fetched = run(listing.fetch(&remote, &archive, sessions, None)).unwrap();
    assert_eq!(
        (fetched.sessions, fetched.received_bytes),
        (1, found.block_bytes)
    );
    let told = way.told().split_off(begun);
    let packs = told.iter().filter(|key| key.contains("/p/")).count();
    assert_eq!(packs, 1, "{told:?}");
    let ranged = way.ranged.load(Ordering::Relaxed);
    assert_eq!(ranged, found.filter_bytes + found.block_bytes);
    assert_eq!(archive.session(rare).unwrap().unwrap().entries, 20);

    let none = run(listing.with_words(&remote, &Words::of("nobody said"), all())).unwrap();
    assert_eq!((none.sessions.len(), none.blocks), (0, 0));
    let any = run(listing.with_words(&remote, &Words::of("... 12345"), all())).unwrap();
    assert_eq!((any.sessions.len(), any.filter_bytes), (200, 0));
    // Of 400 sessions and segments that were begun within a minute: a list shortens each id by what begins like it.
    assert_eq!(listing.matching(&rare.to_string()[..4]).len(), 200);
}

#[test]
fn a_cache_is_asked_first_and_read_by_several_at_once() {
    let bucket = Bucket::default();
    machines(&bucket);
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(dir.path());
    let read = |mood| {
        let way = bucket.way(mood, 1);
        let remote = remote(way.clone()).with_cache(&cache);
        let read = run(async {
            let listing = listing(&remote).await?;
            let all = listing.sessions().iter().map(RemoteSession::id);
            let found = listing
                .with_words(&remote, &Words::of("quokka"), all)
                .await?;
            let archive = Archive::in_memory()?;
            let sessions = found.sessions.iter().copied();
            listing.fetch(&remote, &archive, sessions, None).await?;
            Ok::<_, RemoteError>(history(&archive))
        });
        (read, way.requests())
    };
    let (first, requests) = read(Mood::Good);
    assert!(requests >= 10, "{requests}");
    let first = first.unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (again, requests) = read(Mood::Good);
                assert_eq!((again.unwrap(), requests), (first.clone(), 1));
            });
        }
    });
    let (after, _) = read(Mood::Dies {
        after: 2,
        is_done: false,
    });
    assert_eq!(after.unwrap(), first);
}

#[test]
fn a_listing_tells_what_a_pull_would_have() {
    let bucket = Bucket::default();
    let archives = [(); 3].map(|()| Archive::in_memory().unwrap());
    let mut sessions = Vec::new();
    for archive in &archives {
        for number in 0..5 {
            let (session, segment) = (new_session_id(), new_segment_id());
            let log = archive.log(session, segment);
            log.append_many(0..=number).unwrap();
            archive.trace(session, segment).append("a trace").unwrap();
            log.branch(1, new_segment_id())
                .unwrap()
                .append("other")
                .unwrap();
            sessions.push((session, segment));
        }
    }
    settle(&bucket, &archives);
    // Each of three goes on with others' sessions, one after the other, and forgets or trashes one.
    for (number, archive) in archives.iter().enumerate() {
        for at in [number, 5 + number, 10 + number] {
            let (session, segment) = sessions[at];
            archive.log(session, segment).append("more").unwrap();
        }
        archive.forget_session(sessions[3 * number + 4].0).unwrap();
        archive.trash_session(sessions[3 * number + 3].0).unwrap();
        let metadata = serde_json::from_str(r#"{"title":"named"}"#).unwrap();
        archive.set_metadata(sessions[number].0, &metadata).unwrap();
        archive.hide_session(sessions[12].0).unwrap();
        push_to(&bucket, archive);
    }
    let keys = run(bucket.keys());
    let all = list(&bucket);
    let (archive, there) = pulled(&bucket);
    assert_eq!(listed(&all), there);
    assert!(all.sessions().iter().all(RemoteSession::is_certain));
    assert_eq!((all.writers(), all.names()), (3, 0));
    for session in all.sessions() {
        let segments = archive.segments(session.id()).unwrap();
        let segments: Vec<_> = segments.map(|segment| segment.unwrap()).collect();
        let told: Vec<_> = session
            .segments()
            .iter()
            .map(|one| (one.id, one.entries))
            .collect();
        let mut there: Vec<_> = segments.iter().map(|one| (one.id, one.entries)).collect();
        there.sort();
        assert_eq!(told, there);
    }
    let new = Archive::in_memory().unwrap();
    let ids = all.sessions().iter().map(RemoteSession::id);
    run(all.fetch(&good(&bucket), &new, ids, None)).unwrap();
    assert_eq!(history(&new), history(&archive));
    assert_eq!(run(bucket.keys()), keys);

    settle(&bucket, &archives);
    assert_eq!(listed(&list(&bucket)), pulled(&bucket).1);
}

#[test]
fn what_is_cut_off_elsewhere_is_uncertain_until_it_is_read() {
    let bucket = Bucket::default();
    let archives = [(); 2].map(|()| Archive::in_memory().unwrap());
    let (session, segment) = (new_session_id(), new_segment_id());
    archives[0].log(session, segment).append_many(0..9).unwrap();
    settle(&bucket, &archives);
    let log = archives[0].log(session, segment);
    archives[0].forget_from(&log, 4).unwrap();
    push_to(&bucket, &archives[0]);
    let before = list(&bucket);
    assert!(!before.session(session).unwrap().is_certain());
    let new = Archive::in_memory().unwrap();
    run(before.fetch(&good(&bucket), &new, [session], None)).unwrap();
    assert_eq!(new.log(session, segment).len().unwrap(), 4);
    settle(&bucket, &archives);
    let after = list(&bucket);
    let after = after.session(session).unwrap();
    assert!(after.is_certain());
    assert_eq!(after.info().entries, 4);
}

#[test]
fn what_is_deleted_meanwhile_is_told_so_that_one_can_list_again() {
    let bucket = Bucket::default();
    let archive = Archive::in_memory().unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    archive.log(session, segment).append("first").unwrap();
    push_to(&bucket, &archive);
    let before = list(&bucket);
    archive.forget_session(session).unwrap();
    archive
        .log(new_session_id(), segment)
        .append("second")
        .unwrap();
    push_to(&bucket, &archive);
    clean(&bucket);
    let new = || Archive::in_memory().unwrap();
    let gone = run(before.fetch(&good(&bucket), &new(), [session], None)).unwrap_err();
    assert!(matches!(gone, RemoteError::Missing { .. }), "{gone}");
    let words = run(before.with_words(&good(&bucket), &Words::of("first"), [session]));
    assert!(
        matches!(words, Err(RemoteError::Missing { .. })),
        "{words:?}"
    );
    let after = list(&bucket);
    assert!(after.session(session).is_none());
    assert_eq!(after.sessions().len(), 1);
}

#[test]
fn a_store_that_fails_gives_an_error_or_the_truth() {
    let bucket = Bucket::default();
    machines(&bucket);
    let truth = listed(&list(&bucket));
    let mut told = 0;
    for seed in 0..100 {
        let remote: Remote = remote(bucket.way(Mood::Bad(12), seed));
        let Some(listing) = excused(run(listing(&remote))) else {
            continue;
        };
        if listing.notes().is_empty() {
            assert_eq!(listed(&listing), truth);
            told += 1;
        }
    }
    assert!(told > 10, "{told}");
}
