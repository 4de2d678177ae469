//! Sessions by their last use: in the same order as by a sort of all, page by page, whatever was done to the archive.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use redb::{ReadableTable, TableDefinition};
use sessiondb::archive::{CompactMode, SessionCursor, SessionQuery};
use sessiondb::testing;
use sessiondb::{Archive, Durability, SegmentId, SessionId, SessionInfo, Snapshot, StoreError};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::scratch::Scratch;

const SESSIONS: u128 = 12;
/// So that the second half of it is in use as well.
const JOURNAL_BYTES: u64 = 16 << 10;
/// Where the tables begin.
const IMAGE: usize = 8192 + (16 << 10);

#[derive(Debug, Clone, Copy)]
enum Step {
    /// To a session and one of its segments, at a time.
    Append(u128, u128, u64),
    /// So much that an epoch ends now and then.
    Fill(u128, u64),
    Trace(u128, u64),
    Metadata(u128),
    Truncate(u128, u128),
    DeleteSegment(u128, u128),
    DeleteSession(u128),
    Checkpoint,
    Reopen,
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let session = || 0..SESSIONS;
    let step = prop_oneof![
        8 => (session(), 0_u128..2, 0_u64..20).prop_map(|(a, b, c)| Step::Append(a, b, c)),
        2 => (session(), 0_u64..20).prop_map(|(a, b)| Step::Fill(a, b)),
        1 => (session(), 0_u64..20).prop_map(|(a, b)| Step::Trace(a, b)),
        2 => session().prop_map(Step::Metadata),
        1 => (session(), 0_u128..2).prop_map(|(a, b)| Step::Truncate(a, b)),
        1 => (session(), 0_u128..2).prop_map(|(a, b)| Step::DeleteSegment(a, b)),
        2 => session().prop_map(Step::DeleteSession),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => Just(Step::Compact),
    ];
    prop::collection::vec(step, 1..50)
}

fn session_id(number: u128) -> SessionId {
    Uuid::from_u128(number)
}

fn segment_id(session: u128, number: u128) -> SegmentId {
    Uuid::from_u128((session + 1) << 64 | number)
}

/// One archive, which is opened and compacted now and then.
struct Subject<'s> {
    path: &'s Path,
    archive: Option<Archive>,
}

impl Subject<'_> {
    fn archive(&self) -> &Archive {
        self.archive.as_ref().expect("it is open")
    }

    fn open(&mut self) {
        self.archive = None;
        let options = Archive::options().durability(Durability::Written);
        self.archive = Some(options.open(self.path).unwrap());
    }

    fn compact(&mut self) {
        let archive = self.archive.take().expect("it is open");
        self.archive = Some(archive.compact(None).unwrap().0);
    }

    fn take(&mut self, step: Step) {
        let log = |session, segment, at_ms| {
            let segment = segment_id(session, segment);
            let log = self.archive().log(session_id(session), segment);
            log.with_timestamp(at_ms)
        };
        match step {
            Step::Append(session, segment, at_ms) => {
                log(session, segment, at_ms).append("hello").unwrap();
            }
            Step::Fill(session, at_ms) => {
                let entry = "filler ".repeat(500);
                log(session, 0, at_ms).append(&entry).unwrap();
            }
            Step::Trace(session, at_ms) => {
                let archive = self.archive();
                let trace = archive.trace(session_id(session), segment_id(session, 0));
                trace.with_timestamp(at_ms).append("trace").unwrap();
            }
            Step::Metadata(session) => {
                let metadata = serde_json::Map::from_iter([("title".to_owned(), "t".into())]);
                let session = session_id(session);
                self.archive().set_metadata(session, &metadata).unwrap();
            }
            Step::Truncate(session, segment) => {
                let log = log(session, segment, 30);
                match log.len().unwrap() {
                    0 => {}
                    len => log.truncate(len - 1).unwrap(),
                }
            }
            Step::DeleteSegment(session, segment) => {
                log(session, segment, 0).delete().unwrap();
            }
            Step::DeleteSession(session) => {
                self.archive().delete_session(session_id(session)).unwrap();
            }
            Step::Checkpoint => self.archive().checkpoint().unwrap(),
            Step::Reopen => self.open(),
            Step::Compact => self.compact(),
        }
    }
}

fn sorted(now: &Snapshot) -> Vec<SessionInfo> {
    let mut all: Vec<_> = now.sessions().collect::<Result<_, _>>().unwrap();
    all.sort_by_key(|session| Reverse((session.updated_ms, session.id)));
    all
}

