//! Directories that have another path on another machine.

use clap::Args;
use sessiondb::portable::Relocation;

#[derive(Debug, Args)]
pub(crate) struct RelocateArgs {
    /// Turn the path OLD into NEW, as in /home/ann=/home/bob, in the `cwd` of the metadata of
    /// sessions, for OLD itself and all below it; of several that fit the longest counts. Entries
    /// stay as they are, byte for byte
    #[arg(long = "relocate", alias = "rebase", value_name = "OLD=NEW")]
    moves: Vec<Relocation>,
}

impl RelocateArgs {
    pub(crate) fn to_relocation(&self) -> Relocation {
        self.moves.iter().cloned().collect()
    }
}
