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
#[derive(IntoPyObject)]
enum Field {
    Id(Option<Uuid>),
    Number(Option<u64>),
    Text(String),
    Path(PathBuf),
}

macro_rules! fields_of {
    ($($kind:ty, $given:ident => $field:expr;)*) => {$(
        impl From<$kind> for Field {
            fn from($given: $kind) -> Self {
                $field
            }
        }
    )*};
}

fields_of! {
    Uuid, id => Self::Id(Some(id));
    Option<Uuid>, id => Self::Id(id);
    u64, number => Self::Number(Some(number));
    u32, number => Self::Number(Some(number.into()));
    usize, number => Self::Number(Some(number as u64));
    Option<u32>, number => Self::Number(number.map(u64::from));
    String, text => Self::Text(text);
    PathBuf, path => Self::Path(path);
}

fn of_store(py: Python<'_>, error: &StoreError) -> PyErr {
    let fields = PyDict::new(py);
    let (variant, told) = told(error);
    for (name, field) in told {
        if let Err(error) = fields.set_item(name, field) {
            return error;
        }
    }
    let kind = kind_name(error.kind());
    make(py, kind, variant, &error.to_string(), &fields)
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

/// The name of a variant, and what it holds.
type Told = (&'static str, Vec<(&'static str, Field)>);

macro_rules! told {
    ($error:expr, $($variant:ident { $($field:ident),* })*) => {
        match $error {
            $(StoreError::$variant { $($field,)* .. } => {
                (stringify!($variant), vec![$((stringify!($field), Field::from($field))),*])
            })*
            error => otherwise(&error),
        }
    };
}

fn told(error: &StoreError) -> Told {
    told!(error.clone(),
        TurnNotFound { segment, turn, last }
        Corrupt { line }
        DoesNotFit { session, segment, index }
        Conflict { session, segment, expected, actual }
        SegmentExists { session, segment }
        Busy { path, holder }
        NoLocks { path }
        Forked { path, parent }
        Displaced { path }
        Poisoned { path }
        OutcomeUnknown { path }
        ReadOnly { path }
        NotAnArchive { path }
        UnsupportedVersion { path, found, supported }
        UnsupportedFeature { path }
        BranchPastEnd { session, segment, len, actual }
        ErasePastEnd { session, segment, end, actual }
        TooLarge { len_bytes, limit_bytes }
        InvalidEntry { session, segment, position }
        Damaged { path, place }
    )
}

/// Those whose fields have no names, or other ones than in Python.
fn otherwise(error: &StoreError) -> Told {
    match error.clone() {
        StoreError::Io(cause) => {
            let code = cause.raw_os_error();
            let code = code.and_then(|code| u32::try_from(code).ok());
            ("Io", vec![("errno", code.into())])
        }
        StoreError::Serde(_) => ("Serde", vec![]),
        StoreError::NotFound(segment) => ("NotFound", vec![("segment", segment.into())]),
        StoreError::SessionNotFound(session) => {
            ("SessionNotFound", vec![("session", session.into())])
        }
        StoreError::InvalidPodName(name) => ("InvalidName", vec![("name", name.into())]),
        StoreError::ConditionFailed {
            session,
            segment,
            expected,
            actual,
        } => (
            "ConditionFailed",
            vec![
                ("session", session.into()),
                ("segment", segment.into()),
                ("condition", expected.to_string().into()),
                ("found", actual.into()),
            ],
        ),
        _ => ("Other", vec![]),
    }
}
