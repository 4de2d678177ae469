//! Which files somebody has open, as far as the system tells.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::time::{Duration, Instant, SystemTime};

use super::free_report::Kept;

/// How long a look at all processes counts.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// Where nobody tells who has a file open, one that was left alone for so long counts as closed.
const LEFT_ALONE: Duration = Duration::from_secs(3600);

/// The files that processes have open.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    looked: Option<Instant>,
    /// By device and number, the process.
    open: HashMap<(u64, u64), u32>,
}

impl OpenFiles {
    /// Why the file has to stay, if somebody has it open or may have.
    pub(crate) fn kept(&mut self, metadata: &Metadata) -> Option<Kept> {
        if !cfg!(target_os = "linux") {
            return is_recent(metadata).then_some(Kept::Recent);
        }
        if self.looked.is_none_or(|looked| looked.elapsed() > GOOD_FOR) {
            let Some(open) = look() else {
                return is_recent(metadata).then_some(Kept::Recent);
            };
            self.open = open;
            self.looked = Some(Instant::now());
        }
        let process = self.open.get(&number(metadata))?;
        Some(Kept::InUse { process: *process })
    }
}

/// Looks through all processes; `None` where the system shows none.
fn look() -> Option<HashMap<(u64, u64), u32>> {
    let mut open = HashMap::new();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Those of other people are not shown, and some end meanwhile.
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten() {
            if let Ok(metadata) = fs::metadata(file.path())
                && metadata.is_file()
            {
                open.insert(number(&metadata), id);
            }
        }
    }
    (!open.is_empty()).then_some(open)
}

fn is_recent(metadata: &Metadata) -> bool {
    let modified = metadata.modified().ok();
    let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_none_or(|age| age < LEFT_ALONE)
}

/// Which file it is: device and number.
#[cfg(unix)]
fn number(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Nobody asks where open files are not shown.
#[cfg(not(unix))]
fn number(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
