//! The archive as it was at one moment.

use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi_derive::napi;
use serde_json::value::RawValue;
use sessiondb::Snapshot;
use sessiondb::aio::AsyncArchive;
use sessiondb::archive::{Match, SessionQuery};

use crate::error::Failure;
use crate::info::{SegmentInfo, SessionInfo};
use crate::log::NativeReader;
use crate::number;
use crate::settle::{Abort, promise};

/// Which sessions a page has.
#[napi(object)]
#[derive(Default)]
pub struct SessionQueryOptions {
    /// At most so many.
    pub limit: Option<u32>,
    /// Those behind another page: its `next`.
    pub after: Option<String>,
    /// Those that were written to at this time or later, in milliseconds since 1970.
    pub since_ms: Option<f64>,
    /// Those that were written to before this time.
    pub until_ms: Option<f64>,
    /// Whether those in the trash are there too.
    pub trashed: Option<bool>,
    /// Whether hidden ones are there too.
    pub hidden: Option<bool>,
}

impl SessionQueryOptions {
    pub(crate) fn to_library(&self) -> Result<SessionQuery, Failure> {
        let mut query = SessionQuery::new();
        if let Some(limit) = self.limit {
            query = query.limit(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        if let Some(after) = &self.after {
            query = query.after(&after.parse().map_err(Failure::Invalid)?);
        }
        if let Some(ms) = number::optional_count("sinceMs", self.since_ms)? {
            query = query.since_ms(ms);
        }
        if let Some(ms) = number::optional_count("untilMs", self.until_ms)? {
            query = query.until_ms(ms);
        }
        if let Some(trashed) = self.trashed {
            query = query.trashed(trashed);
        }
        if let Some(hidden) = self.hidden {
            query = query.hidden(hidden);
        }
        Ok(query)
    }
}

/// Sessions by their last use, the latest first.
#[napi(object)]
pub struct SessionPageInfo {
    /// The sessions of this page.
    pub sessions: Vec<SessionInfo>,
    /// What asks for the next page, if there is one.
    pub next: Option<String>,
}

/// What an id begins with.
#[napi(object)]
pub struct MatchInfo {
    /// The session.
    pub session: String,
    /// The segment of it, if it is one that was found.
    pub segment: Option<String>,
}

/// The archive as it was at one moment.
#[napi]
pub struct NativeSnapshot {
    calls: AsyncArchive,
    now: Option<Snapshot>,
}

impl NativeSnapshot {
    pub(crate) fn new(now: Snapshot, calls: AsyncArchive) -> Self {
        Self {
            calls,
            now: Some(now),
        }
    }

    fn call<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
        call: impl FnOnce(&Snapshot) -> Result<T, Failure> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let now = self.now.clone().ok_or(Failure::Closed)?;
        promise(env, abort, |settle| {
            drop(self.calls.call(move |_| {
                settle.run(|| call(&now));
                Ok(())
            }));
        })
    }
}

#[napi]
impl NativeSnapshot {
    /// One log of a segment.
    #[napi]
    pub fn log(
        &self,
        session: String,
        segment: String,
        is_trace: bool,
    ) -> napi::Result<NativeReader> {
        let (session, segment) = (number::session(&session)?, number::segment(&segment)?);
        let now = self.now.as_ref().ok_or(Failure::Closed)?;
        let log = if is_trace {
            now.trace(session, segment)
        } else {
            now.log(session, segment)
        };
        Ok(NativeReader::new(self.calls.clone(), log))
    }

