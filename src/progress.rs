//! How far a long call has come, and the one place that counts it.

use std::path::Path;

/// How far a long call has come: what the call itself names, such as bytes or rows.
///
/// Each long call takes `Option<&mut dyn FnMut(Progress<'_>)>` and tells it now and then; with
/// `None` it tells nobody.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let archive = sessiondb::Archive::in_memory()?;
/// archive.backup(dir.path().join("copy.sessiondb"), Some(&mut |progress| {
///     eprintln!("{} of {} bytes", progress.done, progress.total);
/// }))?;
/// archive.check(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// How much is done.
    pub done: u64,
    /// How much there is, as far as is known.
    pub total: u64,
    /// The file that was just finished, where the call goes file by file.
    pub file: Option<&'a Path>,
}

/// Whom a call tells.
pub(crate) type Listener<'l> = Option<&'l mut dyn FnMut(Progress<'_>)>;

/// Counts what is done, and tells it whenever so much more is.
pub(crate) struct Meter<'l> {
    listener: Listener<'l>,
    step: u64,
    done: u64,
    told: u64,
    total: u64,
}

impl<'l> Meter<'l> {
    /// Tells whenever at least `step` more is done.
    pub(crate) fn new(listener: Listener<'l>, step: u64) -> Self {
        Self {
            listener,
            step,
            done: 0,
            told: 0,
            total: 0,
        }
    }

    /// Says how much there is.
    pub(crate) fn expect(&mut self, total: u64) {
        self.total = total;
    }

    /// Says how much is done of how much.
    pub(crate) fn set(&mut self, done: u64, total: u64) {
        self.total = total;
        self.reach(done);
    }

    pub(crate) fn add(&mut self, more: u64) {
        self.reach(self.done.saturating_add(more));
    }

    pub(crate) fn reach(&mut self, done: u64) {
        self.done = done.min(self.total);
        if self.done.abs_diff(self.told) >= self.step {
            self.tell(None);
        }
    }

    /// As [`reach`](Self::reach), but never back.
    pub(crate) fn advance(&mut self, done: u64) {
        if done > self.done {
            self.reach(done);
        }
    }

    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// Tells how far it is, and which file was finished with that.
    pub(crate) fn tell(&mut self, file: Option<&Path>) {
        self.told = self.done;
        if let Some(listener) = &mut self.listener {
            listener(Progress {
                done: self.done,
                total: self.total,
                file,
            });
        }
    }

    /// Tells that all is done.
    pub(crate) fn finish(&mut self) {
        self.done = self.total;
        self.tell(None);
    }
}
