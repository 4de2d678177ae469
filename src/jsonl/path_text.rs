//! Paths in reports.

use std::path::Path;

use serde::Serializer;

/// Writes a path as text: a report on a file whose name is not UTF-8 is better than none.
pub(super) fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
