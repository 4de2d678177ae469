//! Sessions of LLM agents in one crash-safe file.

mod event_trace;
mod ids;
mod segment_log;
mod store;

pub use event_trace::TraceEntry;
pub use ids::{SegmentId, SessionId, new_segment_id, new_session_id, now_ms};
pub use segment_log::LogEntry;
pub use store::{Store, StoreError};
