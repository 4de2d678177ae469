//! The archives that this process has open, so that opening one again gives the same engine.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::{Creation, Engine, EngineOptions, create_if_asked, fault};
use crate::store::StoreError;

/// What makes two opens the same: the file, and how this process may use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    file: FileId,
    read_only: bool,
    shared: bool,
}

#[cfg(unix)]
type FileId = (u64, u64);
#[cfg(not(unix))]
type FileId = std::path::PathBuf;

type Slot = Arc<Mutex<Weak<Engine>>>;

/// Opens an archive, or joins those in this process that have it open in the same way.
pub(crate) fn open(
    path: &Path,
    creation: Creation,
    options: EngineOptions,
) -> Result<Arc<Engine>, StoreError> {
    create_if_asked(path, creation)?;
    if path.as_os_str().is_empty() || path.is_dir() {
        // The engine has the words for these.
        return Engine::open(path, options).map(Arc::new);
    }
    let key = Key {
        file: file_id(path)?,
        read_only: options.read_only,
        shared: options.shared,
    };
    let slot = slot_of(key);
    let mut open = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = open.upgrade() {
        return Ok(engine);
    }
    let engine = Arc::new(Engine::open(path, options)?);
    *open = Arc::downgrade(&engine);
    Ok(engine)
}

fn slot_of(key: Key) -> Slot {
    static OPEN: OnceLock<Mutex<HashMap<Key, Slot>>> = OnceLock::new();
    let slots = OPEN.get_or_init(Mutex::default);
    let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
    // Slots that nobody uses are those held by this map alone, with their engine gone.
    slots.retain(|_, slot| {
        Arc::strong_count(slot) > 1
            || slot
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .strong_count()
                > 0
    });
    Arc::clone(slots.entry(key).or_default())
}

/// The file itself, whatever name it goes by. A file that is open keeps its inode for itself.
#[cfg(unix)]
fn file_id(path: &Path) -> Result<FileId, StoreError> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).map_err(|err| fault::named(path, &err))?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> Result<FileId, StoreError> {
    Ok(path
        .canonicalize()
        .map_err(|err| fault::named(path, &err))?)
}
