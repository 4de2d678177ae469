//! The archives that this process has open, so that opening one again gives the same engine.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::file_id::{self, FileId, MAX_REPLACEMENTS};
use super::{Creation, Engine, EngineOptions, create_if_asked, fault};
use crate::store::StoreError;

/// What makes two opens the same: the file, and how this process may use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    file: FileId,
    read_only: bool,
    shared: bool,
}

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
    for _ in 0..MAX_REPLACEMENTS {
        let file = FileId::at(path).map_err(|err| fault::named(path, &err))?;
        if let Some(engine) = join_or_open(path, &file, options)? {
            return Ok(engine);
        }
    }
    Err(file_id::never_the_same(path))
}

/// `None` if another file has taken the place of this one meanwhile.
fn join_or_open(
    path: &Path,
    file: &FileId,
    options: EngineOptions,
) -> Result<Option<Arc<Engine>>, StoreError> {
    let slot = slot_of(Key {
        file: file.clone(),
        read_only: options.read_only,
        shared: options.shared,
    });
    let mut open = slot.lock().unwrap_or_else(PoisonError::into_inner);
    // An archive that is open is not replaced.
    if let Some(engine) = open.upgrade() {
        return Ok(Some(engine));
    }
    let engine = Arc::new(Engine::open(path, options)?);
    if engine.file_id() != Some(file) {
        return Ok(None);
    }
    *open = Arc::downgrade(&engine);
    Ok(Some(engine))
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
