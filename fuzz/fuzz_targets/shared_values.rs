//! The target of `checks/shared_values.rs`.
#![no_main]

#[path = "../checks/shared_values.rs"]
mod shared_values;

libfuzzer_sys::fuzz_target!(|data: &[u8]| shared_values::check(data));
