//! The trash and hidden sessions: what lists, copies and merges make of them.

/// Random histories against a naive model.
mod history;

use std::time::Duration;

use serde_json::{Map, json};
use sessiondb::archive::SessionQuery;
use sessiondb::portable::Merge;
use sessiondb::retention::{Limits, plan, plan_trash};
use sessiondb::{Archive, SessionId, SessionInfo, StoreError, now_ms};
use uuid::Uuid;

use crate::scratch::Scratch;

fn id(number: u128) -> SessionId {
    Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_0000 + number)
}

/// What a session is: its entries, and whether it is in the trash or hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    entries: u64,
    trashed: bool,
    hidden: bool,
}

impl Known {
    fn of(info: &SessionInfo) -> Self {
        Self {
            entries: info.entries,
            trashed: info.trashed_ms.is_some(),
            hidden: info.hidden,
        }
    }
}

/// All sessions of a query, two a page.
fn pages(archive: &Archive, query: SessionQuery) -> Vec<SessionInfo> {
    let (mut found, mut query) = (Vec::new(), query);
    loop {
        let page = archive.query_sessions(&query).unwrap();
        assert!(page.sessions.len() <= 2);
        assert!(page.next.is_none() || page.sessions.len() == 2);
        found.extend(page.sessions);
        match page.next {
            Some(next) => query = query.after(&next),
            None => return found,
        }
    }
}

/// An archive with sessions that have so many entries each.
fn archive_of(sessions: &[(u128, u64)]) -> Archive {
    let archive = Archive::in_memory().unwrap();
    for (number, entries) in sessions {
        let log = archive.log(id(*number), id(*number)).with_timestamp(1000);
        log.append_many(0..*entries).unwrap();
    }
    archive
}

fn known(archive: &Archive, number: u128) -> Option<Known> {
    let info = archive.session(id(number)).unwrap();
    info.map(|info| Known::of(&info))
}

#[test]
fn a_merge_brings_nothing_out_of_the_trash_and_puts_nothing_there_that_is_in_use() {
    let both = Known {
        entries: 3,
        trashed: true,
        hidden: true,
    };
    let in_use = Known {
        entries: 3,
        ..Known::default()
    };
    // In the trash and hidden there, and not here.
    let there = archive_of(&[(1, 3)]);
    there.trash_session(id(1)).unwrap();
    there.hide_session(id(1)).unwrap();
    let here = archive_of(&[]);
    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!((report.new_entries(), report.in_trash()), (3, 1));
    assert_eq!(known(&here, 1), Some(both));
    let time = |archive: &Archive| archive.session(id(1)).unwrap().unwrap().trashed_ms;
    assert_eq!(time(&here), time(&there));
    let again = Merge::new(&here).run(&there, None).unwrap();
    assert!(again.is_unchanged());

    // In use here, where lists look for marks: it grows and stays in use.
    let here = archive_of(&[(1, 2), (2, 1)]);
    here.hide_session(id(2)).unwrap();
    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!((report.new_entries(), report.in_trash()), (1, 0));
    assert_eq!(known(&here, 1), Some(in_use));

    // In the trash here: it grows there, until it is asked for again.
    let there = archive_of(&[(1, 3)]);
    let here = archive_of(&[(1, 2)]);
    here.trash_session(id(1)).unwrap();
    here.hide_session(id(1)).unwrap();
    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!((report.new_entries(), report.in_trash()), (1, 1));
    assert_eq!(known(&here, 1), Some(both));
    let report = Merge::new(&here)
        .again(true)
        .dry_run(true)
        .run(&there, None)
        .unwrap();
    assert_eq!(report.in_trash(), 0);
    assert_eq!(known(&here, 1), Some(both));
    let report = Merge::new(&here).again(true).run(&there, None).unwrap();
    assert_eq!(report.in_trash(), 0);
    assert_eq!(
        known(&here, 1),
        Some(Known {
            hidden: true,
            ..in_use
        })
    );
}

