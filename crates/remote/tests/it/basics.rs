//! What is pushed is pulled: entries, traces, branches, times, origins, metadata, notes and names.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sessiondb::{Archive, Store, new_segment_id, new_session_id};
use sessiondb_remote::{GcOptions, PullOptions, gc, pull, push};

use crate::history::{clean, good, history, lines, pull_from, push_to, remote, run};
use crate::unreliable::{Bucket, Mood};

#[test]
fn a_lost_machine_is_restored_with_all_that_a_merge_keeps() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    let (session, segment, branch) = (new_session_id(), new_segment_id(), new_segment_id());
    let log = archive.log(session, segment).with_timestamp(1_000);
    log.append_many(["a", "b", "c"]).unwrap();
    log.clone().with_timestamp(2_000).append("d").unwrap();
    log.clone()
        .with_timestamp(3_000)
        .branch(2, branch)
        .unwrap()
        .append("e")
        .unwrap();
    archive
        .trace(session, segment)
        .with_timestamp(2_500)
        .append_many([1, 2])
        .unwrap();
    let fork = archive.fork_at(session, segment, 0).unwrap();
    let metadata: Map<String, Value> = Map::from_iter([("cwd".to_owned(), json!("/x"))]);
    archive.set_metadata(session, &metadata).unwrap();
    archive
        .write_note(&format!("session/{session}/title"), "the title")
        .unwrap();
    archive
        .write_name("worker", &json!({"active": {"session_id": session}}))
        .unwrap();
    archive
        .create_segment(session, new_segment_id(), &[])
        .unwrap();

    let report = push_to(&bucket, &archive);
    assert_eq!(
        (report.sessions, report.new_entries, report.packs),
        (1, 7, 1)
    );
    let restored = Archive::in_memory().unwrap();
    let report = pull_from(&bucket, &restored);
    assert_eq!(
        (report.writers, report.sessions, report.branches),
        (1, 1, 0)
    );
    assert_eq!(report.notes, Vec::<String>::new());

    let infos = |archive: &Archive| {
        archive
            .segments(session)
            .unwrap()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    assert_eq!(infos(&archive), infos(&restored));
    assert!(
        infos(&restored)
            .iter()
            .any(|info| info.id == fork.segment_id && info.origin.is_some())
    );
    assert_eq!(
        archive.session(session).unwrap(),
        restored.session(session).unwrap()
    );
    assert_eq!(history(&archive), history(&restored));
    assert_eq!(restored.metadata(session).unwrap(), Some(metadata));
    let title = restored
        .read_note::<String>(&format!("session/{session}/title"))
        .unwrap();
    assert_eq!(title.as_deref(), Some("the title"));
    assert_eq!(restored.names().unwrap(), ["worker"]);
    assert_eq!(clean(&bucket).packs, 1);
}

#[test]
fn when_nothing_is_new_a_push_takes_three_requests_and_a_pull_one() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    // So much that there is a base.
    for number in 0..600 {
        archive
            .log(new_session_id(), new_segment_id())
            .append(&number)
            .unwrap();
    }
    assert!(push_to(&bucket, &archive).is_put);
    let has_base = run(bucket.keys()).iter().any(|key| key.contains("/b/"));
    assert!(has_base);
    let way = bucket.way(Mood::Good, 0);
    assert!(
        run(push(&archive, &remote(way.clone()), None))
            .unwrap()
            .is_unchanged()
    );
    assert_eq!(way.requests(), 3, "{:?}", way.told());

    let other = Archive::in_memory().unwrap();
    assert_eq!(pull_from(&bucket, &other).new_entries, 600);
    let way = bucket.way(Mood::Good, 0);
    let report = run(pull(
        &other,
        &remote(way.clone()),
        &PullOptions::new(),
        None,
    ))
    .unwrap();
    assert_eq!((report.writers, way.requests()), (0, 1));
}

#[test]
fn only_what_is_new_is_put_and_read() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    let other = Archive::in_memory().unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let log = archive.log(session, segment);
    let mut rng = fastrand::Rng::with_seed(19);
    let text =
        |rng: &mut fastrand::Rng| (0..20_000).map(|_| rng.alphanumeric()).collect::<String>();
    for _ in 0..200 {
        log.append(&text(&mut rng)).unwrap();
    }
    let first = push_to(&bucket, &archive);
    assert_eq!(first.new_entries, 200);
    let pulled = pull_from(&bucket, &other);
    assert!(pulled.received_bytes > 2_000_000, "{pulled:?}");
    log.append(&text(&mut rng)).unwrap();
    let second = push_to(&bucket, &archive);
    assert!(
        second.new_entries < 60 && second.sent_bytes < first.sent_bytes / 4,
        "{second:?}"
    );
    let pulled = pull_from(&bucket, &other);
    assert_eq!(pulled.new_entries, 1);
    assert!(pulled.received_bytes < 1_100_000, "{pulled:?}");
    assert_eq!(history(&archive), history(&other));
    // What came by a pull is not put a second time.
    let again = push_to(&bucket, &other);
    assert!(again.is_put);
    assert_eq!((again.new_entries, again.packs), (0, 0));
    assert_eq!(clean(&bucket).problems.len(), 0);
    assert_eq!(history(&archive), history(&other));
}

