//! An archive for programs with an event loop, which no call may block (feature `tokio`).
//!
//! Each call is handed to a small pool of threads and gives a [`Reply`] to wait for. What concerns one log
//! is done in the order in which it was called; nothing has to be awaited for that. Only channels of tokio
//! are used, so that any executor will do.

mod archive;
mod log;
mod pool;
mod reply;
mod stream;

pub use self::archive::AsyncArchive;
pub use self::log::AsyncLog;
pub use self::reply::Reply;
pub use self::stream::ChangeStream;
