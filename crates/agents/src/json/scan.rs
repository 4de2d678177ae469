//! One pass over a text, 64 bytes at a time and with few branches: whether it is one JSON value, and where
//! its strings and its brackets stand. What is read of it afterwards steps from one to the next.
//!
//! Logs are full of escapes, so that one who looks for the next quote byte by byte turns off every few
//! bytes. Here a bit stands for a byte, and all questions are asked of 64 of them.

use wide::u8x16;

use super::grammar::Grammar;

const LANES: usize = 16;
const BLOCK: usize = 64;

/// Where things stand in a text, a bit a byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// The quotes that begin and end strings.
    quotes: Vec<u64>,
    /// The brackets outside strings.
    brackets: Vec<u64>,
}

/// What the bytes of a block are, a bit a byte.
#[derive(Default)]
struct Classes {
    quotes: u64,
    backslashes: u64,
    /// The two letters that most escapes are of.
    letters: u64,
    /// What may stand in no string.
    controls: u64,
    brackets: u64,
    /// Colons and commas.
    separators: u64,
    spaces: u64,
}

/// What the blocks before say of the next one.
#[derive(Default)]
struct Carried {
    /// 1 if a backslash at the end escapes the first byte.
    escape: u64,
    /// All ones within a string.
    string: u64,
    /// 1 if a number or a word may go on.
    scalar: u64,
}

impl Index {
    /// Looks through the text. Returns whether it is one JSON value; if it says no, it may be one all the
    /// same, which is nested deeper than is usual.
    pub(crate) fn scan(&mut self, text: &str) -> bool {
        self.quotes.clear();
        self.brackets.clear();
        let mut grammar = Grammar::default();
        let mut carried = Carried::default();
        let bytes = text.as_bytes();
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (number, block) in blocks.iter().enumerate() {
            let from = number * BLOCK;
            if !self.block(block, from, bytes, &mut carried, &mut grammar) {
                return false;
            }
        }
        let mut last = [b' '; BLOCK];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        let from = blocks.len() * BLOCK;
        self.block(&last, from, bytes, &mut carried, &mut grammar)
            && carried.string == 0
            && grammar.is_complete()
    }

    /// Looks through the block that begins at `from`. Returns whether all is as it must be.
    #[inline]
    fn block(
        &mut self,
        block: &[u8; BLOCK],
        from: usize,
        bytes: &[u8],
        carried: &mut Carried,
        grammar: &mut Grammar,
    ) -> bool {
        let classes = Classes::of(block);
        let escaped = escaped(classes.backslashes, &mut carried.escape);
        let quotes = classes.quotes & !escaped;
        // From an opening quote up to before the closing one.
        let inside = up_to_the_next(quotes) ^ carried.string;
        carried.string = 0_u64.wrapping_sub(inside >> 63);
        let structure = (classes.brackets | classes.separators) & !inside;
        let blanks = classes.spaces | classes.controls;
        let scalars = !(structure | blanks | quotes | inside);
        let begun = scalars & !(scalars << 1 | carried.scalar);
        carried.scalar = scalars >> 63;
        self.quotes.push(quotes);
        self.brackets.push(classes.brackets & !inside);
        let unusual = escaped & !(classes.quotes | classes.backslashes | classes.letters);
        (classes.controls == 0 || are_blanks(classes.controls, inside, block))
            && (unusual == 0 || are_escapes(unusual, from, bytes))
            && grammar.go_on(structure | quotes & inside | begun, from, bytes)
    }

    /// Past the string whose first quote stands at `from`; `None` where it does not end.
    #[inline]
    pub(super) fn string_end(&self, from: usize) -> Option<usize> {
        next_bit(&self.quotes, from + 1).map(|at| at + 1)
    }

