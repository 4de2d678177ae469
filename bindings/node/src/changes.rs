//! What is changed, told to one who follows.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use sessiondb::archive::{Canceller, Changes};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::info::ChangeInfo;
use crate::pull::Pull;
use crate::settle::Abort;

/// How many changes are told at a time.
const MOST: usize = 256;

/// One who follows an archive.
#[napi]
pub struct NativeChanges {
    canceller: Canceller,
    pull: Pull<ChangeInfo>,
}

impl NativeChanges {
    fn start(mut changes: Changes) -> Result<Self, Failure> {
        let canceller = changes.canceller();
        let next = move || {
            let mut told = Vec::new();
            if let Some(change) = changes.next() {
                told.push(ChangeInfo::of(change?)?);
            }
            while !told.is_empty() && told.len() < MOST {
                match changes.next_within(Duration::ZERO)? {
                    Some(change) => told.push(ChangeInfo::of(change)?),
                    None => break,
                }
            }
            Ok(told)
        };
        Ok(Self {
            canceller,
            pull: Pull::start(next)?,
        })
    }
}

#[napi]
impl NativeArchive {
    /// Follows what is changed from now on.
    #[napi(ts_return_type = "Promise<NativeChanges>")]
    pub fn changes<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, |archive| {
            NativeChanges::start(archive.changes()?)
        })
    }
}

#[napi]
impl NativeChanges {
    /// Waits for a change, and gives all that are there. None is the end.
    #[napi(ts_return_type = "Promise<Array<ChangeInfo>>")]
    pub fn next<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.pull.next(env, abort)
    }

    /// Ends it. Whoever waits is told of the end.
    #[napi]
    pub fn close(&mut self) {
        self.canceller.cancel();
        self.pull.close();
    }
}

impl Drop for NativeChanges {
    fn drop(&mut self) {
        self.canceller.cancel();
    }
}
