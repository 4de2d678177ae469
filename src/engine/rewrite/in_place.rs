//! Compaction in place, beside others who have the file open: what no live page holds becomes zero,
//! and the end of the file goes where nobody reads meanwhile.

use std::sync::Weak;
use std::time::{Duration, Instant};

use crate::engine::commit::Committer;
use crate::engine::fault::{Outcome, is_no_room};
use crate::engine::file::wipe::{self, Wipe};
use crate::engine::redb_format::guard::guarded;
use crate::engine::tables::{Hold, Tables, Tell};
use crate::error::StoreError;

const PAUSE: Duration = Duration::from_millis(5);

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct InPlace {
    /// Why what was deleted could not be made unreadable.
    pub(crate) not_erased: Option<String>,
    /// Whether the end of the file can be given back.
    pub(crate) has_free_end: bool,
}

impl Committer {
    /// Gives back what can be given back, and makes what was deleted unreadable. Nothing is committed beside those for whom redb would
    /// keep what is replaced: it would put what is new at the end of the file.
    pub(crate) fn compact_in_place(&self, progress: Tell<'_>) -> Result<InPlace, StoreError> {
        let mut readers = None;
        let hold = self.hold_once_unhindered(|tables| {
            readers = self.readers_of_old_pages(&tables.views_so_far(), 0)?;
            if readers.is_none() {
                tables.release_pages()?;
            }
            Ok(())
        })?;
        let hold = match hold {
            Ok(hold) => hold,
            Err(who) => {
                progress(1, 1);
                self.attempt(|| Ok(self.sources.file.sync()?))?;
                return Ok(InPlace {
                    not_erased: Some(who),
                    has_free_end: false,
                });
            }
        };
        let done = self.erase_free_pages(hold, readers, progress)?;
        self.attempt(|| Ok(self.sources.file.sync()?))?;
        if !done.has_free_end || self.sources.file.is_shared() {
            return Ok(done);
        }
        // Commits without a change give pages back that older readers needed, and with them the
        // end of the file.
        match self.attempt_unchanged(|| self.sources.tables()?.release_pages()) {
            Ok(()) | Err(StoreError::Busy { .. }) => Ok(done),
            Err(StoreError::Io(err)) if is_no_room(&err) => Ok(done),
            Err(err) => Err(err),
        }
    }

    /// Waits until nobody reads what is to be replaced, without keeping writers waiting; the reason
    /// if somebody still does when the time is up.
    fn hold_once_unhindered(
        &self,
        mut alone: impl FnMut(&Tables) -> Outcome<()>,
    ) -> Result<Result<Hold, String>, StoreError> {
        let start = Instant::now();
        loop {
            let held = self.hold_without_journal(
                |is_checkpointed| self.readers(is_checkpointed),
                &mut alone,
            )?;
            if held.is_ok() || start.elapsed() >= self.sources.file.lock_timeout() {
                return Ok(held);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Who reads the tables, or if nothing is to be committed, who reads earlier ones.
    fn readers(&self, is_checkpointed: bool) -> Outcome<Option<String>> {
        let shared = self.sources.file.is_shared();
        if !(shared && is_checkpointed) && self.sources.tables()?.has_views() {
            return Ok(Some(who_reads("this process", is_checkpointed && shared)));
        }
        let Some(last) = wipe::last_transaction(&self.sources.file)? else {
            return Ok(Some("another process is writing to its tables".to_owned()));
        };
        let last = if is_checkpointed { last } else { last + 1 };
        match self.sources.file.has_readers_before(last) {
            Ok(false) | Err(redb::BackendError::Unsupported) => Ok(None),
            Ok(true) => {
                // Windows shows a process its own locks as well.
                let who = if self.sources.tables()?.has_views() {
                    "this process or another"
                } else {
                    "another process"
                };
                Ok(Some(who_reads(who, is_checkpointed)))
            }
            Err(err) => Err(std::io::Error::from(err).into()),
        }
    }

    fn erase_free_pages(
        &self,
        hold: Hold,
        mut readers: Option<String>,
        progress: Tell<'_>,
    ) -> Result<InPlace, StoreError> {
        let erased = guarded(self.sources.file.watch(), || {
            let wipe = Wipe::new(&self.sources.file, progress)?;
            if self.sources.file.is_shared() {
                let views = self.sources.tables()?.views_so_far();
                readers = self.readers_of_old_pages(&views, wipe.transaction())?;
            }
            let has_free_end = if readers.is_none() {
                wipe.run()?
            } else {
                wipe.leave();
                false
            };
            Ok(InPlace {
                not_erased: readers,
                has_free_end,
            })
        });
        let released = self.attempt(|| hold.release());
        let erased = erased.map_err(|fault| fault.at(&self.path))?;
        released.map(|()| erased)
    }

    /// Waits until nobody reads pages that the last commit does not have, and tells who still does
    /// when the time is up.
    fn readers_of_old_pages(&self, views: &Weak<()>, transaction: u64) -> Outcome<Option<String>> {
        let start = Instant::now();
        loop {
            let here = views.strong_count() > 0;
            let elsewhere = match self.sources.file.has_readers_before(transaction) {
                Ok(elsewhere) => elsewhere,
                Err(redb::BackendError::Unsupported) => {
                    return Ok(Some(
                        "whether others read the file is not to be seen".to_owned(),
                    ));
                }
                Err(err) => return Err(std::io::Error::from(err).into()),
            };
            if !here && !elsewhere {
                return Ok(None);
            }
            if start.elapsed() >= self.sources.file.lock_timeout() {
                let who = if here { "this" } else { "another" };
                return Ok(Some(who_reads(&format!("{who} process"), true)));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn who_reads(who: &str, earlier: bool) -> String {
    let what = if earlier {
        "an earlier state of it"
    } else {
        "it"
    };
    format!("{who} reads {what}; compact once that snapshot, iterator or handle is closed")
}
