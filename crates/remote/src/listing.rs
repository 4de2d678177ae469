//! The sessions of a remote, of its states alone: as a pull into an empty archive would have them, without reading a pack.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use sessiondb::{SegmentId, SessionId};
use uuid::Uuid;

use crate::combine::{self, Mark};
use crate::cores;
use crate::error::RemoteError;
use crate::hash::{HalfSum, Sum};
use crate::lean::LeanState;
use crate::listed::RemoteSession;
use crate::manifest::RawState;
use crate::marks;
use crate::names::ManifestName;
use crate::pack::FiltersPlace;
use crate::record::MARK;
use crate::remote::Remote;
use crate::tips::Chains;

/// The states of so many writers are read at once.
const AT_ONCE: usize = 16;
/// The states of so many writers are in memory as they came.
const GROUP: usize = 128;
/// So many ids that begin alike are told.
const MATCHES: usize = 200;
/// So often a listing begins again since what it was reading has been deleted.
const ATTEMPTS: u32 = 5;

/// What is at a remote, at one moment: made by [`listing`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_remote::{Remote, listing, push};
///
/// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append_many([1, 2])?;
/// push(&archive, &remote, None).await?;
///
/// let listing = listing(&remote).await?;
/// assert_eq!(listing.sessions()[0].info().entries, 2);
/// assert_eq!(listing.matching(&session.to_string()), [(session, None)]);
/// # Ok::<(), sessiondb_remote::RemoteError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listing {
    pub(crate) sessions: Vec<RemoteSession>,
    /// The tips that it was made of, in the order in which a pull reads them.
    pub(crate) tips: Vec<ManifestName>,
    pub(crate) marks: Vec<Mark>,
    /// Where the word filters of packs are.
    pub(crate) filters: HashMap<Sum, FiltersPlace>,
    ids: Vec<Id>,
    names: u64,
    writers: u64,
    notes: Vec<String>,
}

/// The digits of an id of a session or a segment, and what they are of.
type Id = (u128, SessionId, Option<SegmentId>);

impl Listing {
    /// All sessions, by their ids; those in the trash too.
    pub fn sessions(&self) -> &[RemoteSession] {
        &self.sessions
    }

    /// The session with that id.
    pub fn session(&self, id: SessionId) -> Option<&RemoteSession> {
        let at = self
            .sessions
            .binary_search_by_key(&id, |session| session.info().id);
        self.sessions.get(at.ok()?)
    }

    /// The sessions, and segments with theirs, whose ids begin so, in hexadecimal digits with hyphens or without them; the
    /// first 200 of them, since whoever names one asks whether there are others.
    pub fn matching(&self, prefix: &str) -> Vec<(SessionId, Option<SegmentId>)> {
        let found = self.with_prefix(prefix).take(MATCHES);
        found.map(|(_, session, of)| (*session, *of)).collect()
    }

    /// The most digits that the id of a session begins with and that of another one, or of a segment of another one, too:
    /// with one more they name the session alone.
    pub fn shared_digits(&self, session: SessionId) -> usize {
        let id = session.as_u128();
        let at = self.ids.partition_point(|(other, ..)| *other < id);
        let (before, behind) = self.ids.split_at(at);
        let is_other = |(_, of, _): &&Id| *of != session;
        // Of all others the next ones have most in common with it.
        let next = [
            before.iter().rev().find(is_other),
            behind.iter().find(is_other),
        ];
        let shared = next.into_iter().flatten();
        let shared = shared.map(|(other, ..)| (other ^ id).leading_zeros() / 4);
        usize::try_from(shared.max().unwrap_or(0)).unwrap_or_default()
    }

    fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &Id> {
        let digits = prefix.to_ascii_lowercase().replace('-', "");
        let bits = 4 * u32::try_from(digits.len()).unwrap_or(u32::MAX);
        let (from, to) = match (u128::from_str_radix(&digits, 16), bits) {
            (Ok(from), 4..=128) => {
                let from = from << (128 - bits);
                (from, from | u128::MAX.checked_shr(bits).unwrap_or(0))
            }
            // Nothing is between them.
            _ => (1, 0),
        };
        let first = self.ids.partition_point(|(id, _, _)| *id < from);
        let found = self.ids.iter().skip(first);
        found.take_while(move |(id, _, _)| *id <= to)
    }