    /// What is known of a session.
    #[napi(ts_return_type = "Promise<SessionInfo | null>")]
    pub fn session<'env>(
        &self,
        env: &'env Env,
        session: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |now| {
            now.session(session)?
                .as_ref()
                .map(SessionInfo::of)
                .transpose()
        })
    }

    /// What is known of a segment.
    #[napi(ts_return_type = "Promise<SegmentInfo | null>")]
    pub fn segment<'env>(
        &self,
        env: &'env Env,
        session: String,
        segment: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let (session, segment) = (number::session(&session)?, number::segment(&segment)?);
        self.call(env, abort, move |now| {
            let info = now.segment(session, segment)?;
            info.as_ref().map(SegmentInfo::of).transpose()
        })
    }

    /// The segments of a session.
    #[napi(ts_return_type = "Promise<Array<SegmentInfo>>")]
    pub fn segments<'env>(
        &self,
        env: &'env Env,
        session: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |now| {
            let segments = now.segments(session);
            segments
                .map(|info| SegmentInfo::of(&info?))
                .collect::<Result<Vec<_>, Failure>>()
        })
    }

    /// The session that a segment is of.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn session_of<'env>(
        &self,
        env: &'env Env,
        segment: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let segment = number::segment(&segment)?;
        self.call(env, abort, move |now| {
            Ok(now.session_of(segment)?.map(|session| session.to_string()))
        })
    }

    /// A page of the sessions by their last use.
    #[napi(ts_return_type = "Promise<SessionPageInfo>")]
    pub fn query_sessions<'env>(
        &self,
        env: &'env Env,
        query: SessionQueryOptions,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let query = query.to_library()?;
        self.call(env, abort, move |now| {
            let page = now.query_sessions(&query)?;
            let sessions = page.sessions.iter().map(SessionInfo::of);
            Ok(SessionPageInfo {
                sessions: sessions.collect::<Result<_, _>>()?,
                next: page.next.map(|next| next.to_string()),
            })
        })
    }

    /// The sessions and segments whose ids begin so.
    #[napi(ts_return_type = "Promise<Array<MatchInfo>>")]
    pub fn matching<'env>(
        &self,
        env: &'env Env,
        prefix: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |now| {
            let found = now.matching(&prefix)?;
            let info = |found| match found {
                Match::Session(session) => MatchInfo {
                    session: session.to_string(),
                    segment: None,
                },
                Match::Segment { session, segment } => MatchInfo {
                    session: session.to_string(),
                    segment: Some(segment.to_string()),
                },
            };
            Ok(found.into_iter().map(info).collect::<Vec<_>>())
        })
    }

    /// The metadata of a session, as JSON.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn metadata<'env>(
        &self,
        env: &'env Env,
        session: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |now| {
            let metadata = now.metadata(session)?;
            Ok(metadata
                .map(|fields| serde_json::to_string(&fields))
                .transpose()?)
        })
    }

    /// The names that there are.
    #[napi(ts_return_type = "Promise<Array<string>>")]
    pub fn names<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.call(env, abort, |now| Ok(now.names()?))
    }

    /// The record of a name, as JSON.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn read_name<'env>(
        &self,
        env: &'env Env,
        name: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |now| {
            let record = now.read_name_as::<Box<RawValue>>(&name)?;
            Ok(record.map(|record| record.get().to_owned()))
        })
    }

    /// The keys of notes that begin so.
    #[napi(ts_return_type = "Promise<Array<string>>")]
    pub fn notes<'env>(
        &self,
        env: &'env Env,
        prefix: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |now| Ok(now.notes(&prefix)?))
    }

    /// A note, as JSON.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn read_note<'env>(
        &self,
        env: &'env Env,
        key: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |now| {
            let note = now.read_note::<Box<RawValue>>(&key)?;
            Ok(note.map(|note| note.get().to_owned()))
        })
    }

    /// What a list shows of a session, as JSON.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn summary<'env>(
        &self,
        env: &'env Env,
        session: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |now| {
            let Some(info) = now.session(session)? else {
                return Ok(None);
            };
            let fields = sessiondb_logs::summary(now, &info, u64::MAX)?.fields;
            Ok(fields
                .map(|fields| serde_json::to_string(&fields))
                .transpose()?)
        })
    }

    /// Lets go of it.
    #[napi]
    pub fn close(&mut self) {
        self.now = None;
    }
}
