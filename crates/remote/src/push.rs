//! Push: puts what is new in an archive.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::to_raw_value;
use sessiondb::{Archive, SessionId, Snapshot};
use uuid::Uuid;

use crate::error::RemoteError;
use crate::manifest::{Links, Sealed, State};
use crate::marks;
use crate::names::{self, ManifestName};
use crate::own::{self, Own};
use crate::plan::{self, By, Plan};
use crate::record::{self, Records, SessionRecord};
use crate::remote::Remote;
use crate::tips::{Chains, best};
use crate::write::{PackSink, Tell};

/// After this a `gc` may have deleted what a push began with.
const MAX_TIME: Duration = Duration::from_secs(12 * 60 * 60);

/// What a push did.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_remote::{Remote, push};
///
/// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
/// archive.log(new_session_id(), new_segment_id()).append(&1)?;
/// let report = push(&archive, &remote, None).await?;
/// assert_eq!((report.sessions, report.new_entries, report.packs), (1, 1, 1));
/// assert!(push(&archive, &remote, None).await?.is_unchanged());
/// # Ok::<(), sessiondb_remote::RemoteError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PushReport {
    /// As which writer the archive is known at the remote.
    pub writer: Uuid,
    /// The number of the manifest that is now the last.
    pub number: u64,
    /// Whether a manifest was put.
    pub is_put: bool,
    /// Sessions whose records are new or others than before.
    pub sessions: u64,
    /// Entries and traces that were written into packs, those included that were written again.
    pub new_entries: u64,
    /// Packs that were written.
    pub packs: u64,
    /// Bytes of packs, base and manifest that were sent.
    pub sent_bytes: u64,
    /// Whether another copy of the archive is the writer that this one was, so that it has a new id.
    pub is_new_writer: bool,
}

impl PushReport {
    /// Whether nothing was new.
    pub fn is_unchanged(&self) -> bool {
        !self.is_put
    }
}

/// Puts what is new in an archive, as it is at this moment; others may write to it meanwhile. `tell` is
/// told how many entries are done, and of how many.
///
/// When nothing is new that takes three requests. A push that died goes on where it was with the next one:
/// until the manifest is put, which is the last of all, others see what was there before.
///
/// # Errors
///
/// Those of the store and of the archive. [`RemoteError::TooSlow`] after half a day.
pub async fn push(
    archive: &Archive,
    remote: &Remote,
    tell: Option<Tell<'_>>,
) -> Result<PushReport, RemoteError> {
    let begun = Instant::now();
    let found = Place::find(archive, remote).await?;
    let snapshot = archive.snapshot()?;
    let before = found.state.records.clone();
    let (sources, others) = from_others(remote, &snapshot).await?;
    let by = if found.is_new { By::Copy } else { By::Itself };
    let plan = plan::plan(&snapshot, &before, by, &others)?;
    let mut sink = PackSink::new(remote);
    let mut nobody = |_, _| {};
    sink.write(&snapshot, &plan, tell.unwrap_or(&mut nobody))
        .await?;
    let mut report = PushReport {
        writer: found.own.writer,
        number: found.last.as_ref().map_or(0, |last| last.number),
        new_entries: sink.entries,
        packs: sink.packs,
        is_new_writer: found.is_new,
        ..PushReport::default()
    };
    let number = found.last.as_ref().map_or(1, |last| last.number + 1);
    let forgets = plan.forgets;
    let records = records(plan, &sink, &before, number, &mut report)?;
    report.sent_bytes = sink.bytes;
    drop(snapshot);
    let is_known = |name: &ManifestName| found.state.replaces.contains(name);
    let is_replaced = !found.is_new && found.replaces.iter().all(is_known);
    if is_same(&records, &before) && is_replaced && found.last.is_some() {
        return Ok(report);
    }
    let links = Links {
        writer: found.own.writer,
        number,
        previous: found.last.clone(),
        replaces: found.replaces.clone(),
    };
    let sealed = found.state.next(&records, links, forgets || found.is_new)?;
    if begun.elapsed() > MAX_TIME {
        let at = remote.name().to_owned();
        return Err(RemoteError::TooSlow { at });
    }
    put(
        archive,
        remote,
        found.own,
        found.last.as_ref(),
        sealed,
        &mut report,
    )
    .await?;
    marks::note_own(archive, &records)?;
    forget_sources(archive, remote, &sources)?;
    Ok(report)
}

/// Where a push goes on.
struct Place {
    own: Own,
    /// What this archive, or a copy of it, has put before.
    state: State,
    /// The manifest to follow.
    last: Option<ManifestName>,
    replaces: Vec<ManifestName>,
    is_new: bool,
}

