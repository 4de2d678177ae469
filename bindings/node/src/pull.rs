//! A thread that gives what it waits for whenever it is asked, some at a time.

use std::sync::mpsc::{Sender, channel};

use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};

use crate::error::Failure;
use crate::settle::{Abort, Settle, promise};

/// What asks such a thread. It ends once this is dropped.
pub(crate) struct Pull<T: ToNapiValue + Send + 'static> {
    asked: Option<Sender<Settle<Vec<T>>>>,
}

impl<T: ToNapiValue + Send + 'static> Pull<T> {
    /// Starts a thread that gives what `next` gives; nothing at all is the end.
    pub(crate) fn start(
        mut next: impl FnMut() -> Result<Vec<T>, Failure> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (asked, questions) = channel::<Settle<Vec<T>>>();
        let serve = move || {
            for settle in questions {
                settle.run(&mut next);
            }
        };
        let thread = std::thread::Builder::new().name("sessiondb-pull".to_owned());
        thread
            .spawn(serve)
            .map_err(|error| Failure::Store(error.into()))?;
        Ok(Self { asked: Some(asked) })
    }

    /// Asks for the next ones.
    pub(crate) fn next<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        promise(env, abort, |settle| {
            if let Some(asked) = &self.asked {
                // What a thread does not take any more is dropped, which rejects the promise.
                let _ = asked.send(settle);
            }
        })
    }

    /// Has the thread end.
    pub(crate) fn close(&mut self) {
        self.asked = None;
    }
}
