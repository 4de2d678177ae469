//! One rule: where to look, what to take out, and whether it is worth it.

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use crate::values::{is_given, is_password, is_random, is_secret, is_token};

/// What decides whether a text of the right form is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The form alone.
    Form,
    /// It must not be one of those that stand for a secret.
    Token,
    /// It must look as if it was drawn by chance: the form is that of other things too.
    Random,
    /// It is a password by its place, unless it stands for one.
    Given,
    /// The value of something that is called a password.
    Password,
    /// The value of something that is called a secret, a token or a key.
    Secret,
}

impl Check {
    pub(crate) fn holds(self, text: &str) -> bool {
        match self {
            Self::Form => true,
            Self::Token => is_token(text),
            Self::Random => is_random(text),
            Self::Given => is_given(text),
            Self::Password => is_password(text),
            Self::Secret => is_secret(text),
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    /// One of these stands in every text in which something is found, in letters of any case.
    pub(crate) triggers: &'static [&'static str],
    /// Where it has groups, the first is what goes.
    pub(crate) pattern: &'static str,
    pub(crate) check: Check,
    /// How many of the first characters say only whose key it is.
    pub(crate) public: usize,
}

/// A rule that is looked for.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) kind: String,
    pub(crate) pattern: Pattern,
    pub(crate) check: Check,
    pub(crate) public: usize,
}

/// An expression that is compiled when it is needed first.
#[derive(Debug)]
pub(crate) enum Pattern {
    Own(Regex),
    Listed(&'static str, OnceLock<Option<Regex>>),
}

impl Pattern {
    pub(crate) fn listed(pattern: &'static str) -> Self {
        Self::Listed(pattern, OnceLock::new())
    }

    /// A test compiles each of those that are listed.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        match self {
            Self::Own(regex) => Some(regex),
            Self::Listed(pattern, regex) => regex.get_or_init(|| Regex::new(pattern).ok()).as_ref(),
        }
    }
}

impl Rule {
    pub(crate) fn of(row: &Row) -> Self {
        Self {
            kind: row.kind.to_owned(),
            pattern: Pattern::listed(row.pattern),
            check: row.check,
            public: row.public,
        }
    }

    /// Tells of each place in the text.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(Range<usize>)) {
        let Some(regex) = self.pattern.regex() else {
            return;
        };
        if regex.captures_len() == 1 {
            for place in regex.find_iter(text) {
                if !place.is_empty() && self.check.holds(place.as_str()) {
                    found(place.range());
                }
            }
            return;
        }
        let mut at = 0;
        while at <= text.len()
            && let Some(groups) = regex.captures_at(text, at)
            && let Some(whole) = groups.get(0)
        {
            let place = groups.get(1).filter(|place| !place.is_empty());
            if let Some(place) = place
                && self.check.holds(place.as_str())
            {
                found(place.range());
            }
            // What stands before the next one may be the end of this one.
            let behind = place.map_or(whole.end(), |place| place.end());
            at = behind.max(at + 1);
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
    }
}
