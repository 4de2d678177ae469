//! A server that goes away in the middle of a push: one that is soon back is waited for, one that is not is told,
//! and the next push goes on.

use std::time::{Duration, Instant};

use sessiondb::{Archive, new_segment_id, new_session_id};
use sessiondb_remote::{PullOptions, RemoteError, check, pull, push};
use sessiondb_remote_s3::{history, wait};

use crate::proxy::Proxy;
use crate::server::{Server, remote};

/// Enough for some packs.
fn archive() -> Archive {
    let archive = Archive::in_memory().unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    let (session, segment) = (new_session_id(), new_segment_id());
    for _ in 0..15 {
        let text: String = (0..1_000_000).map(|_| rng.alphanumeric()).collect();
        archive.log(session, segment).append(&text).unwrap();
    }
    archive
}

#[test]
fn a_server_that_is_soon_back_is_waited_for() {
    let mut server = Server::start();
    let proxy = Proxy::start(server.address, 0, 0);
    let (archive, remote) = (archive(), remote(proxy.address));
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| wait(push(&archive, &remote, None)).unwrap());
        while proxy.requests() < 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        server.stop();
        std::thread::sleep(Duration::from_millis(600));
        server.start_again();
        let report = pushing.join().unwrap().unwrap();
        assert!(report.packs > 1, "{report:?}");
    });
    let restored = Archive::in_memory().unwrap();
    wait(pull(&restored, &remote, &PullOptions::new(), None))
        .unwrap()
        .unwrap();
    assert_eq!(history(&archive).unwrap(), history(&restored).unwrap());
}

#[test]
fn one_that_stays_away_is_told_and_the_next_push_goes_on() {
    let mut server = Server::start();
    let (archive, remote) = (archive(), remote(server.address));
    wait(check(&remote, None)).unwrap().unwrap();
    server.stop();
    let begun = Instant::now();
    let error = wait(push(&archive, &remote, None)).unwrap().unwrap_err();
    assert!(matches!(error, RemoteError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    server.start_again();
    assert!(wait(push(&archive, &remote, None)).unwrap().unwrap().is_put);
    let report = wait(check(&remote, None)).unwrap().unwrap();
    assert_eq!((report.problems.len(), report.writers), (0, 1));
}
