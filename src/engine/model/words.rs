//! The words of JSON entries as people read them, each as a hash. Pure, no I/O.
//!
//! Filters on the disk are made of these hashes, so none of this may change: `docs/format.md` has it in words.

use std::ops::Range;

use crate::engine::model::letters::folded;

/// The longest word that counts, in bytes.
const MAX_WORD_BYTES: usize = 32;
/// A word with as many digits is a number or an id.
const ID_DIGITS: u32 = 5;
/// From this length on, one digit makes a word an id.
const ID_BYTES: usize = 16;
/// What stands as far behind the beginning of a stretch of words with nothing but one `+` or `/` between them is
/// data.
const DATA_BYTES: usize = 256;

/// Calls `each` with the hash of every word that counts, as often as it is there. Returns whether there are
/// characters beyond ASCII that are escaped twice, which are passed over.
pub(crate) fn each_word(json: &[u8], bits: &mut Bits, each: impl FnMut(u64)) -> bool {
    bits.mark(json);
    let mut reader = Reader {
        json,
        bits,
        escaped_twice: false,
        each,
    };
    reader.special();
    reader.plain();
    reader.escaped_twice
}

/// The words of a text that is not escaped, and whether all of them are of ASCII.
pub(crate) fn words_of(text: &str) -> (Vec<u64>, bool) {
    let mut hashes = Vec::new();
    let (mut word, mut is_ascii) = (Word::default(), true);
    for c in text.chars().chain([' ']) {
        match folded(c) {
            Some(c) => {
                is_ascii &= c.is_ascii();
                word.push(c);
            }
            None => hashes.extend(std::mem::take(&mut word).hash()),
        }
    }
    (hashes, is_ascii)
}

/// What the bytes of a text are, a bit for each, eight bytes at a time: byte by byte takes four times as long.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    /// Letters, digits and `_` of ASCII.
    word: Vec<u64>,
    digit: Vec<u64>,
    /// Backslashes and bytes beyond ASCII.
    special: Vec<u64>,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x80 * ONES;

/// The high bit of each byte from `low` to `high`, of bytes below 0x80.
fn between(bytes: u64, low: u8, high: u8) -> u64 {
    let from_low = bytes + ONES * u64::from(0x80 - low);
    let above = bytes + ONES * u64::from(0x7f - high);
    from_low & !above
}

