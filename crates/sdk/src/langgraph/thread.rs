//! What the entries of a checkpoint namespace add up to, and the entries that are put there.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessiondb::Entry;

use super::value::{Base, Form, Held, Item, Stored, Typed, items_of, stored};
use super::{LangGraphPut, LangGraphWrite};
use crate::followed::Content;

/// An entry. A checkpoint has `checkpoint`, writes have `writes`; both have the `id` of a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<Stored>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    versions: Versions,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<StoredChannel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    writes: Vec<StoredWrite>,
}

const CHECKPOINT: &str = "checkpoint";
const WRITES: &str = "writes";

/// The version of each channel, as JSON.
pub(super) type Versions = BTreeMap<String, Box<RawValue>>;

#[derive(Debug, Serialize, Deserialize)]
struct StoredChannel {
    channel: String,
    version: Box<RawValue>,
    /// None for a channel without a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Stored>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredWrite {
    idx: i64,
    channel: String,
    value: Stored,
}

/// A channel at a version.
type ChannelVersion = (String, String);

/// A namespace in memory.
#[derive(Debug, Default)]
pub(super) struct Thread {
    values: Vec<Held>,
    /// The number of the value of a channel at a version; `None` for a channel without a value.
    channels: HashMap<ChannelVersion, Option<usize>>,
    /// The version of a channel that was put last, with its list.
    newest: HashMap<String, Newest>,
    pub(super) checkpoints: BTreeMap<String, Checkpoint>,
    pub(super) writes: HashMap<String, BTreeMap<(String, String, i64), Write>>,
    bytes: usize,
    entries: u64,
}

#[derive(Debug)]
struct Newest {
    version: String,
    kind: Form,
    items: Vec<Item>,
}

#[derive(Debug)]
pub(super) struct Checkpoint {
    /// The number of its entry among those that were taken.
    pub(super) order: u64,
    pub(super) parent: Option<String>,
    value: Held,
    pub(super) metadata: Box<str>,
    pub(super) versions: Versions,
}

#[derive(Debug)]
pub(super) struct Write {
    channel: String,
    value: Held,
}

