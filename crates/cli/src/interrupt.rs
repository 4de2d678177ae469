//! Ctrl-C at a terminal: a word about what is safe, and then the end that it always is.

use std::io::{self, IsTerminal};

use clap::builder::styling::Style;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::args::Command;
use crate::{output, progress};

/// From here on Ctrl-C says what has become of the command's work. Only where somebody is there to
/// read it: what runs in the background may have to ignore the signal.
pub(crate) fn explain(command: &Command) {
    let Some(word) = word(command) else { return };
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return;
    }
    // Without the word it ends as well.
    let Ok(mut signals) = Signals::new([SIGINT]) else {
        return;
    };
    let wait = move || {
        for signal in signals.forever() {
            let so_far = progress::so_far();
            let so_far = so_far.map_or_else(String::new, |so_far| format!(" after {so_far}"));
            output::tell(
                Style::new(),
                "",
                format_args!("\ninterrupted{so_far}: {word}\n"),
            );
            let _ = emulate_default_handler(signal);
        }
    };
    let _ = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(wait);
}

/// What is safe when the command is interrupted; `None` if it changes nothing.
fn word(command: &Command) -> Option<&'static str> {
    match command {
        Command::Sync(_) | Command::Import(_) => Some(
            "what was imported is kept and the archive is sound; the same command goes on from there",
        ),
        Command::Export(_) | Command::Resume(_) => Some(
            "each file that is there is whole; the same command goes on with those that are missing",
        ),
        Command::Merge(_) => Some(
            "what was merged is kept and the archive is sound; the same command goes on from there",
        ),
        #[cfg(feature = "remote")]
        Command::Push(args) if !args.watch => {
            Some("others see what was there before; the same command goes on from there")
        }
        #[cfg(feature = "remote")]
        Command::Pull(_) => Some(
            "what was pulled is kept and the archive is sound; the same command goes on from there",
        ),
        Command::Free(_) => Some("what was deleted is in the archive, all else is there"),
        Command::Prune(args) if !args.now => {
            Some("what was put into the trash is there, all else is where it was")
        }
        Command::Prune(_) | Command::Trash(_) => {
            Some("what was removed is gone, all else is there")
        }
        Command::Backup(_) | Command::Extract(_) | Command::Recover(_) => {
            Some("the new archive was not made, and the other is as it was")
        }
        Command::Html(_) => Some("the page was not made; what was there is as it was"),
        Command::Compact(_) => Some("the archive is sound; compacting again begins anew"),
        Command::Append(_)
        | Command::Branch(_)
        | Command::Truncate(_)
        | Command::Erase(_)
        | Command::Rm(_)
        | Command::Restore(_)
        | Command::Hide(_)
        | Command::Unhide(_) => Some("the change is there as a whole or not at all"),
        Command::Check(_) => {
            Some("nothing was changed, and what was not read yet was not verified")
        }
        _ => None,
    }
}
