//! The guard that turns a panic of redb on damaged pages into an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::fault::Outcome;
use crate::engine::redb_format::verify::Watch;

/// Calls what may panic on damaged pages, and turns a panic into a fault. From then on redb is
/// not called any more. Where an earlier read has made it useless, the fault is that of the
/// earlier read.
pub(crate) fn guarded<T>(watch: &Watch, call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let called = caught(|| match watch.panicked() {
        Some(damage) => Err(damage.clone().into()),
        None => call(),
    });
    match called {
        Ok(Err(fault)) if fault.is_of_an_earlier_read() => {
            Err(watch.first().map_or(fault, |damage| damage.clone().into()))
        }
        Ok(outcome) => outcome,
        Err(said) => Err(watch.panic(&said).into()),
    }
}

/// Calls what may panic on damaged bytes, and returns what a panic said.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        said.unwrap_or("no message").to_owned()
    })
}
