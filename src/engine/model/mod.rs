//! What an archive is made of: logs, ops, heads, runs and their rows. Pure, no I/O.

pub(crate) mod compress;
pub(crate) mod cut;
pub(crate) mod entries;
pub(crate) mod held;
pub(crate) mod last_use;
pub(crate) mod letters;
pub(crate) mod log_id;
pub(crate) mod op;
pub(crate) mod page_fit;
pub(crate) mod parents;
pub(crate) mod row;
pub(crate) mod run;
pub(crate) mod run_row;
pub(crate) mod shared_value;
pub(crate) mod table;
pub(crate) mod value_row;
pub(crate) mod word_filter;
pub(crate) mod word_pieces;
pub(crate) mod words;
