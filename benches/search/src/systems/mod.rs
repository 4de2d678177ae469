//! Each system behind one interface.

mod archive;
mod fts;
mod ripgrep;
#[cfg(feature = "tantivy")]
mod tantivy;

use std::path::Path;

use crate::Result;
use crate::logs::Logs;

pub(crate) use self::ripgrep::version as ripgrep_version;

/// One search.
pub(crate) struct Ask {
    pub(crate) name: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) how: How,
    /// So many hits there are.
    pub(crate) hits: u64,
}

/// What the pattern is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Word,
    Part,
    Regex,
}

/// Something that finds texts in logs.
pub(crate) trait System {
    fn name(&self) -> &'static str;

    /// Takes the logs in.
    fn build(&mut self, logs: &Logs) -> Result<()>;

    /// What it keeps.
    fn len_bytes(&self) -> Result<u64>;

    /// What it keeps once it is compacted, if that is not done when it is built.
    fn compacted_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    fn can(&self, how: How) -> bool;

    /// Whether it reads all logs for that.
    fn scans(&self, how: How) -> bool;

    /// Opens what was built, and counts all hits.
    fn count(&self, ask: &Ask) -> Result<u64>;
}

/// All that can be measured here, with their files in `folder`.
pub(crate) fn all(folder: &Path, logs: &Logs) -> Vec<Box<dyn System>> {
    let mut systems: Vec<Box<dyn System>> = vec![
        Box::new(archive::Filtered::new(folder, true)),
        Box::new(archive::Filtered::new(folder, false)),
    ];
    if ripgrep::version().is_some() {
        systems.push(Box::new(ripgrep::Ripgrep::new(logs)));
    } else {
        eprintln!("SKIPPED: ripgrep, since there is no command `rg`");
    }
    systems.push(Box::new(fts::Fts::new(folder)));
    #[cfg(feature = "tantivy")]
    systems.push(Box::new(tantivy::Tantivy::new(folder)));
    #[cfg(not(feature = "tantivy"))]
    eprintln!("SKIPPED: tantivy, which is built with `--features tantivy`");
    systems
}

/// The number of an item among those of all logs: the log above, the item below.
fn id_of(log: usize, item: u64) -> Result<u64> {
    Ok((u64::try_from(log)? << 32) | item)
}
