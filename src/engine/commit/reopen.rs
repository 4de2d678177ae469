//! What becomes of an archive after a call to its file failed: redb then gives its image up for good, so
//! the image is opened again, for reading at least; and a change that found no room is known not to have
//! taken effect.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::commit::Committer;
use crate::engine::fault::failures::Failure;
use crate::engine::fault::{Fault, Outcome, no_room};
use crate::engine::redb_format::guard::guarded;
use crate::engine::tables::backend::anew;
use crate::engine::tables::{Checkpointed, Tables};
use crate::error::StoreError;

impl Committer {
    /// Opens the tables again if redb has given them up. Views from before are read
    /// on these, as long as they hold the same.
    pub(crate) fn revive(&self) -> Result<(), StoreError> {
        if !self.is_given_up() {
            return Ok(());
        }
        let _writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        // redb would wait for others without end; this lock has a deadline.
        let _lock = if self.read_only {
            None
        } else {
            Some(self.sources.file.lock_writer()?)
        };
        self.revive_as_writer()
    }

    /// The same for who has both locks of a writer.
    pub(crate) fn revive_as_writer(&self) -> Result<(), StoreError> {
        if !self.is_given_up() {
            return Ok(());
        }
        let start = Instant::now();
        let revived = guarded(self.sources.file.watch(), || self.open_again());
        revived.map_err(|fault| {
            // So that the next one tries again.
            self.sources.file.note_failure();
            self.explain(fault, start)
        })
    }

    /// Whether redb does nothing more, for another reason than damage, which stays.
    fn is_given_up(&self) -> bool {
        self.sources.file.image_failure().is_some() && self.sources.file.watch().first().is_none()
    }

    fn open_again(&self) -> Outcome<()> {
        let mut state = self.state();
        state.forget();
        let mut tables = self
            .sources
            .tables
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = tables.take() {
            // Whoever is at it, which fails soon, would go on with locks that are released.
            while Arc::strong_count(&old) > 1 {
                std::thread::sleep(Duration::from_millis(1));
            }
            if let Some(old) = Arc::into_inner(old) {
                // It says once more what failed.
                let _ = old.close();
            }
        }
        self.sources.file.begin_image_anew();
        if self.poisoned.get().is_none() || self.read_only {
            let open = || Tables::open(self.sources.file.image(), self.tables_options);
            *tables = Some(Arc::new(anew(open)?));
            return Ok(());
        }
        let opened = Arc::new(AtomicBool::new(false));
        let open = || {
            Tables::open(
                self.sources.file.image_to_read(&opened),
                self.tables_options,
            )
        };
        *tables = Some(Arc::new(anew(open)?));
        opened.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether nothing but room was missing, and the disk keeps its word otherwise.
    pub(crate) fn lacks_room(&self, fault: &Fault) -> bool {
        let of_the_image = fault.io_kind().is_some() || fault.is_of_an_earlier_read();
        of_the_image
            && self.sources.file.image_failure() == Some(Failure::NoRoom)
            && !self.sources.file.has_sync_failed()
    }

    /// The fault of a change to the tables for which there was no room: that nothing was changed, if a
    /// look shows it. Whoever calls this has both locks of a writer.
    pub(crate) fn found_no_room(&self, fault: Fault, before: Checkpointed) -> Fault {
        let unchanged = || -> Outcome<bool> {
            self.revive_as_writer()?;
            let mut state = self.state();
            // Those who look meanwhile need not look again and again.
            state.load(&self.sources, true)?;
            Ok(self.sources.tables()?.view()?.checkpointed() == before)
        };
        match guarded(self.sources.file.watch(), unchanged) {
            Ok(true) => self.without_room(&fault),
            _ => fault,
        }
    }

    /// The same where nothing was to be changed.
    pub(crate) fn without_room(&self, fault: &Fault) -> Fault {
        let kind = fault.io_kind().unwrap_or(std::io::ErrorKind::StorageFull);
        no_room(&self.path, kind).into()
    }
}
