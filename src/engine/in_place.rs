//! Compaction in place, beside others who have the file open: what no live page holds becomes zero,
//! and the end of the file goes where nobody reads meanwhile.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::base::{Hold, Progress};
use super::core::Core;
use super::fault::Outcome;
use super::scrub::Scrub;
use super::view::guarded;
use crate::store::StoreError;

const PAUSE: Duration = Duration::from_millis(5);

impl Core {
    /// Gives back what can be given back, and makes what was deleted unreadable. Returns why
    /// that could not be done, if it could not.
    pub(crate) fn compact_in_place(
        &self,
        progress: Progress<'_>,
    ) -> Result<Option<String>, StoreError> {
        let mut readers = None;
        let hold = self.hold_without_journal(|base| {
            readers = self.readers_of_old_pages(&base.views_so_far(), 0)?;
            if readers.is_none() {
                base.settle_pages()?;
            }
            Ok(())
        })?;
        let not_erased = self.erase_free_pages(hold, readers, progress)?;
        self.attempt(|| Ok(self.file.sync()?))?;
        // Commits without a change give pages back that older readers needed, and with them the
        // end of the file.
        match self.attempt(|| self.base()?.settle_pages()) {
            Ok(()) | Err(StoreError::Busy { .. }) => Ok(not_erased),
            Err(err) => Err(err),
        }
    }

    fn erase_free_pages(
        &self,
        hold: Hold,
        mut readers: Option<String>,
        progress: Progress<'_>,
    ) -> Result<Option<String>, StoreError> {
        let erased = guarded(self.file.watch(), || {
            let scrub = Scrub::new(&self.file, progress)?;
            if self.file.is_shared() {
                let views = self.base()?.views_so_far();
                readers = self.readers_of_old_pages(&views, scrub.transaction())?;
            }
            if readers.is_none() {
                scrub.run()?;
            } else {
                scrub.leave();
            }
            Ok(readers)
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
            let elsewhere = match self.file.has_readers_before(transaction) {
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
            if start.elapsed() >= self.file.lock_timeout() {
                let who = if here { "this" } else { "another" };
                return Ok(Some(format!("{who} process reads an earlier state of it")));
            }
            std::thread::sleep(PAUSE);
        }
    }
}