#[test]
fn what_was_emptied_out_of_the_trash_stays_away() {
    let there = archive_of(&[(1, 3)]);
    let here = archive_of(&[(1, 3)]);
    here.trash_session(id(1)).unwrap();
    let emptied = plan_trash(&here, None, now_ms()).unwrap();
    assert_eq!(emptied.apply(&here, None).unwrap().removed, [id(1)]);
    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!((report.left_out().sessions, report.in_trash()), (1, 0));
    assert_eq!(known(&here, 1), None);
    // One that comes back is in use.
    Merge::new(&here).again(true).run(&there, None).unwrap();
    assert!(!known(&here, 1).unwrap().trashed);
}

#[test]
fn an_extracted_session_is_where_it_was() {
    let scratch = Scratch::new();
    let archive = archive_of(&[(1, 1), (2, 1), (3, 1)]);
    archive.trash_session(id(1)).unwrap();
    archive.hide_session(id(2)).unwrap();
    let out = scratch.fresh();
    archive.extract(&out, &[id(1), id(2), id(3)], None).unwrap();
    let copy = Archive::open(&out).unwrap();
    for number in 1..=3 {
        assert_eq!(
            copy.session(id(number)).unwrap(),
            archive.session(id(number)).unwrap()
        );
    }
}

#[test]
fn what_a_writer_says_of_its_session_moves_it_nowhere() {
    let archive = archive_of(&[(1, 1)]);
    let metadata = json!({"trashed_ms": null, "hidden": false, "title": "mine"});
    let metadata = metadata.as_object().unwrap();
    archive.set_metadata(id(1), metadata).unwrap();
    archive.trash_session(id(1)).unwrap();
    archive.hide_session(id(1)).unwrap();
    assert_eq!(archive.metadata(id(1)).unwrap().as_ref(), Some(metadata));
    let set = |metadata: &mut Map<String, serde_json::Value>| {
        metadata.insert("trashed_ms".to_owned(), 1.into());
        Ok::<_, StoreError>(())
    };
    archive.update_metadata(id(1), set).unwrap();
    let mut batch = archive.batch();
    batch.set_metadata(id(1), metadata).unwrap();
    batch.commit().unwrap();
    let there = Known {
        entries: 1,
        trashed: true,
        hidden: true,
    };
    assert_eq!(known(&archive, 1), Some(there));
    assert!(archive.restore_session(id(1)).unwrap());
    assert_eq!(archive.metadata(id(1)).unwrap().as_ref(), Some(metadata));
}

#[test]
fn the_trash_is_emptied_by_the_time_of_what_was_last_done_to_a_session() {
    let archive = archive_of(&[(1, 1), (2, 1), (3, 1)]);
    archive.trash_session(id(1)).unwrap();
    archive.trash_session(id(2)).unwrap();
    let trashed = archive.session(id(2)).unwrap().unwrap().trashed_ms.unwrap();
    // Somebody goes on with one of them a day later.
    let day = Duration::from_secs(24 * 3600);
    let later = |days: u64| trashed + days * 24 * 3_600_000;
    archive
        .log(id(2), id(2))
        .with_timestamp(later(1))
        .append(&1)
        .unwrap();
    let gone = |days| {
        let plan = plan_trash(&archive, Some(day), later(days)).unwrap();
        assert_eq!(plan.kept_sessions + plan.sessions.len() as u64, 2);
        plan.sessions
            .iter()
            .map(|session| session.id)
            .collect::<Vec<_>>()
    };
    assert!(gone(0).is_empty());
    // A moment beyond the day of each.
    assert_eq!(gone(2), [id(1)]);
    assert_eq!(gone(3), [id(1), id(2)]);

    // What was restored, or written to, after the plan was made stays.
    let plan = plan_trash(&archive, None, later(3)).unwrap();
    archive.restore_session(id(1)).unwrap();
    archive
        .log(id(2), id(2))
        .with_timestamp(later(2))
        .append(&1)
        .unwrap();
    let pruned = plan.apply(&archive, None).unwrap();
    assert_eq!(
        (pruned.removed, pruned.spared),
        (vec![], vec![id(1), id(2)])
    );
}

