//! The letters of words, whatever their case. Filters on the disk are made of these, so none may change.

/// The character as it counts in a word, whatever its case; `None` if it is no part of one. Words are of Latin,
/// Greek and Cyrillic letters, digits and `_`.
pub(crate) fn folded(c: char) -> Option<char> {
    let folded = match c {
        '0'..='9' | 'a'..='z' | '_' => return Some(c),
        'A'..='Z' => return Some(c.to_ascii_lowercase()),
        '\u{d7}'
        | '\u{f7}'
        | '\u{375}'
        | '\u{378}'
        | '\u{379}'
        | '\u{37e}'
        | '\u{380}'..='\u{385}'
        | '\u{387}'
        | '\u{38b}'
        | '\u{38d}'
        | '\u{3a2}'
        | '\u{3f6}'
        | '\u{482}'..='\u{489}' => {
            return None;
        }
        '\u{17f}' => 's',
        '\u{1e9b}' => '\u{1e61}',
        '\u{1e9e}' => 'ß',
        '\u{b5}' => 'μ',
        '\u{345}' | '\u{1fbe}' => 'ι',
        'ς' => 'σ',
        'ϐ' => 'β',
        'ϑ' | 'ϴ' => 'θ',
        'ϕ' => 'φ',
        'ϖ' => 'π',
        'ϰ' => 'κ',
        'ϱ' => 'ρ',
        'ϵ' => 'ε',
        '\u{2126}' => 'ω',
        '\u{212a}' => 'k',
        '\u{212b}' => 'å',
        '\u{1c80}' => 'в',
        '\u{1c81}' => 'д',
        '\u{1c82}' => 'о',
        '\u{1c83}' => 'с',
        '\u{1c84}' | '\u{1c85}' => 'т',
        '\u{1c86}' => 'ъ',
        '\u{1c87}' => 'ѣ',
        '\u{1fd3}' => 'ΐ',
        '\u{1fe3}' => 'ΰ',
        '\u{130}' => c,
        // Without those letters whose other case is beyond what is listed here.
        '\u{c0}'..='\u{17f}'
        | '\u{1a0}'
        | '\u{1a1}'
        | '\u{1af}'
        | '\u{1b0}'
        | '\u{1cd}'..='\u{1dc}'
        | '\u{1de}'..='\u{1ef}'
        | '\u{1f8}'..='\u{21f}'
        | '\u{222}'..='\u{233}'
        | '\u{370}'..='\u{3ff}'
        | '\u{400}'..='\u{52f}'
        | '\u{1e00}'..='\u{1eff}' => {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        }
        _ => return None,
    };
    Some(folded)
}

#[cfg(test)]
mod tests {
    use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

    use super::*;

    /// Those that a search takes for the same without regard to case.
    fn same_as(c: char) -> Vec<char> {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        class.try_case_fold_simple().unwrap();
        let ranges = class.ranges().iter();
        ranges
            .flat_map(|range| range.start()..=range.end())
            .collect()
    }

    #[test]
    fn letters_that_are_the_same_but_for_their_case_count_as_one() {
        let mut bad = Vec::new();
        for c in '\0'..=char::MAX {
            for other in same_as(c) {
                if folded(c) != folded(other) {
                    bad.push((c, c as u32, other, other as u32));
                }
            }
        }
        assert!(bad.is_empty(), "{bad:x?}");
    }

    #[test]
    fn what_counts_in_a_word_is_part_of_a_word_for_a_search() {
        let mut bad = Vec::new();
        for c in '\0'..=char::MAX {
            if folded(c).is_some() && !regex_syntax::is_word_character(c) {
                bad.push((c, c as u32));
            }
        }
        assert!(bad.is_empty(), "{bad:x?}");
    }
}
