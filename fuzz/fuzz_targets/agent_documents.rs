//! The target of `checks/agent_documents.rs`.
#![no_main]

#[path = "../checks/agent_documents.rs"]
mod agent_documents;

libfuzzer_sys::fuzz_target!(|data: &[u8]| agent_documents::check(data));
