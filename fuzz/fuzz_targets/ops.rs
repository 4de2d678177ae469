//! The target of `checks/ops.rs`.
#![no_main]

#[path = "../checks/ops.rs"]
mod ops;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ops::check(data));
