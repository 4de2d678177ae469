//! What can go wrong: always which object, and why. Never a credential.

use sessiondb::StoreError;

/// Why a call on a remote failed.
///
/// ```
/// use sessiondb_remote::{Remote, RemoteError};
///
/// let error = Remote::open("ftp://host/folder").unwrap_err();
/// assert!(matches!(error, RemoteError::Url { .. }));
/// assert!(error.to_string().starts_with("ftp://host/folder: "));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The URL names no store that can be opened.
    #[error("{url}: {cause}")]
    Url {
        /// The URL without user, password and query.
        url: String,
        /// What is wrong, and what to do.
        cause: String,
    },
    /// The object is not there.
    #[error("{at}: the object is not there; `remote check` tells what else is missing")]
    Missing {
        /// Remote and key.
        at: String,
    },
    /// The store refused, or could not be reached.
    #[error("{at}: {cause}")]
    Refused {
        /// Remote and key.
        at: String,
        /// What the store says.
        cause: String,
    },
    /// The object is not what was written.
    #[error("{at}: damaged: {cause}; `remote check` tells what else is")]
    Damaged {
        /// Remote and key.
        at: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A push took so long that a `gc` may have deleted what it began with.
    #[error(
        "{at}: the push took longer than half a day; push again, which goes on with what is there"
    )]
    TooSlow {
        /// The remote.
        at: String,
    },
    /// Objects kept going away while they were read.
    #[error("{at}: others change it faster than it can be read; pull again")]
    Unsteady {
        /// The remote.
        at: String,
    },
    /// The archive refused.
    #[error(transparent)]
    Archive(#[from] StoreError),
    /// A record that cannot be written or read as JSON.
    #[error("a record of the archive: {0}")]
    Record(#[from] serde_json::Error),
    /// The system refused to compress, or to make a temporary file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What a store says, without what may carry a credential: the query of a signed URL.
pub(crate) fn harmless(cause: &dyn std::error::Error) -> String {
    let text = cause.to_string();
    let mut out = String::with_capacity(text.len());
    let mut in_query = false;
    for char in text.chars() {
        let ends = char.is_whitespace() || matches!(char, '"' | '\'' | ')' | '>' | '<');
        in_query = (in_query && !ends) || char == '?';
        if char == '?' {
            out.push_str("?...");
        } else if !in_query {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_urls_are_not_told() {
        let error = std::io::Error::other(r#"GET "https://a/b?sig=secret&x=1" failed (503)"#);
        assert_eq!(harmless(&error), r#"GET "https://a/b?..." failed (503)"#);
    }
}
