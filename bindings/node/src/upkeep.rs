//! What is done with an archive as a whole. Reports cross as JSON.

use std::path::Path;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Serialize;
use sessiondb::portable::{Merge, OnConflict};
use sessiondb::{Archive, doctor};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::number;
use crate::options::unknown;
use crate::settle::{Abort, promise};

pub(crate) fn json(report: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(report)?)
}

/// Shrinks the file of an archive. Who has it open by another handle has it done in place.
pub(crate) fn compact(archive: Archive) -> Result<String, Failure> {
    let (archive, report) = archive
        .compact(None)
        .map_err(|failed| Failure::Store(failed.error))?;
    drop(archive);
    json(&report)
}

/// Shrinks an archive that this program does not have open, by a fresh copy if nobody else has.
#[napi(ts_return_type = "Promise<string>")]
pub fn compact_file<'env>(
    env: &'env Env,
    path: String,
    abort: Option<&Abort>,
) -> napi::Result<Object<'env>> {
    promise(env, abort, |settle| {
        settle.run_in_thread(move || compact(Archive::options().create(false).open(path)?));
    })
}

#[napi]
impl NativeArchive {
    /// Reads and verifies all that there is.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn check<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.long_call(env, abort, |archive| json(&archive.check(None)?))
    }

    /// Writes a copy of this moment.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn backup<'env>(
        &self,
        env: &'env Env,
        path: String,
        sessions: Option<Vec<String>>,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let sessions = sessions.map(|ids| number::sessions(&ids)).transpose()?;
        self.long_call(env, abort, move |archive| {
            let report = match sessions {
                Some(sessions) => archive.extract(path, &sessions, None)?,
                None => archive.backup(path, None)?,
            };
            json(&report)
        })
    }

    /// Brings the sessions of another archive in.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn merge<'env>(
        &self,
        env: &'env Env,
        path: String,
        on_conflict: Option<String>,
        again: bool,
        dry_run: bool,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let on_conflict = match on_conflict.as_deref() {
            None | Some("branch") => OnConflict::Branch,
            Some("skip") => OnConflict::Skip,
            Some(other) => {
                return Err(unknown("onConflict", other, "'branch' or 'skip'").into());
            }
        };
        self.long_call(env, abort, move |archive| {
            let other = Archive::options().read_only(true).open(Path::new(&path))?;
            let merge = Merge::new(&archive).on_conflict(on_conflict);
            json(&merge.again(again).dry_run(dry_run).run(&other, None)?)
        })
    }
}

/// Writes what can be read of a damaged archive into a new one.
#[napi(ts_return_type = "Promise<string>")]
pub fn recover<'env>(
    env: &'env Env,
    damaged: String,
    target: String,
    abort: Option<&Abort>,
) -> napi::Result<Object<'env>> {
    promise(env, abort, |settle| {
        settle.run_in_thread(move || json(&doctor::recover(damaged, target, None)?));
    })
}
