//! How the command ends: exit codes, and errors that carry one.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Style};
use sessiondb::StoreError;

use crate::output;

/// The exit codes, as `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Other = 1,
    Usage = 2,
    NotFound = 3,
    Damaged = 5,
    NotAnArchive = 6,
    Busy = 7,
    InPart = 8,
    Untold = 9,
}

/// Why the command ends early or not well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads standard output any more. That is no error.
    PipeClosed,
    /// The user has answered no. Nothing was done and nothing is left to say.
    Declined,
    /// An error, told as `sessiondb: message`.
    Failed { code: Code, message: String },
}

const ERROR: Style = AnsiColor::Red.on_default().bold();

impl Failure {
    pub(crate) fn new(code: Code, message: impl Display) -> Self {
        Self::Failed {
            code,
            message: message.to_string(),
        }
    }

    /// The same failure after something was done all the same, which it then says.
    pub(crate) fn after(self, done: impl Display) -> Self {
        match self {
            Self::Failed { code, message } => Self::new(code, format_args!("{message}; {done}")),
            other => other,
        }
    }

    /// The failure as one of several: its code and its message, if it has any.
    pub(crate) fn into_parts(self) -> (Code, String) {
        match self {
            Self::Failed { code, message } => (code, message),
            Self::PipeClosed | Self::Declined => (Code::Other, String::new()),
        }
    }

    /// Tells the user, and gives the exit code of the process.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::PipeClosed => ExitCode::SUCCESS,
            Self::Declined => ExitCode::from(Code::Other as u8),
            Self::Failed { code, message } => {
                output::tell(ERROR, "sessiondb:", format_args!(" {message}\n"));
                ExitCode::from(*code as u8)
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = code_of(&error);
        if code == Code::Damaged {
            let message = format_args!(
                "{error}; `sessiondb recover` writes what can be read into a new archive"
            );
            return Self::new(code, message);
        }
        Self::new(code, error)
    }
}

/// For writes to standard output: all other I/O of the command is the library's.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::new(Code::Other, format_args!("standard output: {error}")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

fn code_of(error: &StoreError) -> Code {
    match error {
        StoreError::NotFound(_) | StoreError::SessionNotFound(_) => Code::NotFound,
        StoreError::Io(cause) if cause.kind() == io::ErrorKind::NotFound => Code::NotFound,
        StoreError::Io(cause) if cause.kind() == io::ErrorKind::IsADirectory => Code::NotAnArchive,
        StoreError::Damaged { .. } => Code::Damaged,
        StoreError::NotAnArchive { .. }
        | StoreError::UnsupportedVersion { .. }
        | StoreError::UnsupportedFeature { .. } => Code::NotAnArchive,
        StoreError::Busy { .. } => Code::Busy,
        _ => Code::Other,
    }
}

/// How a command ends that has printed what it found, and what it comes to. Nobody has to read it;
/// that it could not be printed is an error beside the other.
pub(crate) fn found(
    printed: Result<(), Failure>,
    outcome: Result<(), Failure>,
) -> Result<(), Failure> {
    match (printed, outcome) {
        (Ok(()) | Err(Failure::PipeClosed), outcome) => outcome,
        (printed, Ok(())) => printed,
        (Err(Failure::Failed { message, .. }), Err(failure)) => Err(failure.after(message)),
        (Err(_), failed) => failed,
    }
}

/// How a command ends that has changed something: as [`found`], and if its result could not be
/// printed, the error says what is done.
pub(crate) fn done(
    printed: Result<(), Failure>,
    what: impl Display,
    outcome: Result<(), Failure>,
) -> Result<(), Failure> {
    let printed = printed.map_err(|failure| match failure {
        Failure::Failed { message, .. } => {
            let code = Code::Untold;
            Failure::new(
                code,
                format_args!("{message}; this is done all the same: {what}"),
            )
        }
        other => other,
    });
    found(printed, outcome)
}
