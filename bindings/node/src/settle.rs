//! The way of a call: a promise for JavaScript, and its settling from the thread that makes the call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, JsDeferred};
use napi_derive::napi;

use crate::error::Failure;

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

const WAITS: u8 = 0;
const RUNS: u8 = 1;
const IS_CALLED_OFF: u8 = 2;

/// By which a call that has not begun yet is called off.
#[napi]
pub struct Abort {
    state: Arc<AtomicU8>,
}

#[napi]
impl Abort {
    /// One for one call.
    #[napi(constructor)]
    #[allow(clippy::new_without_default)] // JavaScript makes it.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
        }
    }

    /// Calls it off; `false` if it has begun.
    #[napi]
    pub fn abort(&self) -> bool {
        let changed =
            self.state
                .compare_exchange(WAITS, IS_CALLED_OFF, Ordering::AcqRel, Ordering::Acquire);
        changed.is_ok()
    }
}

/// What settles a promise, once. A call that is never made, or that panics, settles it as it is dropped.
pub(crate) struct Settle<T: ToNapiValue + Send + 'static> {
    deferred: Option<JsDeferred<T, Resolver<T>>>,
    abort: Option<Arc<AtomicU8>>,
}

/// A promise, and what settles it, which is handed to `start`.
pub(crate) fn promise<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    abort: Option<&Abort>,
    start: impl FnOnce(Settle<T>),
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    start(Settle {
        deferred: Some(deferred),
        abort: abort.map(|abort| Arc::clone(&abort.state)),
    });
    Ok(promise)
}

impl<T: ToNapiValue + Send + 'static> Settle<T> {
    /// Makes the call, unless it was called off, and settles the promise with what it gives.
    pub(crate) fn run(mut self, call: impl FnOnce() -> Result<T, Failure>) {
        let begins = self.abort.as_ref().is_none_or(|state| {
            state
                .compare_exchange(WAITS, RUNS, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        });
        let result = if begins {
            call()
        } else {
            Err(Failure::Aborted)
        };
        self.settle(result);
    }

    /// Has the call made by a thread of its own, as it may take long.
    pub(crate) fn run_in_thread(self, call: impl FnOnce() -> Result<T, Failure> + Send + 'static)
    where
        Self: Send,
    {
        // A thread that the system does not give drops it, which rejects the promise.
        let _ = std::thread::Builder::new()
            .name("sessiondb-long".to_owned())
            .spawn(move || self.run(call));
    }

    fn settle(&mut self, result: Result<T, Failure>) {
        if let Some(deferred) = self.deferred.take() {
            match result {
                Ok(value) => deferred.resolve(Box::new(move |_| Ok(value))),
                Err(failure) => deferred.reject(failure.into()),
            }
        }
    }
}

impl<T: ToNapiValue + Send + 'static> Drop for Settle<T> {
    fn drop(&mut self) {
        self.settle(Err(Failure::Closed));
    }
}
