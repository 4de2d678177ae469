//! What an import does with lines that can be taken in several ways.

/// What an import does with a bad line: one that is not UTF-8, not JSON, or several values. Files'
/// lines are counted from 1, as editors do, entries from 0.
///
/// ```
/// assert_eq!(sessiondb::jsonl::BadLines::default(), sessiondb::jsonl::BadLines::Fail);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadLines {
    /// Fail the file and import nothing of it.
    #[default]
    Fail,
    /// Leave the line out, with a warning.
    Skip,
    /// Take a line that consists of several whole JSON values apart, with a warning; fail on any
    /// other bad line.
    Split,
    /// Drop the NUL bytes that a crash left in a line, with a warning that says where and how many, and
    /// what was left out because it is torn. What is whole beside them becomes entries; fail on any
    /// other bad line.
    DropNuls,
    /// Take apart what [`Split`](Self::Split) and [`DropNuls`](Self::DropNuls) do, with a warning;
    /// fail on any other bad line.
    Mend,
    /// Store the line inside an entry `{"kind":"sessiondb_bad_line","text":...}` (`"hex"` if it
    /// is not UTF-8), with a warning. Export writes the line back as it was.
    Keep,
}

impl BadLines {
    pub(super) fn splits(self) -> bool {
        matches!(self, Self::Split | Self::Mend)
    }

    pub(super) fn drops_nuls(self) -> bool {
        matches!(self, Self::DropNuls | Self::Mend)
    }
}

/// What an import does with a last line that has no line end and is one JSON value. Its writer may
/// have been in the middle of it.
///
/// ```
/// assert_eq!(sessiondb::jsonl::LastLine::default(), sessiondb::jsonl::LastLine::ByLayout);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastLine {
    /// Leave it out, with a warning, in the layouts whose writers cut such a line off and go on
    /// without it: the folders of workers, and `{session}/{segment}.jsonl`. Else take it.
    #[default]
    ByLayout,
    /// Take it.
    Take,
    /// Leave it out, with a warning. A later import takes it once its line end is there.
    Drop,
}
