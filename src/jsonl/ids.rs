//! The session and segment that a file's entries belong to, told from its path alone.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use uuid::Uuid;

use crate::ids::{SegmentId, SessionId};

/// The namespace of the ids of files whose path holds no UUID.
const NAMESPACE: Uuid = Uuid::from_u128(0xa653_eb4b_f5aa_497f_bd45_2c66_c739_f0d0);

const UUID_LEN: usize = 36;

/// A log in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) session: SessionId,
    pub(super) segment: SegmentId,
    pub(super) trace: bool,
}

impl Place {
    /// Tells where the entries of `file` (an absolute path) belong.
    ///
    /// Its own folder may name the session. Folders further up may do so only if they are `root`
    /// or below it.
    pub(super) fn of(file: &Path, root: Option<&Path>) -> Self {
        let name = file.file_name().unwrap_or_default().as_encoded_bytes();
        let (stem, trace) = stem_of(name);
        let stem = &*stem;
        let (session, segment) = match (folder_uuid(file, root), last_uuid(stem)) {
            (Some(folder), Some(own)) => (folder, own),
            (None, Some(own)) => (own, own),
            (Some(folder), None) => (folder, Uuid::new_v5(&folder, stem)),
            (None, None) => {
                let path = file.as_os_str().as_encoded_bytes();
                let folder = path
                    .get(..path.len().saturating_sub(name.len()))
                    .unwrap_or_default();
                let session = Uuid::new_v5(&NAMESPACE, &[folder, stem].concat());
                (session, Uuid::new_v5(&session, b"segment"))
            }
        };
        Self {
            session,
            segment,
            trace,
        }
    }
}

impl Place {
    /// Whether the path is just `{session}/{segment}.jsonl`, or that of its traces.
    pub(super) fn is_spelt_by(self, file: &Path) -> bool {
        let ending = if self.trace { ".trace.jsonl" } else { ".jsonl" };
        let folder = file.parent().and_then(Path::file_name);
        let is_folder = folder.is_some_and(|name| *name == *self.session.to_string());
        let name = format!("{}{ending}", self.segment);
        is_folder && file.file_name().is_some_and(|own| *own == *name)
    }
}

/// Whether a file of this name is taken for a log where nobody has named it.
pub(super) fn is_log_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    ends_with(name, b".jsonl") || ends_with(name, b".ndjson")
}

/// The name by which a log and its traces belong together, and whether it is one of traces. Other
/// endings than `.jsonl` stay a part of it, since `a.ndjson` may lie beside `a.jsonl`.
fn stem_of(name: &[u8]) -> (Cow<'_, [u8]>, bool) {
    if let Some(stem) = name.strip_suffix(b".trace.jsonl") {
        return (stem.into(), true);
    }
    for ending in [&b".trace.jsonl"[..], b".trace.ndjson"] {
        if ends_with(name, ending) {
            let (stem, ending) = name.split_at(name.len().saturating_sub(ending.len()));
            let ending = ending.get(b".trace".len()..).unwrap_or_default();
            return ([stem, ending].concat().into(), true);
        }
    }
    (name.strip_suffix(b".jsonl").unwrap_or(name).into(), false)
}

