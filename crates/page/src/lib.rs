//! Sessions of LLM agents as one HTML page.
//!
//! A page is one file that needs no network. It holds the list of the sessions and, packed, a
//! [block](Session) for each of them that the browser unpacks when somebody looks at it.
//! What logs say is data for the page's own script, which makes text nodes of it: nothing of it is
//! parsed as HTML, as style or as script, and the page's content security policy allows no other
//! script, no network and no form.
//!
//! ```
//! use sessiondb_agents::{Item, ItemKind};
//! use sessiondb_page::{Page, Segment};
//!
//! let mut page = Page::begin(std::io::Cursor::new(Vec::new()), "all.sessiondb");
//! let summary = serde_json::json!({"id": "019a", "title": "</script><script>alert(1)"});
//! let mut session = page.session(&summary)?;
//! let prompt = Item {
//!     entry: 0,
//!     at_ms: None,
//!     id: None,
//!     parent: None,
//!     kind: ItemKind::Prompt { text: "Why?".into() },
//!     hidden: false,
//! };
//! session.segment(&Segment::new("019b", 1), &[prompt], |_| None)?;
//! session.end()?;
//! let mut html = Vec::new();
//! page.finish(&mut html)?;
//! let html = String::from_utf8(html).unwrap();
//! assert!(html.contains("default-src 'none'") && !html.contains("alert(1)"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod assets;
mod block;
mod line;
mod page;
mod picture;
mod segment;
mod usage;

pub use page::{Page, Session};
pub use segment::Segment;

/// The README's example runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