    /// Past the object or array whose first bracket stands at `from`; `None` where it does not end.
    pub(super) fn nested_end(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let (mut depth, mut at) = (0_usize, from);
        loop {
            at = next_bit(&self.brackets, at)?;
            if let Some(b'{' | b'[') = bytes.get(at) {
                depth += 1;
            } else {
                depth -= 1;
            }
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
}

impl Classes {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut classes = Self::default();
        for (shift, lane) in lanes(block) {
            let is = |byte| lane.simd_eq(u8x16::splat(byte));
            let bits = |found: u8x16| u64::from(found.to_bitmask()) << shift;
            // Brackets of both kinds differ in that bit.
            let folded = lane | u8x16::splat(0x20);
            let is_bracket = |byte| folded.simd_eq(u8x16::splat(byte));
            let last_control = u8x16::splat(0x1f);
            classes.quotes |= bits(is(b'"'));
            classes.backslashes |= bits(is(b'\\'));
            classes.controls |= bits(lane.max(last_control).simd_eq(last_control));
            classes.brackets |= bits(is_bracket(b'{') | is_bracket(b'}'));
            classes.separators |= bits(is(b':') | is(b','));
            classes.spaces |= bits(is(b' '));
            classes.letters |= bits(is(b'n') | is(b't'));
        }
        classes
    }
}

/// The parts of a block that are looked at together, and where in it they stand.
#[inline]
fn lanes(block: &[u8; BLOCK]) -> impl Iterator<Item = (usize, u8x16)> {
    let (lanes, _) = block.as_chunks::<LANES>();
    let lanes = lanes.iter().map(|lane| u8x16::new(*lane));
    (0..).step_by(LANES).zip(lanes)
}

/// Which bytes a backslash stands before that is none of an escape itself. `carry` is 1 if one at the end of
/// the block before is of the first byte, and then of the next block.
#[inline]
fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    if backslashes == 0 {
        return std::mem::take(carry);
    }
    // A row of backslashes is taken as a number, of which a subtraction changes all bits at once: what is
    // at odd places then are escapes, or what they escape, whichever the row began with.
    let begun = backslashes & !*carry;
    let both = ((begun << 1) | ODD).wrapping_sub(begun) ^ ODD;
    let escaped = both ^ (backslashes | *carry);
    *carry = (both & backslashes) >> 63;
    escaped
}

/// Bits from each that is set up to before the next that is set.
#[inline]
fn up_to_the_next(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Whether all control characters are blanks, and none is in a string.
#[cold]
fn are_blanks(controls: u64, inside: u64, block: &[u8; BLOCK]) -> bool {
    let is_blank = |bit| matches!(block.get(bit), Some(b'\t' | b'\n' | b'\r'));
    controls & inside == 0 && each_bit(controls).all(is_blank)
}

/// Whether the bytes behind backslashes make escapes of JSON.
fn are_escapes(escaped: u64, from: usize, bytes: &[u8]) -> bool {
    each_bit(escaped).all(|bit| match bytes.get(from + bit) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
        Some(b'u') => is_four_digits(bytes, from + bit + 1),
        _ => false,
    })
}

fn is_four_digits(bytes: &[u8], from: usize) -> bool {
    let digits = bytes.get(from..).and_then(<[u8]>::first_chunk::<4>);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// The places of the bits that are set.
#[inline]
pub(super) fn each_bit(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros() as usize;
        let found = (bits != 0).then_some(bit);
        bits &= bits.wrapping_sub(1);
        found
    })
}

