//! Which packs the states of a writer name: of many states that mostly have one base, without keeping any of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use crate::error::RemoteError;
use crate::hash::Sum;
use crate::manifest::{Said, read_base};
use crate::names::ManifestName;
use crate::record::{self, SESSION, SessionRecord};
use crate::remote::Remote;

/// What a state names.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) replaces: Vec<ManifestName>,
    pub(crate) base: Option<Sum>,
    pub(crate) packs: HashSet<Sum>,
}

/// Reads what states name: each with one request, and one more where its base is not that of the state before.
pub(crate) struct Namer<'r> {
    remote: &'r Remote,
    base: Mutex<Option<Arc<Base>>>,
}

/// The packs of each record of a session.
struct Base {
    sum: Sum,
    packs: HashMap<String, Vec<Sum>>,
}

impl<'r> Namer<'r> {
    pub(crate) fn new(remote: &'r Remote) -> Self {
        Self {
            remote,
            base: Mutex::default(),
        }
    }

    pub(crate) async fn read(&self, name: &ManifestName) -> Result<Named, RemoteError> {
        let said = Said::read(self.remote, name).await?;
        let changes = said.changes(self.remote)?;
        let mut packs = HashSet::new();
        if let Some(sum) = &said.base {
            let base = self.base(sum).await?;
            let kept = base.packs.iter();
            let kept = kept.filter(|(key, _)| !changes.contains_key(*key));
            packs.extend(kept.flat_map(|(_, packs)| packs));
        }
        for (key, json) in &changes {
            if let Some(json) = json.as_ref().filter(|_| key.starts_with(SESSION)) {
                packs.extend(packs_of(json)?);
            }
        }
        Ok(Named {
            replaces: said.replaces,
            base: said.base,
            packs,
        })
    }

    async fn base(&self, sum: &Sum) -> Result<Arc<Base>, RemoteError> {
        let known = self.known().clone();
        if let Some(base) = known.filter(|base| base.sum == *sum) {
            return Ok(base);
        }
        let records = read_base(self.remote, sum).await?;
        let sessions = record::with_prefix(&records, SESSION);
        let packs = sessions.map(|(id, json)| Ok((format!("{SESSION}{id}"), packs_of(json)?)));
        let base = Arc::new(Base {
            sum: *sum,
            packs: packs.collect::<Result<_, RemoteError>>()?,
        });
        *self.known() = Some(Arc::clone(&base));
        Ok(base)
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Base>>> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn packs_of(json: &RawValue) -> Result<Vec<Sum>, RemoteError> {
    let record: SessionRecord = serde_json::from_str(json.get())?;
    let packs: HashSet<_> = record.all_parts().map(|part| part.pack).collect();
    Ok(packs.into_iter().collect())
}
