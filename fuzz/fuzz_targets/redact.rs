//! The target of `checks/redact.rs`.
#![no_main]

#[path = "../checks/redact.rs"]
mod redact;

libfuzzer_sys::fuzz_target!(|data: &[u8]| redact::check(data));
