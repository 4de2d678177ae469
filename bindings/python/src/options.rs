//! How an archive is opened, and what Python calls the choices.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sessiondb::archive::{ArchiveOptions, Durability, Sharing};

/// What an append survives: `"synced"` or `"written"`.
pub(crate) fn durability(name: &str) -> PyResult<Durability> {
    match name {
        "synced" => Ok(Durability::Synced),
        "written" => Ok(Durability::Written),
        _ => Err(PyValueError::new_err(format!(
            "{name:?} is no durability: give \"synced\" or \"written\""
        ))),
    }
}

pub(crate) fn durability_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Synced => "synced",
        Durability::Written => "written",
    }
}

/// A time in seconds, as Python has them.
pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!("{name} is {value}: give seconds, not less than 0"))
    })
}

/// What `Archive(...)` takes beside the path.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one that is switched on or off by itself"
)]
pub(crate) struct Options {
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) read_only: bool,
    pub(crate) exclusive: bool,
    pub(crate) durability: Durability,
    pub(crate) cache_bytes: Option<usize>,
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) sync_interval: Option<Duration>,
    pub(crate) word_filters: bool,
}

impl Options {
    pub(crate) fn open(self, path: PathBuf) -> Result<sessiondb::Archive, sessiondb::StoreError> {
        let mut options: ArchiveOptions = sessiondb::Archive::options()
            .create(self.create)
            .create_new(self.create_new)
            .read_only(self.read_only)
            .durability(self.durability)
            .word_filters(self.word_filters);
        if self.exclusive {
            options = options.sharing(Sharing::Exclusive);
        }
        if let Some(bytes) = self.cache_bytes {
            options = options.cache_bytes(bytes);
        }
        if let Some(timeout) = self.lock_timeout {
            options = options.lock_timeout(timeout);
        }
        if let Some(interval) = self.sync_interval {
            options = options.sync_interval(interval);
        }
        options.open(path)
    }
}
