//! What a string says.

use std::borrow::Cow;

/// What stands before the closing quote, which is missing where the text was torn.
pub(super) fn without_quote(inside: &str) -> &str {
    let Some(rest) = inside.strip_suffix('"') else {
        return inside;
    };
    let backslashes = rest.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 0 { rest } else { inside }
}

/// At most `chars` characters of it, with its escapes resolved.
pub(super) fn decode(inside: &str, chars: usize) -> Cow<'_, str> {
    let plain = memchr::memchr(b'\\', inside.as_bytes()).unwrap_or(inside.len());
    let (head, mut rest) = inside.split_at_checked(plain).unwrap_or((inside, ""));
    let (head, mut left) = first_chars(head, chars);
    if left == 0 || rest.is_empty() {
        return Cow::Borrowed(head);
    }
    let mut text = String::with_capacity(inside.len().min(chars));
    text.push_str(head);
    while left > 0 && !rest.is_empty() {
        if let Some(escape) = rest.strip_prefix('\\') {
            let (decoded, after) = unescape(escape);
            text.extend(decoded);
            rest = after;
            left -= 1;
        } else {
            let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
            let (head, after) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            let (head, still) = first_chars(head, left);
            text.push_str(head);
            rest = after;
            left = still;
        }
    }
    Cow::Owned(text)
}

/// The beginning of `text`, and how many characters may still follow.
fn first_chars(text: &str, chars: usize) -> (&str, usize) {
    if chars == usize::MAX {
        return (text, chars);
    }
    let mut left = chars;
    for (at, _) in text.char_indices() {
        if left == 0 {
            return (text.get(..at).unwrap_or(text), 0);
        }
        left -= 1;
    }
    (text, left)
}

/// The character of an escape, and what follows; `escape` begins behind the backslash.
fn unescape(escape: &str) -> (Option<char>, &str) {
    let mut chars = escape.chars();
    let decoded = match chars.next() {
        Some('n') => Some('\n'),
        Some('t') => Some('\t'),
        Some('r') => Some('\r'),
        Some('b') => Some('\u{8}'),
        Some('f') => Some('\u{c}'),
        Some('u') => return unescape_unicode(chars.as_str()),
        other => other,
    };
    (decoded, chars.as_str())
}

fn unescape_unicode(digits: &str) -> (Option<char>, &str) {
    let Some((unit, rest)) = unit(digits) else {
        return (
            Some(char::REPLACEMENT_CHARACTER),
            digits.trim_start_matches(|c: char| c.is_ascii_hexdigit()),
        );
    };
    if (0xd800..0xdc00).contains(&unit)
        && let Some((low, after)) = rest.strip_prefix("\\u").and_then(self::unit)
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return (char::from_u32(code), after);
    }
    (
        Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)),
        rest,
    )
}

/// The four digits of a unit of UTF-16, and what follows.
fn unit(digits: &str) -> Option<(u32, &str)> {
    let (unit, rest) = digits.split_at_checked(4)?;
    if !unit.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(unit, 16).ok()?, rest))
}
