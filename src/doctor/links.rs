//! What the heads of a session say of each other: with whom each shares its first entries, and how
//! many share its own.

use std::collections::BTreeMap;

use super::problem::{Part, Problem};
use crate::engine::{Fault, Head, ParentLink};
use crate::ids::{SegmentId, SessionId};

/// The heads of one session, as far as they name each other.
#[derive(Default)]
pub(super) struct Links {
    /// How many entries each segment has, and how many others it says share them.
    heads: BTreeMap<SegmentId, (u64, u64)>,
    bases: Vec<(SegmentId, ParentLink)>,
    any_damaged: bool,
}

impl Links {
    pub(super) fn take(&mut self, segment: SegmentId, head: Result<&Head, &Fault>) {
        match head {
            Ok(head) => {
                self.heads
                    .insert(segment, (head.log.entries, head.branches));
                self.bases.extend(head.parent.map(|base| (segment, base)));
            }
            Err(_) => self.any_damaged = true,
        }
    }

    /// Where they contradict each other. With a head that is damaged nobody knows.
    pub(super) fn problems(&self, session: SessionId) -> Vec<Problem> {
        if self.any_damaged {
            return Vec::new();
        }
        let problem = |segment, message: String| {
            Problem::new(Part::Heads, message).of_segment(session, segment)
        };
        let mut problems = Vec::new();
        let mut counts: BTreeMap<SegmentId, u64> = BTreeMap::new();
        for (segment, base) in &self.bases {
            *counts.entry(base.segment).or_default() += 1;
            let there = self
                .heads
                .get(&base.segment)
                .map_or(0, |(entries, _)| *entries);
            if there < base.len {
                let message = format!(
                    "it shares {} entries with segment {}, which has {there}",
                    base.len, base.segment
                );
                problems.push(problem(*segment, message));
            }
        }
        // Or reading along the chain would not end.
        let starts: BTreeMap<_, _> = self.bases.iter().copied().collect();
        for (segment, base) in &self.bases {
            let start = starts.get(&base.segment).map_or(0, |base| base.len);
            if start >= base.len {
                let message = format!(
                    "it shares {} entries with segment {}, which shares {start} itself",
                    base.len, base.segment
                );
                problems.push(problem(*segment, message));
            }
        }
        for (segment, (_, branches)) in &self.heads {
            let found = counts.get(segment).copied().unwrap_or(0);
            if found != *branches {
                let message = format!(
                    "it tells of {branches} segments that share its entries, and {found} do"
                );
                problems.push(problem(*segment, message));
            }
        }
        problems
    }
}