impl Place {
    async fn find(archive: &Archive, remote: &Remote) -> Result<Self, RemoteError> {
        let own = Own::read(archive, remote)?;
        let mut chains = Chains::of(remote, own.writer).await?;
        // A manifest that is damaged does not count, and what was before it is followed anew.
        let mut tips = chains.read_tips(remote, own.writer, &mut drop).await?;
        let best = best(tips.iter().map(|(name, _)| name)).cloned();
        let mine: Vec<_> = tips.iter().map(|(name, _)| name.clone()).collect();
        let all = mine.len();
        let mine: Vec<_> = mine.into_iter().filter(|name| own.is_mine(name)).collect();
        let others = all - mine.len();
        let at = tips
            .iter()
            .position(|(name, _)| Some(name) == best.as_ref());
        let Some((best, state)) = at.map(|at| tips.swap_remove(at)) else {
            return Ok(Self::first(own));
        };
        if others == 0 || own.is_mine(&best) {
            // What was replaced before stays so until it is gone.
            let mut replaces = state.replaces.clone();
            replaces.extend(mine.into_iter().filter(|name| *name != best));
            replaces.sort();
            replaces.dedup();
            return Ok(Self {
                own,
                state,
                last: Some(best),
                replaces,
                is_new: false,
            });
        }
        Ok(Self {
            own: own.anew(),
            state,
            last: None,
            replaces: mine,
            is_new: true,
        })
    }

    fn first(own: Own) -> Self {
        Self {
            own,
            state: State::default(),
            last: None,
            replaces: Vec::new(),
            is_new: false,
        }
    }
}

/// Sessions that came from other writers by a pull, and as these have put them.
async fn from_others(
    remote: &Remote,
    snapshot: &Snapshot,
) -> Result<(Vec<SessionId>, HashMap<SessionId, SessionRecord>), RemoteError> {
    let prefix = own::key(remote, "from/");
    let (mut of_writer, mut sources) = (HashMap::<Uuid, Vec<SessionId>>::new(), Vec::new());
    for key in snapshot.notes(&prefix)? {
        let session = key.strip_prefix(&prefix).and_then(|id| id.parse().ok());
        if let (Some(session), Some(writer)) = (session, own::note(snapshot, &key)?) {
            of_writer.entry(writer).or_default().push(session);
            sources.push(session);
        }
    }
    let mut others = HashMap::new();
    for (writer, sessions) in of_writer {
        let mut chains = Chains::of(remote, writer).await?;
        let tips = chains.read_tips(remote, writer, &mut drop).await;
        // Without it the session is put a second time, which does no harm.
        for (_, state) in tips.unwrap_or_default() {
            for session in &sessions {
                let key = record::session_key(*session);
                if let Some(json) = state.records.get(&key) {
                    others.insert(*session, serde_json::from_str(json.get())?);
                }
            }
        }
    }
    Ok((sources, others))
}

/// All records of the new state.
fn records(
    plan: Plan,
    sink: &PackSink<'_>,
    before: &Records,
    number: u64,
    report: &mut PushReport,
) -> Result<Records, RemoteError> {
    let mut records = plan.records;
    records.extend(sink.records().clone());
    let mut sessions = plan.sessions;
    for session in &mut sessions {
        for log in std::mem::take(&mut session.logs) {
            let segment = session
                .record
                .segments
                .iter_mut()
                .find(|one| one.id == log.key.segment);
            if let Some(segment) = segment {
                let parts = sink.parts(log.key, log.pieces);
                if log.key.traces {
                    segment.trace_parts = parts;
                } else {
                    segment.parts = parts;
                }
            }
        }
    }
    let used: std::collections::HashSet<_> = sessions
        .iter()
        .flat_map(|session| session.record.all_parts().map(|part| part.pack))
        .collect();
    for mut session in sessions {
        for segment in &mut session.record.segments {
            segment.stale.retain(|pack| used.contains(pack));
        }
        let key = record::session_key(session.id);
        let json = to_raw_value(&session.record)?;
        let old = before.get(&key);
        if old.is_some_and(|old| old.get() == json.get()) {
            records.insert(key, json);
            continue;
        }
        session.record.changed = number;
        report.sessions += 1;
        records.insert(key, to_raw_value(&session.record)?);
    }
    Ok(records)
}

fn is_same(one: &Records, other: &Records) -> bool {
    let pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs
            .into_iter()
            .all(|(one, other)| one.0 == other.0 && one.1.get() == other.1.get())
}

/// Puts base and manifest. What is noted before and after lets a later push know its own.
async fn put(
    archive: &Archive,
    remote: &Remote,
    mut own: Own,
    previous: Option<&ManifestName>,
    sealed: Sealed,
    report: &mut PushReport,
) -> Result<(), RemoteError> {
    if let Some((sum, base)) = sealed.base {
        report.sent_bytes += base.len() as u64;
        remote.put(&names::base(&sum), base).await?;
    }
    own.going_to_put(archive, remote, &sealed.name)?;
    report.sent_bytes += sealed.manifest.len() as u64;
    remote.put(&sealed.name.key(), sealed.manifest).await?;
    report.number = sealed.name.number;
    report.is_put = true;
    Ok(own.has_put(archive, remote, sealed.name, previous)?)
}

/// Takes away what was noted of where sessions came from: the state names all that it is to name.
fn forget_sources(
    archive: &Archive,
    remote: &Remote,
    sources: &[SessionId],
) -> Result<(), RemoteError> {
    let mut batch = archive.batch();
    for session in sources {
        batch.delete_note(&own::key_of_source(remote, *session));
    }
    Ok(batch.commit()?)
}
