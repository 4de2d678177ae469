//! How an archive is opened.

use std::time::Duration;

use napi_derive::napi;
use sessiondb::{Archive, ArchiveOptions, Durability, Sharing};

use crate::error::Failure;
use crate::number;

/// How an archive is opened. What is left out is as the library has it.
#[napi(object)]
#[derive(Default)]
pub struct OpenOptions {
    /// Whether an archive is made if there is none (default: yes).
    pub create: Option<bool>,
    /// Whether one that is there is refused.
    pub create_new: Option<bool>,
    /// Whether nothing is to be written.
    pub read_only: Option<bool>,
    /// What an append waits for: `synced` (default: the disk) or `written` (the operating system).
    #[napi(ts_type = "'synced' | 'written'")]
    pub durability: Option<String>,
    /// Whether other processes may have it open: `shared` (default) or `exclusive`.
    #[napi(ts_type = "'shared' | 'exclusive'")]
    pub sharing: Option<String>,
    /// How long a call waits for another process, in milliseconds.
    pub lock_timeout_ms: Option<f64>,
    /// How soon what was `written` is synced, in milliseconds.
    pub sync_interval_ms: Option<f64>,
    /// How much memory the tables may take for their cache, in bytes.
    pub cache_bytes: Option<f64>,
    /// Whether words of new entries are kept in filters, by which a search is faster.
    pub word_filters: Option<bool>,
    /// How many threads make calls on logs, and as many make others (default 2).
    pub threads: Option<u32>,
}

impl OpenOptions {
    /// The same for the library.
    pub(crate) fn to_library(&self) -> Result<ArchiveOptions, Failure> {
        let mut options = Archive::options();
        if let Some(create) = self.create {
            options = options.create(create);
        }
        if let Some(create_new) = self.create_new {
            options = options.create_new(create_new);
        }
        if let Some(read_only) = self.read_only {
            options = options.read_only(read_only);
        }
        if let Some(durability) = durability(self.durability.as_deref())? {
            options = options.durability(durability);
        }
        if let Some(sharing) = &self.sharing {
            options = options.sharing(match sharing.as_str() {
                "shared" => Sharing::Shared,
                "exclusive" => Sharing::Exclusive,
                other => return Err(unknown("sharing", other, "'shared' or 'exclusive'")),
            });
        }
        if let Some(ms) = number::optional_count("lockTimeoutMs", self.lock_timeout_ms)? {
            options = options.lock_timeout(Duration::from_millis(ms));
        }
        if let Some(ms) = number::optional_count("syncIntervalMs", self.sync_interval_ms)? {
            options = options.sync_interval(Duration::from_millis(ms));
        }
        if let Some(bytes) = number::optional_count("cacheBytes", self.cache_bytes)? {
            options = options.cache_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        if let Some(word_filters) = self.word_filters {
            options = options.word_filters(word_filters);
        }
        Ok(options)
    }

    /// How many threads of either kind.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or(2, |threads| {
            usize::try_from(threads).unwrap_or(2).clamp(1, 64)
        })
    }
}

/// What an append waits for, where that is said.
pub(crate) fn durability(name: Option<&str>) -> Result<Option<Durability>, Failure> {
    Ok(match name {
        None => None,
        Some("synced") => Some(Durability::Synced),
        Some("written") => Some(Durability::Written),
        Some(other) => return Err(unknown("durability", other, "'synced' or 'written'")),
    })
}

/// The error for a name that is none of the known ones.
pub(crate) fn unknown(what: &str, given: &str, known: &str) -> Failure {
    Failure::Invalid(format!("{what} is {given:?}; it has to be {known}"))
}
