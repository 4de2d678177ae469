//! A folder for the files of one test, gone with it.

use std::cell::Cell;
use std::path::{Path, PathBuf};

pub(crate) struct Scratch {
    folder: tempfile::TempDir,
    files: Cell<u32>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            files: Cell::new(0),
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path at which nothing is.
    pub(crate) fn fresh(&self) -> PathBuf {
        self.files.set(self.files.get() + 1);
        self.folder
            .path()
            .join(format!("{}.sessiondb", self.files.get()))
    }

    /// The names of what lies in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

/// Text that does not compress much: letters and digits in no order, the same for each seed.
pub(crate) fn noise(seed: u64, len: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| rng.alphanumeric()).collect()
}
