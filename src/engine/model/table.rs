//! The tables of an archive: their names in the file, and what their rows are.

use crate::engine::model::log_id::LogKind;

/// The tables whose rows are sealed here; the tag is part of the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Sessions = 3,
    Heads = 4,
    Index = 5,
    Metadata = 6,
    Names = 7,
    Meta = 8,
    Filters = 9,
    SessionsByUse = 10,
    Values = 11,
    Groups = 12,
}

/// What the rows of one of our tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Runs, which say by themselves where they belong; heads know whether one is missing.
    Runs(LogKind),
    /// Rows whose absence means something.
    Rows(Table),
    /// Rows beside runs: word filters, without which a run is read, and shared values with their groups, of which a
    /// run knows what it needs.
    Beside(Table),
}

/// The name of one of these tables, and what its rows are.
pub(crate) fn content_of(name: &[u8]) -> Option<(&'static str, Content)> {
    let content = match name {
        b"runs" => ("runs", Content::Runs(LogKind::Entries)),
        b"traces" => ("traces", Content::Runs(LogKind::Traces)),
        b"heads" => ("heads", Content::Rows(Table::Heads)),
        b"sessions" => ("sessions", Content::Rows(Table::Sessions)),
        b"segment_index" => ("segment_index", Content::Rows(Table::Index)),
        b"metadata" => ("metadata", Content::Rows(Table::Metadata)),
        b"names" => ("names", Content::Rows(Table::Names)),
        b"sessions_by_use" => ("sessions_by_use", Content::Rows(Table::SessionsByUse)),
        b"values" => ("values", Content::Beside(Table::Values)),
        b"value_groups" => ("value_groups", Content::Beside(Table::Groups)),
        b"word_filters" => ("word_filters", Content::Beside(Table::Filters)),
        b"meta" => ("meta", Content::Rows(Table::Meta)),
        _ => return None,
    };
    Some(content)
}