/// All pages of the query, each of a snapshot that `now` gives.
fn paged(mut now: impl FnMut() -> Snapshot, query: &SessionQuery) -> Vec<Vec<SessionInfo>> {
    let (mut pages, mut query) = (Vec::new(), query.clone());
    loop {
        let page = now().query_sessions(&query).unwrap();
        pages.push(page.sessions);
        let Some(next) = page.next else {
            return pages;
        };
        let next: SessionCursor = next.to_string().parse().unwrap();
        query = query.after(&next);
    }
}

/// Each way to the sessions gives what a sort of all gives.
fn must_be_sorted(now: &Snapshot, limit: usize, since_ms: u64, until_ms: u64) {
    let all = sorted(now);
    let listed: Vec<_> = now
        .sessions_by_last_use()
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(listed, all);
    let whole = SessionQuery::new().limit(limit);
    let pages = paged(|| now.clone(), &whole);
    assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit));
    assert_eq!(pages.concat(), all);
    let part = whole.since_ms(since_ms).until_ms(until_ms);
    let times = since_ms..until_ms;
    let expected: Vec<_> = all
        .into_iter()
        .filter(|session| times.contains(&session.updated_ms))
        .collect();
    assert_eq!(paged(|| now.clone(), &part).concat(), expected);
}

/// An archive of before the index, with so few sessions that tests may add theirs.
fn old_archive() -> std::path::PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/v3");
    data.join("closed.sessiondb")
}