#[test]
fn pruning_puts_into_the_trash_what_is_in_use() {
    let archive = archive_of(&[(1, 1), (2, 1), (3, 1)]);
    archive.trash_session(id(1)).unwrap();
    archive.hide_session(id(2)).unwrap();
    let plan = plan(&archive, &Limits::new().keep_last(1), now_ms()).unwrap();
    assert_eq!(
        plan.sessions
            .iter()
            .map(|session| session.id)
            .collect::<Vec<_>>(),
        [id(2)]
    );
    assert_eq!(plan.kept_sessions, 1);
    let pruned = plan.trash(&archive, None).unwrap();
    assert_eq!(pruned.removed, [id(2)]);
    let there = Known {
        entries: 1,
        trashed: true,
        hidden: true,
    };
    assert_eq!(known(&archive, 2), Some(there));
    let stats = archive.stats().unwrap();
    assert_eq!((stats.sessions, stats.trashed_sessions), (3, 2));
    assert!(archive.restore_session(id(2)).unwrap());
}

#[test]
fn many_sessions_that_are_left_out_keep_no_page_from_its_end() {
    let archive = archive_of(&[]);
    for number in 0..300 {
        let log = archive.log(id(number), id(number));
        log.with_timestamp(1000 + u64::try_from(number).unwrap())
            .append(&1)
            .unwrap();
        if number % 100 != 0 {
            archive.trash_session(id(number)).unwrap();
        }
    }
    let ids = |query| {
        pages(&archive, query)
            .iter()
            .map(|info| info.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(SessionQuery::new().limit(2)), [id(200), id(100), id(0)]);
    assert_eq!(
        ids(SessionQuery::new().limit(2).since_ms(1100).until_ms(1200)),
        [id(100)]
    );
}

#[test]
fn a_batch_marks_sessions_with_its_other_changes_or_not_at_all() {
    let archive = archive_of(&[(1, 2), (2, 2)]);
    let log = archive.log(id(1), id(1));
    let marks = |number| {
        let known = known(&archive, number).unwrap();
        (known.entries, known.trashed, known.hidden)
    };

    let mut batch = archive.batch();
    batch.trash_session(id(1)).truncate(&log, 1);
    batch.hide_session(id(1)).hide_session(id(2));
    batch.commit().unwrap();
    assert_eq!((marks(1), marks(2)), ((1, true, true), (2, false, true)));
    let since = archive.session(id(1)).unwrap().unwrap().trashed_ms;

    let mut refused = archive.batch();
    refused.expect_len(&log, 7).restore_session(id(1));
    let mut otherwise = archive.batch();
    otherwise.unhide_session(id(1)).trash_session(id(1));
    assert!(!refused.commit_or(otherwise).unwrap());
    assert_eq!(marks(1), (1, true, false));
    assert_eq!(archive.session(id(1)).unwrap().unwrap().trashed_ms, since);

    let mut batch = archive.batch();
    batch.restore_session(id(1)).unhide_session(id(2));
    batch.hide_session(id(3));
    let error = batch.commit().unwrap_err();
    assert!(matches!(error, StoreError::SessionNotFound(missing) if missing == id(3)));
    assert_eq!((marks(1), marks(2)), ((1, true, false), (2, false, true)));

    // What goes with the batch is not marked by it.
    let mut batch = archive.batch();
    batch.delete_session(id(2)).unhide_session(id(2));
    let error = batch.commit().unwrap_err();
    assert!(
        matches!(error, StoreError::ConditionFailed { .. }),
        "{error}"
    );
    assert_eq!(marks(2), (2, false, true));

    let mut batch = archive.batch();
    batch.restore_session(id(1)).unhide_session(id(2));
    batch.commit().unwrap();
    assert_eq!((marks(1), marks(2)), ((1, false, false), (2, false, false)));
}
