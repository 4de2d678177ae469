//! The names of an archive and their records, of whatever type a runtime has for them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::handle::Archive;
use super::record::{MAX_RECORD_BYTES, within};
use super::snapshot::Snapshot;
use crate::engine::Op;
use crate::entry::names::{NameRecord, WorkerName, WorkerRecord};
use crate::error::StoreError;
use crate::raw_json::RawJson;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 1024;

impl Archive {
    /// Sets the record of a name: a [`WorkerRecord`], or a type of the caller's own that is a JSON
    /// object. A record with an `active.session_id` points to that session, whatever else is in it.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use sessiondb::Archive;
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct Worker {
    ///     port: u16,
    /// }
    ///
    /// let archive = Archive::in_memory()?;
    /// archive.write_name("worker-a", &Worker { port: 7 })?;
    /// assert_eq!(archive.read_name_as("worker-a")?, Some(Worker { port: 7 }));
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], [`StoreError::Serde`] if the record is no JSON object,
    /// [`StoreError::TooLarge`], and those of a write.
    pub fn write_name<T: Serialize + ?Sized>(
        &self,
        name: &str,
        record: &T,
    ) -> Result<(), StoreError> {
        let json = serde_json::to_vec(record)?;
        self.write([name_op(&WorkerName::new(name)?, json)?])
    }

    /// The record of a name, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], and those of [`snapshot`](Self::snapshot).
    pub fn read_name(&self, name: &str) -> Result<Option<WorkerRecord>, StoreError> {
        self.snapshot()?.read_name(name)
    }

    /// The record of a name as a type of the caller's own, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], [`StoreError::Serde`] if the record is not what `T` takes,
    /// and those of [`snapshot`](Self::snapshot).
    pub fn read_name_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.snapshot()?.read_name_as(name)
    }

    /// All names, sorted.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        self.snapshot()?.names()
    }

    /// Changes the record of a name as one step: no other writer comes in between. The record is a
    /// [`WorkerRecord`] or of a type of the caller's own. It is `None` where the name has none, and the
    /// name is removed if it is left `None`. If `change` fails, nothing is written. Returns what it
    /// returned.
    ///
    /// ```
    /// use serde_json::{Map, Value};
    /// use sessiondb::{Archive, StoreError};
    ///
    /// let archive = Archive::in_memory()?;
    /// // Whoever comes second is refused.
    /// let claim = |owner: u64| {
    ///     archive.update_name("worker-a", |record: &mut Option<Map<String, Value>>| {
    ///         if record.is_some() {
    ///             return Err(std::io::Error::other("taken"));
    ///         }
    ///         record.get_or_insert_default().insert("owner".to_owned(), owner.into());
    ///         Ok(owner)
    ///     })
    /// };
    /// assert_eq!(claim(1)?, 1);
    /// assert!(claim(2).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// That of the change, and those of [`write_name`](Self::write_name) and
    /// [`read_name_as`](Self::read_name_as).
    pub fn update_name<T, R, E>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Option<T>) -> Result<R, E>,
    ) -> Result<R, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<StoreError>,
    {
        let name = WorkerName::new(name)?;
        self.try_commit(|snapshot| {
            let (op, changed) = updated_name(snapshot, &name, change)?;
            Ok((Vec::from_iter(op), changed))
        })
    }

    /// Removes a name. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], and those of a write.
    pub fn delete_name(&self, name: &str) -> Result<bool, StoreError> {
        let name = WorkerName::new(name)?.to_string();
        Ok(self
            .engine
            .write(self.is_synced(), [Op::DeleteName { name }])?
            .lengths
            == [1])
    }
}

impl Snapshot {
    /// The record of a name, or `None` if there is none. Its own name is the one that it is stored
    /// under.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], [`StoreError::Serde`] if the record has an `active` that is
    /// not one, and those of a read.
    pub fn read_name(&self, name: &str) -> Result<Option<WorkerRecord>, StoreError> {
        let name = WorkerName::new(name)?;
        let record = self.read_name_as::<Map<String, Value>>(&name)?;
        let record = record.map(|record| WorkerRecord::of(name, record));
        Ok(record.transpose()?)
    }

    /// The record of a name as a type of the caller's own, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], [`StoreError::Serde`] if the record is not what `T` takes,
    /// and those of a read.
    pub fn read_name_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let name = WorkerName::new(name)?;
        let json = self.view.read(|layers| layers.name(&name))?;
        Ok(json.map(|json| record_as(&name, &json)).transpose()?)
    }

    /// All names, sorted.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        self.names_beside_notes()
    }

    /// All names with their records, sorted.
    pub(crate) fn name_records(&self) -> Result<Vec<NameRecord>, StoreError> {
        let names = self.names()?.into_iter();
        let records = names.map(|name| {
            let json: Option<RawJson> = self.read_name_as(&name)?;
            Ok(json.map(|json| NameRecord::new(name, json)).transpose()?)
        });
        records.filter_map(Result::transpose).collect()
    }
}

/// Reads a record. It need not tell its own name, though its type may want to have it.
fn record_as<T: DeserializeOwned>(name: &WorkerName, json: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(json).or_else(|err| {
        let mut record: Map<String, Value> = serde_json::from_slice(json)?;
        record.insert("worker_name".to_owned(), Value::from(&**name));
        serde_json::from_value(Value::Object(record)).map_err(|_| err)
    })
}

/// Changes the record of a name, and what the change returned.
pub(super) fn updated_name<T, R, E>(
    snapshot: &Snapshot,
    name: &WorkerName,
    change: impl FnOnce(&mut Option<T>) -> Result<R, E>,
) -> Result<(Option<Op>, R), E>
where
    T: Serialize + DeserializeOwned,
    E: From<StoreError>,
{
    let mut record = snapshot.read_name_as(name)?;
    let (was_there, changed) = (record.is_some(), change(&mut record)?);
    let op = match record {
        Some(record) => {
            let json = serde_json::to_vec(&record).map_err(StoreError::from)?;
            Some(name_op(name, json)?)
        }
        None => was_there.then(|| Op::DeleteName {
            name: name.to_string(),
        }),
    };
    Ok((op, changed))
}

impl NameRecord {
    /// Sets it as it is.
    pub(crate) fn op(&self) -> Result<Op, StoreError> {
        name_op(&WorkerName::new(&self.name)?, self.json.to_vec()?)
    }
}

/// Sets the record of a name.
pub(super) fn name_op(name: &WorkerName, json: Vec<u8>) -> Result<Op, StoreError> {
    if json.first() != Some(&b'{') {
        let reason = format!("the record of name {:?} is no object", &**name);
        return Err(<serde_json::Error as serde::ser::Error>::custom(reason).into());
    }
    within(format!("name {:?}", &**name), name.len(), MAX_NAME_BYTES)?;
    within(
        format!("record of name {:?}", &**name),
        json.len(),
        MAX_RECORD_BYTES,
    )?;
    let name = name.to_string();
    Ok(Op::SetName { name, json })
}