/// One bit for the high bit of each byte.
fn gathered(highs: u64) -> u64 {
    (highs >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Bits {
    fn mark(&mut self, text: &[u8]) {
        self.word.clear();
        self.digit.clear();
        self.special.clear();
        let (blocks, rest) = text.as_chunks::<64>();
        for block in blocks {
            self.mark_block(block);
        }
        let mut last = [0; 64];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.mark_block(&last);
    }

    fn mark_block(&mut self, block: &[u8; 64]) {
        let (mut word, mut digit, mut special) = (0, 0, 0);
        for (at, bytes) in (0..).step_by(8).zip(block.as_chunks().0) {
            let bytes = u64::from_le_bytes(*bytes);
            let (wide, ascii) = (bytes & HIGHS, bytes & !HIGHS);
            let letters = between(ascii | SMALL, b'a', b'z') & between(ascii, b'A', 0x7f);
            let digits = between(ascii, b'0', b'9');
            let words = letters | digits | between(ascii, b'_', b'_');
            let specials = between(ascii, b'\\', b'\\') & HIGHS | wide;
            word |= gathered(words & !wide & HIGHS) << at;
            digit |= gathered(digits & !wide & HIGHS) << at;
            special |= gathered(specials) << at;
        }
        self.word.push(word);
        self.digit.push(digit);
        self.special.push(special);
    }

    /// How many digits there are in a word that begins there.
    fn digits(&self, start: usize, len: usize) -> u32 {
        let block = |at: usize| self.digit.get(at).copied().unwrap_or_default();
        let (at, shift) = (start / 64, start % 64);
        let behind = block(at + 1).checked_shl(64 - u32::try_from(shift).unwrap_or(0));
        let bits = block(at) >> shift | behind.unwrap_or_default();
        (bits & ((1 << len) - 1)).count_ones()
    }

    fn is_word(&self, at: usize) -> bool {
        let block = self.word.get(at / 64);
        block.is_some_and(|block| block >> (at % 64) & 1 == 1)
    }

    fn clear_words(&mut self, range: Range<usize>) {
        for at in range {
            if let Some(block) = self.word.get_mut(at / 64) {
                *block &= !(1 << (at % 64));
            }
        }
    }
}

/// The first bit from `from` on that is set.
fn next_bit(bits: &[u64], from: usize) -> Option<usize> {
    let mut at = from / 64;
    let mut block = bits.get(at)? >> (from % 64) << (from % 64);
    while block == 0 {
        at += 1;
        block = *bits.get(at)?;
    }
    Some(at * 64 + block.trailing_zeros() as usize)
}

/// At most 16 bytes as a number, with zeros behind them.
fn padded(group: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(group) {
        *to = *from;
    }
    u128::from_le_bytes(bytes)
}

struct Reader<'j, E> {
    json: &'j [u8],
    bits: &'j mut Bits,
    escaped_twice: bool,
    each: E,
}

impl<E: FnMut(u64)> Reader<'_, E> {
    /// Goes through what is escaped and what is beyond ASCII. The words that are part of it are done then.
    fn special(&mut self) {
        let mut at = 0;
        while let Some(next) = next_bit(&self.bits.special, at) {
            let rest = self.json.get(next..).unwrap_or_default();
            at = match rest {
                [b'\\', b'u', ..] => self.word_around(next).unwrap_or_else(|| {
                    let len = unescaped(rest).map_or(2, |(_, len)| len);
                    self.bits.clear_words(next..next + len);
                    next + len
                }),
                [b'\\', b'\\', ..] => {
                    self.escaped_again(next + 2);
                    next + 2
                }
                [b'\\', ..] => {
                    self.bits.clear_words(next + 1..next + 2);
                    next + 2
                }
                [first, ..] if may_be_letter(*first) => {
                    let end = self.word_around(next);
                    end.unwrap_or(next + width(*first))
                }
                [first, ..] => next + width(*first),
                [] => break,
            };
        }
    }

    /// The word that has a letter there which is escaped or beyond ASCII; returns where it ends.
    fn word_around(&mut self, letter: usize) -> Option<usize> {
        self.letter_at(letter)?;
        let mut start = letter;
        while let Some(before) = start.checked_sub(1)
            && self.bits.is_word(before)
        {
            start = before;
        }
        let end = self.any_word(start);
        self.bits.clear_words(start..end);
        Some(end)
    }

    /// The words of ASCII alone.
    fn plain(&mut self) {
        // Where a word began that has not ended yet, where the last one ended, and where a stretch began.
        let (mut start, mut end, mut stretch) = (0, 0, 0);
        let mut before = 0;
        for at in 0..self.bits.word.len() {
            let block = self.bits.word.get(at).copied().unwrap_or_default();
            // A bit where a word begins, and one behind where it ends.
            let mut edges = block ^ (block << 1 | before);
            before = block >> 63;
            while edges != 0 {
                let edge = at * 64 + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                if block >> (edge % 64) & 1 == 1 {
                    start = edge;
                    let joined = matches!(self.json.get(end), Some(b'+' | b'/'));
                    if edge != end + 1 || !joined {
                        stretch = edge;
                    }
                } else {
                    end = edge;
                    self.plain_word(start, end, stretch);
                }
            }
        }
        if before == 1 {
            self.plain_word(start, self.json.len(), stretch);
        }
    }

    fn plain_word(&mut self, start: usize, end: usize, stretch: usize) {
        let len = end - start;
        if len > MAX_WORD_BYTES || start - stretch >= DATA_BYTES {
            return;
        }
        let digits = self.bits.digits(start, len);
        let rest = self.json.get(start..).unwrap_or_default();
        if digits == 0 || counts(rest.get(..len).unwrap_or_default(), digits) {
            (self.each)(hash_of(rest, len));
        }
    }

    /// What stands behind a backslash that is itself escaped. It may be JSON within a string: then it is one
    /// character, and the word behind it begins later.
    fn escaped_again(&mut self, at: usize) {
        let rest = self.json.get(at..).unwrap_or_default();
        let behind = match rest {
            [b'u', digits @ ..] if hex(digits).is_some() => {
                self.escaped_twice = true;
                5
            }
            [first, ..] if first.is_ascii_lowercase() => 1,
            _ => return,
        };
        self.any_word(at + behind);
    }

    /// The word that begins there, of any characters; returns where it ends.
    fn any_word(&mut self, mut at: usize) -> usize {
        let mut word = Word::default();
        while let Some((c, len)) = self.letter_at(at) {
            word.push(c);
            at += len;
        }
        if let Some(hash) = word.hash() {
            (self.each)(hash);
        }
        at
    }

    /// The letter that stands there as it counts in a word, and how many bytes it takes.
    fn letter_at(&self, at: usize) -> Option<(char, usize)> {
        let rest = self.json.get(at..)?;
        let first = *rest.first()?;
        let (c, len) = match first {
            b'\\' => unescaped(rest)?,
            0x80.. => {
                let width = width(first);
                let text = std::str::from_utf8(rest.get(..width)?).ok()?;
                (text.chars().next()?, width)
            }
            _ => (char::from(first), 1),
        };
        Some((folded(c)?, len))
    }
}

