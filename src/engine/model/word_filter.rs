//! The filter of a run: the set of its words in few bits, which may say of a word that it is there when it is
//! not, and never the other way round. Pure, no I/O; `docs/format.md` has the bytes.
//!
//! Each word is a number below 2^low times the count of words. The numbers, sorted, are stored as Elias and Fano
//! do: the low bits of each as they are, and the rest in unary.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::engine::model::row::Reader;
use crate::engine::model::words::{Bits, each_word, words_of};

/// The bytes of a filter before its bits.
const HEADER_BYTES: usize = 18;
/// What a page of redb needs beside one row of a filter, with its key and checksum, at most.
const PAGE_OVERHEAD_BYTES: usize = 192;
const PAGE_BYTES: usize = 4096;
/// How many low bits each word has: as many as fit the pages that are needed anyway, but not fewer or more. With
/// six, one run in 64 is unpacked in vain for each word that is asked for; with ten, one in a thousand.
const FEWEST_LOW_BITS: u8 = 6;
const MOST_LOW_BITS: u8 = 10;

/// How many hashes are kept that were seen lately.
const LATELY: usize = 4096;

/// Set where a character beyond ASCII is escaped twice: words with such characters are not in the filter.
const ESCAPED_TWICE: u8 = 1;

/// Collects the words of one run after the other.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// Hashes that were seen lately, so that most words need no look into the set.
    lately: Vec<u64>,
    bits: Bits,
    escaped_twice: bool,
}

impl Builder {
    /// The filter of a run with that checksum and so many entries, which are joined.
    pub(crate) fn filter(&mut self, entries: &[u8], checksum: u64, count: u64) -> Vec<u8> {
        self.begin();
        self.add(entries);
        self.finish(checksum, count)
    }

    /// Begins with a run of which nothing is known yet.
    pub(crate) fn begin(&mut self) {
        self.seen.clear();
        self.lately.clear();
        self.lately.resize(LATELY, 0);
        self.escaped_twice = false;
    }

    /// Takes a part of its entries, which begins and ends between words.
    pub(crate) fn add(&mut self, entries: &[u8]) {
        let Self {
            seen, lately, bits, ..
        } = self;
        self.escaped_twice |= each_word(entries, bits, |hash| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "only its low bits are used"
            )]
            let slot = lately.get_mut(hash as usize % LATELY);
            if let Some(slot) = slot
                && *slot != hash
            {
                *slot = hash;
                seen.insert(hash);
            }
        });
    }

    /// The filter of what was added: of a run with that checksum and so many entries.
    pub(crate) fn finish(&mut self, checksum: u64, count: u64) -> Vec<u8> {
        let seen = &self.seen;
        let words = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        let low_bits = low_bits(seen.len());
        let range = u64::from(words) << low_bits;
        let mut numbers: Vec<u64> = seen.iter().map(|hash| number_of(*hash, range)).collect();
        numbers.sort_unstable();
        let mut filter = Vec::with_capacity(HEADER_BYTES + bytes_of(seen.len(), low_bits));
        filter.extend_from_slice(&checksum.to_le_bytes());
        filter.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        filter.extend_from_slice(&words.to_le_bytes());
        filter.push(low_bits);
        filter.push(if self.escaped_twice { ESCAPED_TWICE } else { 0 });
        put_numbers(&mut filter, &numbers, low_bits);
        filter
    }
}

/// The filter of one run alone.
pub(crate) fn filter_of(entries: &[u8], checksum: u64, count: u64) -> Vec<u8> {
    Builder::default().filter(entries, checksum, count)
}

/// Where a hash stands among the numbers below `range`.
fn number_of(hash: u64, range: u64) -> u64 {
    ((u128::from(hash) * u128::from(range)) >> 64) as u64
}

/// The bytes of the bits of so many words.
fn bytes_of(words: usize, low_bits: u8) -> usize {
    words.div_ceil(4) + (words * usize::from(low_bits)).div_ceil(8)
}

