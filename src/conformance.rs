//! The contract of [`Store`] as a test suite that runs against any implementation.
//!
//! What the trait does not show is left to the tests of the implementation: that traces are kept
//! as they were, durability, and several processes.
//!
//! ```
//! use sessiondb::{MemoryStore, conformance};
//!
//! conformance::run(|| Box::new(MemoryStore::new()));
//! ```

mod content;
mod listings;
mod logs;
mod subject;

use self::subject::Subject;
use crate::store::Store;

/// One law of the contract.
///
/// ```
/// use sessiondb::{MemoryStore, conformance};
///
/// for case in conformance::cases() {
///     println!("{}", case.name);
///     (case.run)(&MemoryStore::new());
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it is called in its panic message.
    pub name: &'static str,
    /// Runs it against an empty store.
    ///
    /// # Panics
    ///
    /// If the store violates it. The message has the name of the case, what was expected and
    /// what was found.
    pub run: fn(&dyn Store),
}

/// Runs every case, each against a fresh store.
///
/// `make` returns an empty store. What a store keeps its files in, such as a temporary folder,
/// has to live as long as the box.
///
/// # Panics
///
/// If a case is violated. The message has the name of the case, what was expected and what was
/// found.
pub fn run(make: impl Fn() -> Box<dyn Store>) {
    for case in cases() {
        (case.run)(make().as_ref());
    }
}

/// Returns all cases, for a runner that wants to name or choose them.
pub fn cases() -> &'static [Case] {
    CASES
}

macro_rules! cases {
    ($($group:ident::$name:ident),* $(,)?) => {
        &[$(Case {
            name: stringify!($name),
            run: |store| $group::$name(&Subject { case: stringify!($name), store }),
        }),*]
    };
}

static CASES: &[Case] = cases![
    logs::append_creates_session_and_segment,
    logs::entries_are_read_back_in_order,
    logs::missing_segment_is_not_found,
    listings::missing_segment_is_listed_nowhere,
    listings::sessions_and_segments_are_separate,
    logs::create_segment_replaces,
    logs::create_segment_with_no_entries,
    logs::create_segment_is_atomic_for_readers,
    logs::truncate_removes_the_end,
    logs::truncate_to_zero_keeps_the_segment,
    logs::truncate_to_the_count_changes_nothing,
    logs::truncate_past_the_end_is_refused,
    listings::lists_are_descending,
    listings::traces_alone_make_no_segment,
    listings::traces_and_entries_are_independent,
    listings::lookup_is_stable,
    logs::eight_threads_lose_and_reorder_nothing,
    content::failed_append_leaves_nothing,
    content::failed_create_segment_leaves_the_old_one,
    content::unknown_kinds_and_fields_survive,
    content::entries_that_fit_no_type_are_kept,
    content::large_segment_is_read_back,
];
