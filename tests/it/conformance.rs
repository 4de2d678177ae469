//! The conformance suite passes the reference store, and fails each of the broken stores of `broken`
//! in the case that is meant for its fault.

/// A store with a fault of one's choice.
mod broken;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sessiondb::conformance;
use sessiondb::{LogEntry, MemoryStore, SegmentId, SessionId, Store, StoreError, TraceEntry};

use self::broken::{Broken, Fault};

#[test]
fn memory_store_conforms() {
    conformance::run(|| Box::new(MemoryStore::new()));
}

/// The default `truncate` of the trait, over a store that does not bring its own.
#[test]
fn default_truncate_conforms() {
    conformance::run(|| Box::new(DefaultTruncate(MemoryStore::new())));
}

/// Without its faults the store of the next test passes, so that what fails there is the fault.
#[test]
fn broken_store_without_a_fault_conforms() {
    conformance::run(|| Box::new(Broken::new(Fault::None)));
}

#[test]
fn each_fault_is_caught_by_its_case() {
    let mut able_to_fail = BTreeSet::new();
    for &(fault, name) in FAULTS {
        let case = conformance::cases()
            .iter()
            .find(|case| case.name == name)
            .unwrap();
        let message = panic_message(|| (case.run)(&Broken::new(fault)))
            .unwrap_or_else(|| panic!("{fault:?} is not caught by {name}"));
        let start = format!("conformance case `{name}`: expected that ");
        assert!(message.starts_with(&start), "{fault:?}, {name}: {message}");
        able_to_fail.insert(name);
    }
    let all: BTreeSet<_> = conformance::cases().iter().map(|case| case.name).collect();
    assert_eq!(able_to_fail, all, "each case is shown to fail");
}

#[test]
fn run_stops_at_a_violated_case() {
    let run = || conformance::run(|| Box::new(Broken::new(Fault::ListsAscend)));
    let message = panic_message(run).expect("the suite fails");
    assert!(message.contains("`lists_are_descending`"), "{message}");
    assert!(
        message.contains("expected that list_sessions is ["),
        "{message}"
    );
}

fn panic_message(run: impl Fn()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(run)).err()?;
    Some(*panic.downcast::<String>().expect("a formatted message"))
}

/// A fault, and the case that must catch it.
static FAULTS: &[(Fault, &str)] = &[
    (
        Fault::AppendWantsSegment,
        "append_creates_session_and_segment",
    ),
    (Fault::AppendLosesFifth, "entries_are_read_back_in_order"),
    (Fault::ReadsBackwards, "entries_are_read_back_in_order"),
    (Fault::EachSkipsLast, "entries_are_read_back_in_order"),
    (Fault::CountsOneShort, "entries_are_read_back_in_order"),
    (Fault::MissingReadsEmpty, "missing_segment_is_not_found"),
    (Fault::MissingCountsZero, "missing_segment_is_not_found"),
    (Fault::MissingIsTruncated, "missing_segment_is_not_found"),
    (
        Fault::ExistsWithSession,
        "missing_segment_is_listed_nowhere",
    ),
    (Fault::LookupGuesses, "missing_segment_is_listed_nowhere"),
    (Fault::MixesSessions, "sessions_and_segments_are_separate"),
    (Fault::CreateAppends, "create_segment_replaces"),
    (Fault::CreateKeepsFirst, "create_segment_replaces"),
    (Fault::CreateIgnoresEmpty, "create_segment_with_no_entries"),
    (Fault::CreateInSteps, "create_segment_is_atomic_for_readers"),
    (Fault::TruncateKeepsEnd, "truncate_removes_the_end"),
    (
        Fault::TruncateToZeroDeletes,
        "truncate_to_zero_keeps_the_segment",
    ),
    (
        Fault::TruncateToCountFails,
        "truncate_to_the_count_changes_nothing",
    ),
    (
        Fault::TruncateToCountEmpties,
        "truncate_to_the_count_changes_nothing",
    ),
    (
        Fault::TruncatePastEndIsOk,
        "truncate_past_the_end_is_refused",
    ),
    (
        Fault::TruncatePastEndNamesLength,
        "truncate_past_the_end_is_refused",
    ),
    (
        Fault::TruncatePastEndEmpties,
        "truncate_past_the_end_is_refused",
    ),
    (Fault::ListsAscend, "lists_are_descending"),
    (Fault::ListsSigned, "lists_are_descending"),
    (Fault::TraceMakesSegment, "traces_alone_make_no_segment"),
    (Fault::TraceAloneIsUnlisted, "traces_alone_make_no_segment"),
    (Fault::TraceGoesToLog, "traces_and_entries_are_independent"),
    (Fault::LookupAlternates, "lookup_is_stable"),
    (Fault::LookupFollowsAppend, "lookup_is_stable"),
    (
        Fault::AppendRereads,
        "eight_threads_lose_and_reorder_nothing",
    ),
    (
        Fault::FailedAppendLeavesPart,
        "failed_append_leaves_nothing",
    ),
    (
        Fault::FailedAppendMakesSegment,
        "failed_append_leaves_nothing",
    ),
    (
        Fault::FailedCreateLeavesPart,
        "failed_create_segment_leaves_the_old_one",
    ),
    (
        Fault::DropsUnknownFields,
        "unknown_kinds_and_fields_survive",
    ),
    (Fault::GoesByValue, "entries_that_fit_no_type_are_kept"),
    (Fault::LosesBeyondThousand, "large_segment_is_read_back"),
];

/// A store with the default `truncate`.
struct DefaultTruncate(MemoryStore);

impl Store for DefaultTruncate {
    fn append(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.0.append(session, segment, entry)
    }

    fn read_all(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.0.read_all(session, segment)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.0.list_sessions()
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.0.list_segments(session)
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.0.lookup_session_of(segment)
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.0.create_segment(session, segment, entries)
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        self.0.exists(session, segment)
    }

    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        self.0.read_entry_count(session, segment)
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.0.append_trace(session, segment, entry)
    }
}
