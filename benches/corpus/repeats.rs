//! The repetition of real logs across sessions: what a tool gave once comes again, byte for byte, in others.
//!
//! Of 390 MB of real logs of Claude Code, Codex, pi and Gemini, values of 1 KiB and more that had been there before
//! were 20 %: the same file read again and again.

#![allow(
    clippy::indexing_slicing,
    reason = "positions are below the length that they are compared with"
)]

use std::collections::HashMap;

use crate::corpus::{Corpus, Session};

/// Shorter values stay as they are.
const MIN_BYTES: usize = 1 << 10;
/// Of the large values so many of a hundred are ones that were there before.
const REPEATED_PERCENT: usize = 34;
/// How many of each size are remembered.
const REMEMBERED: usize = 400;

/// Sessions of which some values were in earlier ones.
#[derive(Debug)]
pub(crate) struct Repeated {
    corpus: Corpus,
    dice: fastrand::Rng,
    /// By the number of bits of their lengths.
    seen: HashMap<u32, Vec<Vec<u8>>>,
    /// The bytes that were there before, of all.
    pub(crate) again_bytes: u64,
    pub(crate) bytes: u64,
}

impl Repeated {
    pub(crate) fn new(corpus: Corpus, seed: u64) -> Self {
        Self {
            corpus,
            dice: fastrand::Rng::with_seed(seed),
            seen: HashMap::new(),
            again_bytes: 0,
            bytes: 0,
        }
    }

    fn line(&mut self, line: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(line.len());
        let mut rest = line;
        while let Some((before, value, behind)) = next_value(rest) {
            out.extend_from_slice(before);
            let seen = self.seen.entry(value.len().ilog2()).or_default();
            if !seen.is_empty() && self.dice.usize(..100) < REPEATED_PERCENT {
                // Those of lately more often.
                let back = self
                    .dice
                    .usize(..seen.len())
                    .min(self.dice.usize(..seen.len()));
                let again = &seen[seen.len() - 1 - back];
                self.again_bytes += again.len() as u64;
                out.extend_from_slice(again);
            } else {
                seen.push(value.to_vec());
                if seen.len() > REMEMBERED {
                    seen.remove(0);
                }
                out.extend_from_slice(value);
            }
            out.push(b'"');
            rest = behind;
        }
        out.extend_from_slice(rest);
        self.bytes += out.len() as u64 + 1;
        out
    }
}

impl Iterator for Repeated {
    type Item = Session;

    fn next(&mut self) -> Option<Session> {
        let mut session = self.corpus.next()?;
        for segment in &mut session.segments {
            for line in &mut segment.lines {
                *line = self.line(line);
            }
        }
        Some(session)
    }
}

/// What stands before the next large value, the value, and what follows behind its quote.
fn next_value(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut start = None;
    let mut at = 0;
    while at < text.len() {
        match (text[at], start) {
            (b'\\', Some(_)) => at += 1,
            (b'"', None) => start = Some(at + 1),
            (b'"', Some(from)) => {
                if at - from >= MIN_BYTES {
                    return Some((&text[..from], &text[from..at], &text[at + 1..]));
                }
                start = None;
            }
            _ => {}
        }
        at += 1;
    }
    None
}
