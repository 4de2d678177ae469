//! Gc: deletes what no manifest that is of use names, once that is so for a while.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use uuid::Uuid;

use crate::error::RemoteError;
use crate::hash::Sum;
use crate::named::{Named, Namer};
use crate::names::{BASES, ManifestName, PACKS, TIMES};
use crate::remote::{Listed, Remote};
use crate::tips::Chains;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The manifests of so many writers are read at once.
const AT_ONCE: usize = 16;

/// A manifest that no other one follows, and what it names.
type Tip = (ManifestName, Named);

/// How a [`gc`] goes about it.
///
/// ```
/// use std::time::Duration;
/// use sessiondb_remote::GcOptions;
///
/// let day = GcOptions::new().grace(Duration::from_secs(24 * 60 * 60)).dry_run(true);
/// assert_ne!(format!("{day:?}"), format!("{:?}", GcOptions::new()));
/// ```
#[derive(Debug, Clone)]
pub struct GcOptions {
    grace: Duration,
    dry_run: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl GcOptions {
    /// A grace of seven days.
    pub fn new() -> Self {
        Self {
            grace: WEEK,
            dry_run: false,
        }
    }

    /// How long something stays once nobody needs it. Less than a day is for when nobody pushes or pulls.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Says whether only to find out what would be deleted. The default is `false`.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}

/// What a gc deleted, or would.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sessiondb_remote::{GcOptions, Remote, gc};
///
/// let report = gc(&Remote::in_memory("example"), &GcOptions::new()).await?;
/// assert_eq!((report.manifests, report.packs, report.bytes), (0, 0, 0));
/// # Ok::<(), sessiondb_remote::RemoteError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GcReport {
    /// Manifests.
    pub manifests: u64,
    /// Bases.
    pub bases: u64,
    /// Packs.
    pub packs: u64,
    /// The bytes of bases and packs.
    pub bytes: u64,
}

/// Deletes manifests that others have followed or replaced for longer than the grace, and bases and packs that none of the
/// rest names and that are older than it. Anybody may run it, for all writers.
///
/// # Errors
///
/// Those of the store. [`RemoteError::Damaged`] or [`RemoteError::Missing`] if a manifest that is of use cannot be read: then
/// nothing is deleted.
pub async fn gc(remote: &Remote, options: &GcOptions) -> Result<GcReport, RemoteError> {
    let now_ms = store_time(remote).await?;
    let grace = i64::try_from(options.grace.as_millis()).unwrap_or(i64::MAX);
    let old_ms = now_ms.saturating_sub(grace);
    let chains = Chains::of_all(remote).await?;
    // Listed after the manifests: what is put from now on is young, and what is put before is named.
    let found = Found::read(remote, chains, old_ms).await?;
    let mut report = GcReport {
        manifests: found.old.len() as u64,
        ..GcReport::default()
    };
    let mut keys: Vec<_> = found.old.iter().map(ManifestName::key).collect();
    for (folder, named) in [(BASES, &found.bases), (PACKS, &found.packs)] {
        for listed in remote.list(folder).await? {
            if listed.modified_ms <= old_ms && !is_named(&listed, folder, named) {
                report.bytes += listed.bytes;
                *(if folder == BASES {
                    &mut report.bases
                } else {
                    &mut report.packs
                }) += 1;
                keys.push(listed.key);
            }
        }
    }
    if !options.dry_run {
        for key in &keys {
            remote.delete(key).await?;
        }
    }
    Ok(report)
}

/// What the store itself takes for now.
async fn store_time(remote: &Remote) -> Result<i64, RemoteError> {
    let key = format!("{TIMES}/{}", Uuid::new_v4().simple());
    remote.put(&key, Bytes::from_static(b"now")).await?;
    let now_ms = remote.modified_ms(&key).await?;
    remote.delete(&key).await?;
    now_ms.ok_or(RemoteError::Unsteady {
        at: remote.name().to_owned(),
    })
}

/// What is not of this layout counts as named, and stays.
fn is_named(listed: &Listed, folder: &str, named: &HashSet<Sum>) -> bool {
    let name = listed
        .key
        .strip_prefix(folder)
        .and_then(|key| key.strip_prefix('/'));
    let sum = name.and_then(|name| name.parse::<Sum>().ok());
    sum.is_none_or(|sum| named.contains(&sum))
}

/// Manifests that can go, and what the others name.
#[derive(Default)]
struct Found {
    old: Vec<ManifestName>,
    bases: HashSet<Sum>,
    packs: HashSet<Sum>,
}

impl Found {
    async fn read(remote: &Remote, chains: Chains, old_ms: i64) -> Result<Self, RemoteError> {
        let (mut found, mut tips) = (Self::default(), Vec::new());
        let writers = chains.writers().into_iter();
        let reads = writers.map(|writer| {
            let listed = chains.only(writer);
            async move { Self::of_writer(remote, &listed, writer, old_ms).await }
        });
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some(read) = reads.next().await {
            let (of_writer, of_tips) = read?;
            found.old.extend(of_writer.old);
            found.bases.extend(of_writer.bases);
            found.packs.extend(of_writer.packs);
            tips.extend(of_tips);
        }
        found.tips(&chains, tips, old_ms);
        Ok(found)
    }

    /// All of one writer but its tips, and these.
    async fn of_writer(
        remote: &Remote,
        listed: &Chains,
        writer: Uuid,
        old_ms: i64,
    ) -> Result<(Self, Vec<Tip>), RemoteError> {
        let (mut found, mut whole) = (Self::default(), listed.clone());
        let states = Namer::new(remote);
        let mut first = None;
        let mut tell = |error| {
            first.get_or_insert(error);
        };
        let read = async |name: &ManifestName| states.read(name).await;
        let tips = whole.read_tips_by(writer, read, &mut tell).await?;
        if let Some(error) = first.filter(|_| tips.is_empty()) {
            return Err(error);
        }
        // One that never was whole, and after which its writer has gone on, counts for nothing.
        let is_whole: HashSet<_> = whole.of_writer(writer).map(|(name, _)| name).collect();
        let torn = listed
            .of_writer(writer)
            .filter(|(name, modified_ms)| !is_whole.contains(name) && *modified_ms <= old_ms);
        found.old.extend(torn.map(|(name, _)| name.clone()));
        let followed = whole.followed_ms(writer);
        for (name, _) in whole.of_writer(writer) {
            match followed.get(&name.id()) {
                Some(followed_ms) if *followed_ms <= old_ms => found.old.push(name.clone()),
                // Somebody may be reading it.
                Some(_) => match states.read(name).await {
                    Ok(named) => found.keep(named),
                    Err(RemoteError::Damaged { .. } | RemoteError::Missing { .. }) => {}
                    Err(error) => return Err(error),
                },
                None => {}
            }
        }
        Ok((found, tips))
    }

    /// Tips that another one has replaced go once they are old, all others stay. A pull that is reading one
    /// begins again.
    fn tips(&mut self, chains: &Chains, tips: Vec<Tip>, old_ms: i64) {
        let is_old = |name: &ManifestName| {
            let mut all = chains.of_writer(name.writer);
            all.any(|(other, modified_ms)| other == name && modified_ms <= old_ms)
        };
        let replaced: BTreeSet<_> = tips
            .iter()
            .flat_map(|(_, named)| named.replaces.clone())
            .collect();
        for (name, named) in tips {
            if replaced.contains(&name) && is_old(&name) {
                self.old.push(name);
            } else {
                self.keep(named);
            }
        }
    }

    fn keep(&mut self, named: Named) {
        self.bases.extend(named.base);
        self.packs.extend(named.packs);
    }
}
