//! Placeholder until the model lands.
/// An entry.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TraceEntry(pub serde_json::Value);
