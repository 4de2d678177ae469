//! The target of `checks/open_archive.rs`.
#![no_main]

#[path = "../checks/open_archive.rs"]
mod open_archive;

libfuzzer_sys::fuzz_target!(
    // Panics that the library turns into errors are none; one that reaches the target still is.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |data: &[u8]| open_archive::check(data)
);
