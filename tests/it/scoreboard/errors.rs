//! R24: each error of the system at each kind of call to the file, at each stage of an archive's
//! life. What the caller gets is of the right kind and says what the system said: no unknown error
//! passes for damage, for another process, or for a file that is not there.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use sessiondb::testing::{self, BackendError, Bug, Opening, StorageBackend};
use sessiondb::{Archive, Durability, StoreError};

use super::disk::{Disk, Pages, new_archive};
use super::history::{State, Step, play};
use super::row::{Row, by_form};
use super::shared::{Handle, Shared};

/// Numbers of Linux, which are other ones elsewhere.
const ERRNOS: [(&str, i32); 22] = [
    ("EIO", 5),
    ("EPERM", 1),
    ("EINTR", 4),
    ("ENXIO", 6),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EBUSY", 16),
    ("ENODEV", 19),
    ("EINVAL", 22),
    ("ENFILE", 23),
    ("EMFILE", 24),
    ("EFBIG", 27),
    ("ENOSPC", 28),
    ("EROFS", 30),
    ("EDEADLK", 35),
    ("ENOLCK", 37),
    ("ENOSYS", 38),
    ("ENOTSUP", 95),
    ("ETIMEDOUT", 110),
    ("ESTALE", 116),
    ("EDQUOT", 122),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Len,
    Read,
    SetLen,
    Sync,
    Write,
    TryLock,
    TryLockShared,
    Unlock,
    Query,
    /// All of locks.
    AnyOfLocks,
}

const CALLS: [Call; 10] = [
    Call::Len,
    Call::Read,
    Call::SetLen,
    Call::Sync,
    Call::Write,
    Call::TryLock,
    Call::TryLockShared,
    Call::Unlock,
    Call::Query,
    Call::AnyOfLocks,
];

impl Call {
    fn is_of_locks(self) -> bool {
        matches!(
            self,
            Self::TryLock | Self::TryLockShared | Self::Unlock | Self::Query | Self::AnyOfLocks
        )
    }

    fn includes(self, call: Self) -> bool {
        self == call || (self == Self::AnyOfLocks && call.is_of_locks())
    }
}

/// What the archive is about when the calls begin to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Read,
    Check,
    Append,
    Checkpoint,
    Close,
}

const STAGES: [Stage; 6] = [
    Stage::Open,
    Stage::Read,
    Stage::Check,
    Stage::Append,
    Stage::Checkpoint,
    Stage::Close,
];

impl Stage {
    fn writes(self) -> bool {
        matches!(self, Self::Append | Self::Checkpoint | Self::Close)
    }
}

#[derive(Debug, Clone, Copy)]
struct Case {
    call: Call,
    errno: (&'static str, i32),
    stage: Stage,
    shared: bool,
    read_only: bool,
    /// Whether only the first call fails.
    once: bool,
}

/// A disk of which calls of one kind fail.
#[derive(Debug)]
struct Erring {
    handle: Arc<Handle>,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    fails: Option<(Call, i32, bool)>,
    failed: u64,
}

impl Erring {
    fn fail(&self, case: Option<Case>) {
        let mut plan = self.plan.lock().expect("no call panics");
        plan.fails = case.map(|case| (case.call, case.errno.1, case.once));
    }

    fn failed(&self) -> u64 {
        self.plan.lock().expect("no call panics").failed
    }