impl Content for Thread {
    fn take(&mut self, entry: &Entry) {
        self.take_json(entry.as_str());
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Thread {
    /// Takes the next entry. One that was erased, or that a later version writes, adds nothing.
    pub(super) fn take_json(&mut self, json: &str) {
        self.entries += 1;
        let Ok(record) = serde_json::from_str::<Record>(json) else {
            return;
        };
        match &*record.kind {
            CHECKPOINT => self.take_checkpoint(record),
            WRITES => self.take_writes(record),
            _ => {}
        }
    }

    fn take_checkpoint(&mut self, record: Record) {
        for StoredChannel {
            channel,
            version,
            value,
        } in record.values
        {
            let version = version.get().to_owned();
            let number = value.map(|value| self.take_value(&channel, &version, value));
            // No list can go on from a version that has none any more.
            let is_newest = |newest: &Newest| newest.version == version;
            if number.is_none() && self.newest.get(&channel).is_some_and(is_newest) {
                self.newest.remove(&channel);
            }
            self.channels.insert((channel, version), number);
        }
        let value = record
            .checkpoint
            .map_or(Held::Lost, |value| value.held(None));
        let metadata = record
            .metadata
            .map_or("{}".into(), |metadata| metadata.get().into());
        self.bytes += value.bytes() + 64 * record.versions.len() + 200;
        let checkpoint = Checkpoint {
            order: self.entries,
            parent: record.parent,
            value,
            metadata,
            versions: record.versions,
        };
        self.checkpoints.insert(record.id, checkpoint);
    }

    fn take_value(&mut self, channel: &str, version: &str, value: Stored) -> usize {
        let base = value.base.as_ref().and_then(|base| {
            let key = (channel.to_owned(), base.get().to_owned());
            *self.channels.get(&key)?
        });
        let held = value.held(base);
        self.bytes += held.bytes() + channel.len() + version.len() + 100;
        let number = self.values.len();
        let kind = match &held {
            Held::List { kind, .. } => Some(kind.clone()),
            _ => None,
        };
        self.values.push(held);
        let items = kind
            .as_ref()
            .and_then(|_| self.items_from_newest(channel, number));
        match kind.zip(items) {
            Some((kind, items)) => {
                let version = version.to_owned();
                let newest = Newest {
                    version,
                    kind,
                    items,
                };
                self.newest.insert(channel.to_owned(), newest);
            }
            None => drop(self.newest.remove(channel)),
        }
        number
    }

    /// The values of a list that was just put. Where it goes on from the one before, nothing is gone through anew.
    fn items_from_newest(&mut self, channel: &str, number: usize) -> Option<Vec<Item>> {
        let Held::List {
            base: Some(base),
            parts,
            items,
            ..
        } = self.values.get(number)?
        else {
            return items_of(&self.values, number);
        };
        let newest = self.newest.get_mut(channel);
        if let (Some(newest), [(0, kept), rest @ ..]) = (newest, &**parts)
            && matches!(rest, [] | [(-1, _)])
        {
            let key = (channel.to_owned(), newest.version.clone());
            if self.channels.get(&key) == Some(&Some(*base)) {
                let mut list = std::mem::take(&mut newest.items);
                list.truncate(*kept);
                list.extend_from_slice(items);
                return Some(list);
            }
        }
        items_of(&self.values, number)
    }

    fn take_writes(&mut self, record: Record) {
        let (task, path) = (
            record.task.unwrap_or_default(),
            record.path.unwrap_or_default(),
        );
        let mut bytes = 0;
        for StoredWrite {
            idx,
            channel,
            value,
        } in record.writes
        {
            if !self.takes(&record.id, &task, idx) {
                continue;
            }
            let value = value.held(None);
            bytes += value.bytes() + channel.len() + task.len() + path.len() + 150;
            let of = self.writes.entry(record.id.clone()).or_default();
            of.retain(|(_, known_task, known_idx), _| *known_task != task || *known_idx != idx);
            of.insert((path.clone(), task.clone(), idx), Write { channel, value });
        }
        self.bytes += bytes;
    }

    /// Whether a write counts: the first one of a task and number, or, of numbers below 0, the last one.
    pub(super) fn takes(&self, checkpoint: &str, task: &str, idx: i64) -> bool {
        let is_there = || {
            let of = self.writes.get(checkpoint);
            of.is_some_and(|of| {
                of.keys()
                    .any(|(_, known, number)| known == task && *number == idx)
            })
        };
        idx < 0 || !is_there()
    }

    /// The entry of a checkpoint.
    pub(super) fn checkpoint_entry(
        &self,
        put: &LangGraphPut<'_>,
        metadata: Box<RawValue>,
        versions: Versions,
    ) -> Result<String, serde_json::Error> {
        let parent = put
            .parent_id
            .and_then(|parent| self.checkpoints.get(parent));
        let mut values = Vec::with_capacity(put.values.len());
        for given in put.values {
            let stored = given.value.as_ref().map(|value| {
                let before = self.list_before(&given.channel, &value.kind, parent);
                let base = before
                    .as_ref()
                    .map(|(version, items)| Base { version, items });
                stored(value, base.as_ref())
            });
            values.push(StoredChannel {
                channel: given.channel.clone(),
                version: serde_json::from_str(&given.version)?,
                value: stored,
            });
        }
        serde_json::to_string(&Record {
            kind: CHECKPOINT.to_owned(),
            id: put.checkpoint_id.to_owned(),
            parent: put.parent_id.map(ToOwned::to_owned),
            metadata: Some(metadata),
            checkpoint: Some(stored(put.checkpoint, None)),
            versions,
            values,
            ..Record::default()
        })
    }

    /// The list of a channel that a new one most likely goes on from: that of the checkpoint before, else the
    /// last one.
    fn list_before<'a>(
        &'a self,
        channel: &str,
        kind: &str,
        parent: Option<&'a Checkpoint>,
    ) -> Option<(&'a str, Cow<'a, [Item]>)> {
        let newest = self.newest.get(channel);
        let of_parent = parent.and_then(|parent| parent.versions.get(channel));
        if let Some(version) = of_parent.map(|version| version.get())
            && newest.is_none_or(|newest| newest.version != version)
        {
            let number = (*self
                .channels
                .get(&(channel.to_owned(), version.to_owned()))?)?;
            let is_alike = matches!(self.values.get(number)?, Held::List { kind: of, .. } if of.kind() == kind);
            let items = is_alike.then(|| items_of(&self.values, number)).flatten()?;
            return Some((version, Cow::Owned(items)));
        }
        let newest = newest.filter(|newest| newest.kind.kind() == kind)?;
        Some((&newest.version, Cow::Borrowed(&newest.items)))
    }

    /// The entry of writes.
    pub(super) fn writes_entry(
        checkpoint: &str,
        task: &str,
        path: &str,
        writes: &[&LangGraphWrite],
    ) -> Result<String, serde_json::Error> {
        let writes = writes.iter().map(|write| StoredWrite {
            idx: write.idx,
            channel: write.channel.clone(),
            value: stored(&write.value, None),
        });
        serde_json::to_string(&Record {
            kind: WRITES.to_owned(),
            id: checkpoint.to_owned(),
            task: Some(task.to_owned()),
            path: Some(path.to_owned()),
            writes: writes.collect(),
            ..Record::default()
        })
    }

    /// Whether a channel of a checkpoint has a value.
    pub(super) fn has_value(&self, channel: &str, version: &RawValue) -> bool {
        self.value_of(channel, version).is_some()
    }

    fn value_of(&self, channel: &str, version: &RawValue) -> Option<usize> {
        let key = (channel.to_owned(), version.get().to_owned());
        *self.channels.get(&key)?
    }

    /// The value of a channel as the serializer gave it.
    pub(super) fn channel_value(&self, channel: &str, version: &RawValue) -> InChannel {
        let Some(number) = self.value_of(channel, version) else {
            return InChannel::None;
        };
        let list = match self.values.get(number) {
            Some(Held::List { kind, .. }) => items_of(&self.values, number).map(|items| Typed {
                kind: kind.kind().to_owned(),
                bytes: kind.join(&items),
            }),
            Some(whole) => typed(whole),
            None => None,
        };
        list.map_or(InChannel::Lost, InChannel::Value)
    }
}

/// What there is of a channel.
pub(super) enum InChannel {
    None,
    Value(Typed),
    /// It rests on what was erased.
    Lost,
}

impl Checkpoint {
    pub(super) fn typed(&self) -> Option<Typed> {
        typed(&self.value)
    }
}

impl Write {
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    pub(super) fn typed(&self) -> Option<Typed> {
        typed(&self.value)
    }
}

/// A value that shares with no other one.
fn typed(value: &Held) -> Option<Typed> {
    let (kind, bytes) = match value {
        Held::Whole { kind, bytes } => (kind, bytes.to_vec()),
        Held::List {
            kind,
            base: None,
            items,
            ..
        } => (kind, kind.join(items)),
        Held::List { .. } | Held::Lost => return None,
    };
    Some(Typed {
        kind: kind.kind().to_owned(),
        bytes,
    })
}
