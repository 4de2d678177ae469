//! Which sessions of a listing may have entries with some words, by the filters beside the blocks of packs: no block is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use sessiondb::SessionId;
use sessiondb::archive::{WordFilter, Words};

use crate::cache::Item;
use crate::error::RemoteError;
use crate::hash::Sum;
use crate::listing::Listing;
use crate::names;
use crate::pack::{self, FiltersPlace};
use crate::record::Part;
use crate::remote::Remote;

/// The filters of so many packs are read at once.
const AT_ONCE: usize = 16;

/// What may have some words: made by [`Listing::with_words`].
///
/// ```
/// let nothing = sessiondb_remote::WithWords::default();
/// assert_eq!((nothing.sessions.len(), nothing.filter_bytes), (0, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WithWords {
    /// The sessions, in the order in which they were given.
    pub sessions: Vec<SessionId>,
    /// The blocks that they may stand in.
    pub blocks: u64,
    /// The bytes of these, compressed.
    pub block_bytes: u64,
    /// How many blocks the sessions that were asked for have.
    pub all_blocks: u64,
    /// The bytes of filters that were read from the remote.
    pub filter_bytes: u64,
}

impl Listing {
    /// Those of some sessions in which an entry with all of the words may be. Filters are read by range, and no block; packs that
    /// were put by a program which made no filters may have any word, and so may all if there are no words. Traces are
    /// not looked at.
    ///
    /// # Errors
    ///
    /// Those of the store. [`RemoteError::Missing`] if a pack was deleted since the listing: list again.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use sessiondb::archive::Words;
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    /// use sessiondb_remote::{Remote, listing, push};
    ///
    /// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
    /// let (one, other) = (new_session_id(), new_session_id());
    /// archive.log(one, new_segment_id()).append("the common word")?;
    /// archive.log(other, new_segment_id()).append("the rare word")?;
    /// push(&archive, &remote, None).await?;
    ///
    /// let listing = listing(&remote).await?;
    /// let found = listing.with_words(&remote, &Words::of("rare"), [one, other]).await?;
    /// assert_eq!(found.sessions, [other]);
    /// assert_eq!((found.blocks, found.all_blocks), (1, 2));
    /// # Ok::<(), sessiondb_remote::RemoteError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn with_words(
        &self,
        remote: &Remote,
        words: &Words,
        sessions: impl IntoIterator<Item = SessionId>,
    ) -> Result<WithWords, RemoteError> {
        let sessions: Vec<_> = sessions.into_iter().collect();
        let mut blocks: BTreeMap<Sum, BTreeMap<u64, Block>> = BTreeMap::new();
        for (number, id) in sessions.iter().enumerate() {
            let parts = self.session(*id).into_iter();
            for parts in parts.flat_map(|session| &session.parts) {
                let parts: Vec<Part> = serde_json::from_slice(parts)?;
                for part in parts {
                    let blocks = blocks.entry(part.pack).or_default();
                    let block = blocks.entry(part.at).or_default();
                    block.len = part.len;
                    block.sessions.push(number);
                }
            }
        }
        let mut found = WithWords::default();
        let reads = blocks.keys().filter_map(|pack| {
            let place = self.filters.get(pack).filter(|_| !words.is_empty())?;
            Some(read(remote, *pack, place))
        });
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        let mut filters = HashMap::new();
        while let Some((pack, read_bytes, of_pack)) = reads.try_next().await? {
            found.filter_bytes += read_bytes;
            let without = of_pack.into_iter();
            let without = without.filter(|(_, filter)| !filter.may_have(words));
            filters.insert(pack, without.map(|(at, _)| at).collect::<BTreeSet<_>>());
        }
        drop(reads);
        let mut numbers = BTreeSet::<usize>::new();
        for (pack, blocks) in &blocks {
            let without = filters.get(pack);
            for (at, block) in blocks {
                found.all_blocks += 1;
                if without.is_none_or(|without| !without.contains(at)) {
                    found.blocks += 1;
                    found.block_bytes += block.len;
                    numbers.extend(&block.sessions);
                }
            }
        }
        let with = numbers
            .into_iter()
            .filter_map(|number| sessions.get(number));
        found.sessions = with.copied().collect();
        Ok(found)
    }
}

/// A block that is asked for, and the sessions that have it, by their place among those that are.
#[derive(Default)]
struct Block {
    len: u64,
    sessions: Vec<usize>,
}

type Filters = Vec<(u64, WordFilter)>;

/// The filters of a pack, and how many bytes were read for them.
async fn read(
    remote: &Remote,
    pack: Sum,
    place: &FiltersPlace,
) -> Result<(Sum, u64, Filters), RemoteError> {
    if place.len == 0 {
        return Ok((pack, 0, Vec::new()));
    }
    let verify = |bytes: &Bytes| {
        let is_whole = Sum::of(bytes) == place.sum;
        is_whole.then(|| pack::filters(bytes)).flatten()
    };
    let item = Item::Filters(pack.shorter());
    if let Some(filters) = remote.kept().and_then(|kept| kept.get(item, verify)) {
        return Ok((pack, 0, filters));
    }
    let key = names::pack(&pack);
    let range = place.at..place.at.saturating_add(place.len);
    let bytes = remote.get_ranges(&key, &[range]).await?;
    let filters = bytes
        .first()
        .and_then(|bytes| Some((bytes, verify(bytes)?)));
    let Some((bytes, filters)) = filters else {
        let cause = "its word filters do not have the hash that the manifest says";
        return Err(remote.damaged(&key, cause));
    };
    if let Some(kept) = remote.kept() {
        kept.put(item, bytes);
    }
    Ok((pack, bytes.len() as u64, filters))
}

#[cfg(test)]
mod tests {
    use sessiondb::{Archive, new_segment_id, new_session_id};

    use super::*;
    use crate::{listing, push};

    #[test]
    fn a_pack_without_filters_may_have_any_word() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let remote = Remote::in_memory("test");
        let archive = Archive::in_memory().unwrap();
        let session = new_session_id();
        archive
            .log(session, new_segment_id())
            .append("common")
            .unwrap();
        runtime.block_on(push(&archive, &remote, None)).unwrap();
        let mut listing = runtime.block_on(listing(&remote)).unwrap();
        let find = |listing: &Listing| {
            let words = Words::of("rare");
            let found = listing.with_words(&remote, &words, [session]);
            runtime.block_on(found).unwrap().sessions
        };
        assert!(find(&listing).is_empty());
        listing.filters.clear();
        assert_eq!(find(&listing), [session]);
    }
}
