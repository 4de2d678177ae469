//! Where a value ends.

/// Past the blanks that begin at `from`.
pub(super) fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Past the blanks and commas that begin at `from`.
pub(super) fn skip_separators(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(b',' | b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Past the string whose first quote stands at `from`.
#[inline]
pub(super) fn skip_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    loop {
        at = find_quote_or_backslash(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(_) => at += 2,
            None => return bytes.len(),
        }
    }
}

/// Strings have an escape every few bytes where they hold source text: so eight bytes at once are
/// looked at here, which takes less time than the calls of a faster search.
#[inline]
pub(super) fn find_quote_or_backslash(bytes: &[u8], from: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Of the bytes that are zero, the first has its highest bit set, and none before it.
    let zeros = |word: u64| word.wrapping_sub(EACH) & !word & (EACH << 7);
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (EACH * 0x22)) | zeros(word ^ (EACH * 0x5c));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while !matches!(bytes.get(at), None | Some(b'"' | b'\\')) {
        at += 1;
    }
    at
}

/// Past the value that begins at `from`; `from` itself if none does.
pub(super) fn skip_value(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        None => bytes.len(),
        Some(b'"') => skip_string(bytes, from),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quote_that_is_not_escaped_ends_a_string() {
        let one_by_one = |bytes: &[u8]| {
            let mut at = 1;
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => return at + 1,
                    b'\\' => at += 2,
                    _ => at += 1,
                }
            }
            bytes.len()
        };
        let mut seed = 1_u64;
        for _ in 0..100_000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    b"\\\\\\\"ab\x01\xa2"[(seed >> 33) as usize % 8]
                })
                .collect();
            assert_eq!(skip_string(&bytes, 0), one_by_one(&bytes), "{bytes:?}");
        }
        let long = format!("\"{}\\\"\"x", "a".repeat(1_000));
        assert_eq!(skip_string(long.as_bytes(), 0), long.len() - 1);
    }
}
