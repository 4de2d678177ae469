//! Errors on their way to JavaScript: a code, words, and what the error knows besides.

use napi::Status;
use serde_json::{Map, Value, json};
use sessiondb::{ErrorKind, StoreError};
use sessiondb_sdk::SdkError;

/// Why a call did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library said so.
    Store(StoreError),
    /// The store of an SDK said so.
    Sdk(SdkError),
    /// What was handed over cannot be.
    Invalid(String),
    /// The archive, or what came from it, was closed before the call was made.
    Closed,
    /// It was called off before it began.
    Aborted,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SdkError> for Failure {
    fn from(error: SdkError) -> Self {
        match error {
            SdkError::Store(error) => Self::Store(error),
            other => Self::Sdk(other),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid(format!("JSON: {error}"))
    }
}

/// The reason is JSON, of which the package makes its `SessiondbError`: an error of napi has a text alone.
impl From<Failure> for napi::Error {
    fn from(failure: Failure) -> Self {
        let (code, message, details) = match &failure {
            Failure::Store(error) => (code(error.kind()), error.to_string(), details(error)),
            Failure::Sdk(error) => (code(error.kind()), error.to_string(), Map::new()),
            Failure::Invalid(message) => ("INVALID", message.clone(), Map::new()),
            Failure::Closed => (
                "UNUSABLE",
                "the call was not made: the archive, or what came from it, is closed; open it again"
                    .to_owned(),
                Map::new(),
            ),
            Failure::Aborted => ("ABORTED", "called off before it began".to_owned(), Map::new()),
        };
        let reason = json!({"code": code, "message": message, "details": details});
        Self::new(Status::GenericFailure, reason.to_string())
    }
}

/// The name of a kind of error.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::Conflict => "CONFLICT",
        ErrorKind::Busy => "BUSY",
        ErrorKind::Invalid => "INVALID",
        ErrorKind::DoesNotFit => "DOES_NOT_FIT",
        ErrorKind::Incompatible => "INCOMPATIBLE",
        ErrorKind::ReadOnly => "READ_ONLY",
        ErrorKind::Damaged => "DAMAGED",
        ErrorKind::OutcomeUnknown => "OUTCOME_UNKNOWN",
        ErrorKind::Unusable => "UNUSABLE",
        // The kinds may grow; what is not known here is at least no wrong name.
        _ => "IO",
    }
}

/// What a program can act on beside the code.
fn details(error: &StoreError) -> Map<String, Value> {
    let fields = match error {
        StoreError::Conflict {
            session,
            segment,
            expected,
            actual,
        } => {
            json!({"session": session, "segment": segment, "expected": expected, "actual": actual})
        }
        StoreError::ConditionFailed {
            session,
            segment,
            expected,
            actual,
        } => {
            json!({"session": session, "segment": segment, "expected": expected.to_string(), "actual": actual})
        }
        StoreError::NotFound(segment) => json!({"segment": segment}),
        StoreError::SessionNotFound(session) => json!({"session": session}),
        StoreError::SegmentExists { session, segment } => {
            json!({"session": session, "segment": segment})
        }
        StoreError::InvalidEntry {
            session,
            segment,
            position,
            ..
        } => json!({"session": session, "segment": segment, "position": position}),
        StoreError::Busy {
            path,
            holder,
            waited,
        } => json!({
            "path": path, "holder": holder, "waitedMs": u64::try_from(waited.as_millis()).unwrap_or(u64::MAX)
        }),
        StoreError::Damaged { path, place, .. } => json!({"path": path, "place": place}),
        StoreError::OutcomeUnknown { path, .. }
        | StoreError::Poisoned { path, .. }
        | StoreError::Displaced { path, .. }
        | StoreError::ReadOnly { path, .. }
        | StoreError::NotAnArchive { path, .. }
        | StoreError::NoLocks { path, .. }
        | StoreError::UnsupportedFeature { path, .. } => json!({"path": path}),
        StoreError::UnsupportedVersion {
            path,
            found,
            supported,
        } => json!({"path": path, "found": found, "supported": supported}),
        StoreError::TooLarge {
            len_bytes,
            limit_bytes,
            ..
        } => json!({"lenBytes": len_bytes, "limitBytes": limit_bytes}),
        _ => return Map::new(),
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
