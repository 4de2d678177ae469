//! The target of `checks/word_filter.rs`.
#![no_main]

#[path = "../checks/word_filter.rs"]
mod word_filter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| word_filter::check(data));
