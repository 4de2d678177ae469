//! The target of `checks/shared_histories.rs`.
#![no_main]

#[path = "../checks/shared_histories.rs"]
mod shared_histories;

libfuzzer_sys::fuzz_target!(|data: &[u8]| shared_histories::check(data));
