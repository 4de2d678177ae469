//! Checks and folds entries in one pass.

use crate::fold::Fold;
use crate::json::{Index, Text};

/// Tells whether texts are JSON, and folds those that are without reading all of them once more.
///
/// It keeps what it knows of the text before only to use the memory again.
///
/// ```
/// use sessiondb_agents::{Fold, Scanner, by_name};
///
/// let mut scanner = Scanner::default();
/// let mut fold = Fold::new(by_name("claude").unwrap(), "s1.jsonl");
/// assert!(scanner.fold(r#"{"type":"user","message":{"content":"One"}}"#, &mut fold));
/// assert!(!scanner.fold(r#"{"type":"user","message":"#, &mut fold));
/// assert_eq!((fold.entries(), fold.summary().turns), (1, 1));
/// ```
#[derive(Debug, Default)]
pub struct Scanner {
    index: Index,
}

impl Scanner {
    /// Goes on with the next entry of `fold` if it is one JSON value. Returns whether it is; if not, nothing
    /// was done. It also says no to a value that is nested more than 64 deep.
    pub fn fold(&mut self, entry: &str, fold: &mut Fold) -> bool {
        let is_json = self.is_json(entry);
        if is_json {
            fold.text(Text::scanned(entry, &self.index));
        }
        is_json
    }

    /// Whether it is one JSON value, and not nested more than 64 deep.
    pub fn is_json(&mut self, text: &str) -> bool {
        self.index.scan(text)
    }
}
