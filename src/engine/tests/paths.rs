//! Tests of every path through the engine by name. Two engines on one file are to each other
//! what two processes are: each has a file description, and so locks, of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::shared::{LOG, Shared, append, append_at, open, put, stored, texts};
use crate::engine::file::shared_page::SharedPage;
use crate::engine::file::superblock::MIN_JOURNAL_BYTES;
use crate::engine::model::log_id::LogId;
use crate::engine::model::op::Op;
use crate::engine::open::handle::Engine;
use crate::engine::tables::WaitPolicy;
use crate::error::StoreError;

/// The epoch that the tables hold, and the one that is open.
fn epochs(engine: &Arc<Engine>) -> (u64, u64) {
    let view = engine.view().unwrap();
    let checkpointed = view
        .read(|layers| Ok(layers.tables().checkpointed().epoch))
        .unwrap();
    (
        checkpointed,
        engine.committer.state().position().ok().unwrap().epoch,
    )
}

#[test]
fn in_the_journal_only_in_the_tables_only_and_in_both() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    put(&one, &texts(0..3, 10));
    assert_eq!(epochs(&one), (0, 1), "in the journal only");
    assert_eq!(stored(&two), texts(0..3, 10));
    one.checkpoint().unwrap();
    assert_eq!(epochs(&two), (1, 2), "in the tables only");
    assert_eq!(stored(&two), texts(0..3, 10));
    put(&two, &texts(3..5, 10));
    assert_eq!(epochs(&two), (1, 2), "in both");
    assert_eq!(stored(&one), texts(0..5, 10));
    one.write(
        false,
        &[Op::Truncate {
            log: LOG,
            len: 2,
            at_ms: 1,
        }],
    )
    .unwrap();
    put(&two, &texts(2..4, 10));
    assert_eq!(
        stored(&one),
        texts(0..4, 10),
        "cut below the tables' length, and grown again"
    );
    drop(one);
    drop(two);
    assert_eq!(stored(&shared.open()), texts(0..4, 10));
}

#[test]
fn a_view_that_was_overtaken_by_many_epochs_begins_anew() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    put(&one, &texts(0..1, 10));
    let early = two.view().unwrap();
    assert_eq!(stored(&two).len(), 1);
    for number in 1..60 {
        put(&one, &texts(number..number + 1, 1000));
    }
    assert!(epochs(&one).1 > 6, "{:?}", epochs(&one));
    let len = early
        .read(|layers| layers.log_size(&LOG))
        .unwrap()
        .unwrap()
        .entries;
    assert_eq!(len, 1, "a view stays as of its moment");
    assert_eq!(stored(&two).len(), 60);
    put(&two, &texts(60..61, 10));
    assert_eq!(stored(&one).len(), 61);
}

#[test]
fn an_op_larger_than_the_journal_goes_into_the_tables() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    put(&one, &texts(0..1, 10));
    assert_eq!(stored(&two).len(), 1);
    put(&one, &texts(1..2, 100_000));
    assert_eq!(stored(&two).len(), 2);
    put(&two, &texts(2..3, 10));
    put(&two, &texts(3..4, 9_000));
    let expected = [
        texts(0..1, 10),
        texts(1..2, 100_000),
        texts(2..3, 10),
        texts(3..4, 9_000),
    ];
    assert_eq!(stored(&one), expected.concat());
    let refused = one.write(false, &[append_at(Some(9), &texts(0..1, 100_000))]);
    assert!(
        matches!(refused, Err(StoreError::Conflict { actual: 4, .. })),
        "{refused:?}"
    );
    put(&two, &texts(4..5, 10));
    assert_eq!(stored(&one).len(), 5);
}

#[test]
fn a_batch_that_does_not_fit_behind_the_last_frame_is_whole_in_the_next_epoch() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    put(&one, &texts(0..1, 6_000));
    assert_eq!(epochs(&one).1, 1);
    let batch: Vec<Op> = (1..6)
        .map(|number| append(&texts(number..number + 1, 1_000)))
        .collect();
    one.write(false, batch.clone()).unwrap();
    assert_eq!(epochs(&one).1, 2);
    assert_eq!(stored(&two).len(), 6);
    let mut failing = batch.clone();
    failing.push(append_at(Some(1), &texts(0..1, 10)));
    let refused = two.write(false, failing);
    assert!(
        matches!(refused, Err(StoreError::Conflict { actual: 11, .. })),
        "{refused:?}"
    );
    assert_eq!(
        stored(&one).len(),
        6,
        "a batch that is refused in its middle leaves nothing"
    );
    assert_eq!(stored(&two).len(), 6);
}

