//! A disk in memory that keeps each of its states, so that a process can be ended between any two of them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use sessiondb::Archive;
use sessiondb::testing::{self, Opening, Place, StorageBackend};

/// What changed the disk.
#[derive(Clone)]
enum Event {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    content: Vec<u8>,
    events: Vec<Event>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Inner {
    fn apply(content: &mut Vec<u8>, event: &Event) {
        match event {
            Event::Write(at, bytes) => content[*at..at + bytes.len()].copy_from_slice(bytes),
            Event::SetLen(len) => content.resize(*len, 0),
        }
    }
}

impl Disk {
    /// A disk with an archive whose journal is so short that it is checkpointed all the time.
    pub(crate) fn with_archive() -> Arc<Self> {
        let disk = Arc::new(Self::default());
        testing::create_in(&Bare(Arc::clone(&disk)), 16 << 10).unwrap();
        disk.lock().events.clear();
        disk
    }

    pub(crate) fn open(self: &Arc<Self>) -> Archive {
        let disk: Arc<dyn StorageBackend> = Arc::<Self>::clone(self);
        testing::open(disk, Opening::default()).unwrap()
    }

    /// How many changes there have been.
    pub(crate) fn now(&self) -> usize {
        self.lock().events.len()
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        self.lock().content.clone()
    }

    /// The disks as they were after each change that came to a disk of that content, with how many changes each
    /// of them has, and once more with the first half of the next.
    pub(crate) fn states(&self, mut content: Vec<u8>, mut look: impl FnMut(usize, Arc<Self>)) {
        let disk = |content: &[u8]| {
            let content = content.to_vec();
            let inner = Mutex::new(Inner {
                content,
                events: Vec::new(),
            });
            Arc::new(Self { inner })
        };
        let events = self.lock().events.clone();
        for (done, event) in events.iter().enumerate() {
            look(done, disk(&content));
            if let Event::Write(at, bytes) = event {
                let mut torn = content.clone();
                let half = bytes[..bytes.len() / 2].to_vec();
                Inner::apply(&mut torn, &Event::Write(*at, half));
                look(done, disk(&torn));
            }
            Inner::apply(&mut content, event);
        }
        look(events.len(), disk(&content));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn change(&self, event: Event) {
        let inner = &mut *self.lock();
        Inner::apply(&mut inner.content, &event);
        inner.events.push(event);
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().content.len() as u64)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.lock();
        let bytes = inner.content.get(index(at)..index(at) + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Event::SetLen(index(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Event::Write(index(at), bytes.to_vec()));
        Ok(())
    }
}

/// A place that holds nothing but a new file.
struct Bare(Arc<Disk>);

impl Place for Bare {
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>> {
        let disk: Arc<dyn StorageBackend> = Arc::<Disk>::clone(&self.0);
        Ok(disk)
    }

    fn publish(&self) -> io::Result<()> {
        Ok(())
    }

    fn replace(&self) -> io::Result<()> {
        Ok(())
    }

    fn remove_first_name(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