/// Whether the bit of the index is set.
fn is_indexed(path: &Path) -> bool {
    fs::read(path).unwrap()[22] & 2 != 0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_in_the_order_of_a_sort_of_all(
        steps in steps(),
        is_old in any::<bool>(),
        (limit, since_ms, until_ms) in (1_usize..6, 0_u64..20, 0_u64..25),
    ) {
        let scratch = Scratch::new();
        let path = scratch.fresh();
        if is_old {
            fs::copy(old_archive(), &path).unwrap();
        } else {
            testing::create_file(&path, JOURNAL_BYTES).unwrap();
        }
        prop_assert_eq!(is_indexed(&path), !is_old);
        let mut subject = Subject { path: &path, archive: None };
        subject.open();
        for step in steps {
            subject.take(step);
            must_be_sorted(&subject.archive().snapshot().unwrap(), limit, since_ms, until_ms);
        }
        prop_assert_eq!(subject.archive().check(None).unwrap().problems, vec![]);
        subject.take(Step::Checkpoint);
        must_be_sorted(&subject.archive().snapshot().unwrap(), limit, since_ms, until_ms);
        subject.take(Step::Compact);
        prop_assert!(is_indexed(&path));
        must_be_sorted(&subject.archive().snapshot().unwrap(), limit, since_ms, until_ms);
        prop_assert_eq!(subject.archive().check(None).unwrap().problems, vec![]);
    }

    /// While others are written to, removed and made.
    #[test]
    fn sessions_that_do_not_change_come_once(
        times in prop::collection::vec(0_u64..10, 40),
        changes in prop::collection::vec((any::<Index>(), any::<bool>(), 0_u64..20), 40),
        limit in 1_usize..6,
    ) {
        let archive = Archive::in_memory().unwrap();
        let append = |number: usize, at_ms| {
            let number = number as u128;
            let log = archive.log(session_id(number), segment_id(number, 0));
            log.with_timestamp(at_ms).append("hello").unwrap();
        };
        for (number, at_ms) in times.iter().enumerate() {
            append(number, *at_ms);
        }
        archive.checkpoint().unwrap();
        let (mut changed, mut changes) = (BTreeSet::new(), changes.into_iter());
        let pages = paged(|| {
            let now = archive.snapshot().unwrap();
            if let Some((index, delete, at_ms)) = changes.next() {
                let number = index.index(times.len() + 10);
                changed.insert(session_id(number as u128));
                if delete {
                    archive.delete_session(session_id(number as u128)).unwrap();
                } else {
                    append(number, at_ms);
                }
            }
            now
        }, &SessionQuery::new().limit(limit));
        let unchanged = |id: &SessionId| !changed.contains(id);
        let found: Vec<_> = pages.concat().iter().map(|session| session.id).filter(unchanged).collect();
        let mut expected: Vec<_> = (0..times.len()).map(|number| (times[number], session_id(number as u128))).collect();
        expected.sort_unstable_by_key(|place| Reverse(*place));
        let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).filter(unchanged).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn an_archive_that_is_put_in_order_in_place_keeps_its_index_and_gets_none() {
    let scratch = Scratch::new();
    let (new, old) = (scratch.fresh(), scratch.fresh());
    testing::create_file(&new, JOURNAL_BYTES).unwrap();
    fs::copy(old_archive(), &old).unwrap();
    for (path, has_index) in [(new, true), (old, false)] {
        // With a second name the file is not replaced.
        fs::hard_link(&path, path.with_extension("link")).unwrap();
        let archive = Archive::open(&path).unwrap();
        for number in 0..20_u64 {
            let (session, segment) = (session_id(number.into()), segment_id(number.into(), 0));
            let log = archive.log(session, segment).with_timestamp(number);
            log.append("hello").unwrap();
        }
        let (archive, compacted) = archive.compact(None).unwrap();
        assert_eq!(compacted.mode, CompactMode::InPlace);
        assert_eq!(is_indexed(&path), has_index);
        must_be_sorted(&archive.snapshot().unwrap(), 7, 3, 15);
        assert_eq!(archive.check(None).unwrap().problems, vec![]);
    }
}

#[test]
fn a_text_that_is_no_cursor_is_refused() {
    let cursor = "12:00000000-0000-0000-0000-000000000001";
    assert_eq!(cursor.parse::<SessionCursor>().unwrap().to_string(), cursor);
    for text in [
        "",
        "12",
        "12:",
        ":1",
        "-1:00000000-0000-0000-0000-000000000001",
    ] {
        let refused = text.parse::<SessionCursor>().unwrap_err();
        assert!(refused.contains(&format!("{text:?}")), "{refused}");
    }
}

const BY_USE: TableDefinition<'_, (u64, Uuid), &[u8]> = TableDefinition::new("sessions_by_use");

/// Changes the index of an archive as no program does, and tells what a check and a query say of it.
fn after(change: impl FnOnce(&mut redb::Table<'_, (u64, Uuid), &'static [u8]>)) -> [String; 2] {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    testing::create_file(&path, JOURNAL_BYTES).unwrap();
    let archive = Archive::open(&path).unwrap();
    for number in 0..5_u64 {
        let (session, segment) = (u128::from(number), segment_id(number.into(), 0));
        let log = archive.log(session_id(session), segment);
        log.with_timestamp(number + 1).append("hello").unwrap();
    }
    archive.close().unwrap();
    let bytes = fs::read(&path).unwrap();
    let image = scratch.path().join("image");
    fs::write(&image, &bytes[IMAGE..]).unwrap();
    let database = redb::Database::open(&image).unwrap();
    let mut txn = database.begin_write().unwrap();
    txn.set_quick_repair(true);
    change(&mut txn.open_table(BY_USE).unwrap());
    txn.commit().unwrap();
    drop(database);
    fs::write(
        &path,
        [&bytes[..IMAGE], &fs::read(&image).unwrap()].concat(),
    )
    .unwrap();

    let archive = Archive::open(&path).unwrap();
    let listed = archive.query_sessions(&SessionQuery::new());
    let said = match &listed {
        Ok(page) => page.sessions.len().to_string(),
        Err(StoreError::Damaged { place, message, .. }) => format!("{place}: {message}"),
        Err(err) => panic!("{err}"),
    };
    let problems = archive.check(None).unwrap().problems;
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let (archive, _) = archive.compact(None).unwrap();
    assert_eq!(archive.check(None).unwrap().problems, vec![]);
    let page = archive.query_sessions(&SessionQuery::new()).unwrap();
    assert_eq!(page.sessions.len(), 5);
    [said, problems.join("\n")]
}

fn sealed(at_ms: u64, session: SessionId) -> Vec<u8> {
    let key = [&at_ms.to_le_bytes()[..], session.as_bytes()].concat();
    xxh3_64_with_seed(&[], xxh3_64_with_seed(&key, 10))
        .to_le_bytes()
        .to_vec()
}

#[test]
fn an_index_that_does_not_agree_with_the_sessions_is_found_and_made_anew() {
    let [said, problems] = after(|_| {});
    assert_eq!((said.as_str(), problems.as_str()), ("5", ""));

    let of = |number| format!("session {}", session_id(number));
    let [_, problems] = after(|index| drop(index.remove((3, session_id(2))).unwrap()));
    assert!(
        problems.starts_with(&of(2)) && problems.contains("does not have"),
        "{problems}"
    );

    let [said, problems] = after(|index| {
        let row = sealed(9, session_id(2));
        index.insert((9, session_id(2)), row.as_slice()).unwrap();
    });
    assert!(
        said.contains(&of(2)) && said.contains("another time"),
        "{said}"
    );
    assert!(
        problems.starts_with(&of(2)) && problems.contains("another time too"),
        "{problems}"
    );

    let [said, problems] = after(|index| {
        let row = sealed(9, session_id(7));
        index.insert((9, session_id(7)), row.as_slice()).unwrap();
    });
    assert!(
        said.contains(&of(7)) && said.contains("not there"),
        "{said}"
    );
    assert!(
        problems.starts_with(&of(7)) && problems.contains("not there"),
        "{problems}"
    );

    let [said, problems] = after(|index| {
        let row = sealed(3, session_id(1));
        index.insert((3, session_id(2)), row.as_slice()).unwrap();
    });
    assert!(said.contains(&of(2)) && said.contains("checksum"), "{said}");
    assert!(
        problems.starts_with(&of(2)) && problems.contains("checksum"),
        "{problems}"
    );
}

#[test]
fn all_sessions_are_indexed_once_in_key_order() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    testing::create_file(&path, JOURNAL_BYTES).unwrap();
    let archive = Archive::open(&path).unwrap();
    for number in 0..300_u64 {
        let (session, segment) = (
            u128::from(number % 100),
            segment_id(u128::from(number % 100), 0),
        );
        let log = archive.log(session_id(session), segment);
        log.with_timestamp(number * 7919 % 1000)
            .append("hello")
            .unwrap();
    }
    archive.close().unwrap();
    let image = scratch.path().join("image");
    fs::write(&image, &fs::read(&path).unwrap()[IMAGE..]).unwrap();
    let database = redb::Database::open(&image).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&database).unwrap();
    let index = txn.open_table(BY_USE).unwrap();
    let places: Vec<(u64, Uuid)> = index
        .iter()
        .unwrap()
        .map(|row| row.unwrap().0.value())
        .collect();
    assert_eq!(places.len(), 100);
    assert!(places.is_sorted());
}

