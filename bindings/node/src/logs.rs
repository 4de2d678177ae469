//! The logs of agents in and out.

use std::path::PathBuf;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use sessiondb_logs::{Export, Import, Resume, Sync};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::number;
use crate::settle::Abort;
use crate::upkeep::json;

#[napi]
impl NativeArchive {
    /// Brings the logs in that are at these paths.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn import_logs<'env>(
        &self,
        env: &'env Env,
        paths: Vec<String>,
        again: bool,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        self.long_call(env, abort, move |archive| {
            json(&Import::new(&archive).again(again).run(&paths, None)?)
        })
    }

    /// Brings in what the agents of this machine keep.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn sync_agents<'env>(
        &self,
        env: &'env Env,
        home: Option<String>,
        agents: Option<Vec<String>>,
        again: bool,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.long_call(env, abort, move |archive| {
            let mut sync = Sync::new(&archive).again(again);
            if let Some(home) = home {
                sync = sync.home(home);
            }
            if let Some(agents) = &agents {
                sync = sync.agents(agents.iter().map(String::as_str));
            }
            json(&sync.run(None)?)
        })
    }

    /// Writes sessions as the files that their agents would have written.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn export_logs<'env>(
        &self,
        env: &'env Env,
        folder: String,
        sessions: Option<Vec<String>>,
        force: bool,
        trashed: bool,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let sessions = sessions.map(|ids| number::sessions(&ids)).transpose()?;
        self.long_call(env, abort, move |archive| {
            let mut export = Export::new(&archive).force(force).trashed(trashed);
            if let Some(sessions) = sessions {
                export = export.sessions(sessions);
            }
            json(&export.run(&PathBuf::from(folder), None)?)
        })
    }

    /// Writes a session where its agent looks for it.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn resume<'env>(
        &self,
        env: &'env Env,
        session: String,
        segment: Option<String>,
        home: Option<String>,
        force: bool,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        let segment = segment.as_deref().map(number::segment).transpose()?;
        self.long_call(env, abort, move |archive| {
            let mut resume = Resume::new(&archive).force(force);
            if let Some(home) = home {
                resume = resume.home(home);
            }
            let resumed = resume.run(session, segment);
            json(&resumed.map_err(|error| Failure::Invalid(error.to_string()))?)
        })
    }

    /// Brings the stored summaries up to date; tells how many were not.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn keep_summaries<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.long_call(env, abort, |archive| {
            number::out(sessiondb_logs::keep_up(&archive)?)
        })
    }
}
