//! A pattern, made ready: what decides, what must stand in the bytes, and which words it has.

use std::fmt;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Look};
use sessiondb::archive::Words;

/// How a pattern is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Literal,
    Regex,
}

/// A pattern that cannot be searched for.
///
/// ```
/// let error = sessiondb_search::Query::regex("(").build().unwrap_err();
/// assert!(error.to_string().contains("unclosed group"));
/// ```
#[derive(Debug, Clone)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl PatternError {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }
}

/// A pattern, made ready.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// Finds it in a text.
    pub(crate) regex: Regex,
    pub(crate) ignores_case: bool,
    /// Texts that are part of every match, but for the case of their letters.
    pub(crate) literals: Vec<String>,
    /// Whole words of every text that matches.
    pub(crate) words: Words,
}

impl Pattern {
    pub(crate) fn new(
        text: &str,
        syntax: Syntax,
        whole_words: bool,
        ignores_case: Option<bool>,
    ) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::new("the pattern is empty"));
        }
        let ignores_case = ignores_case.unwrap_or_else(|| !has_capitals(text, syntax));
        let pattern = match syntax {
            Syntax::Literal => regex::escape(text),
            Syntax::Regex => text.to_owned(),
        };
        // Without its flags, so that an unbalanced parenthesis is told of as it was written.
        let parsed = regex_syntax::ParserBuilder::new()
            .multi_line(true)
            .build()
            .parse(&pattern)
            .map_err(PatternError::new)?;
        let whole = if whole_words {
            format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}")
        } else {
            pattern
        };
        let regex = RegexBuilder::new(&whole)
            .case_insensitive(ignores_case)
            .multi_line(true)
            .size_limit(64 << 20)
            .build()
            .map_err(PatternError::new)?;
        let mut required = Required::default();
        required.take(&parsed, (whole_words, whole_words));
        Ok(Self {
            regex,
            ignores_case,
            words: Words::of(&required.words.join(" ")),
            literals: required.literals,
        })
    }
}

/// Whether a pattern tells capital letters from small ones: it has one itself.
fn has_capitals(pattern: &str, syntax: Syntax) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && syntax == Syntax::Regex {
            // A class such as \W or \p{L} says nothing of case.
            if matches!(chars.next(), Some('p' | 'P')) {
                let _ = chars
                    .by_ref()
                    .find(|c| *c == '}' || c.is_ascii_alphabetic());
            }
        } else if c.is_uppercase() {
            return true;
        }
    }
    false
}

/// What every match has.
#[derive(Default)]
struct Required {
    literals: Vec<String>,
    words: Vec<String>,
}

impl Required {
    /// Takes what a part of the pattern asks for; `bounded` says at which ends no letter can stand beside it.
    fn take(&mut self, part: &Hir, bounded: (bool, bool)) {
        match part.kind() {
            HirKind::Literal(literal) => {
                if let Ok(text) = std::str::from_utf8(&literal.0) {
                    self.words
                        .extend(whole_words(text, bounded).map(str::to_owned));
                    self.literals.push(text.to_owned());
                }
            }
            HirKind::Capture(capture) => self.take(&capture.sub, bounded),
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                let once = repetition.max == Some(1);
                self.take(&repetition.sub, if once { bounded } else { (false, false) });
            }
            HirKind::Concat(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    let before = match at.checked_sub(1) {
                        None => bounded.0,
                        Some(before) => parts.get(before).is_some_and(is_word_boundary),
                    };
                    let behind = match parts.get(at + 1) {
                        None => bounded.1,
                        Some(behind) => is_word_boundary(behind),
                    };
                    self.take(part, (before, behind));
                }
            }
            _ => {}
        }
    }
}

/// Whether a part of a pattern says that a word begins or ends there, as a letter stands beside it.
fn is_word_boundary(part: &Hir) -> bool {
    matches!(
        part.kind(),
        HirKind::Look(
            Look::WordUnicode
                | Look::WordStartUnicode
                | Look::WordEndUnicode
                | Look::WordStartHalfUnicode
                | Look::WordEndHalfUnicode
        )
    )
}

/// The words of a text that no letter stands beside.
fn whole_words(text: &str, bounded: (bool, bool)) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || regex_syntax::is_word_character(c);
    let mut at = 0;
    let words = text.split(move |c| !is_word(c)).map(move |word| {
        let start = at;
        // Behind the word and the character that ends it.
        at = start
            + word.len()
            + text
                .get(start + word.len()..)
                .and_then(|rest| rest.chars().next())
                .map_or(0, char::len_utf8);
        (start, word)
    });
    words
        .filter(move |(start, word)| {
            (*start > 0 || bounded.0) && (start + word.len() < text.len() || bounded.1)
        })
        .map(|(_, word)| word)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, syntax: Syntax, whole: bool) -> Words {
        Pattern::new(text, syntax, whole, None).unwrap().words
    }

    #[test]
    fn words_count_that_nothing_can_stand_beside() {
        for (pattern, syntax, whole, expected) in [
            ("fail", Syntax::Literal, false, ""),
            ("fail", Syntax::Literal, true, "fail"),
            ("it fails here", Syntax::Literal, false, "fails"),
            ("it\nfails\"here", Syntax::Literal, true, "it fails here"),
            (r"\bfail\b", Syntax::Regex, false, "fail"),
            (
                r"(?:error|warning): the total (\d+)",
                Syntax::Regex,
                false,
                "the total",
            ),
            (r"x (abc )+y", Syntax::Regex, false, ""),
            (r"a|b", Syntax::Regex, true, ""),
        ] {
            assert_eq!(
                words(pattern, syntax, whole),
                Words::of(expected),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_capital_letter_asks_for_itself() {
        for (pattern, syntax, ignores) in [
            ("fail", Syntax::Literal, true),
            ("Fail", Syntax::Literal, false),
            (r"\W\S\p{Lu}x", Syntax::Regex, true),
            (r"\WX", Syntax::Regex, false),
            ("Ё", Syntax::Literal, false),
        ] {
            let made = Pattern::new(pattern, syntax, false, None).unwrap();
            assert_eq!(made.ignores_case, ignores, "{pattern}");
        }
    }
}