#[test]
fn some_sessions_alone_are_pulled() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    let (one, two) = (new_session_id(), new_session_id());
    for session in [one, two] {
        archive
            .log(session, new_segment_id())
            .append_many([1, 2])
            .unwrap();
    }
    push_to(&bucket, &archive);
    let other = Archive::in_memory().unwrap();
    let only = PullOptions::new().sessions([two]);
    assert_eq!(
        run(pull(&other, &good(&bucket), &only, None))
            .unwrap()
            .new_entries,
        2
    );
    assert!(other.session(one).unwrap().is_none() && other.session(two).unwrap().is_some());
    assert_eq!(pull_from(&bucket, &other).new_entries, 2);
    assert!(other.session(one).unwrap().is_some());
}

#[test]
fn what_diverged_becomes_a_branch_and_nothing_is_lost() {
    let bucket = Bucket::default();
    let (one, two) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    let (session, segment) = (new_session_id(), new_segment_id());
    one.log(session, segment).append_many(["a", "b"]).unwrap();
    push_to(&bucket, &one);
    pull_from(&bucket, &two);
    one.log(session, segment).append("one").unwrap();
    two.log(session, segment).append("two").unwrap();
    push_to(&bucket, &one);
    assert_eq!(pull_from(&bucket, &two).branches, 1);
    push_to(&bucket, &two);
    pull_from(&bucket, &one);
    assert_eq!(history(&one), history(&two));
    assert_eq!(history(&one)[&session].len(), 2);
    assert_eq!(lines(&one, session, segment, false)[2], "\"one\"");
    assert_eq!(lines(&two, session, segment, false)[2], "\"two\"");
}

#[test]
fn a_gc_reads_each_manifest_once_and_a_base_once_for_all_of_them() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    let log = archive.log(new_session_id(), new_segment_id());
    for number in 0..200 {
        let session = new_session_id();
        archive.log(session, new_segment_id()).append("x").unwrap();
        let note = format!("session/{session}/title");
        archive.write_note(&note, &format!("{number:400}")).unwrap();
    }
    let mut rng = fastrand::Rng::with_seed(5);
    let mut noise = |len| (0..len).map(|_| rng.alphanumeric()).collect::<String>();
    for turn in 0..5 {
        log.append(&noise(2_000 + 100 * turn)).unwrap();
        push_to(&bucket, &archive);
    }
    let way = bucket.way(Mood::Good, 0);
    let report = run(gc(&remote(way.clone()), &GcOptions::new())).unwrap();
    assert_eq!((report.manifests, report.bases, report.packs), (0, 0, 0));
    let told = way.told();
    let reads = |folder: &str| {
        let of = format!("/{folder}/");
        told.iter().filter(|key| key.contains(&of)).count()
    };
    assert_eq!((reads("m"), reads("b")), (5, 1), "{told:#?}");

    // Packs of small parts that were written again are named by older states and by the base alone.
    let report = run(gc(&good(&bucket), &GcOptions::new().grace(Duration::ZERO))).unwrap();
    assert_eq!((report.manifests, report.bases, report.packs), (4, 0, 2));
    clean(&bucket);
}

#[test]
fn whoever_waits_is_told_of_all_in_the_end() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    let mut told = Vec::new();
    for entries in [1, 3] {
        let log = archive.log(new_session_id(), new_segment_id());
        log.append_many(vec!["entry"; entries]).unwrap();
        let mut tell = |done, all| told.push((done, all));
        run(push(&archive, &good(&bucket), Some(&mut tell))).unwrap();
    }
    assert_eq!(told, [(1, 1), (3, 3)]);
    let (reader, mut pulled) = (Archive::in_memory().unwrap(), Vec::new());
    let mut tell = |done, all| pulled.push((done, all));
    let all = PullOptions::new();
    run(pull(&reader, &good(&bucket), &all, Some(&mut tell))).unwrap();
    assert_eq!(pulled.last(), Some(&(2, 2)));
}
