//! The names of an archive and their records, of whatever type a runtime has for them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::handle::Archive;
use super::record::{MAX_RECORD_BYTES, within};
use super::snapshot::Snapshot;
use crate::engine::{Layers, Op};
use crate::entry::names::{NameRecord, PodName, PodRecord};
use crate::error::StoreError;
use crate::raw_json::RawJson;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 1024;

impl Archive {
    /// Sets the record of a name: a [`PodRecord`], or a type of the caller's own that is a JSON
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
        self.write([name_op(&PodName::new(name)?, record)?])
    }

    /// The record of a name, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], and those of [`snapshot`](Self::snapshot).
    pub fn read_name(&self, name: &str) -> Result<Option<PodRecord>, StoreError> {
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
    pub fn list_names(&self) -> Result<Vec<String>, StoreError> {
        self.snapshot()?.list_names()
    }

    /// Changes the record of a name as one step, keeping the fields that `change` leaves alone.
    /// A name without a record begins with an empty one.
    ///
    /// # Errors
    ///
    /// Those of [`write_name`](Self::write_name) and [`read_name`](Self::read_name).
    pub fn update_name(
        &self,
        name: &str,
        change: impl FnOnce(&mut PodRecord),
    ) -> Result<(), StoreError> {
        let name = PodName::new(name)?;
        self.commit(|snapshot| {
            let record = snapshot.read_name(&name)?;
            let mut record = record.unwrap_or_else(|| PodRecord::new(name.clone()));
            change(&mut record);
            record.worker_name = name.clone();
            Ok((vec![name_op(&name, &record)?], ()))
        })
    }

    /// Changes the record of a name as one step, with a change that can fail, after which nothing
    /// is written, and that returns a value. The record may be of a type of the caller's own. It
    /// is `None` where the name has none, and the name is removed if it is left `None`.
    ///
    /// ```
    /// use serde_json::{Map, Value};
    /// use sessiondb::{Archive, StoreError};
    ///
    /// let archive = Archive::in_memory()?;
    /// // Whoever comes second is refused.
    /// let claim = |owner: u64| {
    ///     archive.try_update_name("worker-a", |record: &mut Option<Map<String, Value>>| {
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
    pub fn try_update_name<T, R, E>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Option<T>) -> Result<R, E>,
    ) -> Result<R, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<StoreError>,
    {
        let name = PodName::new(name)?;
        self.try_commit(|snapshot| {
            let mut record = snapshot.read_name_as(&name)?;
            let (was_there, changed) = (record.is_some(), change(&mut record)?);
            let op = match record {
                Some(record) => Some(name_op(&name, &record)?),
                None => was_there.then(|| Op::DeleteName {
                    name: name.to_string(),
                }),
            };
            Ok((Vec::from_iter(op), changed))
        })
    }

    /// Removes a name. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], and those of a write.
    pub fn delete_name(&self, name: &str) -> Result<bool, StoreError> {
        let name = PodName::new(name)?.to_string();
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
    pub fn read_name(&self, name: &str) -> Result<Option<PodRecord>, StoreError> {
        let name = PodName::new(name)?;
        let record = self.read_name_as::<Map<String, Value>>(&name)?;
        let record = record.map(|record| PodRecord::of(name, record));
        Ok(record.transpose()?)
    }

    /// The record of a name as a type of the caller's own, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], [`StoreError::Serde`] if the record is not what `T` takes,
    /// and those of a read.
    pub fn read_name_as<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let name = PodName::new(name)?;
        let json = self.view.read(|base| base.name(&name))?;
        Ok(json.map(|json| serde_json::from_slice(&json)).transpose()?)
    }

    /// All names, sorted.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn list_names(&self) -> Result<Vec<String>, StoreError> {
        self.view.read(Layers::names)
    }

    /// All names with their records, sorted.
    pub(crate) fn name_records(&self) -> Result<Vec<NameRecord>, StoreError> {
        let names = self.list_names()?.into_iter();
        let records = names.map(|name| {
            let json: Option<RawJson> = self.read_name_as(&name)?;
            Ok(json.map(|json| NameRecord::new(name, json)).transpose()?)
        });
        records.filter_map(Result::transpose).collect()
    }
}

impl NameRecord {
    /// Sets it as it is.
    pub(crate) fn op(&self) -> Result<Op, StoreError> {
        name_op(&PodName::new(&self.name)?, &self.json)
    }
}

/// Sets the record of a name.
pub(super) fn name_op<T: Serialize + ?Sized>(name: &PodName, record: &T) -> Result<Op, StoreError> {
    let json = serde_json::to_vec(record)?;
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
