//! The changes of an archive as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc::{self, Receiver};

use crate::archive::{Canceller, Change, Changes};
use crate::error::StoreError;

/// How many changes wait for one who does not take them; then those behind wait in the archive.
const READY: usize = 64;

/// The changes of an archive; from [`AsyncArchive::changes`](super::AsyncArchive::changes). It goes on
/// until it is dropped, or after an error.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sessiondb::StoreError> {
/// use sessiondb::aio::AsyncArchive;
/// use sessiondb::archive::ChangeKind;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = AsyncArchive::new(Archive::in_memory()?)?;
/// let mut changes = archive.changes().await?;
/// archive.log(new_session_id(), new_segment_id()).append("hello").await?;
/// let change = changes.next().await.expect("it goes on")?;
/// assert_eq!((change.kind, change.range), (ChangeKind::Append, 0..1));
/// # Ok(())
/// # }
/// ```
pub struct ChangeStream {
    changes: Receiver<Result<Change, StoreError>>,
    canceller: Canceller,
}

impl ChangeStream {
    pub(super) fn start(changes: Changes) -> Result<Self, StoreError> {
        let canceller = changes.canceller();
        let (sender, receiver) = mpsc::channel(READY);
        let follow = move || {
            for change in changes {
                // Nobody takes them any more.
                if sender.blocking_send(change).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("sessiondb-follow".to_owned());
        thread.spawn(follow)?;
        Ok(Self {
            changes: receiver,
            canceller,
        })
    }

    /// The next change. Nothing is lost if this is dropped before it is there.
    pub async fn next(&mut self) -> Option<Result<Change, StoreError>> {
        self.changes.recv().await
    }
}

impl Stream for ChangeStream {
    type Item = Result<Change, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.changes.poll_recv(cx)
    }
}

impl Drop for ChangeStream {
    fn drop(&mut self) {
        self.canceller.cancel();
    }
}

impl fmt::Debug for ChangeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeStream").finish_non_exhaustive()
    }
}
