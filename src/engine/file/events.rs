//! What an open file has done so far, in numbers, and as it does it, in events for those who watch (feature
//! `tracing`).

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sums since the file was opened.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) checkpoints: Sum,
    pub(crate) checkpointed_entries: AtomicU64,
    pub(crate) checkpointed_bytes: AtomicU64,
    pub(crate) waits: Sum,
}

/// How often something happened, and how long it took in all.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    number: AtomicU64,
    micros: AtomicU64,
}

impl Sum {
    pub(crate) fn add(&self, took: Duration) {
        self.number.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros(took), Ordering::Relaxed);
    }

    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(crate) fn took(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// An event, where that is asked for.
macro_rules! event {
    ($level:ident, $path:expr, $message:literal $(, $field:ident = $value:expr)* $(,)?) => {
        #[cfg(feature = "tracing")]
        tracing::$level!(path = %$path.display() $(, $field = $value)*, $message);
        #[cfg(not(feature = "tracing"))]
        {
            let _ = ($path, $(&$value),*);
        }
    };
}

impl Events {
    #[cfg(feature = "tracing")]
    pub(crate) fn opened(path: &Path, read_only: bool) {
        event!(debug, path, "opened", read_only = read_only);
    }

    /// That many changes are in the journal alone, since their process has not closed the file.
    #[cfg(feature = "tracing")]
    pub(crate) fn recovered(path: &Path, changes: u64) {
        event!(info, path, "recovered", changes = changes);
    }

    pub(crate) fn checkpointed(&self, path: &Path, entries: u64, bytes: u64, took: Duration) {
        self.checkpoints.add(took);
        self.checkpointed_entries
            .fetch_add(entries, Ordering::Relaxed);
        self.checkpointed_bytes.fetch_add(bytes, Ordering::Relaxed);
        event!(
            debug,
            path,
            "checkpointed",
            entries = entries,
            bytes = bytes,
            took_us = micros(took),
        );
    }

    /// A call had to wait for another process.
    pub(crate) fn waited(&self, path: &Path, holder: Option<u32>, took: Duration) {
        self.waits.add(took);
        event!(
            debug,
            path,
            "waited for another process",
            holder = holder,
            took_us = micros(took),
        );
    }

    pub(crate) fn poisoned(path: &Path, cause: &str) {
        event!(error, path, "takes no more writes", cause = cause);
    }

    pub(crate) fn compacted(path: &Path, in_place: bool, before: u64, after: u64) {
        event!(
            info,
            path,
            "compacted",
            in_place = in_place,
            bytes_before = before,
            bytes_after = after,
        );
    }

    /// The file lies where it may be changed beneath, or its locks may not hold.
    #[cfg(feature = "tracing")]
    pub(crate) fn unsafe_place(path: &Path, place: &str) {
        event!(
            warn,
            path,
            "the archive lies in a place that may harm it",
            place = place
        );
    }
}
