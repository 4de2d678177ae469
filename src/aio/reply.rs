//! What a call that was handed over gives once it is done.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::error::StoreError;

/// The result of a call that is under way, to be awaited.
///
/// The call is made whether or not anybody waits for it: dropping this cancels nothing.
#[must_use = "an error would go unseen; the call is made all the same"]
pub struct Reply<T> {
    result: Receiver<Result<T, StoreError>>,
}

impl<T> Reply<T> {
    pub(super) fn new() -> (Sender<Result<T, StoreError>>, Self) {
        let (sender, result) = oneshot::channel();
        (sender, Self { result })
    }

    /// One that is there already.
    pub(super) fn ready(result: Result<T, StoreError>) -> Self {
        let (sender, reply) = Self::new();
        // It has its receiver.
        let _ = sender.send(result);
        reply
    }

    /// Waits for it in a thread that may block.
    ///
    /// # Errors
    ///
    /// That of the call.
    ///
    /// # Panics
    ///
    /// If it is called where an executor of tokio runs tasks.
    pub fn wait(self) -> Result<T, StoreError> {
        self.result.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = Pin::new(&mut self.result).poll(cx);
        result.map(|result| result.unwrap_or_else(|_| Err(gone())))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// The error of a call that will not be made, or that panicked.
fn gone() -> StoreError {
    let message = "the call was not made: the archive had been closed, or the call panicked";
    io::Error::new(io::ErrorKind::BrokenPipe, message).into()
}
