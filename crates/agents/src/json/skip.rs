//! Where a value ends.

/// Past the blanks that begin at `from`.
pub(super) fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Past the string whose first quote stands at `from`.
pub(super) fn skip_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
            return bytes.len();
        };
        if rest.get(found) == Some(&b'"') {
            return at + found + 1;
        }
        at += found + 2;
    }
}

/// Past the value that begins at `from`; `from` itself if none does.
pub(super) fn skip_value(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        None => bytes.len(),
        Some(b'"') => skip_string(bytes, from).min(bytes.len()),
        Some(b'{' | b'[') => skip_nested(bytes, from),
        Some(_) => {
            let ends =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':' | b'"') || *byte <= b' ';
            let rest = bytes.get(from..).unwrap_or_default();
            from + rest.iter().position(ends).unwrap_or(rest.len())
        }
    }
}

fn skip_nested(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = skip_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}
