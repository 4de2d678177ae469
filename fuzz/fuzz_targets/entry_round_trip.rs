//! The target of `checks/entry_round_trip.rs`.
#![no_main]

#[path = "../checks/entry_round_trip.rs"]
mod entry_round_trip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry_round_trip::check(data));
