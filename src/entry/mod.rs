//! The entries of an agent runtime: what they say, how they are read and written without losing
//! what is not known, and what the entries of a segment add up to. No I/O.

pub(crate) mod config;
pub(crate) mod item;
pub(crate) mod names;
pub(crate) mod replay;
pub(crate) mod seed;
pub(crate) mod segment_head;
pub(crate) mod segment_log;
pub(crate) mod system_item;
pub(crate) mod trace;
pub(crate) mod user_input;
pub(crate) mod wire;

pub use self::config::{Reasoning, RequestConfig};
pub use self::item::{
    ContentPart, Item, Message, ReasoningItem, RefusalPart, Role, TextPart, ToolCall, ToolOutput,
};
pub use self::names::{Active, WorkerName, WorkerRecord};
pub use self::replay::{SegmentState, collect_state};
pub use self::segment_log::{
    ConfigChanged, Extension, InputExtension, Invoke, ItemEntry, LlmUsage, LogEntry, Origin,
    PausedTurnAbandoned, RunCompleted, RunErrored, RunResult, SegmentStart, SystemItemEntry,
    Trigger, TurnEnd, UserInput,
};
pub use self::system_item::{
    FileAttachment, Interrupt, Knowledge, Notification, PodEvent, SkillActivation, SystemItem,
    TaskReminder, WorkerEvent, Workflow,
};
pub use self::trace::{TraceEntry, TraceLifecycle, TraceStreamEvent};
pub use self::user_input::{
    FileRef, Flow, KnowledgeRef, Paste, TextSegment, UserSegment, WorkflowInvoke,
};
pub use self::wire::{Extra, Nullable};
