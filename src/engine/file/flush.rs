//! Putting on the disk what was written to a file.

use std::fs::File;
use std::io;

/// Waits until all that was written to the file is on the disk. On Windows the file must have been opened for
/// writing.
#[cfg(not(target_os = "macos"))]
pub(crate) fn flush(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// The same. The standard library has the drive flush its cache (`F_FULLFSYNC`), which some file systems, as those
/// of servers, refuse: there `fsync` has to do, which hands the bytes to the drive, or to the server.
#[cfg(target_os = "macos")]
pub(crate) fn flush(file: &File) -> io::Result<()> {
    use rustix::io::Errno;

    const REFUSALS: [Errno; 3] = [Errno::NOTSUP, Errno::INVAL, Errno::NOTTY];
    let is_refusal = |err: &io::Error| {
        let said = Errno::from_io_error(err);
        said.is_some_and(|said| REFUSALS.contains(&said))
    };
    match file.sync_all() {
        Err(err) if is_refusal(&err) => Ok(rustix::fs::fsync(file)?),
        done => done,
    }
}
