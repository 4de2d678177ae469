//! The archives that this process has open, so that opening one again gives the same engine.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::engine::fault::system::named;
use crate::engine::file::identity::{self, FileId, MAX_REPLACEMENTS};
use crate::engine::file::names::must_be_of_a_file;
use crate::engine::open::create::{Creation, create_if_asked};
use crate::engine::open::handle::{Engine, EngineOptions};
use crate::error::StoreError;

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
    must_be_of_a_file(path)?;
    create_if_asked(path, creation)?;
    if path.as_os_str().is_empty() || path.is_dir() {
        // The engine has the words for these.
        return Engine::open(path, options).map(Arc::new);
    }
    for _ in 0..MAX_REPLACEMENTS {
        let file = FileId::at(path).map_err(|err| named(path, &err))?;
        if let Some(engine) = join_or_open(path, &file, options)? {
            return Ok(engine);
        }
    }
    Err(identity::never_the_same(path))
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
    // An archive that is open is not replaced. One that was found by a path that leads elsewhere now
    // refuses writes, but not because of this path.
    let joined = open.upgrade();
    if let Some(engine) = joined.filter(|engine| engine.committer.sources.file.is_at_its_path()) {
        return Ok(Some(engine));
    }
    let engine = Arc::new(Engine::open(path, options)?);
    if engine.file_id() != Some(file) {
        return Ok(None);
    }
    *open = Arc::downgrade(&engine);
    Ok(Some(engine))
}

/// The archives that one process has open.
struct Opened {
    /// The process; 0 while nobody has this.
    by: AtomicU32,
    slots: Mutex<Option<HashMap<Key, Slot>>>,
}

/// How many processes, each forked from the one before, may join handles. One further down opens
/// each handle by itself.
const GENERATIONS: usize = 64;

/// A child finds here what its parent has opened, with locks that a thread may hold which the child
/// does not have. So each process takes a place of its own, without a lock.
static OPENED: [Opened; GENERATIONS] = [const {
    Opened {
        by: AtomicU32::new(0),
        slots: Mutex::new(None),
    }
}; GENERATIONS];

/// The place of this process; `None` if there is none left.
fn mine() -> Option<&'static Opened> {
    let pid = std::process::id();
    for (number, opened) in OPENED.iter().enumerate() {
        let taken = opened
            .by
            .compare_exchange(0, pid, Ordering::AcqRel, Ordering::Acquire);
        match taken {
            Ok(_) => {
                OPENED.iter().take(number).for_each(Opened::close_copies);
                return Some(opened);
            }
            Err(by) if by == pid => return Some(opened),
            Err(_) => {}
        }
    }
    None
}

impl Opened {
    /// In a child, closes its copies of the parent's file descriptors as far as nobody was using them.
    /// They would keep the parent's locks alive beyond its death, also against the child.
    fn close_copies(&self) {
        let Ok(slots) = self.slots.try_lock() else {
            return;
        };
        for slot in slots.iter().flat_map(HashMap::values) {
            let engine = slot.try_lock().ok().and_then(|engine| engine.upgrade());
            if let Some(engine) = engine {
                engine.committer.sources.file.held().is_of_this_process();
            }
        }
    }
}

fn slot_of(key: Key) -> Slot {
    let Some(opened) = mine() else {
        return Slot::default();
    };
    let mut slots = opened.slots.lock().unwrap_or_else(PoisonError::into_inner);
    let slots = slots.get_or_insert_default();
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
