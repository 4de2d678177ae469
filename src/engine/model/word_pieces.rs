//! The words of an entry that comes in parts: where between two words it can be cut. Pure, no I/O.

use crate::engine::model::word_filter::Builder;

/// How many bytes are looked at together.
const TOGETHER_BYTES: usize = 1 << 20;
/// How many may be looked at together where there is no place to cut. A word that is longer does not count.
const MOST_BYTES: usize = 8 << 20;

/// Takes an entry in parts, and gives its words to a builder: all of them, and some more where data is cut.
#[derive(Debug, Default)]
pub(crate) struct WordPieces {
    kept: Vec<u8>,
}

impl WordPieces {
    pub(crate) fn push(&mut self, bytes: &[u8], builder: &mut Builder) {
        self.kept.extend_from_slice(bytes);
        self.give(builder, TOGETHER_BYTES, MOST_BYTES);
    }

    pub(crate) fn finish(&mut self, builder: &mut Builder) {
        builder.add(&self.kept);
        self.kept.clear();
    }

    fn give(&mut self, builder: &mut Builder, together: usize, most: usize) {
        if self.kept.len() < together {
            return;
        }
        let cut = between_words(&self.kept);
        let Some(cut) = cut.or_else(|| (self.kept.len() >= most).then_some(self.kept.len())) else {
            return;
        };
        builder.add(self.kept.get(..cut).unwrap_or_default());
        self.kept.drain(..cut);
    }
}

/// The last place where what stands before has no part of a word, nor of an escape, that goes on behind.
fn between_words(json: &[u8]) -> Option<usize> {
    let at = |place: usize| json.get(place).copied();
    let is_between = |place: usize| {
        let before = place.checked_sub(1).and_then(at);
        let before_that = place.checked_sub(2).and_then(at);
        match (before, at(place)) {
            // Before an escape that is no letter.
            (Some(before), Some(b'\\')) if before != b'\\' => {
                at(place + 1).is_some_and(|escaped| escaped != b'u')
            }
            // Behind what is neither a letter nor escaped.
            (Some(before), Some(_)) if before < 0x80 => {
                !before.is_ascii_alphanumeric()
                    && !matches!(before, b'_' | b'\\')
                    && before_that != Some(b'\\')
            }
            // Behind a character of three or four bytes, from U+3000 on: none of them is a letter.
            (Some(_), Some(next)) if !(0x80..0xc0).contains(&next) => {
                let mut bytes = json.get(..place).unwrap_or_default().iter().rev();
                let lead = bytes.find(|byte| **byte >= 0xc0);
                lead.is_some_and(|lead| *lead >= 0xe3)
            }
            _ => false,
        }
    };
    (1..json.len()).rev().find(|place| is_between(*place))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::model::word_filter::WordFilter;
    use crate::engine::model::words::{Bits, each_word};

    proptest! {
        #[test]
        fn no_word_is_missing_that_the_whole_has(
            texts in prop::collection::vec("[a-zA-Z0-9é中 \\n\\\\\"/+_ßж]{0,30}", 1..12), depth in 0..3_usize, at_a_time in 1..40_usize, together in 1..60_usize,
        ) {
            let mut json = serde_json::to_string(&texts).unwrap();
            for _ in 0..depth {
                json = serde_json::to_string(&json).unwrap();
            }
            // Some characters escaped, as other writers have them.
            let json = json.replace('é', "\\u00e9");
            let (mut pieces, mut builder) = (WordPieces::default(), Builder::default());
            builder.begin();
            for part in json.as_bytes().chunks(at_a_time) {
                pieces.kept.extend_from_slice(part);
                pieces.give(&mut builder, together, 4096);
            }
            pieces.finish(&mut builder);
            let filter = builder.finish(1, 1);
            let filter = WordFilter::parse(&filter).unwrap();
            let mut missing = 0;
            let twice = each_word(json.as_bytes(), &mut Bits::default(), |word| missing += usize::from(!filter.may_have(word)));
            prop_assert_eq!(missing, 0, "{}", json);
            prop_assert!(!twice || filter.knows_ascii_alone());
        }
    }
}
