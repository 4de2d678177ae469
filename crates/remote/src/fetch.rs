//! Some sessions of a listing, brought into an archive that is made for them alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::value::RawValue;
use sessiondb::{Archive, SessionId};

use crate::error::RemoteError;
use crate::listing::Listing;
use crate::manifest::State;
use crate::pull::{PullOptions, PullReport, Sink};
use crate::record;
use crate::remote::Remote;
use crate::write::Tell;

impl Listing {
    /// Brings some of the sessions into an archive, as a [`pull`](crate::pull) of them does, but of what the listing was made of: no
    /// list is asked for, and states are read again, from the cache, only of the archives that have one of the sessions.
    /// `tell` is told how many sessions of an archive are done, and of how many.
    ///
    /// Meant for an archive that is new. What others push and pull meanwhile changes nothing.
    ///
    /// # Errors
    ///
    /// Those of the store and of the archive. [`RemoteError::Missing`] if something was deleted since the listing: list
    /// again, and begin with a new archive.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    /// use sessiondb_remote::{Remote, listing, push};
    ///
    /// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
    /// let (session, segment) = (new_session_id(), new_segment_id());
    /// archive.log(session, segment).append_many([1, 2])?;
    /// push(&archive, &remote, None).await?;
    ///
    /// let new = Archive::in_memory()?;
    /// let listing = listing(&remote).await?;
    /// assert_eq!(listing.fetch(&remote, &new, [session], None).await?.new_entries, 2);
    /// assert_eq!(new.log(session, segment).len()?, 2);
    /// # Ok::<(), sessiondb_remote::RemoteError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn fetch(
        &self,
        remote: &Remote,
        archive: &Archive,
        sessions: impl IntoIterator<Item = SessionId>,
        tell: Option<Tell<'_>>,
    ) -> Result<PullReport, RemoteError> {
        let wanted: HashSet<SessionId> = sessions.into_iter().collect();
        let mut of_tip: BTreeMap<usize, BTreeSet<SessionId>> = BTreeMap::new();
        for session in wanted.iter().filter_map(|id| self.session(*id)) {
            for tip in &session.tips {
                of_tip.entry(*tip).or_default().insert(session.id());
            }
        }
        let marks = || {
            let marks = self.marks.iter();
            marks.filter(|mark| wanted.contains(&mark.session))
        };
        for mark in marks() {
            of_tip.entry(mark.tip).or_default();
        }
        let options = PullOptions::new().sessions(wanted.iter().copied());
        let mut nobody = |_, _| {};
        let tell = tell.unwrap_or(&mut nobody);
        let mut sink = Sink::new(archive, remote, &options, tell);
        for (tip, sessions) in of_tip {
            let Some(name) = self.tips.get(tip) else {
                continue;
            };
            let mut state = State::default();
            if !sessions.is_empty() {
                let mut all = State::read(remote, name).await?.records;
                let keys = sessions.into_iter().map(record::session_key);
                state.records = keys.filter_map(|key| all.remove_entry(&key)).collect();
            }
            for mark in marks().filter(|mark| mark.tip == tip) {
                let json: Box<RawValue> = serde_json::from_slice(&mark.json)?;
                state.records.insert(mark.key.clone(), json);
            }
            sink.state(name.writer, None, &state).await?;
        }
        Ok(sink.report)
    }
}
