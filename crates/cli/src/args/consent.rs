//! Whether a command that lists what would go may do it.

use clap::Args;

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConsentArgs {
    /// Do it, and do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only list, and do not ask
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}
