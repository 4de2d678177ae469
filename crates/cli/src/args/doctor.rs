//! The arguments of `doctor`.

use clap::Args;

/// Print what helps to find out why something does not work
///
/// Versions, where the archive is and whether that place may harm it, its size, what waits in its
/// journal, and which processes have it open. Nothing is written, and a damaged or busy archive is told of as far
/// as it can be.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