#[test]
fn a_writer_that_died_before_or_after_its_commit_into_the_tables_misleads_nobody() {
    for after_commit in [false, true] {
        let shared = Shared::new();
        let (one, two) = (shared.open(), shared.open());
        put(&one, &texts(0..2, 10));
        assert_eq!(stored(&two).len(), 2);
        {
            // What a checkpoint of `one` does until it dies.
            let lock = one.committer.sources.file.lock_writer().unwrap();
            let mut state = one.committer.state();
            state.refresh(&one.committer.sources, true).ok().unwrap();
            let (memtable, _) = state.applied(Vec::new()).ok().unwrap();
            let (from, to) = state.span_of_open().ok().unwrap();
            state.begin_update(&one.committer.sources).ok().unwrap();
            if after_commit {
                one.committer
                    .sources
                    .tables()
                    .ok()
                    .unwrap()
                    .checkpoint(&memtable, from, to, WaitPolicy::UntilTimeout, || ())
                    .unwrap()
                    .unwrap();
            }
            state.forget();
            drop(lock);
        }
        assert_eq!(stored(&two).len(), 2);
        put(&two, &texts(2..3, 10));
        assert_eq!(epochs(&two).1, if after_commit { 2 } else { 1 });
        assert_eq!(stored(&shared.open()), texts(0..3, 10));
        put(&one, &texts(3..4, 10));
        assert_eq!(stored(&two), texts(0..4, 10));
    }
}

#[test]
fn an_epoch_that_was_closed_and_not_folded_is_folded_by_whoever_needs_its_half() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    put(&one, &texts(0..1, 10));
    {
        // What the beginning of an epoch does until its process dies.
        let _lock = one.committer.sources.file.lock_writer().unwrap();
        let mut state = one.committer.state();
        state.freeze().ok().unwrap();
        state.end_update(&one.committer.sources, 2).ok().unwrap();
        state.forget();
    }
    assert_eq!(stored(&two).len(), 1);
    assert_eq!(epochs(&two), (0, 2));
    put(&two, &texts(1..2, 10));
    assert_eq!(epochs(&shared.open()), (0, 2));
    put(&two, &texts(2..3, 8_000));
    put(&two, &texts(3..4, 8_000));
    assert!(epochs(&two).0 >= 1, "{:?}", epochs(&two));
    assert_eq!(stored(&shared.open()).len(), 4);
}

#[test]
fn notes_that_power_loss_left_behind_mislead_nobody() {
    for (generation, epoch) in [(0, 0), (7, 2), (8, 2), (9, 9), (u64::MAX - 1, u64::MAX)] {
        let shared = Shared::new();
        let one = shared.open();
        put(&one, &texts(0..2, 10));
        let copy = shared.folder.path().join("copy.sessiondb");
        std::fs::copy(shared.path(), &copy).unwrap();
        let mut bytes = std::fs::read(&copy).unwrap();
        bytes[4104..4112].copy_from_slice(&u64::to_le_bytes(generation));
        bytes[4112..4120].copy_from_slice(&u64::to_le_bytes(epoch));
        std::fs::write(&copy, bytes).unwrap();
        let (two, three) = (open(&copy), open(&copy));
        for number in 2..40 {
            let writer = if number % 2 == 0 { &two } else { &three };
            put(writer, &texts(number..number + 1, 900));
        }
        assert_eq!(
            stored(&two).len(),
            40,
            "generation {generation}, epoch {epoch}"
        );
        assert_eq!(stored(&three), stored(&two));
    }
}

#[test]
fn an_idle_engine_lets_go_of_its_view_and_does_not_make_the_file_grow() {
    let shared = Shared::new();
    let (one, idle) = (shared.open(), shared.open());
    put(&one, &texts(0..1, 10));
    assert_eq!(stored(&idle).len(), 1);
    let deadline = Instant::now() + Duration::from_secs(20);
    while idle.committer.state().layers().is_ok() {
        assert!(Instant::now() < deadline, "the view is still held");
        // Longer than the worker waits, since asking for the layers counts as a use.
        std::thread::sleep(Duration::from_millis(500));
    }
    let rounds = |from: usize| {
        for number in from..from + 300 {
            one.write(
                false,
                &[Op::Truncate {
                    log: LOG,
                    len: 1,
                    at_ms: 1,
                }],
            )
            .unwrap();
            put(&one, &texts(number..number + 1, 4_000));
        }
        std::fs::metadata(shared.path()).unwrap().len()
    };
    let (early, late) = (rounds(1), rounds(301));
    assert!(
        late <= early + (64 << 10),
        "it grew from {early} to {late} bytes"
    );
    assert_eq!(stored(&idle).len(), 2);
}

