//! Which process this is, and which one it was that left word in the shared page. A fork copies all that is kept
//! in memory, so what belongs to one process has to know which.

use std::sync::atomic::{AtomicU64, Ordering};

use forkguard::Guard;

#[cfg(target_os = "linux")]
use crate::engine::model::row::plain_checksum;

/// A process, which knows itself from its children.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    id: u32,
    /// `None` where the system cannot tell of a fork.
    guard: Option<Guard>,
}

impl Process {
    /// The one that asks.
    pub(crate) fn current() -> Self {
        Self {
            id: std::process::id(),
            guard: Guard::try_new().ok(),
        }
    }

    /// Whether it is the one that asks.
    pub(crate) fn is_this(&self) -> bool {
        match &self.guard {
            // Of a copy, since a guard tells of a fork once.
            Some(guard) => !guard.clone().detected_fork(),
            None => self.id == std::process::id(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

/// What a process leaves in the shared page: its id in the upper half, and in the lower one a mark by which
/// others know whether a process that has this id is the one that signed. 0 is nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signature(pub(crate) u64);

impl Signature {
    /// That of this process; nobody's where the system does not tell enough.
    pub(crate) fn of_this_process() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        let last = LAST.load(Ordering::Relaxed);
        if last >> 32 == u64::from(pid) {
            return Self(last);
        }
        let signature = Self::of(pid).unwrap_or_default();
        LAST.store(signature.0, Ordering::Relaxed);
        signature
    }

    /// The process that signed, if it is alive and this process knows it by the same id.
    pub(crate) fn living(self) -> Option<u32> {
        let pid = u32::try_from(self.0 >> 32).ok().filter(|pid| *pid != 0)?;
        (Self::of(pid) == Some(self)).then_some(pid)
    }

    /// That of a process that is alive.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let mark = mark_of(pid)? & u64::from(u32::MAX);
        Some(Self(u64::from(pid) << 32 | mark))
    }
}

/// A number that depends on which boot of which machine this is, which namespace of process ids, and
/// when the process with this id was started.
#[cfg(target_os = "linux")]
fn mark_of(pid: u32) -> Option<u64> {
    // What is mounted there may tell of another namespace than that of this process.
    let own = std::fs::read_link("/proc/self").ok()?;
    if own.to_str() != Some(&std::process::id().to_string()) {
        return None;
    }
    let mut words = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    words.extend_from_slice(namespace.to_str()?.as_bytes());
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in brackets, may hold anything.
    let mut fields = status.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?;
    let is_alive = !matches!(state, "Z" | "X");
    words.extend_from_slice(format!(" {pid} {start}").as_bytes());
    is_alive.then(|| plain_checksum(&words))
}

/// Without such a list of processes nobody is named.
#[cfg(not(target_os = "linux"))]
fn mark_of(_pid: u32) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_signature_names_a_process_while_it_lives() {
        let own = Signature::of_this_process();
        assert_eq!(own.living(), Some(std::process::id()));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let signature = Signature::of(child.id()).unwrap();
        assert_eq!(signature.living(), Some(child.id()));
        // Another process that got the same id, or one of another namespace or machine.
        assert_eq!(Signature(signature.0 ^ 1).living(), None);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(signature.living(), None);
        assert_eq!(Signature::default().living(), None);
    }
}
