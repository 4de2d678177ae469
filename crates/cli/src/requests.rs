//! Requests to a remote, made on this thread.

use std::future::Future;
use std::io;
use std::sync::OnceLock;

use sessiondb_remote::RemoteError;
use tokio::runtime::{Builder, Runtime};

/// Makes the requests of a call, and waits for what comes of them.
pub(crate) fn wait<T>(
    call: impl Future<Output = Result<T, RemoteError>>,
) -> Result<T, RemoteError> {
    runtime()?.block_on(call)
}

/// One for all calls, since the connections of a store go with it.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_current_thread().enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| made))
}
