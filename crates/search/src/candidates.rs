//! The entries of a chunk that may match, by their bytes alone.

use std::ops::Range;

use sessiondb::archive::Chunk;

use crate::prefilter::Prefilter;

/// The numbers of the entries in the range that may match, ascending. Without a prefilter all of them.
pub(crate) fn candidates(
    chunk: &Chunk,
    range: &Range<u64>,
    prefilter: Option<&Prefilter>,
) -> Vec<u64> {
    let Some(prefilter) = prefilter else {
        return range.clone().collect();
    };
    let mut found = entries_at(chunk, range, |lines, from| prefilter.next(lines, from));
    let escaped = entries_at(chunk, range, |lines, from| {
        prefilter.next_escaped(lines, from)
    });
    if !escaped.is_empty() {
        found.extend(escaped);
        found.sort_unstable();
        found.dedup();
    }
    found
}

/// The entries in which `next` finds something.
fn entries_at(
    chunk: &Chunk,
    range: &Range<u64>,
    next: impl Fn(&[u8], usize) -> Option<usize>,
) -> Vec<u64> {
    let lines = chunk.lines();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = next(lines, from) {
        let Some((number, entry)) = chunk.entry_at(at) else {
            break;
        };
        if range.contains(&number) {
            found.push(number);
        }
        from = entry.end + 1;
    }
    found
}
