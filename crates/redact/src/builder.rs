//! Which kinds are looked for, and patterns of one's own.

use std::collections::BTreeSet;
use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::rule::{Check, Pattern, Rule};
use crate::rules::Rules;
use crate::table::{kinds, rows};

/// How many patterns of one's own there may be.
const MAX_PATTERNS: usize = 50;
/// How large a pattern of one's own may be once it is compiled.
const MAX_PATTERN_BYTES: usize = 4 << 20;

/// Chooses what [`Rules`] look for. Made by [`Rules::builder`].
///
/// ```
/// use sessiondb_redact::Rules;
///
/// let rules = Rules::builder().emails(true).without("jwt")?.pattern("badge=B-([0-9]{6})")?.build();
/// let redacted = rules.redact(r#"["ann@firm.io","B-123456"]"#).expect("both are found");
/// assert_eq!(redacted.text, r#"["[redacted:email]","B-[redacted:badge]"]"#);
/// # Ok::<(), sessiondb_redact::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    chosen: BTreeSet<&'static str>,
    own: Vec<(String, Regex)>,
}

impl Default for Builder {
    fn default() -> Self {
        let default = kinds().filter(|kind| kind.is_default);
        Self {
            chosen: default.map(|kind| kind.name).collect(),
            own: Vec::new(),
        }
    }
}

impl Builder {
    /// Looks for these kinds, and for no others of the table.
    ///
    /// # Errors
    ///
    /// If there is no such kind.
    pub fn only<'n>(
        mut self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, PatternError> {
        let chosen = names.into_iter().map(known);
        self.chosen = chosen.collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Does not look for this kind.
    ///
    /// # Errors
    ///
    /// If there is no such kind.
    pub fn without(mut self, name: &str) -> Result<Self, PatternError> {
        self.chosen.remove(known(name)?);
        Ok(self)
    }

    /// Says whether e-mail addresses are looked for. The default is `false`.
    #[must_use]
    pub fn emails(self, emails: bool) -> Self {
        self.with("email", emails)
    }

    /// Says whether the names of users in the paths of home folders are looked for. The default is `false`.
    #[must_use]
    pub fn paths(self, paths: bool) -> Self {
        self.with("path", paths)
    }

    fn with(mut self, name: &'static str, is_wanted: bool) -> Self {
        if is_wanted {
            self.chosen.insert(name);
        }
        self
    }

    /// Looks for a pattern of one's own as well, `NAME=REGEX`. What the first group matches goes, or all
    /// if there is none. The name is of small letters, digits and `-`.
    ///
    /// # Errors
    ///
    /// If it has no name, is no expression, or matches what is empty.
    pub fn pattern(mut self, pattern: &str) -> Result<Self, PatternError> {
        let wrong = |why: &str| PatternError(format!("the pattern {pattern:?} {why}"));
        if self.own.len() >= MAX_PATTERNS {
            return Err(wrong("is one more than the 50 that there may be"));
        }
        let (name, regex) = pattern
            .split_once('=')
            .ok_or_else(|| wrong("has no name; write NAME=REGEX"))?;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(is_plain) {
            return Err(wrong(
                "has a name that is not of small letters, digits and `-`, 40 at most",
            ));
        }
        let regex = RegexBuilder::new(regex)
            .size_limit(MAX_PATTERN_BYTES)
            .build()
            .map_err(|error| wrong(&format!("is no regular expression: {error}")))?;
        if regex.is_match("") {
            return Err(wrong("matches the empty text, which stands everywhere"));
        }
        self.own.push((name.to_owned(), regex));
        Ok(self)
    }

    /// Makes the rules.
    pub fn build(&self) -> Rules {
        let own = self.own.iter().map(|(name, regex)| Rule {
            kind: name.clone(),
            pattern: Pattern::Own(regex.clone()),
            check: Check::Form,
            public: 0,
        });
        let rows: Vec<_> = rows()
            .filter(|row| self.chosen.contains(row.kind))
            .collect();
        Rules::of(&rows, own.collect())
    }
}

fn known(name: &str) -> Result<&'static str, PatternError> {
    let known = kinds().find(|kind| kind.name == name).map(|kind| kind.name);
    known.ok_or_else(|| {
        PatternError(format!(
            "there is no kind {name:?}; `sessiondb_redact::kinds` has all"
        ))
    })
}

/// A kind that is not there, or a pattern that is none, in words.
///
/// ```
/// let error = sessiondb_redact::Rules::builder().pattern("x=(").unwrap_err();
/// assert!(error.to_string().contains("no regular expression"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}
