//! Following what changes: whoever does is woken by changes of this process and looks now and then for
//! those of others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::change::Change;
use crate::engine::commit::Committer;
use crate::error::StoreError;

/// How often those who wait look for changes of other processes, which wake nobody here.
const PAUSE: Duration = Duration::from_millis(10);

impl Committer {
    /// Begins to follow; the place of the next change.
    pub(crate) fn follow(&self) -> Result<u64, StoreError> {
        // First, so that whoever ends just now leaves what is kept.
        self.followers.fetch_add(1, Ordering::SeqCst);
        let place = self.with_state(|state| state.begin_feed(&self.sources));
        place.inspect_err(|_| self.unfollow())
    }

    /// Ends that.
    pub(crate) fn unfollow(&self) {
        // Another one may begin just now; then it goes on being kept.
        if self.must_be_here().is_ok() && self.followers.fetch_sub(1, Ordering::SeqCst) == 1 {
            let mut state = self.state();
            if self.followers.load(Ordering::SeqCst) == 0 {
                *state.feed() = None;
            }
        }
    }

    /// The changes from that place on, and the place behind them. Waits for one until the time is up
    /// or it is cancelled.
    pub(crate) fn next_changes(
        &self,
        place: u64,
        timeout: Duration,
        cancelled: &AtomicBool,
    ) -> Result<(Vec<Change>, u64), StoreError> {
        let left = time_left(timeout);
        let look = || {
            if cancelled.load(Ordering::SeqCst) {
                return Some(Ok((Vec::new(), place)));
            }
            match self.changes_now(place) {
                Ok((changes, _)) if changes.is_empty() && left() > Duration::ZERO => None,
                found => Some(found),
            }
        };
        self.waiters.wait(look, || self.pause(left()))
    }

    fn changes_now(&self, place: u64) -> Result<(Vec<Change>, u64), StoreError> {
        let take = |feed: &mut Option<super::feed::Feed>| match feed {
            Some(feed) => (feed.after(place), feed.end()),
            None => (Vec::new(), place),
        };
        let (changes, end) = take(self.state().feed());
        if !changes.is_empty() || !self.may_be_behind()? {
            return Ok((changes, end));
        }
        self.with_state(|state| Ok(take(state.feed())))
    }

    /// Waits until there have been other than so many frames, or the time is up.
    pub(crate) fn wait_for_frame(&self, frames: u64, timeout: Duration) -> Result<u64, StoreError> {
        let left = time_left(timeout);
        let look = || match self.frames_if_other_than(frames) {
            Ok(None) if left() == Duration::ZERO => Some(Ok(frames)),
            found => found.transpose(),
        };
        self.waiters.wait(look, || self.pause(left()))
    }

    fn frames_if_other_than(&self, frames: u64) -> Result<Option<u64>, StoreError> {
        let known = self.state().position().map(|at| at.frame);
        if known.is_ok_and(|known| known == frames) && !self.may_be_behind()? {
            return Ok(None);
        }
        Ok(Some(self.frames()?).filter(|now| *now != frames))
    }

    fn pause(&self, left: Duration) -> Duration {
        if self.sources.file.is_shared() {
            left.min(PAUSE)
        } else {
            left
        }
    }
}

fn time_left(timeout: Duration) -> impl Fn() -> Duration {
    let deadline = Instant::now().checked_add(timeout);
    move || {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.unwrap_or(Duration::MAX)
    }
}