    /// How many names of workers there are.
    pub fn names(&self) -> u64 {
        self.names
    }

    /// How many archives have put something here.
    pub fn writers(&self) -> u64 {
        self.writers
    }

    /// Manifests that are damaged and did not count.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Lists the sessions of all archives: one request for a thousand manifests, and two for each of their tips that
/// the remote's [cache](Remote::with_cache) has not. What the cache has of nothing that is still named goes from it.
///
/// Nothing is put at the remote. A session that several archives have is told as a pull of all of them would have
/// it, as far as states say: each segment as long as the longest, and what one of them forgot or put into the trash so.
///
/// # Errors
///
/// Those of the store. A manifest that is damaged does not count, as in a pull.
pub async fn listing(remote: &Remote) -> Result<Listing, RemoteError> {
    for _ in 0..ATTEMPTS {
        match list(remote).await {
            Err(RemoteError::Missing { .. }) => {}
            done => return done,
        }
    }
    list(remote).await
}

async fn list(remote: &Remote) -> Result<Listing, RemoteError> {
    let chains = Chains::of_all(remote).await?;
    let writers = chains.writers();
    let (mut states, mut notes) = (Vec::new(), Vec::new());
    for group in writers.chunks(GROUP) {
        let reads = group
            .iter()
            .map(|writer| read(remote, chains.only(*writer), *writer));
        let reads = stream::iter(reads).buffered(AT_ONCE);
        let (mut raw, mut damaged) = (Vec::new(), Vec::new());
        for mut read in reads.try_collect::<Vec<_>>().await? {
            raw.append(&mut read.tips);
            damaged.append(&mut read.damaged);
        }
        notes.append(&mut damaged);
        for state in cores::each(&raw, |raw| LeanState::parse(remote, raw))? {
            states.push(state?);
        }
    }
    if let Some(kept) = remote.kept() {
        kept.keep_only(&objects(&states));
    }
    listing_of(states, writers.len() as u64, notes)
}

/// The tips of one writer, and what is wrong with others.
struct Read {
    tips: Vec<RawState>,
    damaged: Vec<String>,
}

async fn read(remote: &Remote, mut chains: Chains, writer: Uuid) -> Result<Read, RemoteError> {
    let mut damaged = Vec::new();
    let read = async |name: &ManifestName| RawState::read(remote, name).await;
    let mut tell = |error: RemoteError| damaged.push(error.to_string());
    let tips = chains.read_tips_by(writer, read, &mut tell).await?;
    let tips = tips.into_iter().map(|(_, raw)| raw).collect();
    Ok(Read { tips, damaged })
}

/// The manifests, bases and packs that are named.
fn objects(states: &[LeanState]) -> HashSet<HalfSum> {
    let mut objects = HashSet::new();
    for state in states {
        objects.insert(state.tip.sum);
        objects.extend(state.base.map(|base| base.shorter()));
        objects.extend(state.packs.iter().map(Sum::shorter));
    }
    objects
}

fn listing_of(
    mut states: Vec<LeanState>,
    writers: u64,
    notes: Vec<String>,
) -> Result<Listing, RemoteError> {
    let (mut marks, mut filters, mut names) = (Vec::new(), HashMap::new(), BTreeSet::new());
    for (tip, state) in states.iter_mut().enumerate() {
        for (of, json) in std::mem::take(&mut state.marks) {
            if let Some((session, _)) = marks::target(&of) {
                let key = format!("{MARK}{of}");
                marks.push(Mark {
                    tip,
                    session,
                    key,
                    json,
                });
            }
        }
        filters.extend(std::mem::take(&mut state.filters));
        names.extend(std::mem::take(&mut state.names));
    }
    let tips = states.iter().map(|state| state.tip.clone()).collect();
    let sessions = combine::sessions(states, &marks)?;
    let mut ids: Vec<Id> = Vec::new();
    for session in &sessions {
        let id = session.info().id;
        ids.push((id.as_u128(), id, None));
        let segments = session.segments().iter();
        ids.extend(segments.map(|segment| (segment.id.as_u128(), id, Some(segment.id))));
    }
    ids.sort_unstable();
    Ok(Listing {
        sessions,
        tips,
        marks,
        filters,
        ids,
        names: names.len() as u64,
        writers,
        notes,
    })
}
