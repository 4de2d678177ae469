//! The target of `checks/agent_lines.rs`.
#![no_main]

#[path = "../checks/agent_lines.rs"]
mod agent_lines;

libfuzzer_sys::fuzz_target!(|data: &[u8]| agent_lines::check(data));
