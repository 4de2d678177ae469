//! Who makes the calls of a client: a child process that is told them one by one, or this process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sessiondb::testing::{self, Bug};
use sessiondb::{Archive, Durability, Log, StoreError};
use uuid::Uuid;

use super::super::child::{Child, Parent, Task};
use super::super::linearizable::{Answer, Call};
use crate::raw::raws;

/// How a child is to open the archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(super) path: PathBuf,
    pub(super) synced: bool,
    pub(super) read_only: bool,
    /// The number of a bug to switch on.
    pub(super) bug: Option<usize>,
}

/// One call as it is handed over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) log: usize,
    pub(super) call: Call,
    /// What each entry has besides its number, in bytes.
    pub(super) pad_bytes: usize,
}

/// What is said of a call: its answer, or an error that there must not be.
pub(super) type Reply = Result<Answer, String>;

/// The child: makes one call after the other.
pub(crate) fn serve(service: &Service, parent: &Parent) {
    testing::seed(service.bug.map(|bug| Bug::ALL[bug]));
    let durability = if service.synced {
        Durability::Synced
    } else {
        Durability::Written
    };
    let archive = Archive::options()
        .durability(durability)
        .read_only(service.read_only)
        .lock_timeout(Duration::from_secs(30))
        .sync_interval(Duration::from_millis(5))
        .open(&service.path);
    let archive = match archive {
        Ok(archive) => archive,
        Err(err) => return parent.tell(&Reply::Err(format!("opening: {err}"))),
    };
    loop {
        let order: Order = parent.hear();
        parent.tell(&make(&archive, &order));
    }
}

fn log_of(archive: &Archive, number: usize) -> Log {
    archive.log(Uuid::from_u128(7), Uuid::from_u128(number as u128 + 1))
}

pub(super) fn make(archive: &Archive, order: &Order) -> Reply {
    let log = log_of(archive, order.log);
    let made = match &order.call {
        Call::Append { entries, expected } => {
            let pad = "x".repeat(order.pad_bytes);
            let texts: Vec<String> = entries
                .iter()
                .map(|entry| format!("[{entry},\"{pad}\"]"))
                .collect();
            match expected {
                Some(expected) => log.append_at(*expected, raws(&texts)),
                None => log.append_many(raws(&texts)),
            }
            .map(|receipt| Answer::Appended {
                index: receipt.index,
                len: receipt.len,
            })
        }
        Call::Truncate(len) => log.truncate(*len).map(|()| Answer::Truncated),
        Call::Len => log.snapshot().and_then(|log| {
            let len = log.len()?;
            Ok(if log.exists()? {
                Answer::Len(len)
            } else {
                Answer::NotFound
            })
        }),
        Call::ReadFrom(from) => numbers(&log, *from),
    };
    match made {
        Ok(answer) => Ok(answer),
        Err(StoreError::Conflict { actual, .. }) => Ok(Answer::Conflict(actual)),
        Err(StoreError::NotFound(_)) => Ok(Answer::NotFound),
        Err(StoreError::Corrupt { .. }) => Ok(Answer::PastEnd),
        Err(err @ StoreError::Busy { .. }) => Ok(Answer::Refused(err.to_string())),
        Err(err) => Err(format!("{order:?}: {err}")),
    }
}

/// The numbers of the entries from `from` on.
fn numbers(log: &Log, from: u64) -> Result<Answer, StoreError> {
    let log = log.snapshot()?;
    if !log.exists()? {
        return Ok(Answer::NotFound);
    }
    let number = |text: &str| {
        let digits = text.trim_start_matches('[').split(',').next();
        digits.and_then(|digits| digits.parse().ok())
    };
    let entries = log.read(from..)?;
    let numbers = entries.map(|entry| Ok(number(entry?.as_str()).unwrap_or(u64::MAX)));
    Ok(Answer::Entries(numbers.collect::<Result<_, StoreError>>()?))
}

/// Who makes the calls of a client.
pub(super) enum Peer {
    /// A process, and how to start another one in its place.
    Child(Child, Service),
    /// This one.
    Local(Archive),
}

impl Peer {
    pub(super) fn child(service: Service) -> Self {
        Self::Child(Child::start(Task::Serve, &service), service)
    }

    pub(super) fn reads_only(&self) -> bool {
        matches!(self, Self::Child(_, service) if service.read_only)
    }

    /// Has the call made; `None` if the process has ended.
    pub(super) fn make(&mut self, order: &Order) -> Option<Reply> {
        match self {
            Self::Child(child, _) => {
                child.tell(order);
                child.hear()
            }
            Self::Local(archive) => Some(make(archive, order)),
        }
    }

    /// Has the call begun, and kills the process a moment later. `None` if it said nothing.
    pub(super) fn make_and_die(&mut self, order: &Order, pause: Duration) -> Option<Reply> {
        let Self::Child(child, _) = self else {
            return self.make(order);
        };
        child.tell(order);
        let start = Instant::now();
        while start.elapsed() < pause {
            std::hint::spin_loop();
        }
        child.kill();
        child.hear()
    }

    pub(super) fn start_again(&mut self) {
        if let Self::Child(child, service) = self {
            *child = Child::start(Task::Serve, service);
        }
    }
}
