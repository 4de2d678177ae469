//! Paths below the folder of an export: safe ones, and each only once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The longest name that file systems take.
const MAX_NAME_BYTES: usize = 255;

/// A path that stays below the folder that it is joined to, on any system. What logs say of themselves
/// may be anything.
pub(crate) fn safe(path: &str) -> Option<PathBuf> {
    let is_name = |name: &str| {
        let plain = |c: char| {
            !c.is_control() && !matches!(c, '\\' | ':' | '"' | '<' | '>' | '|' | '?' | '*')
        };
        !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME_BYTES && name.chars().all(plain)
    };
    path.split('/')
        .all(is_name)
        .then(|| path.split('/').collect())
}

/// The name of the file at `path`, unpacked, if it can be one here.
pub(crate) fn file_name(path: &str) -> Option<PathBuf> {
    let name = path.rsplit('/').next()?;
    let lower = name.to_ascii_lowercase();
    let packed = [".zst", ".gz"].iter().find(|end| lower.ends_with(*end));
    let plain = name.len() - packed.map_or(0, |end| end.len());
    let name = name.get(..plain)?;
    let is_log = [".jsonl", ".ndjson", ".json"]
        .iter()
        .any(|end| name.to_ascii_lowercase().ends_with(end));
    safe(name).filter(|_| is_log)
}

/// The path with `added` before its ending.
pub(crate) fn with_part(path: &Path, added: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|end| end.to_string_lossy());
    path.with_file_name(match ending {
        Some(ending) => format!("{stem}.{added}.{ending}"),
        None => format!("{stem}.{added}"),
    })
}

/// The path of a file beside, with another ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{ending}"))
}

/// Which paths are taken, and by which session.
#[derive(Debug, Default)]
pub(crate) struct Taken(HashMap<String, Uuid>);

impl Taken {
    /// Takes the path, or one like it if it is taken: with the segment's id where another log of the
    /// session has it, else with the session's. Returns it, and whether another session has the first.
    pub(crate) fn take(&mut self, path: PathBuf, session: Uuid, segment: Uuid) -> (PathBuf, bool) {
        let Some(of) = self.0.get(&key(&path)) else {
            self.0.insert(key(&path), session);
            return (path, false);
        };
        let is_other = *of != session;
        let part = if is_other { session } else { segment };
        let mut other = with_part(&path, &part.to_string());
        if self.0.contains_key(&key(&other)) {
            other = with_part(&path, &format!("{session}.{segment}"));
        }
        self.0.insert(key(&other), session);
        (other, is_other)
    }
}

/// Some file systems know no case of letters.
fn key(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in [
            "", "/a", "../a", "a/../b", "a//b", r"a\b", "C:a", "a\0", "a/", ".",
        ] {
            assert_eq!(safe(path), None, "{path:?}");
        }
        assert!(safe(&"a".repeat(256)).is_none());
        assert_eq!(
            safe("-src/a b.jsonl"),
            Some(PathBuf::from("-src/a b.jsonl"))
        );
    }

    #[test]
    fn names_of_sources() {
        assert_eq!(file_name("/x/a.jsonl.ZST"), Some(PathBuf::from("a.jsonl")));
        assert_eq!(file_name("a.json"), Some(PathBuf::from("a.json")));
        assert_eq!(file_name("/x/opencode.db"), None);
        assert_eq!(file_name(r"/x/C:\a.jsonl"), None);
    }

    #[test]
    fn a_path_is_taken_once() {
        let mut taken = Taken::default();
        let ids = [1, 2, 3].map(Uuid::from_u128);
        let [one, other, segment] = ids;
        let path = || PathBuf::from("p/a.jsonl");
        assert_eq!(taken.take(path(), one, one), (path(), false));
        let branch = PathBuf::from(format!("p/a.{segment}.jsonl"));
        assert_eq!(taken.take(path(), one, segment), (branch, false));
        let second = PathBuf::from(format!("p/A.{other}.jsonl"));
        assert_eq!(taken.take("p/A.jsonl".into(), other, other), (second, true));
    }
}
