//! What to look for, and where.

use std::collections::BTreeSet;

use sessiondb::archive::Words;
use sessiondb::{SessionId, SessionInfo};

use crate::hit::{Kind, Role};
use crate::pattern::{Pattern, PatternError, Syntax};
use crate::prefilter::Prefilter;

/// What to look for, and where: made by [`Query::literal`] or [`Query::regex`] and [`QueryBuilder::build`].
///
/// ```
/// use sessiondb_search::{Kind, Query};
///
/// let query = Query::regex(r"total \d+").kinds([Kind::Prompt, Kind::Answer]).context(2).build()?;
/// assert_eq!(query.pattern(), r"total \d+");
/// # Ok::<(), sessiondb_search::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) asked: QueryBuilder,
    pub(crate) pattern: Pattern,
    pub(crate) prefilter: Option<Prefilter>,
    /// What each entry has that matches.
    pub(crate) words: Words,
}

impl Query {
    /// Looks for this text, as it is read: a line break is a line break.
    pub fn literal(text: impl Into<String>) -> QueryBuilder {
        QueryBuilder::new(text.into(), Syntax::Literal)
    }

    /// Looks for what this pattern matches, as the crate `regex` has them. `^` and `$` are the ends of a line.
    pub fn regex(pattern: impl Into<String>) -> QueryBuilder {
        QueryBuilder::new(pattern.into(), Syntax::Regex)
    }

    /// The pattern as it was given.
    pub fn pattern(&self) -> &str {
        &self.asked.text
    }

    /// The words that each entry has in which something is found; none if nothing is known of them.
    ///
    /// ```
    /// use sessiondb::archive::Words;
    /// use sessiondb_search::Query;
    ///
    /// let query = Query::literal("the rare one").build()?;
    /// assert_eq!(query.words(), &Words::of("rare"));
    /// # Ok::<(), sessiondb_search::PatternError>(())
    /// ```
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Whether a session is searched where none are named.
    pub(crate) fn takes(&self, session: &SessionInfo) -> bool {
        session.trashed_ms.is_none() && (self.asked.hidden || !session.hidden)
    }
}

/// A [`Query`] that is being made.
///
/// ```
/// let query = sessiondb_search::Query::literal("fail").whole_words(true).build()?;
/// # Ok::<(), sessiondb_search::PatternError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct QueryBuilder {
    text: String,
    syntax: Syntax,
    whole_words: bool,
    ignores_case: Option<bool>,
    pub(crate) raw: bool,
    pub(crate) hidden: bool,
    pub(crate) kinds: BTreeSet<Kind>,
    pub(crate) roles: BTreeSet<Role>,
    pub(crate) since_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
    pub(crate) sessions: Option<Vec<SessionId>>,
    pub(crate) context: usize,
    pub(crate) threads: usize,
}

impl QueryBuilder {
    fn new(text: String, syntax: Syntax) -> Self {
        Self {
            text,
            syntax,
            whole_words: false,
            ignores_case: None,
            raw: false,
            hidden: false,
            kinds: BTreeSet::new(),
            roles: BTreeSet::new(),
            since_ms: None,
            until_ms: None,
            sessions: None,
            context: 0,
            threads: 0,
        }
    }

    /// Only where no letter, digit or `_` stands beside the match. Such a search can use the filters of the archive.
    pub fn whole_words(mut self, whole_words: bool) -> Self {
        self.whole_words = whole_words;
        self
    }

    /// Whether capital and small letters are the same. If nothing is said: yes, unless the pattern has a capital letter.
    pub fn ignore_case(mut self, ignore_case: bool) -> Self {
        self.ignores_case = Some(ignore_case);
        self
    }

    /// Searches the stored bytes of the entries: each is one [`Kind::Raw`] of one line.
    pub fn raw(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// Also what a reader sees only when asking for everything, such as what an agent tells itself, and sessions that are
    /// [hidden](sessiondb::Archive::hide_session).
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// Only these kinds of things.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// Only what these say.
    pub fn roles(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.roles.extend(roles);
        self
    }

    /// Only what is not older, in milliseconds since 1970. What has no time of its own has that of its segment's last change.
    pub fn since_ms(mut self, since_ms: i64) -> Self {
        self.since_ms = Some(since_ms);
        self
    }

    /// Only what is older.
    pub fn until_ms(mut self, until_ms: i64) -> Self {
        self.until_ms = Some(until_ms);
        self
    }

    /// Only these sessions, in this order, wherever they are. If nothing is said: all that are not in the
    /// [trash](sessiondb::Archive::trash_session), the last used first.
    pub fn sessions(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.sessions = Some(sessions.into_iter().collect());
        self
    }

    /// How many lines around each match come along.
    pub fn context(mut self, lines: usize) -> Self {
        self.context = lines;
        self
    }

    /// How many threads search. If nothing is said, as many as the machine has cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The query.
    ///
    /// # Errors
    ///
    /// That the pattern is empty, or no regular expression, or too large.
    pub fn build(self) -> Result<Query, PatternError> {
        let pattern = Pattern::new(&self.text, self.syntax, self.whole_words, self.ignores_case)?;
        let prefilter = if self.raw {
            Prefilter::of_bytes(&pattern)
        } else {
            Prefilter::of_texts(&pattern)
        };
        // The words of the bytes are others than those that are read.
        let words = if self.raw {
            Words::default()
        } else {
            pattern.words.clone()
        };
        Ok(Query {
            asked: self,
            pattern,
            prefilter,
            words,
        })
    }
}