    fn call(&self, call: Call) -> io::Result<()> {
        let mut plan = self.plan.lock().expect("no call panics");
        match plan.fails {
            Some((fails, _, true)) if fails.includes(call) && plan.failed > 0 => Ok(()),
            Some((fails, errno, _)) if fails.includes(call) => {
                plan.failed += 1;
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self, call: Call) -> Result<(), BackendError> {
        self.call(call).map_err(BackendError::Io)
    }
}

impl StorageBackend for Erring {
    fn len(&self) -> io::Result<u64> {
        self.call(Call::Len)?;
        self.handle.len()
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.call(Call::Read)?;
        self.handle.read(at, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(Call::SetLen)?;
        self.handle.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(Call::Sync)?;
        self.handle.sync_data()
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.call(Call::Write)?;
        self.handle.write(at, bytes)
    }

    fn close(&self) -> io::Result<()> {
        self.handle.close()
    }

    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.lock(Call::TryLock)?;
        self.handle.try_lock_range(from, to)
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.lock(Call::TryLockShared)?;
        self.handle.try_lock_shared_range(from, to)
    }

    fn unlock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.lock(Call::Unlock)?;
        self.handle.unlock_range(from, to)
    }

    fn query_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.lock(Call::Query)?;
        self.handle.query_lock_range(from, to)
    }
}

/// An archive with entries in the tables and in the journal.
fn archive() -> (Pages, State) {
    let disk = Disk::new(new_archive());
    let archive = testing::open(
        Arc::<Disk>::clone(&disk) as Arc<dyn StorageBackend>,
        Opening::default(),
    );
    let archive = archive.expect("it opens");
    for number in 0..9 {
        play(&archive, &Step::large_append(number), number).expect("it is appended");
    }
    archive.checkpoint().expect("it is folded");
    // So long that the file grows when it is folded.
    play(&archive, &Step::append_of(6, 7_000), 6).expect("it is appended");
    let state = State::of(&archive).expect("it is read");
    (disk.content(), state)
}

fn open(storage: &Arc<Erring>, case: Case) -> Result<Archive, StoreError> {
    let opening = Opening {
        read_only: case.read_only,
        shared: case.shared,
        durability: Durability::Synced,
        ..Opening::default()
    };
    testing::open(
        Arc::<Erring>::clone(storage) as Arc<dyn StorageBackend>,
        opening,
    )
}

fn reach(
    storage: &Arc<Erring>,
    case: Case,
    opened: &mut Option<Archive>,
) -> Result<(), StoreError> {
    let Some(archive) = opened.as_ref() else {
        *opened = Some(open(storage, case)?);
        return Ok(());
    };
    match case.stage {
        Stage::Open => Ok(()),
        Stage::Read => {
            let snapshot = archive.snapshot()?;
            let sessions: Vec<_> = snapshot.sessions().collect::<Result<_, _>>()?;
            for session in sessions {
                for segment in snapshot.segments(session.id) {
                    let segment = segment?;
                    let entries = snapshot.log(session.id, segment.id).read(..)?;
                    entries.collect::<Result<Vec<_>, _>>()?;
                }
            }
            Ok(())
        }
        Stage::Check => {
            let report = archive.check(None)?;
            if report.is_clean() {
                return Ok(());
            }
            Err(StoreError::Damaged {
                path: "test.sessiondb".into(),
                place: "the report".to_owned(),
                message: format!("{:?}", report.problems),
            })
        }
        Stage::Append => {
            play(archive, &Step::small_append(8), 8)?;
            archive.sync()
        }
        Stage::Checkpoint => archive.checkpoint(),
        Stage::Close => opened
            .take()
            .map_or(Ok(()), |archive| archive.close().map(drop)),
    }
}

/// One case; `None` if no call failed.
fn meet(case: Case, image: &Pages, state: &State) -> Option<Result<(), String>> {
    let shared = Shared::new(Disk::new(image.clone()));
    let storage = Arc::new(Erring {
        handle: shared.handle(),
        plan: Mutex::default(),
    });
    let mut opened = None;
    if case.stage != Stage::Open {
        let archive = open(&storage, case).expect("nothing fails yet");
        if matches!(case.stage, Stage::Checkpoint | Stage::Close) {
            play(&archive, &Step::small_append(7), 7).expect("nothing fails yet");
        }
        opened = Some(archive);
    }
    storage.fail(Some(case));
    let outcome = reach(&storage, case, &mut opened);
    let failed = storage.failed();
    storage.fail(None);
    // What is dropped tells nobody what fails.
    drop(opened);
    storage.handle.release();
    if failed == 0 {
        return None;
    }
    let judged = judge(case, &outcome, failed);
    Some(judged.and_then(|()| nothing_is_lost(&shared, state)))
}

fn nothing_is_lost(shared: &Arc<Shared>, state: &State) -> Result<(), String> {
    let storage: Arc<dyn StorageBackend> = shared.handle();
    let archive = testing::open(storage, Opening::default());
    let archive = archive.map_err(|err| format!("it does not open any more: {err}"))?;
    let found = State::of(&archive)?;
    let as_before = found.begins_with(state);
    as_before
        .then_some(())
        .ok_or_else(|| format!("something is lost: {found:.300?}"))
}

/// The table: what the caller may get.
fn judge(case: Case, outcome: &Result<(), StoreError>, failed: u64) -> Result<(), String> {
    let Case {
        call,
        errno: (name, number),
        stage,
        shared,
        once,
        ..
    } = case;
    let has_none = call.is_of_locks() && matches!(name, "EINVAL" | "ENOSYS" | "ENOTSUP");
    let refused = call.is_of_locks() && name == "ENOLCK";
    let said = io::Error::from_raw_os_error(number).to_string();
    let err = match outcome {
        // Some calls are advice, or made again; a lock goes with the file at the latest; and in
        // exclusive mode no locks are needed where there are none.
        Ok(()) if once || call == Call::Unlock || (has_none && !shared) => return Ok(()),
        // What is read from memory, or was closed before.
        Ok(()) if matches!(stage, Stage::Read | Stage::Check | Stage::Close) => return Ok(()),
        Ok(()) => return Err("it succeeded".to_owned()),
        Err(err) => err,
    };
    let text = err.to_string();
    if !text.contains("test.sessiondb") {
        return Err(format!("it does not name the file: {text}"));
    }
    // A change that found no room, and is known not to be there, has words of its own.
    let no_room =
        matches!(name, "ENOSPC" | "EDQUOT" | "EFBIG") && text.contains("nothing was changed");
    let says_it = text.contains(&said) || no_room;
    let is_right = match err {
        StoreError::NoLocks { .. } => shared && (has_none || refused),
        StoreError::Io(_) if has_none => !shared && call == Call::Query,
        StoreError::Io(_) => says_it && !(refused && shared),
        StoreError::OutcomeUnknown { .. } => stage.writes() && says_it,
        // redb does not say what was said of a lock that could not be released.
        StoreError::Poisoned { .. } if call.includes(Call::Unlock) => true,
        StoreError::Poisoned { .. } => failed > 1 && stage != Stage::Open,
        _ => false,
    };
    is_right.then_some(()).ok_or_else(|| format!("{err:?}"))
}

fn cases(once: bool) -> impl Iterator<Item = Case> {
    let modes = [(true, false), (false, false), (true, true), (false, true)];
    let stages = modes.into_iter().flat_map(|(shared, read_only)| {
        let stages = STAGES.into_iter();
        let stages = stages.filter(move |stage| !read_only || !stage.writes());
        stages.map(move |stage| (shared, read_only, stage))
    });
    stages.flat_map(move |(shared, read_only, stage)| {
        CALLS.into_iter().map(move |call| Case {
            call,
            errno: ERRNOS[0],
            stage,
            shared,
            read_only,
            once,
        })
    })
}

fn meet_all(row: &mut Row, onces: &[bool]) -> Vec<(Call, u64)> {
    let (image, state) = archive();
    let mut met: Vec<(Call, u64)> = CALLS.map(|call| (call, 0)).to_vec();
    for case in onces.iter().flat_map(|once| cases(*once)) {
        for errno in ERRNOS {
            let case = Case { errno, ..case };
            let Some(outcome) = meet(case, &image, &state) else {
                break;
            };
            row.case(outcome.map_err(|err| format!("{case:?}: {err}")));
            for (call, met) in &mut met {
                *met += u64::from(*call == case.call);
            }
        }
    }
    met
}

#[cfg(target_os = "linux")]
#[test]
fn r24_every_error_of_the_system_is_told_for_what_it_is() {
    let mut row = Row::new("R24");
    let met = meet_all(&mut row, &[false, true][..by_form(1, 2)]);
    row.finish(by_form(900, 1_800));
    println!("R24: {met:?}");
    assert!(met.iter().all(|(_, met)| *met > 0), "{met:?}");
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R24");
    meet_all(&mut row, &[false]);
    row.violations() > 0
}
