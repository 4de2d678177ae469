//! A search, whose hits are asked for some at a time.

use std::time::{Duration, Instant};

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use sessiondb_search::{Kind, Query, Role, Search};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::number;
use crate::pull::Pull;
use crate::settle::Abort;

/// How many hits are given at a time, and how long more are waited for once there is one.
const MOST: usize = 128;
const PATIENCE: Duration = Duration::from_millis(20);

/// What is looked for, and where.
#[napi(object)]
#[derive(Default)]
pub struct SearchOptions {
    /// Whether the text is a regular expression, as the Rust crate `regex` has them.
    pub regex: Option<bool>,
    /// Whether a match has to be whole words.
    pub whole_words: Option<bool>,
    /// Whether case does not matter; by default it does if the text has capitals.
    pub ignore_case: Option<bool>,
    /// Whether the bytes of entries are searched in place of what was said.
    pub raw: Option<bool>,
    /// Whether hidden sessions, and what is not part of the conversation, are searched too.
    pub hidden: Option<bool>,
    /// What kinds of things, such as `prompt` and `tool_result`.
    pub kinds: Option<Vec<String>>,
    /// What was said by whom: `user`, `assistant`, `tool`, `system`.
    pub roles: Option<Vec<String>>,
    /// What was said at this time or later, in milliseconds since 1970.
    pub since_ms: Option<f64>,
    /// What was said before this time.
    pub until_ms: Option<f64>,
    /// These sessions alone.
    pub sessions: Option<Vec<String>>,
    /// How many lines around a match are given.
    pub context: Option<u32>,
    /// By how many threads; by default as many as there are cores.
    pub threads: Option<u32>,
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn query(text: String, options: &SearchOptions) -> Result<Query, Failure> {
    let mut query = if options.regex == Some(true) {
        Query::regex(text)
    } else {
        Query::literal(text)
    };
    if let Some(whole_words) = options.whole_words {
        query = query.whole_words(whole_words);
    }
    if let Some(ignore_case) = options.ignore_case {
        query = query.ignore_case(ignore_case);
    }
    if let Some(raw) = options.raw {
        query = query.raw(raw);
    }
    if let Some(hidden) = options.hidden {
        query = query.hidden(hidden);
    }
    if let Some(kinds) = &options.kinds {
        let kinds = kinds.iter().map(|name| name.parse::<Kind>());
        query = query.kinds(
            kinds
                .collect::<Result<Vec<_>, _>>()
                .map_err(Failure::Invalid)?,
        );
    }
    if let Some(roles) = &options.roles {
        let roles = roles.iter().map(|name| name.parse::<Role>());
        query = query.roles(
            roles
                .collect::<Result<Vec<_>, _>>()
                .map_err(Failure::Invalid)?,
        );
    }
    if let Some(ms) = options.since_ms {
        query = query.since_ms(number::time("sinceMs", ms)?);
    }
    if let Some(ms) = options.until_ms {
        query = query.until_ms(number::time("untilMs", ms)?);
    }
    if let Some(sessions) = &options.sessions {
        query = query.sessions(number::sessions(sessions)?);
    }
    if let Some(lines) = options.context {
        query = query.context(size(lines));
    }
    if let Some(threads) = options.threads {
        query = query.threads(size(threads));
    }
    query
        .build()
        .map_err(|error| Failure::Invalid(error.to_string()))
}

/// A search that is under way.
#[napi]
pub struct NativeSearch {
    /// Hits as JSON.
    pull: Pull<String>,
}

impl NativeSearch {
    fn start(mut search: Search) -> Result<Self, Failure> {
        let next = move || {
            let (begun, mut hits) = (Instant::now(), Vec::new());
            while hits.len() < MOST && (hits.is_empty() || begun.elapsed() < PATIENCE) {
                match search.next() {
                    Some(hit) => hits.push(serde_json::to_string(&hit?)?),
                    None => break,
                }
            }
            Ok(hits)
        };
        Ok(Self {
            pull: Pull::start(next)?,
        })
    }
}

#[napi]
impl NativeArchive {
    /// Begins to search the archive as it is now.
    #[napi(ts_return_type = "Promise<NativeSearch>")]
    pub fn search<'env>(
        &self,
        env: &'env Env,
        text: String,
        options: SearchOptions,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |archive| {
            let query = query(text, &options)?;
            NativeSearch::start(Search::new(&archive.snapshot()?, query))
        })
    }
}

#[napi]
impl NativeSearch {
    /// The next hits, each as JSON. None is the end.
    #[napi(ts_return_type = "Promise<Array<string>>")]
    pub fn next<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.pull.next(env, abort)
    }

    /// Ends it.
    #[napi]
    pub fn close(&mut self) {
        self.pull.close();
    }
}
