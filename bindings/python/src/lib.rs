//! The native half of the Python package `sessiondb`.
//!
//! Each file has the class of its name. Every call lets other Python threads run while the library works; what a
//! call needs of Python is taken before, and what it gives is made after.

mod archive;
mod batch;
mod changes;
mod claude;
mod copies;
mod doctor;
mod entry;
mod errors;
mod handle;
mod id;
mod info;
mod json;
mod langgraph;
mod log;
mod log_snapshot;
mod logs;
mod openai;
mod options;
mod records;
mod search;
mod snapshot;
mod store;
mod trash;

use pyo3::prelude::*;

/// The classes and functions, without the names that Python gives them.
#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<archive::Archive>()?;
    module.add_class::<batch::Batch>()?;
    module.add_class::<changes::Change>()?;
    module.add_class::<changes::Changes>()?;
    module.add_class::<claude::ClaudeAppend>()?;
    module.add_class::<claude::ClaudeStore>()?;
    module.add_class::<entry::Entries>()?;
    module.add_class::<entry::Entry>()?;
    module.add_class::<info::Closed>()?;
    module.add_class::<info::Receipt>()?;
    module.add_class::<info::SegmentInfo>()?;
    module.add_class::<info::SessionInfo>()?;
    module.add_class::<info::SessionPage>()?;
    module.add_class::<langgraph::LangGraphStore>()?;
    module.add_class::<log::Log>()?;
    module.add_class::<log_snapshot::LogSnapshot>()?;
    module.add_class::<openai::OpenAiSession>()?;
    module.add_class::<openai::OpenAiTail>()?;
    module.add_class::<search::Hit>()?;
    module.add_class::<search::Line>()?;
    module.add_class::<search::Search>()?;
    module.add_class::<snapshot::Snapshot>()?;
    module.add("MAX_ENTRY_BYTES", sessiondb::MAX_ENTRY_BYTES)?;
    module.add("LIBRARY_VERSION", sessiondb::doctor::LIBRARY_VERSION)?;
    module.add_function(wrap_pyfunction!(id::new_session_id, module)?)?;
    module.add_function(wrap_pyfunction!(id::new_segment_id, module)?)?;
    module.add_function(wrap_pyfunction!(doctor::look, module)?)?;
    module.add_function(wrap_pyfunction!(doctor::recover, module)?)?;
    Ok(())
}
