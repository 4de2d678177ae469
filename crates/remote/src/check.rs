//! Check: reads and verifies all that is at a remote.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sessiondb::archive::WordFilter;

use crate::block;
use crate::error::RemoteError;
use crate::hash::Sum;
use crate::manifest::State;
use crate::names::{self, PACKS};
use crate::pack::{self, FiltersPlace};
use crate::record::{self, FILTERS, Part};
use crate::remote::Remote;
use crate::tips::Chains;

/// What a check found.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_remote::{Remote, check, push};
///
/// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
/// archive.log(new_session_id(), new_segment_id()).append(&1)?;
/// push(&archive, &remote, None).await?;
/// let report = check(&remote, None).await?;
/// assert_eq!((report.writers, report.packs, report.problems.len()), (1, 1, 0));
/// # Ok::<(), sessiondb_remote::RemoteError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Archives that put something here.
    pub writers: u64,
    /// Manifests.
    pub manifests: u64,
    /// Sessions, each counted once for each writer that has it.
    pub sessions: u64,
    /// Packs that are named.
    pub packs: u64,
    /// Packs that nobody names.
    pub unused_packs: u64,
    /// The bytes of all packs.
    pub bytes: u64,
    /// What is missing or damaged, one line each.
    pub problems: Vec<String>,
}

/// Reads every manifest, base and pack, and verifies that all is there that a tip names, to the last entry. Manifests
/// that others follow may name packs that `gc` has deleted, so of these only the bytes are verified. `tell` is told how many packs are done, and of
/// how many.
///
/// # Errors
///
/// Those of the store. What is missing or damaged is no error but part of the report.
pub async fn check(
    remote: &Remote,
    tell: Option<&mut (dyn FnMut(u64, u64) + Send)>,
) -> Result<CheckReport, RemoteError> {
    let mut report = CheckReport::default();
    let chains = Chains::of_all(remote).await?;
    report.writers = chains.writers().len() as u64;
    let mut named = Named::new();
    for writer in chains.writers() {
        let tips = chains.tips(writer);
        for (name, _) in chains.of_writer(writer) {
            report.manifests += 1;
            let is_tip = tips.contains(name);
            match State::read(remote, name).await {
                Ok(state) if is_tip => report.sessions += parts_of(&state, &mut named)?,
                Ok(_) => {}
                // A `gc` was here meanwhile.
                Err(RemoteError::Missing { .. }) if !is_tip => {}
                Err(error) => report.found(error)?,
            }
        }
    }
    let listed = remote.list(PACKS).await?;
    report.bytes = listed.iter().map(|pack| pack.bytes).sum();
    report.unused_packs = listed
        .iter()
        .filter_map(|pack| {
            pack.key
                .strip_prefix(PACKS)?
                .strip_prefix('/')?
                .parse::<Sum>()
                .ok()
        })
        .filter(|pack| !named.contains_key(pack))
        .count() as u64;
    report.packs = named.len() as u64;
    let mut nobody = |_, _| {};
    let tell = tell.unwrap_or(&mut nobody);
    for (done, (pack, of)) in named.iter().enumerate() {
        if let Err(error) = check_pack(remote, pack, of).await {
            report.found(error)?;
        }
        tell(done as u64 + 1, report.packs);
    }
    Ok(report)
}

/// What tips name, by pack.
type Named = BTreeMap<Sum, OfPack>;

/// What tips say of a pack.
#[derive(Default)]
struct OfPack {
    /// The parts in it, by place.
    parts: HashMap<u64, Part>,
    /// Where its word filters are, if it has any.
    filters: Option<FiltersPlace>,
}

/// Returns how many sessions there are.
fn parts_of(state: &State, named: &mut Named) -> Result<u64, RemoteError> {
    let mut sessions = 0;
    for session in record::sessions(&state.records) {
        sessions += 1;
        for part in session?.1.all_parts() {
            let of = named.entry(part.pack).or_default();
            of.parts.insert(part.at, part.clone());
        }
    }
    for (pack, json) in record::with_prefix(&state.records, FILTERS) {
        if let Some(of) = pack.parse().ok().and_then(|pack| named.get_mut(&pack)) {
            of.filters = Some(serde_json::from_str(json.get())?);
        }
    }
    Ok(sessions)
}

impl CheckReport {
    /// Notes what is missing or damaged; all else is an error.
    fn found(&mut self, error: RemoteError) -> Result<(), RemoteError> {
        match error {
            RemoteError::Missing { .. } | RemoteError::Damaged { .. } => {
                self.problems.push(error.to_string());
                Ok(())
            }
            error => Err(error),
        }
    }
}

async fn check_pack(remote: &Remote, pack: &Sum, of: &OfPack) -> Result<(), RemoteError> {
    let key = names::pack(pack);
    let bytes = remote.get(&key, pack).await?;
    let Some(blocks) = pack::footer(&bytes) else {
        return Err(remote.damaged(&key, "it has no footer"));
    };
    for part in of.parts.values() {
        let place = blocks.iter().find(|block| block.at == part.at);
        if place.is_none_or(|block| block.part(*pack) != *part) {
            return Err(remote.damaged(&key, "its footer and a manifest contradict each other"));
        }
    }
    let mut filters = match &of.filters {
        Some(place) => slice(&bytes, place.at, place.len)
            .filter(|filters| Sum::of(filters) == place.sum)
            .and_then(pack::filters)
            .map(|filters| Some(HashMap::<_, _>::from_iter(filters)))
            .ok_or_else(|| {
                remote.damaged(&key, "its word filters are not those of the manifest")
            })?,
        None => None,
    };
    for placed in &blocks {
        let Some(block) = slice(&bytes, placed.at, placed.len) else {
            return Err(remote.damaged(&key, "its footer names a block that is not there"));
        };
        let lines = block::unpack(remote, &placed.part(*pack), block)?;
        let filters = filters.as_mut().filter(|_| !placed.log.traces);
        if filters.is_some_and(|all| all.remove(&placed.at) != Some(WordFilter::of(&lines))) {
            return Err(remote.damaged(&key, "a word filter is not that of its block"));
        }
    }
    Ok(())
}

fn slice(bytes: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    let end = usize::try_from(at.checked_add(len)?).ok()?;
    bytes.get(usize::try_from(at).ok()?..end)
}