#[test]
fn what_is_only_written_is_synced_in_the_background_or_when_asked() {
    let shared = Shared::new();
    let one = shared.open();
    let done = one.write(false, [append(&texts(0..1, 10))]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !one.is_synced(&done) {
        assert!(Instant::now() < deadline, "nobody synced it");
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = one.write(false, [append(&texts(1..2, 10))]).unwrap();
    one.sync().unwrap();
    assert!(one.is_synced(&done));
    let done = one.write(true, [append(&texts(2..3, 10))]).unwrap();
    assert!(one.is_synced(&done));
}

#[test]
fn a_waiting_reader_notices_what_another_engine_writes() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    let version = two.version().unwrap();
    assert_eq!(
        two.wait_for_change(version, Duration::from_millis(20))
            .unwrap(),
        version
    );
    let seen = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| two.wait_for_change(version, Duration::from_secs(20)));
        std::thread::sleep(Duration::from_millis(30));
        put(&one, &texts(0..1, 10));
        waiting.join().unwrap().unwrap()
    });
    assert_eq!(seen, version + 1);
    put(&one, &texts(1..2, 50_000));
    assert_eq!(
        two.wait_for_change(seen, Duration::from_secs(20)).unwrap(),
        version + 2
    );
    one.checkpoint().unwrap();
    let unchanged = two
        .wait_for_change(version + 2, Duration::from_millis(20))
        .unwrap();
    assert_eq!(unchanged, version + 2, "a checkpoint is no change");
}

#[test]
fn a_writer_that_changed_nothing_has_still_to_look_at_what_others_wrote() {
    let shared = Shared::new();
    let (one, two) = (shared.open(), shared.open());
    put(&one, &texts(0..1, 10));
    put(&two, &texts(1..2, 10));
    one.write(false, []).unwrap();
    let refused = one.write(false, [append_at(Some(0), &texts(0..1, 10))]);
    assert!(
        matches!(refused, Err(StoreError::Conflict { actual: 2, .. })),
        "{refused:?}"
    );
    put(&two, &texts(2..3, 10));
    one.write(false, []).unwrap();
    put(&one, &texts(3..4, 10));
    for engine in [&one, &two, &shared.open()] {
        assert_eq!(stored(engine), texts(0..4, 10));
    }
}

#[test]
fn a_damaged_run_keeps_nobody_from_writing_and_is_not_read() {
    let shared = Shared::new();
    let one = shared.open();
    put(&one, &texts(0..3, 10));
    drop(one);
    let mut bytes = std::fs::read(shared.path()).unwrap();
    let image = usize::try_from(8192 + MIN_JOURNAL_BYTES).unwrap();
    for at in image..bytes.len() - 4 {
        if bytes[at..].starts_with(b"sRun") {
            // Behind the header, in the entries.
            bytes[at + 64] ^= 1;
        }
    }
    std::fs::write(shared.path(), bytes).unwrap();

    let one = shared.open();
    put(&one, &texts(3..4, 10));
    let other = LogId {
        segment: Uuid::from_u128(9),
        ..LOG
    };
    let Op::Append { entries, .. } = append(&texts(0..1, 10)) else {
        unreachable!()
    };
    let op = Op::Append {
        log: other,
        expected: None,
        entries,
        origin: None,
        at_ms: 1,
    };
    one.write(false, [op]).unwrap();
    one.checkpoint().unwrap();
    put(&one, &texts(4..5, 10));
    let view = one.view().unwrap();
    let part = |index| view.read(|layers| layers.part_holding(&LOG, index, &(0..5)));
    let damaged = part(1).unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged:?}");
    for index in [3, 4] {
        assert!(part(index).unwrap().entry(index).is_some());
    }
    one.write(false, [Op::DeleteLog { log: LOG }]).unwrap();
    one.checkpoint().unwrap();
    put(&one, &texts(0..1, 10));
    assert_eq!(stored(&shared.open()), texts(0..1, 10));
}

#[test]
fn a_failed_sync_is_mended_by_the_next_open() {
    let shared = Shared::new();
    let one = shared.open();
    put(&one, &texts(0..2, 10));
    SharedPage::set_sync_failed(one.committer.sources.file.storage(), true).unwrap();
    let two = shared.open();
    let shared_page = SharedPage::read(two.committer.sources.file.storage()).unwrap();
    assert!(!shared_page.sync_failed);
    assert_eq!(stored(&two).len(), 2);
}
