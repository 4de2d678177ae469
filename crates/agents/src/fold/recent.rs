//! Messages that are written in several entries, each of which says the message's usage anew.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use crate::text::hash;

/// The entries of a message stand close together: those between them are of fewer messages.
const KEPT: usize = 32;

/// What the last messages were counted as.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Recent(VecDeque<(u64, Counts)>);

impl Recent {
    /// The message `id` counts as what `change` makes of what it counted before (nothing, if it is
    /// new), in `total` as well.
    pub(crate) fn count(
        &mut self,
        id: &str,
        total: &mut Counts,
        change: impl FnOnce(Counts) -> Counts,
    ) {
        let id = hash(id);
        if let Some((_, own)) = self.0.iter_mut().rev().find(|(known, _)| *known == id) {
            total.take_back(*own);
            *own = change(*own);
            total.add(*own);
            return;
        }
        let counts = change(Counts::default());
        total.add(counts);
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back((id, counts));
    }
}
