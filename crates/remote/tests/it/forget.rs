//! What is forgotten, erased, redacted or trashed in one archive goes from the others, never comes back by a pull, and goes
//! from the bucket.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use sessiondb::archive::Redaction;
use sessiondb::{Archive, RawJson, SegmentId, SessionId, new_segment_id, new_session_id};

use crate::history::{clean, history, lines, pull_from, push_to, run, settle};
use crate::unreliable::Bucket;

const SECRET: &str = "hunter2hunter2";

/// Three archives that share a session of three entries, the second of which has the secret, and another session.
fn shared() -> (Bucket, [Archive; 3], SessionId, SegmentId) {
    let bucket = Bucket::default();
    let archives = [(); 3].map(|()| Archive::in_memory().unwrap());
    let (session, segment) = (new_session_id(), new_segment_id());
    archives[0]
        .log(session, segment)
        .append_many(["a", SECRET, "c"])
        .unwrap();
    archives[0]
        .log(new_session_id(), new_segment_id())
        .append("other")
        .unwrap();
    settle(&bucket, &archives);
    assert_eq!(lines(&archives[2], session, segment, false).len(), 3);
    assert!(is_in_bucket(&bucket, SECRET));
    (bucket, archives, session, segment)
}

/// Whether some object has these words, unpacked.
fn is_in_bucket(bucket: &Bucket, words: &str) -> bool {
    run(async {
        for key in bucket.keys().await {
            let bytes = bucket
                .store
                .get(&Path::from(key))
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            let starts = bytes.windows(4).enumerate();
            for (at, _) in starts.filter(|(_, bytes)| *bytes == [0x28, 0xb5, 0x2f, 0xfd]) {
                let mut unpacked = Vec::new();
                let decoder = zstd::Decoder::new(&bytes[at..]).unwrap().single_frame();
                let _ = std::io::copy(&mut { decoder }, &mut unpacked);
                if String::from_utf8_lossy(&unpacked).contains(words) {
                    return true;
                }
            }
        }
        false
    })
}

fn is_gone(bucket: &Bucket, archives: &[Archive]) {
    settle(bucket, archives);
    for archive in archives {
        let text = format!("{:?}", history(archive));
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("other"), "{text}");
    }
    clean(bucket);
    assert!(!is_in_bucket(bucket, SECRET));
    assert!(is_in_bucket(bucket, "other"));
}

#[test]
fn a_session_that_was_forgotten_goes_everywhere() {
    let (bucket, archives, session, segment) = shared();
    // Another one goes on with it meanwhile.
    archives[2].log(session, segment).append("on").unwrap();
    push_to(&bucket, &archives[2]);
    archives[0].forget_session(session).unwrap();
    push_to(&bucket, &archives[0]);
    assert_eq!(pull_from(&bucket, &archives[1]).forgotten, 1);
    assert!(archives[1].session(session).unwrap().is_none());
    is_gone(&bucket, &archives);
    assert!(
        archives
            .iter()
            .all(|archive| archive.session(session).unwrap().is_none())
    );
    // One that comes later gets neither.
    let late = Archive::in_memory().unwrap();
    pull_from(&bucket, &late);
    assert_eq!(history(&late), history(&archives[0]));
    assert!(
        late.snapshot()
            .unwrap()
            .is_session_forgotten(session)
            .unwrap()
    );
}

#[test]
fn what_is_allowed_again_here_stays() {
    let (bucket, archives, session, segment) = shared();
    archives[0].forget_session(session).unwrap();
    settle(&bucket, &archives);
    archives[0].allow_again(session).unwrap();
    archives[0].log(session, segment).append("anew").unwrap();
    settle(&bucket, &archives);
    assert_eq!(lines(&archives[0], session, segment, false), ["\"anew\""]);
    // Where it was forgotten it stays away.
    assert!(archives[1].session(session).unwrap().is_none());
}

#[test]
fn the_end_of_a_log_that_was_cut_off_goes_everywhere() {
    let (bucket, archives, session, segment) = shared();
    let log = archives[1].log(session, segment);
    archives[1].forget_from(&log, 1).unwrap();
    log.append("instead").unwrap();
    is_gone(&bucket, &archives);
    for archive in &archives {
        assert_eq!(
            lines(archive, session, segment, false),
            ["\"a\"", "\"instead\""]
        );
    }
}

#[test]
fn a_segment_that_was_forgotten_goes_everywhere() {
    let (bucket, archives, session, segment) = shared();
    archives[2]
        .log(session, new_segment_id())
        .append("kept")
        .unwrap();
    settle(&bucket, &archives);
    archives[1].forget_segment(session, segment).unwrap();
    is_gone(&bucket, &archives);
    assert!(
        archives
            .iter()
            .all(|archive| history(archive)[&session].len() == 1)
    );
}

#[test]
fn what_was_erased_goes_everywhere() {
    let (bucket, archives, session, segment) = shared();
    // Another one has it in a branch, and one under another id since both went on.
    archives[2]
        .log(session, segment)
        .branch(2, new_segment_id())
        .unwrap();
    archives[2].log(session, segment).append("two").unwrap();
    archives[0].log(session, segment).append("zero").unwrap();
    settle(&bucket, &archives);
    archives[0].log(session, segment).erase(1..2).unwrap();
    push_to(&bucket, &archives[0]);
    assert!(pull_from(&bucket, &archives[2]).erased > 0);
    is_gone(&bucket, &archives);
    for archive in &archives {
        assert_eq!(archive.log(session, segment).len().unwrap(), 4);
    }
}

#[test]
fn what_was_redacted_goes_everywhere() {
    let (bucket, archives, session, segment) = shared();
    archives[2].log(session, segment).append("two").unwrap();
    archives[0].log(session, segment).append("zero").unwrap();
    settle(&bucket, &archives);
    let was = format!("\"{SECRET}\"");
    let redaction = Redaction::new(1, &was, RawJson::new("\"[redacted]\"").unwrap());
    archives[0]
        .log(session, segment)
        .redact([redaction])
        .unwrap();
    push_to(&bucket, &archives[0]);
    assert!(pull_from(&bucket, &archives[2]).redacted > 0);
    is_gone(&bucket, &archives);
    for archive in &archives {
        assert_eq!(lines(archive, session, segment, false)[1], "\"[redacted]\"");
        assert_eq!(history(archive)[&session].len(), 2);
    }
}

#[test]
fn what_is_in_the_trash_is_there_everywhere_until_it_is_taken_out() {
    let (bucket, archives, session, _) = shared();
    archives[0].trash_session(session).unwrap();
    push_to(&bucket, &archives[0]);
    assert_eq!(pull_from(&bucket, &archives[1]).trashed, 1);
    settle(&bucket, &archives);
    let is_trashed = |archive: &Archive| {
        archive
            .session(session)
            .unwrap()
            .unwrap()
            .trashed_ms
            .is_some()
    };
    assert!(archives.iter().all(is_trashed));
    // Taking it out is local, and is not undone by the others.
    archives[0].restore_session(session).unwrap();
    archives[1].restore_session(session).unwrap();
    settle(&bucket, &archives);
    assert!(!is_trashed(&archives[0]) && !is_trashed(&archives[1]) && is_trashed(&archives[2]));
}
