//! When following ends: by Ctrl-C, or because nobody reads any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Knows whether following has come to its end.
pub(super) struct End {
    is_interrupted: Arc<AtomicBool>,
}

impl End {
    /// From here on Ctrl-C ends it well.
    pub(super) fn begin() -> Self {
        let is_interrupted = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        {
            // Without the handler it ends as well, with another exit code.
            let flag = Arc::clone(&is_interrupted);
            let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, flag);
        }
        Self { is_interrupted }
    }

    pub(super) fn is_reached(&self) -> bool {
        self.is_interrupted.load(Ordering::SeqCst) || is_closed()
    }
}

/// Whether standard output is a pipe that nobody reads.
#[cfg(unix)]
fn is_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut files = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let looked = poll(&mut files, Some(&at_once));
    let [file] = &files;
    looked.is_ok() && file.revents().contains(PollFlags::ERR)
}

/// The next write will tell.
#[cfg(not(unix))]
fn is_closed() -> bool {
    false
}
