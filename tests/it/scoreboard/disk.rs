//! A disk in memory: it records what is written and synced, and any call can be made to fail.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use sessiondb::testing::{Place, StorageBackend, create_in};

const PAGE: usize = 4096;

/// The content of a disk; cheap to clone, since pages are shared until they are written.
#[derive(Clone, Default)]
pub(super) struct Pages {
    pages: Vec<Arc<[u8; PAGE]>>,
    len: usize,
}

impl Pages {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let zero = hole();
        self.pages
            .resize_with(len.div_ceil(PAGE), || Arc::clone(zero));
        let rest = len % PAGE;
        if rest != 0 && len < self.len {
            let last = self.pages.last_mut().expect("a page that is cut");
            Arc::make_mut(last)[rest..].fill(0);
        }
        self.len = len;
    }

    pub(super) fn read(&self, at: usize, out: &mut [u8]) -> io::Result<()> {
        if at + out.len() > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < out.len() {
            let (page, offset) = ((at + done) / PAGE, (at + done) % PAGE);
            let part = (PAGE - offset).min(out.len() - done);
            out[done..done + part].copy_from_slice(&self.pages[page][offset..offset + part]);
            done += part;
        }
        Ok(())
    }

    /// Writes, growing if need be: a write may survive the loss of the change of length before it.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if at + bytes.len() > self.len {
            self.set_len(at + bytes.len());
        }
        let mut done = 0;
        while done < bytes.len() {
            let (page, offset) = ((at + done) / PAGE, (at + done) % PAGE);
            let part = (PAGE - offset).min(bytes.len() - done);
            let page = Arc::make_mut(&mut self.pages[page]);
            page[offset..offset + part].copy_from_slice(&bytes[done..done + part]);
            done += part;
        }
    }

    /// Where the first of these bytes is that takes no room on the disk yet.
    fn first_hole(&self, bytes: std::ops::Range<usize>) -> Option<usize> {
        let pages = bytes.start / PAGE..bytes.end.div_ceil(PAGE);
        let mut pages = pages.filter(|page| match self.pages.get(*page) {
            Some(page) => Arc::ptr_eq(page, hole()),
            None => true,
        });
        pages.next().map(|page| bytes.start.max(page * PAGE))
    }

    /// Takes a page of another content, as the disk does with one that is written back.
    pub(super) fn copy_page(&mut self, from: &Self, page: usize) {
        if let (Some(to), Some(from)) = (self.pages.get_mut(page), from.pages.get(page)) {
            *to = Arc::clone(from);
        }
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Write { at, bytes } => self.write(*at, bytes),
            Event::SetLen(len) => self.set_len(*len),
            Event::Sync => {}
        }
    }
}

/// A page that nothing was written to.
fn hole() -> &'static Arc<[u8; PAGE]> {
    static HOLE: OnceLock<Arc<[u8; PAGE]>> = OnceLock::new();
    HOLE.get_or_init(|| Arc::new([0; PAGE]))
}

/// What a full disk refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Files that grow.
    NoGrowth,
    /// Writing where nothing was written before.
    NoHoles,
}

/// What changed the disk, or made the changes before it last.
#[derive(Clone)]
pub(super) enum Event {
    Write { at: usize, bytes: Arc<[u8]> },
    SetLen(usize),
    Sync,
}

/// Which calls fail, counted from the moment that the fault was set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) at_call: u64,
    pub(super) from_then_on: bool,
    pub(super) kind: io::ErrorKind,
    /// Whether a write that fails has written its first half.
    pub(super) short: bool,
}

/// A disk that one archive at a time has open.
pub(super) struct Disk {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    content: Pages,
    events: Vec<Event>,
    calls: u64,
    failed: u64,
    fault: Option<Fault>,
    full: Option<Full>,
    refused: u64,
}

impl Disk {
    pub(super) fn new(content: Pages) -> Arc<Self> {
        let inner = Inner {
            content,
            ..Inner::default()
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
        })
    }

    /// How many events there have been.
    pub(super) fn now(&self) -> usize {
        self.lock().events.len()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    pub(super) fn content(&self) -> Pages {
        self.lock().content.clone()
    }

    /// Lets calls fail from now on, or none.
    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        let mut inner = self.lock();
        (inner.fault, inner.calls, inner.failed) = (fault, 0, 0);
    }

    /// Lets no call fail any more; those that did stay counted.
    pub(super) fn mend(&self) {
        self.lock().fault = None;
    }

    /// How many calls failed.
    pub(super) fn failed(&self) -> u64 {
        self.lock().failed
    }

    /// Makes the disk full, or not.
    pub(super) fn set_full(&self, full: Option<Full>) {
        let mut inner = self.lock();
        (inner.full, inner.refused) = (full, 0);
    }

    /// How many calls found it full.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no call panics")
    }
}

impl Inner {
    fn call(&mut self) -> Result<(), Fault> {
        let call = self.calls;
        self.calls += 1;
        let fault = self
            .fault
            .filter(|fault| call == fault.at_call || (fault.from_then_on && call > fault.at_call));
        self.failed += u64::from(fault.is_some());
        fault.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let mut inner = self.lock();
        inner.call().map_err(|fault| fault.kind)?;
        Ok(inner.content.len() as u64)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inner = self.lock();
        inner.call().map_err(|fault| fault.kind)?;
        inner.content.read(index(at), out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.call().map_err(|fault| fault.kind)?;
        if inner.full == Some(Full::NoGrowth) && index(len) > inner.content.len() {
            inner.refused += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.content.set_len(index(len));
        inner.events.push(Event::SetLen(index(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.call().map_err(|fault| fault.kind)?;
        inner.events.push(Event::Sync);
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        let (bytes, failed) = match inner.call() {
            Ok(()) => (bytes, None),
            Err(fault) if fault.short => (&bytes[..bytes.len() / 2], Some(fault.kind)),
            Err(fault) => return Err(fault.kind.into()),
        };
        let end = index(at) + bytes.len();
        if end > inner.content.len() {
            return Err(io::Error::other("a write beyond the end of the file"));
        }
        let hole = match inner.full {
            Some(Full::NoHoles) => inner.content.first_hole(index(at)..end),
            _ => None,
        };
        let (bytes, failed) = match hole {
            // As far as there is room it is written.
            Some(hole) => {
                inner.refused += 1;
                (&bytes[..hole - index(at)], Some(io::ErrorKind::StorageFull))
            }
            None => (bytes, failed),
        };
        inner.content.write(index(at), bytes);
        let bytes = Arc::from(bytes);
        inner.events.push(Event::Write {
            at: index(at),
            bytes,
        });
        failed.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

pub(super) fn index(at: u64) -> usize {
    usize::try_from(at).expect("a small disk")
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

/// A new archive with the shortest journal: two halves of 8 KiB.
pub(super) fn new_archive() -> Pages {
    static NEW: OnceLock<Pages> = OnceLock::new();
    let made = || {
        let disk = Disk::new(Pages::default());
        create_in(&Bare(Arc::clone(&disk)), 16 << 10).expect("a new archive");
        disk.content()
    };
    NEW.get_or_init(made).clone()
}
