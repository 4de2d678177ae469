//! Sessions of LLM agents in one crash-safe file.

mod archive;
#[cfg(feature = "conformance")]
pub mod conformance;
mod doctor;
mod engine;
mod event_trace;
mod ids;
mod item;
pub mod jsonl;
mod memory;
mod names;
mod replay;
mod request_config;
pub mod segment;
mod segment_log;
mod store;
mod system_item;
mod user_input;
mod wire;

pub use archive::{
    Archive, ArchiveOptions, ArchiveStats, Batch, Durability, Entry, Log, MAX_ENTRY_BYTES, Match,
    OriginKind, RawEntries, Receipt, SegmentInfo, SegmentOrigin, SessionInfo, Sessions, Sharing,
    Snapshot, TypedEntries,
};
pub use doctor::{CheckProgress, CheckReport, Problem};
pub use event_trace::{TraceEntry, TraceLifecycle, TraceStreamEvent};
pub use ids::{SegmentId, SessionId, new_segment_id, new_session_id, now_ms};
pub use item::{
    ContentPart, Item, Message, ReasoningItem, RefusalPart, Role, TextPart, ToolCall, ToolOutput,
};
pub use memory::MemoryStore;
pub use names::{Active, PodName, PodRecord};
pub use replay::{SegmentState, collect_state};
pub use request_config::{Reasoning, RequestConfig};
pub use segment_log::{
    ConfigChanged, Extension, InputExtension, Invoke, ItemEntry, LlmUsage, LogEntry, Origin,
    PausedTurnAbandoned, RunCompleted, RunErrored, RunResult, SegmentStart, SystemItemEntry,
    Trigger, TurnEnd, UserInput,
};
pub use store::{Store, StoreError};
pub use system_item::{
    FileAttachment, Interrupt, Knowledge, Notification, PodEvent, SkillActivation, SystemItem,
    TaskReminder, WorkerEvent, Workflow,
};
pub use user_input::{
    FileRef, Flow, KnowledgeRef, Paste, TextSegment, UserSegment, WorkflowInvoke,
};
pub use wire::{Extra, Nullable};

/// The README's example runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