/// Whether a character that begins with this byte may be a letter that counts.
fn may_be_letter(first: u8) -> bool {
    matches!(first, 0xc2..=0xd4 | 0xe1 | 0xe2)
}

/// How many bytes the character has that begins with this one.
fn width(first: u8) -> usize {
    match first {
        ..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    }
}

/// The character that `\uXXXX` or two of them stand for, and how long that is.
fn unescaped(text: &[u8]) -> Option<(char, usize)> {
    let first = hex(text.strip_prefix(b"\\u")?)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let second = hex(text.get(6..)?.strip_prefix(b"\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    let c = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?;
    Some((c, 12))
}

fn hex(text: &[u8]) -> Option<u32> {
    let digits = text.first_chunk::<4>()?;
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | digit)
    })
}

/// A word of any characters, folded.
#[derive(Default)]
struct Word {
    bytes: [u8; MAX_WORD_BYTES],
    /// More than there is room for if it is too long.
    len: usize,
}

impl Word {
    fn push(&mut self, folded: char) {
        let mut utf8 = [0; 4];
        let utf8 = folded.encode_utf8(&mut utf8).as_bytes();
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(utf8) {
            *to = *from;
        }
        self.len += utf8.len();
    }

    /// Its hash, if it is one that counts.
    fn hash(&self) -> Option<u64> {
        let word = self.bytes.get(..self.len)?;
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let digits = u32::try_from(digits).unwrap_or(u32::MAX);
        (!word.is_empty() && counts(word, digits)).then(|| hash_of(word, word.len()))
    }
}

/// Whether a word with so many digits is asked for as such: not a number, an id, or the end of a time.
fn counts(word: &[u8], digits: u32) -> bool {
    match digits {
        0 => true,
        3 => word.len() != 4 || !matches!(word.last(), Some(b'z' | b'Z')),
        ID_DIGITS.. => false,
        _ => word.len() < ID_BYTES,
    }
}

const START: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;
/// Makes a small letter of a capital one, and leaves digits as they are.
const SMALL: u64 = 0x20 * ONES;

/// The hash of the word of `len` bytes that `text` begins with. Eight bytes at a time, of ASCII in small letters.
#[inline]
fn hash_of(text: &[u8], len: usize) -> u64 {
    let mut hash = START ^ len as u64;
    let (mut rest, mut left) = (text, len);
    while left > 16 {
        let (group, behind) = rest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        hash = mixed(hash, u64::from_le_bytes(*group) | SMALL);
        (rest, left) = (behind, left - 8);
    }
    // Two groups always, so that words of up to 16 bytes take the same way.
    let groups = match rest.first_chunk::<16>() {
        Some(groups) => u128::from_le_bytes(*groups),
        None => padded(rest),
    };
    let shift = 128 - 8 * u32::try_from(left.clamp(1, 16)).unwrap_or(16);
    let groups = (groups | (u128::from(SMALL) << 64 | u128::from(SMALL))) & (u128::MAX >> shift);
    #[expect(clippy::cast_possible_truncation, reason = "its lower half")]
    let first = groups as u64;
    let second = (groups >> 64) as u64;
    mixed(mixed(hash, first), second)
}

#[inline]
fn mixed(hash: u64, group: u64) -> u64 {
    let hash = (hash ^ group).wrapping_mul(FACTOR);
    hash ^ hash >> 32
}
