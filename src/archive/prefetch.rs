//! Prefetching: another thread unpacks the next part of a log while this one is gone through.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::engine::{Layers, LogId, Part, View};

/// The parts that come next, of which at most one waits unpacked. Dropping it ends the thread and
/// waits for that.
pub(super) struct Prefetch {
    view: View,
    parts: Option<Receiver<Part>>,
    thread: Option<JoinHandle<()>>,
}

impl Prefetch {
    /// Begins to read the entries in the range. `None` if there is no thread to be had.
    pub(super) fn begin(view: &View, log: LogId, range: Range<u64>) -> Option<Self> {
        if !view.may_use_threads() {
            return None;
        }
        let (view, read_from) = (view.clone(), view.clone());
        let (sender, parts) = sync_channel(0);
        let thread = Builder::new()
            .name("sessiondb-read".to_owned())
            .spawn(move || {
                let mut next = range.start;
                while next < range.end {
                    let wanted = next..range.end;
                    let read = |layers: &Layers| layers.part_holding(&log, next, &wanted);
                    // Whoever misses a part reads it again, and gets the error.
                    let Ok(part) = read_from.read(read) else {
                        return;
                    };
                    next = part.numbers().end;
                    if sender.send(part).is_err() {
                        return;
                    }
                }
            });
        Some(Self {
            view,
            parts: Some(parts),
            thread: Some(thread.ok()?),
        })
    }

    /// Waits for the next part; `None` if there is no further one, or it could not be read.
    pub(super) fn next_part(&self) -> Option<Part> {
        self.view.must_be_here().ok()?;
        self.parts.as_ref()?.recv().ok()
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        if self.view.must_be_here().is_err() {
            // A child does not have the thread.
            std::mem::forget((self.parts.take(), self.thread.take()));
            return;
        }
        // The thread that waits for its part to be taken hears that nobody will.
        self.parts = None;
        if let Some(thread) = self.thread.take() {
            // What it failed at, whoever needs it reads again.
            let _ = thread.join();
        }
    }
}
