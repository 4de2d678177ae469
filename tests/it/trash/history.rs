//! Random histories of an archive: each session is where it was put, whatever else is done.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Map;
use sessiondb::archive::SessionQuery;
use sessiondb::{Archive, Durability, SessionId, SessionInfo, StoreError};

use super::{Known, id, pages};
use crate::scratch::Scratch;

const SESSIONS: u128 = 6;

#[derive(Debug, Clone, Copy)]
enum Step {
    /// To a session, at a time.
    Append(u128, u64),
    Truncate(u128),
    Metadata(u128),
    Trash(u128),
    Restore(u128),
    Hide(u128),
    Unhide(u128),
    DeleteSession(u128),
    DeleteSegment(u128),
    Forget(u128),
    Checkpoint,
    Reopen,
    /// Goes on with a copy of the file as a process that was killed leaves it.
    Kill,
    Compact,
    Backup,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let session = || 0..SESSIONS;
    let step = prop_oneof![
        6 => (session(), 1_u64..20).prop_map(|(a, b)| Step::Append(a, b)),
        1 => session().prop_map(Step::Truncate),
        2 => session().prop_map(Step::Metadata),
        4 => session().prop_map(Step::Trash),
        2 => session().prop_map(Step::Restore),
        2 => session().prop_map(Step::Hide),
        1 => session().prop_map(Step::Unhide),
        1 => session().prop_map(Step::DeleteSession),
        1 => session().prop_map(Step::DeleteSegment),
        1 => session().prop_map(Step::Forget),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => Just(Step::Compact),
        1 => Just(Step::Backup),
    ];
    prop::collection::vec(step, 1..40)
}

type Model = BTreeMap<SessionId, Known>;

struct Subject<'s> {
    scratch: &'s Scratch,
    archive: Option<Archive>,
    model: Model,
}

impl Subject<'_> {
    fn archive(&self) -> &Archive {
        self.archive.as_ref().expect("it is open")
    }

    fn open(&mut self, path: &Path) {
        self.archive = None;
        let options = Archive::options().durability(Durability::Written);
        self.archive = Some(options.open(path).unwrap());
    }

    /// Marks a session, and tells whether the model is right in what that says.
    fn mark(
        &mut self,
        number: u128,
        mark: fn(&Archive, SessionId) -> Result<bool, StoreError>,
        flag: fn(&mut Known) -> &mut bool,
        to: bool,
    ) {
        let marked = mark(self.archive(), id(number));
        match self.model.get_mut(&id(number)) {
            Some(known) => {
                let flag = flag(known);
                assert_eq!(marked.unwrap(), *flag != to);
                *flag = to;
            }
            None => assert!(matches!(marked, Err(StoreError::SessionNotFound(_)))),
        }
    }

    fn take(&mut self, step: Step) {
        let archive = self.archive();
        match step {
            Step::Append(number, at_ms) => {
                let log = archive.log(id(number), id(number)).with_timestamp(at_ms);
                log.append(&at_ms).unwrap();
                self.model.entry(id(number)).or_default().entries += 1;
            }
            Step::Truncate(number) => {
                if let Some(known) = self.model.get_mut(&id(number))
                    && known.entries > 0
                {
                    self.archive()
                        .log(id(number), id(number))
                        .truncate(0)
                        .unwrap();
                    self.model.get_mut(&id(number)).unwrap().entries = 0;
                }
            }
            Step::Metadata(number) => {
                archive.set_metadata(id(number), &Map::new()).unwrap();
                self.model.entry(id(number)).or_default();
            }
            Step::Trash(_) | Step::Restore(_) | Step::Hide(_) | Step::Unhide(_) => self.put(step),
            Step::DeleteSession(number) => {
                archive.delete_session(id(number)).unwrap();
                self.model.remove(&id(number));
            }
            Step::DeleteSegment(number) => {
                // A session ends with its last segment.
                if archive.delete_segment(id(number), id(number)).unwrap() {
                    self.model.remove(&id(number));
                }
            }
            Step::Forget(number) => {
                archive.forget_session(id(number)).unwrap();
                self.model.remove(&id(number));
            }
            Step::Checkpoint => archive.checkpoint().unwrap(),
            Step::Reopen => {
                let path = archive.path().to_owned();
                self.open(&path);
            }
            Step::Kill => {
                let left = self.scratch.fresh();
                std::fs::copy(archive.path(), &left).unwrap();
                self.open(&left);
            }
            Step::Compact => {
                let archive = self.archive.take().expect("it is open");
                self.archive = Some(archive.compact(None).unwrap().0);
            }
            Step::Backup => {
                let copy = self.scratch.fresh();
                archive.backup(&copy, None).unwrap();
                self.open(&copy);
            }
        }
    }

    /// Puts a session somewhere else.
    fn put(&mut self, step: Step) {
        match step {
            Step::Trash(number) => {
                self.mark(
                    number,
                    Archive::trash_session,
                    |known| &mut known.trashed,
                    true,
                );
            }
            Step::Restore(number) => {
                let restore = Archive::restore_session;
                self.mark(number, restore, |known| &mut known.trashed, false);
            }
            Step::Hide(number) => {
                self.mark(
                    number,
                    Archive::hide_session,
                    |known| &mut known.hidden,
                    true,
                );
            }
            Step::Unhide(number) => {
                let unhide = Archive::unhide_session;
                self.mark(number, unhide, |known| &mut known.hidden, false);
            }
            _ => unreachable!("it puts a session nowhere"),
        }
    }

    fn check(&self) {
        let now = self.archive().snapshot().unwrap();
        let listed = now.sessions().map(Result::unwrap);
        let found: Model = listed.map(|info| (info.id, Known::of(&info))).collect();
        assert_eq!(found, self.model);
        for number in 0..SESSIONS {
            let one = now.session(id(number)).unwrap();
            let one = one.map(|info| Known::of(&info));
            assert_eq!(one, self.model.get(&id(number)).copied());
        }
        let mut trash: Vec<_> = now.trash().unwrap().iter().map(|info| info.id).collect();
        trash.sort();
        let trashed = self.model.iter().filter(|(_, known)| known.trashed);
        assert_eq!(trash, trashed.map(|(id, _)| *id).collect::<Vec<_>>());
        let all: Vec<_> = now
            .sessions_by_last_use()
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(all.len(), self.model.len());
        for (with_trash, with_hidden) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let query = SessionQuery::new()
                .limit(2)
                .trashed(with_trash)
                .hidden(with_hidden);
            let takes = |info: &&SessionInfo| {
                (with_trash || info.trashed_ms.is_none()) && (with_hidden || !info.hidden)
            };
            let expected: Vec<_> = all.iter().filter(takes).cloned().collect();
            assert_eq!(pages(self.archive(), query), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_session_is_where_it_was_put_whatever_else_is_done(steps in steps()) {
        let scratch = Scratch::new();
        let mut subject = Subject { scratch: &scratch, archive: None, model: Model::new() };
        subject.open(&scratch.fresh());
        for step in steps {
            subject.take(step);
            subject.check();
        }
    }
}
