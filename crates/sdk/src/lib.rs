//! Session stores of agent SDKs on a [`sessiondb`] archive.
//!
//! An SDK has its own protocol for where it keeps sessions. Each store here speaks one of them, so that a
//! binding only translates:
//!
//! - [`ClaudeStore`]: `SessionStore` of the Claude Agent SDK.
//! - [`OpenAiSession`]: `Session` of the OpenAI Agents SDK.
//! - [`LangGraphStore`]: `BaseCheckpointSaver` of LangGraph.
//!
//! All calls block. A store is a handle: cheap to clone, [`Send`] and [`Sync`], and several threads and processes
//! may use one archive at once. Each call that writes takes effect as a whole or not at all, whenever the process
//! ends. How sessions, logs and what belongs to them lie in the archive is in `docs/sdk.md`.

mod claude;
mod error;
mod followed;
mod ids;
mod json;
mod kept;
mod langgraph;
mod named;
mod openai;

pub use self::claude::{ClaudeAppend, ClaudeKey, ClaudeSession, ClaudeStore, ClaudeSummary};
pub use self::error::SdkError;
pub use self::langgraph::{
    LangGraphChannel, LangGraphCheckpoint, LangGraphList, LangGraphPut, LangGraphStore,
    LangGraphWrite, Typed,
};
pub use self::openai::OpenAiSession;

/// The examples of the README are tested as the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
