//! Which entries a log has already, by the ids that they carry.

use std::collections::HashSet;

use sessiondb::Entry;

use crate::followed::Content;
use crate::json::id_of;

/// About how many bytes an id takes in a set.
const BYTES_OF_AN_ID: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) ids: HashSet<u128>,
}

impl Content for Known {
    fn take(&mut self, entry: &Entry) {
        // What was erased or is no object has no id.
        self.ids.extend(id_of(entry.as_str()).ok().flatten());
    }

    fn bytes(&self) -> usize {
        self.ids.len() * BYTES_OF_AN_ID
    }
}
