//! When following and watching end: by Ctrl-C, or because nobody reads any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Knows whether the end has come.
pub(crate) struct End {
    is_interrupted: Arc<AtomicBool>,
}

impl End {
    /// From here on Ctrl-C, and whoever ends services, end it well. The second time they end it at once.
    pub(crate) fn begin() -> Self {
        let is_interrupted = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            use signal_hook::flag;
            // Without the handlers it ends as well, with another exit code.
            let _ = flag::register_conditional_default(signal, Arc::clone(&is_interrupted));
            let _ = flag::register(signal, Arc::clone(&is_interrupted));
        }
        Self { is_interrupted }
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::SeqCst)
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.is_interrupted() || is_closed()
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
