//! The target of `checks/run_codec.rs`.
#![no_main]

#[path = "../checks/run_codec.rs"]
mod run_codec;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run_codec::check(data));
