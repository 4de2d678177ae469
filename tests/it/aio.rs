//! Calls that block nobody: their order, their end, and changes as a stream.

use std::time::Duration;

use sessiondb::aio::AsyncArchive;
use sessiondb::archive::ChangeKind;
use sessiondb::{Archive, ErrorKind, StoreError, new_segment_id, new_session_id};

use crate::scratch::Scratch;

#[tokio::test]
async fn what_is_called_on_a_log_is_done_in_that_order() {
    let archive = AsyncArchive::new(Archive::in_memory().unwrap()).unwrap();
    let session = new_session_id();
    let logs: Vec<_> = (0..8)
        .map(|_| archive.log(session, new_segment_id()))
        .collect();
    let mut replies = Vec::new();
    for number in 0..200_u64 {
        for log in &logs {
            replies.push((number, log.append(&number)));
        }
        // Another handle on the same log is no way around the line.
        if number % 50 == 49 {
            let len = logs[0].clone().len().await.unwrap();
            assert_eq!(len, number + 1);
        }
    }
    for (number, reply) in replies {
        assert_eq!(reply.await.unwrap().index, number);
    }
    for log in &logs {
        let entries = log.read(..).await.unwrap();
        let numbers = entries.iter().map(|entry| entry.decode::<u64>().unwrap());
        assert!(numbers.eq(0..200));
    }
}

#[tokio::test]
async fn it_ends_once_all_that_was_called_before_is_done() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = AsyncArchive::open(Archive::options(), &path).await.unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let appends: Vec<_> = (0..100_u64).map(|number| log.append(&number)).collect();
    let slow = archive.call(|_| {
        std::thread::sleep(Duration::from_millis(20));
        Ok(7)
    });
    let other = archive.clone();
    let closed = archive.close().await.unwrap();
    assert!(!closed.is_open_here && closed.is_journal_empty);
    assert_eq!(slow.await.unwrap(), 7);
    for append in appends {
        append.await.unwrap();
    }
    for late in [log.append(&1).await.map(drop), other.call(|_| Ok(())).await] {
        let late = late.unwrap_err();
        assert!(late.to_string().contains("closed"), "{late}");
        assert!(matches!(late, StoreError::Io(_)));
    }
    assert!(other.close().await.is_err());
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.stats().unwrap().entries, 100);
}

#[tokio::test]
async fn errors_and_panics_of_a_call_are_its_own() {
    let archive = AsyncArchive::with_threads(Archive::in_memory().unwrap(), 1).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append(&1).await.unwrap();
    let conflict = log.append_at(9, [1]).await.unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::Conflict);
    let unfit = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(log.append(&unfit).await.is_err());
    for _ in 0..3 {
        let panicked = log.call(|_| -> Result<(), _> { panic!("a panic that this test asks for") });
        assert!(panicked.await.is_err());
        let panicked =
            archive.call(|_| -> Result<(), _> { panic!("a panic that this test asks for") });
        assert!(panicked.await.is_err());
    }
    assert_eq!(log.append(&2).await.unwrap().len, 2);
    assert_eq!(archive.call(Archive::version).await.unwrap(), 2);
}

#[tokio::test]
async fn changes_come_as_a_stream_and_end_with_it() {
    let scratch = Scratch::new();
    let archive = AsyncArchive::open(Archive::options(), scratch.fresh())
        .await
        .unwrap();
    let mut changes = archive.changes().await.unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    for number in 0..300_u64 {
        drop(log.append(&number));
    }
    let mut next = 0;
    while next < 300 {
        // One that is not waited for to its end loses nothing.
        let change = tokio::time::timeout(Duration::from_micros(50), changes.next()).await;
        if let Ok(change) = change {
            let change = change.unwrap().unwrap();
            assert_eq!(
                (change.kind, change.range.start),
                (ChangeKind::Append, next)
            );
            next = change.range.end;
        }
    }
    drop(changes);
    drop(log);
    // The thread that followed lets go of the archive soon.
    let begun = std::time::Instant::now();
    let path = archive
        .call(|archive| Ok(archive.path().to_owned()))
        .await
        .unwrap();
    archive.close().await.unwrap();
    while Archive::open(&path).unwrap().close().unwrap().is_open_here {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