/// As many as fit into the pages that the fewest need.
fn low_bits(words: usize) -> u8 {
    let row = |bits| HEADER_BYTES + PAGE_OVERHEAD_BYTES + bytes_of(words, bits);
    let page = |bits| row(bits).next_power_of_two().max(PAGE_BYTES);
    let fewest = page(FEWEST_LOW_BITS);
    let fitting = (FEWEST_LOW_BITS..=MOST_LOW_BITS).rev();
    let mut fitting = fitting.filter(|bits| page(*bits) == fewest);
    fitting.next().unwrap_or(FEWEST_LOW_BITS)
}

fn put_numbers(to: &mut Vec<u8>, numbers: &[u64], low_bits: u8) {
    let upper_at = to.len();
    to.resize(upper_at + numbers.len().div_ceil(4), 0);
    for (position, number) in (0..).zip(numbers) {
        let bit = (number >> low_bits) + position;
        let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        if let Some(byte) = to.get_mut(upper_at.saturating_add(at)) {
            *byte |= 1 << (bit % 8);
        }
    }
    let (mut pending, mut len) = (0u64, 0);
    for number in numbers {
        pending |= (number & ((1 << low_bits) - 1)) << len;
        len += low_bits;
        while len >= 8 {
            to.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            len -= 8;
        }
    }
    if len > 0 {
        to.push(pending.to_le_bytes()[0]);
    }
}

/// A filter as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WordFilter<'f> {
    /// The checksum of the run that it is of.
    pub(crate) run: u64,
    /// How many entries the run has.
    pub(crate) count: u64,
    words: u32,
    low_bits: u8,
    flags: u8,
    upper: &'f [u8],
    low: &'f [u8],
}

impl<'f> WordFilter<'f> {
    pub(crate) fn parse(content: &'f [u8]) -> Result<Self, String> {
        let mut fields = Reader::new(content);
        let (run, count, words) = (fields.u64()?, fields.u32()?, fields.u32()?);
        let [low_bits, flags] = fields.array()?;
        let bits = content.get(HEADER_BYTES..).unwrap_or_default();
        let words_len = usize::try_from(words).unwrap_or(usize::MAX);
        let upper_len = words_len.div_ceil(4);
        if low_bits > MOST_LOW_BITS || bits.len() != bytes_of(words_len, low_bits) {
            return Err("its length is not that of its words".to_owned());
        }
        let (upper, low) = bits.split_at_checked(upper_len).unwrap_or_default();
        Ok(Self {
            run,
            count: u64::from(count),
            words,
            low_bits,
            flags,
            upper,
            low,
        })
    }

    /// Whether characters beyond ASCII that are in the run may be missing here.
    pub(crate) fn knows_ascii_alone(&self) -> bool {
        self.flags & ESCAPED_TWICE != 0
    }

    /// Whether a word with this hash may be in the run.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let number = number_of(hash, u64::from(self.words) << self.low_bits);
        let bucket = number >> self.low_bits;
        let wanted = number & ((1 << self.low_bits) - 1);
        let Some(mut bit) = self.start_of(bucket) else {
            return false;
        };
        while self.upper_bit(bit) {
            if self.low(bit - bucket) == wanted {
                return true;
            }
            bit += 1;
        }
        false
    }

    /// All that it has, for who asks for very many words: each question by itself goes through the filter.
    pub(crate) fn known(&self) -> KnownWords {
        let (mut numbers, mut position) = (Vec::new(), 0);
        for bit in 0..self.upper.len() as u64 * 8 {
            if self.upper_bit(bit) {
                numbers.push((bit - position) << self.low_bits | self.low(position));
                position += 1;
            }
        }
        numbers.sort_unstable();
        KnownWords {
            numbers,
            range: u64::from(self.words) << self.low_bits,
        }
    }

    /// The bit behind the zero that ends the bucket before.
    fn start_of(&self, bucket: u64) -> Option<u64> {
        if bucket == 0 {
            return Some(0);
        }
        let mut zeros = 0;
        for (at, group) in (0..).step_by(64).zip(self.upper.chunks(8)) {
            let mut bytes = [0xff; 8];
            for (to, from) in bytes.iter_mut().zip(group) {
                *to = *from;
            }
            let mut free = !u64::from_le_bytes(bytes);
            let here = u64::from(free.count_ones());
            if zeros + here < bucket {
                zeros += here;
                continue;
            }
            for _ in 1..bucket - zeros {
                free &= free - 1;
            }
            return Some(at + u64::from(free.trailing_zeros()) + 1);
        }
        None
    }

    fn upper_bit(&self, bit: u64) -> bool {
        let byte = usize::try_from(bit / 8).ok();
        let byte = byte.and_then(|at| self.upper.get(at));
        byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }

    /// The low bits of the number at this position.
    fn low(&self, position: u64) -> u64 {
        let bit = position * u64::from(self.low_bits);
        let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        let mut bytes = [0; 8];
        let rest = self.low.get(at..).unwrap_or_default();
        for (to, from) in bytes.iter_mut().zip(rest) {
            *to = *from;
        }
        (u64::from_le_bytes(bytes) >> (bit % 8)) & ((1 << self.low_bits) - 1)
    }
}

