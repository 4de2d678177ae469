//! The numbers that give the corpus its shape: sizes as they were measured on real logs, and what is
//! repeated how often, found by trying until the compressed sizes were those of real logs too.

/// Bytes of an entry: `(part of 100,000, bytes)`.
pub(crate) const ENTRY_BYTES: &[(usize, usize)] = &[
    (0, 140),
    (5_000, 430),
    (10_000, 581),
    (25_000, 720),
    (50_000, 1_050),
    (60_000, 1_300),
    (75_000, 1_956),
    (85_000, 3_600),
    (90_000, 6_200),
    (93_000, 9_500),
    (95_000, 14_000),
    (97_000, 23_000),
    (98_000, 33_500),
    (99_000, 50_800),
    (99_500, 68_000),
    (99_900, 113_000),
    (99_990, 260_000),
    (100_000, 961_000),
];
/// Entries of a session: `(part of 100,000, entries)`.
pub(crate) const SESSION_ENTRIES: &[(usize, usize)] = &[
    (0, 4),
    (10_000, 24),
    (25_000, 88),
    (50_000, 236),
    (75_000, 510),
    (90_000, 893),
    (97_000, 1_400),
    (100_000, 2_331),
];

/// An assistant's entry has at least so many bytes: the ids and the counters of its usage.
pub(crate) const ASSISTANT_BYTES: usize = 1000;
/// From here on an entry is mostly what a tool returned.
pub(crate) const LARGE_BYTES: usize = 6_200;

/// Words and phrases that all projects share.
pub(crate) const WORDS: usize = 4_000;
pub(crate) const PHRASES: usize = 1_000;

// All of these are in percent.

/// Lines of a file that repeat lines shortly before them.
pub(crate) const LINES_AGAIN: usize = 25;
/// Names of a file that no other file has.
pub(crate) const NEW_NAMES: usize = 10;
/// Names in a line that are the file's own.
pub(crate) const LOCAL_NAMES: usize = 70;
/// Files and outputs that were shown before.
pub(crate) const SHOWN_AGAIN: usize = 82;
/// Groups of words in prose that often stand together.
pub(crate) const PHRASES_IN_PROSE: usize = 65;
/// Large entries that are a picture.
pub(crate) const PICTURES: usize = 1;
/// An assistant's entries with a signed thought.
pub(crate) const SIGNED: usize = 6;
/// Lines of an output that differ when the command runs again, at most.
pub(crate) const OUTPUT_CHANGES: usize = 8;

/// So many documents are still near enough to be looked at again.
pub(crate) const RECENT: usize = 60;
/// How much rather the ones used last: the least of so many throws decides.
pub(crate) const RECENCY: usize = 6;
/// A file has no more bytes, unless it is shown as a whole.
pub(crate) const FILE_BYTES: usize = 150_000;
/// What tools return: changes of files, files, reports in prose; the rest is the output of commands.
pub(crate) const CHANGES: usize = 30;
pub(crate) const READS: usize = 35;
pub(crate) const REPORTS: usize = 3;
/// Outputs that stand in their entry twice.
pub(crate) const TWICE: usize = 26;
/// Commands that were run before.
pub(crate) const COMMANDS_AGAIN: usize = 60;
/// Lines of a file that stand in many files.
pub(crate) const LINES_STOCK: usize = 38;
/// How many lines there are of that kind in a project, and how many files it has.
pub(crate) const STOCK: usize = 320;
pub(crate) const PATHS: usize = 160;
