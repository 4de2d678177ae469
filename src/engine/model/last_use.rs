//! When a session was written to last, as the sessions of an archive are put in that order; pure.

use crate::ids::SessionId;

/// The place of a session among those of an archive: of two that were written to at the same time, that
/// with the lower id comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LastUse {
    pub(crate) updated_ms: u64,
    pub(crate) session: SessionId,
}

impl LastUse {
    pub(crate) fn new(updated_ms: u64, session: SessionId) -> Self {
        Self {
            updated_ms,
            session,
        }
    }

    /// The place before all sessions that were written to at that time or later.
    pub(crate) fn beginning(updated_ms: u64) -> Self {
        Self::new(updated_ms, SessionId::nil())
    }

    /// The bytes of the key in the index, as they are in a page.
    pub(crate) fn key_bytes(self) -> [u8; 24] {
        let mut key = [0; 24];
        let (time, session) = key.split_at_mut(8);
        time.copy_from_slice(&self.updated_ms.to_le_bytes());
        session.copy_from_slice(self.session.as_bytes());
        key
    }

    /// What the bytes of a key say; `None` if they are not as many as those of one.
    pub(crate) fn of_key_bytes(key: &[u8]) -> Option<Self> {
        let (time, session) = key.split_first_chunk()?;
        let session = SessionId::from_bytes(<[u8; 16]>::try_from(session).ok()?);
        Some(Self::new(u64::from_le_bytes(*time), session))
    }
}

/// The sessions from one place on and before another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UseRange {
    pub(crate) from: LastUse,
    /// `None`: up to the last one.
    pub(crate) before: Option<LastUse>,
}

impl UseRange {
    /// Whether the session at that place is one of them.
    pub(crate) fn contains(&self, place: LastUse) -> bool {
        self.from <= place && self.before.is_none_or(|before| place < before)
    }

    /// Whether there can be none.
    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_some_and(|before| before <= self.from)
    }
}

/// Leaves the `limit` last ones, the last one first.
pub(crate) fn keep_last<T>(items: &mut Vec<T>, limit: usize, place: impl Fn(&T) -> LastUse) {
    let last_first = |one: &T, other: &T| place(other).cmp(&place(one));
    if limit < items.len() {
        items.select_nth_unstable_by(limit, last_first);
        items.truncate(limit);
    }
    items.sort_unstable_by(last_first);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_read_back() {
        let place = LastUse::new(0x0102_0304_0506_0708, Uuid::from_u128(9));
        assert_eq!(LastUse::of_key_bytes(&place.key_bytes()), Some(place));
        assert_eq!(LastUse::of_key_bytes(&place.key_bytes()[1..]), None);
    }

    #[test]
    fn a_range_has_its_beginning_and_not_its_end() {
        let place = |time| LastUse::new(time, Uuid::from_u128(1));
        let range = UseRange {
            from: LastUse::beginning(2),
            before: Some(place(4)),
        };
        let contained: Vec<u64> = (0..6).filter(|time| range.contains(place(*time))).collect();
        assert_eq!(contained, [2, 3]);
        assert!(!range.is_empty());
    }

    #[test]
    fn the_last_ones_are_kept_last_first() {
        for limit in [0, 1, 3, 5, 9] {
            let mut times = vec![3, 1, 5, 2, 4];
            keep_last(&mut times, limit, |time| LastUse::beginning(*time));
            let expected: Vec<u64> = (1..=5).rev().take(limit).collect();
            assert_eq!(times, expected);
        }
    }
}
