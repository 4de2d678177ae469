//! The session store of the Claude Agent SDK. The layout is that of `sessiondb-sdk`; the summary is folded in
//! JavaScript, by the SDK's own function, between `begin` and `commit`.

use std::sync::{Mutex, PoisonError};

use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi_derive::napi;
use sessiondb::aio::AsyncArchive;
use sessiondb_sdk::{ClaudeAppend, ClaudeKey, ClaudeStore};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::log::Lines;
use crate::number::out;
use crate::settle::promise;

/// Which log of which session of which project.
#[napi(object)]
#[allow(clippy::struct_field_names)] // They are those of the SDK.
pub struct Key {
    /// The project.
    pub project_key: String,
    /// The session.
    pub session_id: String,
    /// The log of a subagent, if it is that of one.
    pub subpath: Option<String>,
}

impl Key {
    fn borrow(&self) -> ClaudeKey<'_> {
        ClaudeKey {
            project_key: &self.project_key,
            session_id: &self.session_id,
            subpath: self.subpath.as_deref(),
        }
    }
}

/// A session of a list.
#[napi(object)]
pub struct ListedSession {
    /// The session.
    pub session_id: String,
    /// When it was written to last, in milliseconds since 1970.
    pub mtime: f64,
    /// The summary as JSON, in a list of these.
    pub data: Option<String>,
}

/// The store.
#[napi]
pub struct NativeClaude {
    calls: AsyncArchive,
    store: Option<ClaudeStore>,
}

/// An append that is decided, and waits for its summary.
#[napi]
pub struct NativeAppend {
    append: Mutex<Option<ClaudeAppend>>,
    new_entries: Vec<u32>,
    data: Option<String>,
    unfolded: Vec<String>,
}

#[napi]
impl NativeArchive {
    /// Its store of sessions of the Claude Agent SDK.
    #[napi]
    pub fn claude(&self) -> napi::Result<NativeClaude> {
        let handle = self.handle()?;
        Ok(NativeClaude {
            store: Some(ClaudeStore::new(&handle.archive)),
            calls: handle.calls,
        })
    }
}

impl NativeClaude {
    fn call<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        call: impl FnOnce(&ClaudeStore) -> Result<T, Failure> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let store = self.store.clone().ok_or(Failure::Closed)?;
        promise(env, None, |settle| {
            drop(self.calls.call(move |_| {
                settle.run(|| call(&store));
                Ok(())
            }));
        })
    }
}

#[napi]
impl NativeClaude {
    /// Decides which of the entries, each as JSON, are new.
    #[napi(ts_return_type = "Promise<NativeAppend>")]
    pub fn begin<'env>(
        &self,
        env: &'env Env,
        key: Key,
        entries: Vec<String>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, move |store| {
            let texts: Vec<&str> = entries.iter().map(String::as_str).collect();
            let append = store.begin(&key.borrow(), &texts)?;
            let position = |index: &usize| u32::try_from(*index).unwrap_or(u32::MAX);
            let unfolded = append.unfolded()?;
            Ok(NativeAppend {
                new_entries: append.new_entries().iter().map(position).collect(),
                data: append.data().map(str::to_owned),
                unfolded: unfolded.iter().map(|e| e.as_str().to_owned()).collect(),
                append: Mutex::new(Some(append)),
            })
        })
    }

    /// Writes what was decided; `false` if somebody wrote meanwhile, after which it has to be decided again.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn commit<'env>(
        &self,
        env: &'env Env,
        append: &NativeAppend,
        data: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let mut append = append.append.lock().unwrap_or_else(PoisonError::into_inner);
        let append = append
            .take()
            .ok_or_else(|| Failure::Invalid("this append was committed before".to_owned()))?;
        self.call(env, move |store| Ok(store.commit(append, data.as_deref())?))
    }

    /// Appends to the log of a subagent, which has no summary; tells how many entries were new.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn append<'env>(
        &self,
        env: &'env Env,
        key: Key,
        entries: Vec<String>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, move |store| {
            let texts: Vec<&str> = entries.iter().map(String::as_str).collect();
            let new = store.append(&key.borrow(), &texts, |_| Ok(None))?;
            out(u64::try_from(new).unwrap_or(u64::MAX))
        })
    }

    /// All entries of a log; `null` if it was never written.
    #[napi(ts_return_type = "Promise<Lines | null>")]
    pub fn load<'env>(&self, env: &'env Env, key: Key) -> napi::Result<Object<'env>> {
        self.call(env, move |store| {
            let entries = store.load(&key.borrow())?;
            entries.map(|entries| Lines::of(&entries)).transpose()
        })
    }

    /// The sessions of a project.
    #[napi(ts_return_type = "Promise<Array<ListedSession>>")]
    pub fn list_sessions<'env>(
        &self,
        env: &'env Env,
        project: String,
    ) -> napi::Result<Object<'env>> {
        self.call(env, move |store| {
            let sessions = store.list_sessions(&project)?;
            let listed = sessions.into_iter().map(|session| {
                Ok(ListedSession {
                    session_id: session.session_id,
                    mtime: out(session.mtime_ms)?,
                    data: None,
                })
            });
            listed.collect::<Result<Vec<_>, Failure>>()
        })
    }

    /// The summaries of a project's sessions.
    #[napi(ts_return_type = "Promise<Array<ListedSession>>")]
    pub fn list_summaries<'env>(
        &self,
        env: &'env Env,
        project: String,
    ) -> napi::Result<Object<'env>> {
        self.call(env, move |store| {
            let summaries = store.list_summaries(&project)?;
            let listed = summaries.into_iter().map(|summary| {
                Ok(ListedSession {
                    session_id: summary.session_id,
                    mtime: out(summary.mtime_ms)?,
                    data: Some(summary.data),
                })
            });
            listed.collect::<Result<Vec<_>, Failure>>()
        })
    }

    /// Deletes a session with its subkeys, or the log of a subagent.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn delete<'env>(&self, env: &'env Env, key: Key) -> napi::Result<Object<'env>> {
        self.call(env, move |store| Ok(store.delete(&key.borrow())?))
    }

    /// The subkeys of a session.
    #[napi(ts_return_type = "Promise<Array<string>>")]
    pub fn list_subkeys<'env>(
        &self,
        env: &'env Env,
        project: String,
        session: String,
    ) -> napi::Result<Object<'env>> {
        self.call(
            env,
            move |store| Ok(store.list_subkeys(&project, &session)?),
        )
    }

    /// Lets go of the archive.
    #[napi]
    pub fn close(&mut self) {
        self.store = None;
    }
}

#[napi]
impl NativeAppend {
    /// Which of the entries are new.
    #[napi(getter)]
    pub fn new_entries(&self) -> Vec<u32> {
        self.new_entries.clone()
    }

    /// The summary so far, as JSON.
    #[napi(getter)]
    pub fn data(&self) -> Option<String> {
        self.data.clone()
    }

    /// Entries of the log that it does not cover, which are to be folded first.
    #[napi(getter)]
    pub fn unfolded(&self) -> Vec<String> {
        self.unfolded.clone()
    }
}
