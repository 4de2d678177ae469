//! Whoever takes the entries of a file while it is read.

/// Takes the entries of a file as they are read. A closure that takes bytes is one.
///
/// ```
/// use sessiondb::jsonl::EntryTaker;
///
/// let mut bytes = 0;
/// let mut taker = |entry: &[u8]| bytes += entry.len();
/// assert!(!taker.line("{}"));
/// taker.entry(b"{}");
/// assert_eq!(bytes, 2);
/// ```
pub trait EntryTaker {
    /// Takes the next entry.
    fn entry(&mut self, entry: &[u8]);

    /// Takes a line as the next entry if it is one JSON value, for those who find that out while they read it.
    /// Returns whether it is; if not, or if that is not sure, nothing was taken, and the line is looked at
    /// anew. The text is valid UTF-8 without a line break.
    ///
    /// What is said to be JSON and is not would be stored as it is, and refused by those who read it.
    fn line(&mut self, line: &str) -> bool {
        let _ = line;
        false
    }
}

impl<F: FnMut(&[u8])> EntryTaker for F {
    fn entry(&mut self, entry: &[u8]) {
        self(entry);
    }
}
