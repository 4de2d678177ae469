//! The arguments of what installs the command: completions and man pages.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Print a script by which a shell completes commands, options and ids
///
/// Ids are those of the archive that the line names, or else of the default one, the latest first. The
/// script asks this program, so it need not be made anew when the program is.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

/// Write the man pages, one for each command
///
/// Without DIR the page of `sessiondb` itself is printed.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct ManArgs {
    /// The folder; it is created if need be
    pub(crate) dir: Option<PathBuf>,
}
