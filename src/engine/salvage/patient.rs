//! A file that is read beside whoever has bytes of it locked, as Windows lets them: such bytes are no damage.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redb::StorageBackend;

use crate::engine::fault::system::is_lock_violation;

/// How long all reads together wait for bytes that are locked.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5000 });

/// A file that is only read, and waits for what others have locked.
#[derive(Debug)]
pub(super) struct Patient {
    file: Arc<dyn StorageBackend>,
    /// Whether it waited in vain, and waits no more.
    gave_up: AtomicBool,
}

impl Patient {
    pub(super) fn new(file: Arc<dyn StorageBackend>) -> Self {
        Self {
            file,
            gave_up: AtomicBool::new(false),
        }
    }

    /// Fails if something could not be read since it is locked.
    pub(super) fn must_have_been_readable(&self) -> Result<(), Duration> {
        if self.gave_up.load(Ordering::Relaxed) {
            return Err(PATIENCE);
        }
        Ok(())
    }
}

impl StorageBackend for Patient {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = Instant::now();
        loop {
            match self.file.read(offset, out) {
                Err(err) if is_lock_violation(&err) => {
                    if start.elapsed() >= PATIENCE || self.gave_up.load(Ordering::Relaxed) {
                        self.gave_up.store(true, Ordering::Relaxed);
                        return Err(err);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                done => return done,
            }
        }
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