/// The first bit at `from` or behind that is set.
#[inline]
fn next_bit(bits: &[u64], from: usize) -> Option<usize> {
    let mut number = from / BLOCK;
    let mut word = bits.get(number)? & (u64::MAX << (from % BLOCK));
    while word == 0 {
        number += 1;
        word = *bits.get(number)?;
    }
    Some(number * BLOCK + word.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::super::Text;
    use super::super::skip::{skip_string, skip_value};
    use super::*;

    /// Says what `serde_json` says, and finds the ends that a look at each byte finds.
    fn agrees(text: &str) {
        let mut index = Index::default();
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        let depth = text
            .bytes()
            .filter(|byte| matches!(byte, b'{' | b'['))
            .count();
        let scanned = index.scan(text);
        assert!(scanned == is_json || (is_json && depth > 64), "{text:?}");
        if !scanned {
            return;
        }
        let (bytes, found) = (text.as_bytes(), Text::scanned(text, &index));
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    assert_eq!(
                        found.skip_string(at),
                        skip_string(bytes, at),
                        "{text:?} {at}"
                    );
                    at = skip_string(bytes, at);
                    continue;
                }
                b'{' | b'[' => {
                    assert_eq!(found.skip_value(at), skip_value(bytes, at), "{text:?} {at}");
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("\\".to_owned()),
            Just("\"".to_owned()),
            "[a-zé\u{2028} /]{0,70}",
            "\\\\[\"\\\\/bfnrtua]",
            "\\\\u[0-9a-fA-FdD]{4}",
            "\\\\ud[89a-f][0-9a-f]{2}",
            "[\u{0}-\u{1f}]",
        ];
        // Most are what they are to be.
        prop_oneof![
            9 => "[^\"\\\\\u{0}-\u{1f}]{0,80}(\\\\[\"\\\\/bfnrt]){0,3}".prop_map(|inside| format!("\"{inside}\"")),
            1 => prop::collection::vec(part, 0..6).prop_map(|parts| format!("\"{}\"", parts.concat())),
        ]
    }

    fn scalar() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?",
            "[-+.eE0-9]{1,6}",
            "true|false|null|tru|nullx|True|NaN|\u{feff}1|1\"",
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        let blank = "[ \t\r\n]{0,2}";
        let leaf =
            prop_oneof![6 => text(), 3 => "-?[1-9][0-9]{0,3}|true|false|null", 1 => scalar()];
        leaf.prop_recursive(6, 60, 6, move |inner| {
            let list = prop::collection::vec((blank, inner.clone(), blank), 0..6);
            let list = list.prop_map(|parts| {
                let parts: Vec<_> = parts.into_iter().map(|(a, b, c)| a + &b + &c).collect();
                format!("[{}]", parts.join(","))
            });
            let members = prop::collection::vec((blank, text(), blank, inner), 0..6);
            let members = members.prop_map(|parts| {
                let parts = parts.into_iter().map(|(a, b, c, d)| a + &b + &c + ":" + &d);
                format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
            });
            prop_oneof![list, members]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn what_is_made_by_the_rules_is_told_as_serde_json_tells_it(text in value()) {
            agrees(&text);
        }

        #[test]
        fn so_is_what_has_a_byte_too_many_or_too_few(
            text in value(),
            at in any::<prop::sample::Index>(),
            other in "[\\[\\]{}:,\"\\\\ 0-9a-fnrtu\\-.eE\u{1}\u{7f}é]{0,2}",
        ) {
            let places: Vec<_> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let from = places[at.index(places.len())];
            let to = places.iter().copied().find(|at| *at > from).unwrap_or(text.len());
            agrees(&format!("{}{other}{}", &text[..from], &text[from..]));
            agrees(&format!("{}{other}{}", &text[..from], &text[to..]));
            agrees(&text[..from]);
        }

        #[test]
        fn so_is_anything_of_the_bytes_that_matter(text in "[\\[\\]{}:,\"\\\\ 01tfnu\u{1}é]{0,12}") {
            agrees(&text);
        }
    }

    #[test]
    fn what_lies_across_blocks_is_found() {
        for before in 0..130 {
            for inside in [
                r"\\", r#"\""#, r"\u00e9", r"\ud83d", r"\u12", r"\\\", "\u{1}", "é", "\u{7f}",
                r"\x",
            ] {
                let blanks = " ".repeat(before);
                agrees(&format!(
                    "{{\"a\":\"{blanks}{inside}\",\"b\":[{blanks}1,-2.5e3]}}"
                ));
                agrees(&format!("{blanks}\"{inside}"));
                agrees(&format!(
                    "[\"{}{inside}{}\"]",
                    "\\\\".repeat(before),
                    "\\\\".repeat(9)
                ));
            }
        }
    }

    #[test]
    fn what_is_nested_deep_is_left_to_others() {
        for depth in [63, 64, 65, 1_000] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(Index::default().scan(&text), depth <= 64, "{depth}");
            agrees(&text);
        }
    }
}
