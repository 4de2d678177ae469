//! Requests to a remote, made on this thread.

use std::future::Future;

use sessiondb_remote::RemoteError;

/// Makes the requests of a call, and waits for what comes of them.
pub(crate) fn wait<T>(
    call: impl Future<Output = Result<T, RemoteError>>,
) -> Result<T, RemoteError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(call)
}
