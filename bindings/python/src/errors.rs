//! What can go wrong, as the exceptions of `sessiondb._errors`.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use sessiondb::{ErrorKind, StoreError};
use sessiondb_sdk::SdkError;
use uuid::Uuid;

/// Why a call did not do what it was asked to.
pub(crate) enum Fault {
    /// The library says why.
    Store(StoreError),
    /// The store of an SDK says why.
    Sdk(SdkError),
    /// The archive was closed by this program before.
    Closed(PathBuf),
    /// Python says why.
    Python(PyErr),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SdkError> for Fault {
    fn from(error: SdkError) -> Self {
        match error {
            SdkError::Store(error) => Self::Store(error),
            error => Self::Sdk(error),
        }
    }
}

impl From<PyErr> for Fault {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> Self {
        Python::attach(|py| match fault {
            Fault::Store(error) => of_store(py, &error),
            Fault::Sdk(error) => {
                let kind = kind_name(error.kind());
                make(py, kind, "Sdk", &error.to_string(), &PyDict::new(py))
            }
            Fault::Closed(path) => closed(py, &path),
            Fault::Python(error) => error,
        })
    }
}

/// What an error tells beside its message.
enum Field {
    Id(Uuid),
    OptionalId(Option<Uuid>),
    Number(u64),
    OptionalNumber(Option<u64>),
    Text(String),
    Path(PathBuf),
}

fn of_store(py: Python<'_>, error: &StoreError) -> PyErr {
    let fields = PyDict::new(py);
    let (variant, told) = told(error);
    for (name, field) in told {
        let set = match field {
            Field::Id(id) => fields.set_item(name, id),
            Field::OptionalId(id) => fields.set_item(name, id),
            Field::Number(number) => fields.set_item(name, number),
            Field::OptionalNumber(number) => fields.set_item(name, number),
            Field::Text(text) => fields.set_item(name, text),
            Field::Path(path) => fields.set_item(name, path),
        };
        if let Err(error) = set {
            return error;
        }
    }
    make(
        py,
        kind_name(error.kind()),
        variant,
        &error.to_string(),
        &fields,
    )
}

fn closed(py: Python<'_>, path: &std::path::Path) -> PyErr {
    let fields = PyDict::new(py);
    if let Err(error) = fields.set_item("path", path) {
        return error;
    }
    let message = format!("{}: this archive was closed; open it again", path.display());
    make(py, "unusable", "Closed", &message, &fields)
}

fn make(
    py: Python<'_>,
    kind: &str,
    variant: &str,
    message: &str,
    fields: &Bound<'_, PyDict>,
) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE
        .import(py, "sessiondb._errors", "make")
        .and_then(|make| make.call1((kind, variant, message, fields)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "not_found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Busy => "busy",
        ErrorKind::Invalid => "invalid",
        ErrorKind::DoesNotFit => "does_not_fit",
        ErrorKind::Incompatible => "incompatible",
        ErrorKind::ReadOnly => "read_only",
        ErrorKind::Damaged => "damaged",
        ErrorKind::OutcomeUnknown => "outcome_unknown",
        ErrorKind::Unusable => "unusable",
        _ => "io",
    }
}

/// The name of the variant, and what it holds.
fn told(error: &StoreError) -> (&'static str, Vec<(&'static str, Field)>) {
    use Field::{Id, Number, OptionalId, OptionalNumber, Path, Text};
    match error.clone() {
        StoreError::Io(cause) => {
            let code = cause
                .raw_os_error()
                .and_then(|code| u64::try_from(code).ok());
            ("Io", vec![("errno", OptionalNumber(code))])
        }
        StoreError::Serde(_) => ("Serde", vec![]),
        StoreError::NotFound(segment) => ("NotFound", vec![("segment", Id(segment))]),
        StoreError::SessionNotFound(session) => ("SessionNotFound", vec![("session", Id(session))]),
        StoreError::TurnNotFound {
            segment,
            turn,
            last,
        } => (
            "TurnNotFound",
            vec![
                ("segment", Id(segment)),
                ("turn", Number(turn)),
                ("last", Number(last)),
            ],
        ),
        StoreError::Corrupt { line, .. } => ("Corrupt", vec![("line", Number(line as u64))]),
        StoreError::DoesNotFit {
            session,
            segment,
            index,
            ..
        } => (
            "DoesNotFit",
            vec![
                ("session", Id(session)),
                ("segment", Id(segment)),
                ("index", Number(index)),
            ],
        ),
        StoreError::InvalidPodName(name) => ("InvalidName", vec![("name", Text(name))]),
        StoreError::Conflict {
            session,
            segment,
            expected,
            actual,
        } => (
            "Conflict",
            vec![
                ("session", Id(session)),
                ("segment", Id(segment)),
                ("expected", Number(expected)),
                ("actual", Number(actual)),
            ],
        ),
        StoreError::ConditionFailed {
            session,
            segment,
            expected,
            actual,
        } => (
            "ConditionFailed",
            vec![
                ("session", Id(session)),
                ("segment", OptionalId(segment)),
                ("condition", Text(expected.to_string())),
                ("found", Text(actual)),
            ],
        ),
        StoreError::SegmentExists { session, segment } => (
            "SegmentExists",
            vec![("session", Id(session)), ("segment", Id(segment))],
        ),
        StoreError::Busy { path, holder, .. } => (
            "Busy",
            vec![
                ("path", Path(path)),
                ("holder", OptionalNumber(holder.map(u64::from))),
            ],
        ),
        StoreError::NoLocks { path, .. } => ("NoLocks", vec![("path", Path(path))]),
        StoreError::Forked { path, parent } => (
            "Forked",
            vec![("path", Path(path)), ("parent", Number(parent.into()))],
        ),
        StoreError::Displaced { path, .. } => ("Displaced", vec![("path", Path(path))]),
        StoreError::Poisoned { path, .. } => ("Poisoned", vec![("path", Path(path))]),
        StoreError::OutcomeUnknown { path, .. } => ("OutcomeUnknown", vec![("path", Path(path))]),
        StoreError::ReadOnly { path, .. } => ("ReadOnly", vec![("path", Path(path))]),
        StoreError::NotAnArchive { path, .. } => ("NotAnArchive", vec![("path", Path(path))]),
        StoreError::UnsupportedVersion {
            path,
            found,
            supported,
        } => (
            "UnsupportedVersion",
            vec![
                ("path", Path(path)),
                ("found", Number(found.into())),
                ("supported", Number(supported.into())),
            ],
        ),
        StoreError::UnsupportedFeature { path, .. } => {
            ("UnsupportedFeature", vec![("path", Path(path))])
        }
        StoreError::BranchPastEnd {
            session,
            segment,
            len,
            actual,
        } => (
            "BranchPastEnd",
            vec![
                ("session", Id(session)),
                ("segment", Id(segment)),
                ("len", Number(len)),
                ("actual", Number(actual)),
            ],
        ),
        StoreError::ErasePastEnd {
            session,
            segment,
            end,
            actual,
        } => (
            "ErasePastEnd",
            vec![
                ("session", Id(session)),
                ("segment", Id(segment)),
                ("end", Number(end)),
                ("actual", Number(actual)),
            ],
        ),
        StoreError::TooLarge {
            len_bytes,
            limit_bytes,
            ..
        } => (
            "TooLarge",
            vec![
                ("len_bytes", Number(len_bytes)),
                ("limit_bytes", Number(limit_bytes)),
            ],
        ),
        StoreError::InvalidEntry {
            session,
            segment,
            position,
            ..
        } => (
            "InvalidEntry",
            vec![
                ("session", Id(session)),
                ("segment", Id(segment)),
                ("position", Number(position as u64)),
            ],
        ),
        StoreError::Damaged { path, place, .. } => (
            "Damaged",
            vec![("path", Path(path)), ("place", Text(place))],
        ),
        _ => ("Other", vec![]),
    }
}
