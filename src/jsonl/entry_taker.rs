//! Whoever takes the entries of a file while it is read.

use std::io::{self, Read};

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

    /// Takes the next entry, one of more than 4 MiB, which can be read a part at a time. By default it is read as a whole,
    /// and taken as any other.
    ///
    /// # Errors
    ///
    /// Those of reading it.
    fn large_entry(&mut self, entry: &mut dyn Read) -> io::Result<()> {
        let mut whole = Vec::new();
        entry.read_to_end(&mut whole)?;
        self.entry(&whole);
        Ok(())
    }

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

/// Takes none.
pub(super) struct NoTaker;

impl EntryTaker for NoTaker {
    fn entry(&mut self, _: &[u8]) {}

    fn large_entry(&mut self, _: &mut dyn Read) -> io::Result<()> {
        Ok(())
    }
}
