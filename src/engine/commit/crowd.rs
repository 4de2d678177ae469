//! Writers in a crowd: what several of this process do with one turn at the file.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};

use super::{Committer, Done};
use crate::engine::fault::Fault;
use crate::engine::file::writer_lock::WriterLock;
use crate::engine::journal::codec;
use crate::engine::journal::frames::Frames;
use crate::engine::model::op::Op;
use crate::error::StoreError;

type Made = Result<Done, StoreError>;

impl Committer {
    /// Orders the writers of this process. Whoever calls this takes the writer lock of the file next, which
    /// the one before may have left locked for it.
    pub(super) fn writers(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        self.writable()?;
        let writers = match self.writers.try_lock() {
            Ok(writers) => writers,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.waiting_writers.fetch_add(1, Ordering::SeqCst);
                let writers = self.writers.lock();
                self.waiting_writers.fetch_sub(1, Ordering::SeqCst);
                writers.unwrap_or_else(PoisonError::into_inner)
            }
        };
        self.healthy()
            .inspect_err(|_| self.sources.file.release_kept_lock())?;
        Ok(writers)
    }

    /// Makes changes that need no look at the state before.
    pub(crate) fn write(&self, ops: Vec<Op>) -> Made {
        let _writers = self.writers()?;
        let lock = self.lock_writer()?;
        let made = self.put(ops, &lock);
        // Who puts a frame into the journal knows all that was there before, and the next one may rely on it.
        let is_framed = made.as_ref().is_ok_and(|done| done.ticket.is_some());
        if is_framed && self.waiting_writers.load(Ordering::SeqCst) > 0 {
            lock.keep();
        }
        made
    }

    /// Makes the changes of several writers, each all or none. Whoever calls this has both locks of a
    /// writer.
    pub(super) fn put_all(&self, mut jobs: VecDeque<Vec<Op>>, lock: &WriterLock<'_>) -> Vec<Made> {
        let mut made = Vec::with_capacity(jobs.len());
        while !jobs.is_empty() {
            if jobs.len() > 1 {
                self.put_frames(&mut jobs, &mut made, lock);
            }
            // What is no frame, or does not fit behind the others.
            if let Some(ops) = jobs.pop_front() {
                made.push(self.healthy().and_then(|()| self.put(ops, lock)));
            }
        }
        made
    }

    /// Makes changes as far as each is a frame that fits behind the others, with one write.
    fn put_frames(
        &self,
        jobs: &mut VecDeque<Vec<Op>>,
        made: &mut Vec<Made>,
        lock: &WriterLock<'_>,
    ) {
        if self.healthy().is_err() || self.revive_as_writer().is_err() {
            return;
        }
        let (before, jobs_before) = (made.len(), jobs.len());
        let mut is_written = false;
        let attempted = self.attempt(|| {
            let mut state = self.state();
            self.refused(state.refresh_to_write(&self.sources, lock))?;
            let start = state.position()?;
            let mut frames = Frames::new(self.sources.journal, start);
            let mut failed = None;
            while let Some(ops) = jobs.front()
                && is_framed(ops)
            {
                let ops_bytes =
                    frames.begin(|out| ops.iter().for_each(|op| codec::encode(op, out)));
                let needed = ops_bytes + self.kept_free(&state, ops);
                if !self.sources.journal.has_room_at(&frames.end(), needed) {
                    break;
                }
                let applied = self.refused(state.apply(jobs.pop_front().unwrap_or_default()));
                match applied {
                    Ok(lengths) => made.push(Ok(Done {
                        lengths,
                        frame: frames.finish(),
                        ticket: None,
                    })),
                    Err(Fault::Store(err)) => made.push(Err(err)),
                    Err(fault) => failed = Some(fault),
                }
                // It was let go of, and would be read anew without the frames that are not written yet.
                if failed.is_some() || state.position().is_err() {
                    break;
                }
            }
            frames.write(self.sources.file.storage())?;
            is_written = true;
            if frames.end() != start {
                if state.position().is_ok() {
                    state.advance(frames.end());
                }
                let ticket = Some(self.syncs.written());
                let done = made.iter_mut().skip(before).flatten();
                done.for_each(|done| done.ticket = ticket);
            }
            failed.map_or(Ok(()), Err)
        });
        self.tasks.release_when_idle();
        self.waiters.wake();
        let Err(err) = attempted else { return };
        let taken = jobs_before - jobs.len();
        if taken == 0 {
            // The next one gets it by itself.
            return;
        }
        if !is_written {
            self.state().forget();
            for made in made.iter_mut().skip(before).filter(|made| made.is_ok()) {
                *made = Err(err.clone());
            }
        }
        made.resize_with(before + taken, || Err(err.clone()));
    }
}

/// Whether a change has a frame of its own, if it is not too large for one.
fn is_framed(ops: &[Op]) -> bool {
    !ops.iter().all(Op::is_condition) && !ops.iter().any(Op::is_large)
}
