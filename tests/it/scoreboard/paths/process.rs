//! The process that writes to an archive by its path, as it is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sessiondb::testing::{Bug, seed as switch_on};
use sessiondb::{Archive, Durability, SegmentId, SessionId, Sharing, StoreError};
use uuid::Uuid;

use crate::scoreboard::child::Parent;

pub(super) const SESSION: SessionId = Uuid::from_u128(1);

pub(super) const SEGMENT: SegmentId = Uuid::from_u128(2);

/// So many entries a writer appends at most: what it says of them is more than a pipe holds, so that it is at
/// work until it is listened to.
pub(super) const MANY: u64 = 6000;

/// How the process opens the archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Life {
    pub(super) path: PathBuf,
    pub(super) synced: bool,
    pub(super) exclusive: bool,
    pub(super) bug: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    Append,
    /// Until one is refused.
    AppendOn,
    Sync,
    Checkpoint,
    /// Open the archive at another path as well, and append there.
    AppendAt(PathBuf),
    Close,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    Stored(u64),
    Done,
    Refused {
        displaced: bool,
        file: Option<PathBuf>,
        text: String,
    },
}

impl Word {
    fn of(err: StoreError) -> Self {
        let text = err.to_string();
        match err {
            StoreError::Displaced { file, .. } => Self::Refused {
                displaced: true,
                file,
                text,
            },
            _ => Self::Refused {
                displaced: false,
                file: None,
                text,
            },
        }
    }
}

fn open(life: &Life, path: &Path) -> Result<Archive, StoreError> {
    let durability = if life.synced {
        Durability::Synced
    } else {
        Durability::Written
    };
    let sharing = if life.exclusive {
        Sharing::Exclusive
    } else {
        Sharing::Shared
    };
    // Only a call of `sync` or a fold syncs what is only written, so that the row does not depend on time.
    let options = Archive::options().sync_interval(Duration::from_secs(3600));
    options.durability(durability).sharing(sharing).open(path)
}

/// The process.
pub(in super::super) fn live(life: &Life, parent: &Parent) {
    switch_on(life.bug.then_some(Bug::ForgetPath));
    let mut archive = Some(open(life, &life.path).expect("the archive opens"));
    let mut number = 0;
    parent.tell(&Word::Done);
    loop {
        let order: Order = parent.hear();
        let open_now = archive
            .as_ref()
            .expect("it is not used after it was closed");
        let mut append = |archive: &Archive| {
            let receipt = archive
                .log(SESSION, SEGMENT)
                .append(&(number, "x".repeat(500)))?;
            number += 1;
            Ok(Word::Stored(receipt.index))
        };
        let answer = match order {
            Order::Append => append(open_now),
            Order::AppendOn => {
                let mut left = MANY;
                loop {
                    match append(open_now) {
                        Ok(word) if left > 0 => parent.tell(&word),
                        answer => break answer,
                    }
                    left -= 1;
                }
            }
            Order::Sync => open_now.sync().map(|()| Word::Done),
            Order::Checkpoint => open_now.checkpoint().map(|()| Word::Done),
            Order::AppendAt(path) => open(life, &path).and_then(|archive| append(&archive)),
            Order::Close => {
                let closed = archive
                    .take()
                    .map_or(Ok(()), |archive| archive.close().map(drop));
                parent.tell(&closed.map_or_else(Word::of, |()| Word::Done));
                return;
            }
        };
        parent.tell(&answer.unwrap_or_else(Word::of));
    }
}
