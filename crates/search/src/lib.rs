//! Search the sessions of an archive as people read them.
//!
//! A [`Query`] says what to look for and where, and [`Search`] gives the [`Hit`]s, the newest first, as they are found.
//! What is searched is the text of a session as a person reads it: prompts, answers, what was thought, and what tools were
//! given and gave back, with the escapes of JSON undone. [`QueryBuilder::raw`] searches the stored bytes instead.
//!
//! Nothing is kept beside the archive. It has a filter of the words of each run of entries, so that a pattern with a whole
//! word reads only where that may be ([`sessiondb::archive::LogSnapshot::with_words`]). All other patterns are looked for in the
//! bytes of the entries, and only entries in which something is found are parsed.
//!
//! ```
//! use sessiondb::{Archive, new_segment_id, new_session_id};
//! use sessiondb_search::{Query, Search};
//!
//! let archive = Archive::in_memory()?;
//! let log = archive.log(new_session_id(), new_segment_id());
//! log.append(&serde_json::json!({
//!     "kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why is the\ntotal off?"}]
//! }))?;
//! let query = Query::literal("the\nTotal").ignore_case(true).build()?;
//! let hits: Vec<_> = Search::new(&archive.snapshot()?, query).collect::<Result<_, _>>()?;
//! assert_eq!((hits[0].entry, hits[0].lines.len()), (0, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod candidates;
mod excerpt;
mod hit;
mod pattern;
mod prefilter;
mod query;
mod search;
mod segment;
mod text;

pub use self::hit::{Hit, Kind, Line, Role};
pub use self::pattern::PatternError;
pub use self::query::{Query, QueryBuilder};
pub use self::search::Search;

/// The examples of the README are tested as the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