/// All sessions by last use as an archive that is opened for reading gives them.
fn read(path: &Path) -> Result<Vec<SessionInfo>, StoreError> {
    let archive = Archive::options().read_only(true).open(path)?;
    archive.sessions_by_last_use()?.collect()
}

#[test]
fn damage_of_the_index_is_an_error_and_never_a_wrong_order() {
    const PAGE: usize = 4096;
    let scratch = Scratch::new();
    let path = scratch.fresh();
    testing::create_file(&path, JOURNAL_BYTES).unwrap();
    let archive = Archive::open(&path).unwrap();
    let time = |number: u64| number * 7919 % 1000;
    for number in 0..300_u64 {
        let (session, segment) = (session_id(number.into()), segment_id(number.into(), 0));
        let log = archive.log(session, segment).with_timestamp(time(number));
        log.append("hello").unwrap();
    }
    archive.close().unwrap();
    let sound = fs::read(&path).unwrap();
    let expected = read(&path).unwrap();
    assert_eq!(expected.len(), 300);
    // Those with three keys or more.
    let pages = (IMAGE..sound.len()).step_by(PAGE).filter(|start| {
        let page = &sound[*start..start + PAGE];
        let keys = (0..300_u64).filter(|number| {
            let id = session_id((*number).into());
            let key = [&time(*number).to_le_bytes()[..], id.as_bytes()].concat();
            memchr::memmem::find(page, &key).is_some()
        });
        keys.count() >= 3
    });
    let (mut errors, mut cases) = (0, 0);
    for start in pages {
        for bit in (0..PAGE * 8).step_by(331) {
            let mut bytes = sound.clone();
            bytes[start + bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            cases += 1;
            match read(&path) {
                Ok(found) => assert_eq!(found, expected, "bit {bit} of the page at {start}"),
                Err(StoreError::Damaged { .. }) => errors += 1,
                Err(err) => panic!("bit {bit} of the page at {start}: {err}"),
            }
        }
    }
    // Some of the pages are those of earlier commits.
    assert!(errors > 100, "{errors} of {cases}");
}
