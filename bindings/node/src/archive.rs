//! The archive: opened, asked, closed.

use std::sync::{Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi_derive::napi;
use sessiondb::Archive;
use sessiondb::aio::AsyncArchive;

use crate::error::Failure;
use crate::info::{ClosedInfo, SegmentInfo, SessionInfo, Stats};
use crate::log::NativeLog;
use crate::options::{OpenOptions, durability};
use crate::settle::{Abort, promise};
use crate::snapshot::NativeSnapshot;
use crate::{number, upkeep};

/// What an open archive is: the threads that make its calls, and itself for calls that take long.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) calls: AsyncArchive,
    pub(crate) archive: Archive,
}

/// An open archive.
#[napi]
pub struct NativeArchive {
    handle: Mutex<Option<Handle>>,
    path: String,
}

impl NativeArchive {
    fn new(archive: Archive, threads: usize) -> Result<Self, Failure> {
        let path = archive.path().to_string_lossy().into_owned();
        let calls = AsyncArchive::with_threads(archive.clone(), threads)?;
        Ok(Self {
            handle: Mutex::new(Some(Handle { calls, archive })),
            path,
        })
    }

    /// The archive, unless it was closed.
    pub(crate) fn handle(&self) -> Result<Handle, Failure> {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.clone().ok_or(Failure::Closed)
    }

    /// Makes a call that has no order with others.
    pub(crate) fn call<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
        call: impl FnOnce(&Archive) -> Result<T, Failure> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let handle = self.handle()?;
        promise(env, abort, |settle| {
            drop(handle.calls.call(move |archive| {
                settle.run(|| call(archive));
                Ok(())
            }));
        })
    }

    /// Makes a call that may take long, in a thread of its own.
    pub(crate) fn long_call<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
        call: impl FnOnce(Archive) -> Result<T, Failure> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let archive = self.handle()?.archive;
        promise(env, abort, |settle| {
            settle.run_in_thread(move || call(archive));
        })
    }
}

/// Opens the archive at a path.
#[napi(ts_return_type = "Promise<NativeArchive>")]
pub fn open<'env>(
    env: &'env Env,
    path: String,
    options: OpenOptions,
    abort: Option<&Abort>,
) -> napi::Result<Object<'env>> {
    let library = options.to_library()?;
    let threads = options.threads();
    promise(env, abort, |settle| {
        settle.run_in_thread(move || NativeArchive::new(library.open(path)?, threads));
    })
}

/// Makes an archive that has no file.
#[napi]
pub fn in_memory(options: OpenOptions) -> napi::Result<NativeArchive> {
    let archive = Archive::in_memory().map_err(Failure::from)?;
    Ok(NativeArchive::new(archive, options.threads())?)
}

/// An id for a new session. Those that are made later sort behind.
#[napi]
pub fn new_session_id() -> String {
    sessiondb::new_session_id().to_string()
}

/// An id for a new segment.
#[napi]
pub fn new_segment_id() -> String {
    sessiondb::new_segment_id().to_string()
}

#[napi]
impl NativeArchive {
    /// Where it is.
    #[napi(getter)]
    pub fn path(&self) -> String {
        self.path.clone()
    }

    /// One log of a segment.
    #[napi]
    pub fn log(
        &self,
        session: String,
        segment: String,
        is_trace: bool,
        durability_name: Option<String>,
    ) -> napi::Result<NativeLog> {
        let (session, segment) = (number::session(&session)?, number::segment(&segment)?);
        let calls = self.handle()?.calls;
        let log = if is_trace {
            calls.trace(session, segment)
        } else {
            calls.log(session, segment)
        };
        let durability = durability(durability_name.as_deref())?;
        Ok(NativeLog::new(calls, log, durability))
    }

    /// The archive as it is now.
    #[napi(ts_return_type = "Promise<NativeSnapshot>")]
    pub fn snapshot<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let calls = self.handle()?.calls;
        self.call(env, abort, move |archive| {
            Ok(NativeSnapshot::new(archive.snapshot()?, calls))
        })
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
        self.call(env, abort, move |archive| {
            let info = archive.session(session)?;
            info.as_ref().map(SessionInfo::of).transpose()
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
        self.call(env, abort, move |archive| {
            let info = archive.segment(session, segment)?;
            info.as_ref().map(SegmentInfo::of).transpose()
        })
    }

    /// The sums.
    #[napi(ts_return_type = "Promise<Stats>")]
    pub fn stats<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.call(env, abort, |archive| Stats::of(&archive.stats()?))
    }

    /// The number of the last change.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn version<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, |archive| number::out(archive.version()?))
    }

    /// Why the place of the file may harm it, if it may.
    #[napi]
    pub fn place_warning(&self) -> napi::Result<Option<String>> {
        Ok(self.handle()?.archive.place_warning())
    }

    /// Waits until all that was written is on the disk.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn sync<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.call(env, abort, |archive| Ok(archive.sync()?))
    }

    /// Moves the journal into the tables.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn checkpoint<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.long_call(env, abort, |archive| Ok(archive.checkpoint()?))
    }

    /// Does something to a session; tells whether it was there to be done.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn with_session<'env>(
        &self,
        env: &'env Env,
        #[napi(
            ts_arg_type = "'delete' | 'forget' | 'allowAgain' | 'trash' | 'restore' | 'hide' | 'unhide'"
        )]
        verb: String,
        session: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |archive| {
            Ok(match verb.as_str() {
                "delete" => archive.delete_session(session)?,
                "forget" => archive.forget_session(session)?,
                "allowAgain" => archive.allow_again(session).map(|()| true)?,
                "trash" => archive.trash_session(session)?,
                "restore" => archive.restore_session(session)?,
                "hide" => archive.hide_session(session)?,
                "unhide" => archive.unhide_session(session)?,
                other => {
                    return Err(Failure::Invalid(format!(
                        "{other:?} is no verb for a session"
                    )));
                }
            })
        })
    }

    /// Deletes a segment, for good so that imports leave it out too if `forget` says so.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn delete_segment<'env>(
        &self,
        env: &'env Env,
        session: String,
        segment: String,
        forget: bool,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let (session, segment) = (number::session(&session)?, number::segment(&segment)?);
        self.call(env, abort, move |archive| {
            Ok(if forget {
                archive.forget_segment(session, segment)?
            } else {
                archive.delete_segment(session, segment)?
            })
        })
    }

    /// Makes all calls that were made before, and closes it. Handles that came from it have to be closed before.
    #[napi(ts_return_type = "Promise<ClosedInfo | null>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = handle.take();
        promise(env, None, |settle| {
            settle.run_in_thread(move || {
                let Some(Handle { calls, archive }) = handle else {
                    return Ok(None);
                };
                drop(archive);
                Ok(Some(ClosedInfo::of(calls.close().wait()?)))
            });
        })
    }

    /// Shrinks the file.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn compact<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        self.long_call(env, None, upkeep::compact)
    }
}