/// Whether the name ends so in letters of any case.
fn ends_with(name: &[u8], ending: &[u8]) -> bool {
    let start = name.len().checked_sub(ending.len());
    let end = start.and_then(|start| name.get(start..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// The nearest folder above `file` whose whole name is a UUID.
fn folder_uuid(file: &Path, root: Option<&Path>) -> Option<Uuid> {
    let parent = file.parent()?;
    parent
        .ancestors()
        .take_while(|folder| *folder == parent || root.is_some_and(|root| folder.starts_with(root)))
        .find_map(|folder| uuid(folder.file_name().map(OsStr::as_encoded_bytes)?))
}

/// The last UUID that occurs in `name`.
fn last_uuid(name: &[u8]) -> Option<Uuid> {
    name.windows(UUID_LEN).rev().find_map(uuid)
}

/// Reads a UUID in the form with hyphens, the only one that counts here: 32 hex digits in a row
/// are as likely a hash.
fn uuid(text: &[u8]) -> Option<Uuid> {
    if text.len() != UUID_LEN {
        return None;
    }
    Uuid::try_parse_ascii(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0198c1f2-0000-7000-8000-00000000000a";
    const B: &str = "0198c1f2-0000-7000-8000-00000000000b";
    const C: &str = "0198c1f2-0000-7000-8000-00000000000c";

    fn id(text: &str) -> Uuid {
        text.parse().unwrap()
    }

    fn place(file: &str, root: Option<&str>) -> Place {
        Place::of(Path::new(file), root.map(Path::new))
    }

    #[test]
    fn folder_and_stem() {
        let log = place(&format!("/logs/{A}/{B}.jsonl"), None);
        assert_eq!((log.session, log.segment, log.trace), (id(A), id(B), false));
        let trace = place(&format!("/logs/{A}/{B}.trace.jsonl"), None);
        assert_eq!(trace, Place { trace: true, ..log });
    }

    #[test]
    fn folders_above_the_parent_count_up_to_the_argument() {
        let file = format!("/{A}/{B}/deep/down/{C}.jsonl");
        assert_eq!(place(&file, None).session, id(C));
        assert_eq!(place(&file, Some(&format!("/{A}/{B}/deep"))).session, id(C));
        assert_eq!(place(&file, Some(&format!("/{A}/{B}"))).session, id(B));
        assert_eq!(place(&file, Some("/")).session, id(B));
        assert_eq!(
            place(&format!("/{A}/x-{B}/{C}.jsonl"), Some("/")).session,
            id(A)
        );
    }

    #[test]
    fn the_last_uuid_of_the_stem() {
        let both = place(&format!("/logs/rollout-2025-01-01-{A}_{B}.jsonl"), None);
        assert_eq!((both.session, both.segment), (id(B), id(B)));
        let upper = place(&format!("/logs/{}.jsonl", A.to_uppercase()), None);
        assert_eq!(upper.segment, id(A));
        let hash = place("/logs/0198c1f20000700080000000000000aa.jsonl", None);
        assert_eq!(hash.session.get_version_num(), 5);
    }

    #[test]
    fn only_a_folder() {
        let log = place(&format!("/{A}/main.jsonl"), None);
        assert_eq!(
            (log.session, log.segment),
            (id(A), Uuid::new_v5(&id(A), b"main"))
        );
        let trace = place(&format!("/{A}/main.trace.jsonl"), None);
        assert_eq!(trace, Place { trace: true, ..log });
    }

    #[test]
    fn neither_gives_fixed_ids() {
        let log = place("/logs/main.jsonl", Some("/logs"));
        assert_eq!(log.session, id("1f60df17-0cec-58c4-b2a5-bf46b272c543"));
        assert_eq!(log.segment, Uuid::new_v5(&log.session, b"segment"));
        assert_eq!(
            place("/logs/main.trace.jsonl", None),
            Place { trace: true, ..log }
        );
        assert_ne!(place("/logs/other.jsonl", None).session, log.session);
    }

    #[test]
    fn other_endings_are_logs_of_their_own() {
        for name in ["a.jsonl", "a.JSONL", "a.ndjson", "a.Trace.NdJson", ".jsonl"] {
            assert!(is_log_name(OsStr::new(name)), "{name}");
        }
        for name in ["a.json", "a.jsonl.gz", "ajsonl", "jsonl", ""] {
            assert!(!is_log_name(OsStr::new(name)), "{name}");
        }
        let [one, other] = ["/logs/a.jsonl", "/logs/a.ndjson"].map(|file| place(file, None));
        assert_ne!(one.session, other.session);
        let trace = place("/logs/a.trace.ndjson", None);
        assert_eq!(
            trace,
            Place {
                trace: true,
                ..other
            }
        );
        let upper = place(&format!("/logs/{A}.JSONL"), None);
        assert_eq!(upper, place(&format!("/logs/{A}.jsonl"), None));
    }

    #[test]
    fn odd_names() {
        assert!(place("/logs/.trace.jsonl", None).trace);
        assert!(!place("/logs/trace.jsonl", None).trace);
        assert_eq!(place(&format!("/logs/{A}"), None).segment, id(A));
    }
}
