//! Files that are no logs, whatever their names say: told by their first bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// How formats begin that no log begins like, what they are, and what helps.
const KNOWN: [(&[u8], &str); 8] = [
    (
        b"\x1f\x8b",
        "it is compressed with gzip; `gunzip` unpacks it",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "it is compressed with zstd; `zstd -d` unpacks it",
    ),
    (b"\xfd7zXZ\0", "it is compressed with xz; `unxz` unpacks it"),
    (b"BZh", "it is compressed with bzip2; `bunzip2` unpacks it"),
    (
        b"\x04\x22\x4d\x18",
        "it is compressed with lz4; `lz4 -d` unpacks it",
    ),
    (b"PK\x03\x04", "it is a zip file; `unzip` unpacks it"),
    (
        b"sessiondb\0",
        "it is an archive; `sessiondb merge` takes what is in it",
    ),
    (
        b"SQLite format 3\0",
        "it is an SQLite database; export what is in it as JSON lines",
    ),
];

/// What the file is if its first bytes show that it is no log, and what helps. Leaves the file at
/// another place.
pub(super) fn known(file: &File) -> io::Result<Option<&'static str>> {
    let mut file = file;
    let mut first = Vec::with_capacity(16);
    file.seek(SeekFrom::Start(0))?;
    file.take(16).read_to_end(&mut first)?;
    let known = KNOWN.iter().find(|(magic, _)| first.starts_with(magic));
    Ok(known.map(|(_, what)| *what))
}
