//! The target of `checks/jsonl_import.rs`.
#![no_main]

#[path = "../checks/jsonl_import.rs"]
mod jsonl_import;

libfuzzer_sys::fuzz_target!(|data: &[u8]| jsonl_import::check(data));
