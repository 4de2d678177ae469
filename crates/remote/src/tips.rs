//! Which manifests there are, and which of them no other one follows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::error::RemoteError;
use crate::hash::Id;
use crate::manifest::State;
use crate::names::{self, MANIFESTS, ManifestName};
use crate::remote::Remote;

/// The manifests of some writers, by the time at which they were put.
#[derive(Debug, Default, Clone)]
pub(crate) struct Chains(BTreeMap<Uuid, BTreeMap<ManifestName, i64>>);

/// A manifest that no other one follows, and what it says.
pub(crate) type Tip = (ManifestName, State);

impl Chains {
    /// Those of all writers.
    pub(crate) async fn of_all(remote: &Remote) -> Result<Self, RemoteError> {
        Self::list(remote, MANIFESTS).await
    }

    /// Those of one.
    pub(crate) async fn of(remote: &Remote, writer: Uuid) -> Result<Self, RemoteError> {
        Self::list(remote, &names::of_writer(writer)).await
    }

    /// What has no name of a manifest is none.
    async fn list(remote: &Remote, folder: &str) -> Result<Self, RemoteError> {
        let mut chains = Self::default();
        for listed in remote.list(folder).await? {
            let name = listed
                .key
                .strip_prefix(MANIFESTS)
                .and_then(|key| key.strip_prefix('/'));
            if let Some(name) = name.and_then(|name| name.parse::<ManifestName>().ok()) {
                let chain = chains.0.entry(name.writer).or_default();
                chain.insert(name, listed.modified_ms);
            }
        }
        Ok(chains)
    }

    pub(crate) fn writers(&self) -> Vec<Uuid> {
        self.0.keys().copied().collect()
    }

    /// Those of one of the writers.
    pub(crate) fn only(&self, writer: Uuid) -> Self {
        let chain = self.0.get(&writer);
        Self(
            chain
                .map(|chain| (writer, chain.clone()))
                .into_iter()
                .collect(),
        )
    }

    /// All of a writer, and when each was put.
    pub(crate) fn of_writer(&self, writer: Uuid) -> impl Iterator<Item = (&ManifestName, i64)> {
        let chain = self.0.get(&writer).into_iter().flatten();
        chain.map(|(name, modified)| (name, *modified))
    }

    /// Those of a writer that no other one follows.
    pub(crate) fn tips(&self, writer: Uuid) -> Vec<ManifestName> {
        let followed: BTreeSet<_> = self
            .of_writer(writer)
            .map(|(name, _)| name.previous)
            .collect();
        let names = self.of_writer(writer).map(|(name, _)| name);
        let is_tip = |name: &&ManifestName| !followed.contains(&name.id());
        names.filter(is_tip).cloned().collect()
    }

    /// When each manifest of a writer was followed first, by the short hash of it.
    pub(crate) fn followed_ms(&self, writer: Uuid) -> HashMap<Id, i64> {
        let mut followed = HashMap::new();
        for (name, modified) in self.of_writer(writer) {
            let first = followed.entry(name.previous).or_insert(modified);
            *first = modified.min(*first);
        }
        followed
    }

    /// Whether a manifest comes before another one, as far as those between them are still there.
    pub(crate) fn leads(&self, from: &ManifestName, to: &ManifestName) -> bool {
        let names = self.of_writer(to.writer).map(|(name, _)| (name.id(), name));
        let by_sum: HashMap<_, _> = names.collect();
        let mut next = to;
        while next != from && next.previous != from.id() {
            match by_sum.get(&next.previous) {
                Some(previous) if previous.number < next.number => next = previous,
                _ => return false,
            }
        }
        from.writer == to.writer
    }

    /// The tips of a writer with what they say.
    pub(crate) async fn read_tips(
        &mut self,
        remote: &Remote,
        writer: Uuid,
        tell: &mut dyn FnMut(RemoteError),
    ) -> Result<Vec<Tip>, RemoteError> {
        let read = async |name: &ManifestName| State::read(remote, name).await;
        self.read_tips_by(writer, read, tell).await
    }

    /// The tips of a writer with what `read` makes of them. One that is damaged does not count, and lets the one
    /// before it count again; what is wrong with it is told.
    pub(crate) async fn read_tips_by<T>(
        &mut self,
        writer: Uuid,
        read: impl AsyncFn(&ManifestName) -> Result<T, RemoteError>,
        tell: &mut dyn FnMut(RemoteError),
    ) -> Result<Vec<(ManifestName, T)>, RemoteError> {
        let mut tips: Vec<(ManifestName, T)> = Vec::new();
        'again: loop {
            for name in self.tips(writer) {
                if tips.iter().any(|(tip, _)| *tip == name) {
                    continue;
                }
                match read(&name).await {
                    Ok(said) => tips.push((name, said)),
                    Err(error @ RemoteError::Damaged { .. }) => {
                        tell(error);
                        if let Some(chain) = self.0.get_mut(&writer) {
                            chain.remove(&name);
                        }
                        continue 'again;
                    }
                    Err(error) => return Err(error),
                }
            }
            return Ok(tips);
        }
    }
}

/// Which of several tips goes on with the chain: the one with the highest number, of equals the one whose name
/// comes first.
pub(crate) fn best<'t>(tips: impl Iterator<Item = &'t ManifestName>) -> Option<&'t ManifestName> {
    tips.min_by(|one, other| other.number.cmp(&one.number).then(one.cmp(other)))
}
