//! What archives share through a bucket: push, pull, `check`, `gc`, and what was forgotten.

use std::time::Duration;

use sessiondb::{Archive, new_segment_id, new_session_id};
use sessiondb_remote::{GcOptions, PullOptions, check, gc, pull, push};
use sessiondb_remote_s3::{history, wait};

use crate::server::{Server, remote};

#[test]
fn what_is_pushed_is_pulled_and_what_is_forgotten_is_gone() {
    let server = Server::start();
    let remote = remote(server.address);
    let (one, two) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    let (kept, gone) = (new_session_id(), new_session_id());
    let segment = new_segment_id();
    // More than a pack, of what does not compress.
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..15 {
        let text: String = (0..1_000_000).map(|_| rng.alphanumeric()).collect();
        one.log(kept, segment).append(&text).unwrap();
    }
    one.log(gone, segment).append("to be forgotten").unwrap();
    let pushed = wait(push(&one, &remote, None)).unwrap().unwrap();
    assert!(pushed.packs > 1 && pushed.new_entries == 16, "{pushed:?}");
    let again = wait(push(&one, &remote, None)).unwrap().unwrap();
    assert!(again.is_unchanged());
    let all = PullOptions::new();
    let pulled = wait(pull(&two, &remote, &all, None)).unwrap().unwrap();
    assert_eq!(pulled.new_entries, 16);
    assert_eq!(history(&one).unwrap(), history(&two).unwrap());

    one.forget_session(gone).unwrap();
    wait(push(&one, &remote, None)).unwrap().unwrap();
    wait(pull(&two, &remote, &all, None)).unwrap().unwrap();
    assert!(two.session(gone).unwrap().is_none());
    wait(push(&two, &remote, None)).unwrap().unwrap();
    let before = server.bucket.len();
    let now = GcOptions::new().grace(Duration::ZERO);
    let report = wait(gc(&remote, &now)).unwrap().unwrap();
    assert!(report.manifests > 0 && report.packs > 0, "{report:?}");
    let deleted = report.manifests + report.bases + report.packs;
    assert_eq!(
        before - server.bucket.len(),
        usize::try_from(deleted).unwrap()
    );
    let report = wait(check(&remote, None)).unwrap().unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.writers, report.unused_packs), (2, 0));
}
