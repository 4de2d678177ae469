//! The lines of a file, without a byte order mark before the first.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

const BUFFER_BYTES: usize = 256 << 10;
/// Enough for most first lines.
const FIRST_BYTES: usize = 4 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Calls `take` with each line that is not blank, without its line end, and whether it has one.
pub(crate) fn each(file: &File, mut take: impl FnMut(&[u8], bool)) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(2 * BUFFER_BYTES);
    let mut is_first = true;
    let mut one = |line: &[u8], terminated: bool| {
        let marked = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_first);
        is_first = false;
        let line = marked.unwrap_or(line);
        if !line.trim_ascii().is_empty() {
            take(line, terminated);
        }
    };
    loop {
        let before = buffer.len();
        let mut next = file.take(BUFFER_BYTES as u64);
        next.read_to_end(&mut buffer)?;
        if buffer.len() == before {
            one(&buffer, false);
            return Ok(());
        }
        // What was there before has no line end.
        let (mut start, new) = (0, buffer.get(before..).unwrap_or_default());
        for end in memchr::memchr_iter(b'\n', new).map(|at| before + at) {
            one(buffer.get(start..end).unwrap_or_default(), true);
            start = end + 1;
        }
        buffer.drain(..start);
    }
}

/// The first line that is not blank, without its line end, as far as it lies in the first
/// `most_bytes` behind a mark. The file stands at its beginning afterwards.
pub(crate) fn first(file: &File, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let most = most_bytes.saturating_add(BYTE_ORDER_MARK.len() as u64);
    let mut reader = BufReader::with_capacity(FIRST_BYTES, file.take(most));
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 && line.trim_ascii().is_empty() {
        line.clear();
    }
    file.seek(SeekFrom::Start(0))?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.starts_with(BYTE_ORDER_MARK) {
        line.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(line)
}