/// What a filter has, unpacked.
pub(crate) struct KnownWords {
    numbers: Vec<u64>,
    range: u64,
}

impl KnownWords {
    /// Whether a word with this hash may be in the run.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let number = number_of(hash, self.range);
        self.numbers.binary_search(&number).is_ok()
    }
}

/// Words that an entry is to have, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    hashes: Vec<u64>,
    has_wide: bool,
}

impl Words {
    /// The words of a text that begins and ends with whole ones.
    pub(crate) fn of(text: &str) -> Self {
        let (hashes, is_ascii) = words_of(text);
        Self {
            hashes,
            has_wide: !is_ascii,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether all of them may be in the run that the filter is of.
    pub(crate) fn may_be_in(&self, filter: &WordFilter<'_>) -> bool {
        (self.has_wide && filter.knows_ascii_alone())
            || self.hashes.iter().all(|hash| filter.may_have(*hash))
    }
}

/// For keys that are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::model::words::words_of;

    fn filter_of(entries: &[u8]) -> Vec<u8> {
        super::filter_of(entries, 7, 1)
    }

    proptest! {
        #[test]
        fn no_word_of_a_text_is_missed(words in prop::collection::vec("[a-zA-Zé_]{1,12}[0-9]{0,2}", 0..400), glue in "[ ,.\\n\\t\"-]{1,2}") {
            let text = words.join(&glue);
            let json = serde_json::to_string(&text).unwrap();
            let bytes = filter_of(json.as_bytes());
            let filter = WordFilter::parse(&bytes).unwrap();
            let nested = serde_json::to_string(&json).unwrap();
            let nested = filter_of(nested.as_bytes());
            let nested = WordFilter::parse(&nested).unwrap();
            for word in &words {
                let (hashes, is_ascii) = words_of(word);
                for hash in hashes {
                    prop_assert!(filter.may_have(hash), "{word:?} of {json}");
                    prop_assert!(filter.known().may_have(hash), "{word:?} of {json}");
                    prop_assert!(nested.may_have(hash) || !is_ascii && nested.knows_ascii_alone(), "{word:?} within {json}");
                }
            }
        }
    }

    #[test]
    fn few_words_that_are_not_there_pass() {
        let words: Vec<String> = (0..3000).map(|n| format!("there{n}")).collect();
        let text = words.join(" ");
        let bytes = filter_of(text.as_bytes());
        let filter = WordFilter::parse(&bytes).unwrap();
        let known = filter.known();
        let asked = 9_000;
        for n in 0..asked {
            let hash = words_of(&format!("absent{n}x")).0[0];
            assert_eq!(known.may_have(hash), filter.may_have(hash), "{n}");
        }
        let passed = (0..asked)
            .filter(|n| filter.may_have(words_of(&format!("absent{n}x")).0[0]))
            .count();
        assert!(passed < asked / 40, "{passed} of {asked}");
        assert!(bytes.len() < PAGE_BYTES, "{}", bytes.len());
    }
}
