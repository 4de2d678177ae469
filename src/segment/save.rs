//! One function for each kind of entry that a writer saves as it goes.

use serde_json::Value;

use crate::entry::config::RequestConfig;
use crate::entry::item::Item;
use crate::entry::segment_head::Head;
use crate::entry::segment_log::{
    ConfigChanged, Extension, InputExtension, Invoke, ItemEntry, LlmUsage, LogEntry, RunCompleted,
    RunErrored, RunResult, SystemItemEntry, Trigger, TurnEnd, UserInput,
};
use crate::entry::system_item::SystemItem;
use crate::entry::user_input::UserSegment;
use crate::entry::wire::Extra;
use crate::error::StoreError;
use crate::ids::now_ms;
use crate::store::Store;

/// Saves that a run begins, and why. Until a run completed or errored it counts as interrupted.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::Trigger;
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// segment::save_invoke(&store, &mut head, Trigger::UserSend)?;
/// assert!(segment::restore(&store, head.session_id, head.segment_id)?.last_run_interrupted);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_invoke<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    trigger: Trigger,
) -> Result<(), StoreError> {
    let invoke = Invoke {
        ts: now_ms(),
        trigger,
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::Invoke(invoke))
}

/// Saves what the user sent. Replay makes one user message of it.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::UserSegment;
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// segment::save_user_input(&store, &mut head, vec![UserSegment::text("Go on.")], vec![])?;
/// assert_eq!(head.entries, 2);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_user_input<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    segments: Vec<UserSegment>,
    extensions: Vec<InputExtension>,
) -> Result<(), StoreError> {
    let input = UserInput {
        ts: now_ms(),
        segments,
        extensions,
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::UserInput(input))
}

/// Saves what was added to the history since the last save, one entry for each item.
///
/// The output of a tool becomes a `tool_result`, what the runtime injected a `system_item`, and any
/// other item an `assistant_item`. Replay gives the same items in the same order, except for
/// knowledge and workflows, which are not injected any more. Leave out a user message that
/// [`save_user_input`] has saved: it would be there twice.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::{Item, Role, SystemItem};
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// let reminder = r#"{"kind":"notification","message":"m","body":"Build finished."}"#;
/// let delta: [segment::HistoryItem; 2] = [
///     serde_json::from_str::<SystemItem>(reminder)?.into(),
///     Item::message(Role::Assistant, "Good.").into(),
/// ];
/// segment::save_history_delta(&store, &mut head, delta)?;
/// let history = segment::restore(&store, head.session_id, head.segment_id)?.history;
/// assert_eq!(history[0], Item::message(Role::System, "Build finished."));
/// assert_eq!(history[1], Item::message(Role::Assistant, "Good."));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]. The items before the one that failed are saved, and `head` counts
/// them.
pub fn save_history_delta<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    delta: impl IntoIterator<Item = impl Into<HistoryItem>>,
) -> Result<(), StoreError> {
    for item in delta {
        append(store, head, &item.into().into_entry(now_ms()))?;
    }
    Ok(())
}

/// A piece of history as [`save_history_delta`] takes it.
///
/// ```
/// use sessiondb::segment::HistoryItem;
/// use sessiondb::entry::{Item, Role};
///
/// let item = Item::message(Role::Assistant, "Done.");
/// assert_eq!(HistoryItem::from(item.clone()), HistoryItem::Item(item));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryItem {
    /// What the model wrote, or what a tool gave back.
    Item(Item),
    /// What the runtime injected.
    System(SystemItem),
}

impl HistoryItem {
    fn into_entry(self, ts: u64) -> LogEntry {
        let extra = Extra::new();
        match self {
            Self::System(item) => LogEntry::SystemItem(SystemItemEntry { ts, item, extra }),
            Self::Item(item @ Item::ToolResult(_)) => {
                LogEntry::ToolResult(ItemEntry { ts, item, extra })
            }
            Self::Item(item) => LogEntry::AssistantItem(ItemEntry { ts, item, extra }),
        }
    }
}

impl From<Item> for HistoryItem {
    fn from(item: Item) -> Self {
        Self::Item(item)
    }
}

impl From<SystemItem> for HistoryItem {
    fn from(item: SystemItem) -> Self {
        Self::System(item)
    }
}

/// Saves that a turn ended. `turn_count` is the number of turns that have ended, this one included.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::{MemoryStore};
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// segment::save_turn_end(&store, &mut head, 1)?;
/// assert_eq!(segment::restore(&store, head.session_id, head.segment_id)?.turn_count, 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_turn_end<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    turn_count: u64,
) -> Result<(), StoreError> {
    let end = TurnEnd {
        ts: now_ms(),
        turn_count,
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::TurnEnd(end))
}

/// Saves how a run completed.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::RunResult;
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// segment::save_run_completed(&store, &mut head, RunResult::Paused, true)?;
/// assert!(segment::restore(&store, head.session_id, head.segment_id)?.last_run_interrupted);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_run_completed<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    result: RunResult,
    interrupted: bool,
) -> Result<(), StoreError> {
    let completed = RunCompleted {
        ts: now_ms(),
        interrupted,
        result,
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::RunCompleted(completed))
}

/// Saves that a run ended with an error.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::{MemoryStore};
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// segment::save_run_errored(&store, &mut head, "connection lost", true)?;
/// assert!(segment::restore(&store, head.session_id, head.segment_id)?.last_run_interrupted);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_run_errored<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    message: impl Into<String>,
    interrupted: bool,
) -> Result<(), StoreError> {
    let errored = RunErrored {
        ts: now_ms(),
        interrupted,
        message: message.into(),
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::RunErrored(errored))
}

/// Saves the tokens that one call of the model used. Its `ts` is set to the time now.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::LlmUsage;
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// let usage: LlmUsage = serde_json::from_value(serde_json::json!({
///     "ts": 0, "history_len": 2, "input_total_tokens": 100, "cache_read_tokens": 80,
///     "cache_write_tokens": 0, "output_tokens": 7,
/// }))?;
/// segment::save_usage(&store, &mut head, usage)?;
/// let state = segment::restore(&store, head.session_id, head.segment_id)?;
/// assert_eq!(state.usage[0].output_tokens, 7);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_usage<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    usage: LlmUsage,
) -> Result<(), StoreError> {
    let usage = LlmUsage {
        ts: now_ms(),
        ..usage
    };
    append(store, head, &LogEntry::LlmUsage(usage))
}

/// Saves that the model is asked in another way from now on.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::RequestConfig;
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// let config = RequestConfig { stop_sequences: vec!["END".to_owned()], ..Default::default() };
/// segment::save_config(&store, &mut head, config.clone())?;
/// assert_eq!(segment::restore(&store, head.session_id, head.segment_id)?.config, config);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_config<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    config: RequestConfig,
) -> Result<(), StoreError> {
    let changed = ConfigChanged {
        ts: now_ms(),
        config,
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::ConfigChanged(changed))
}

/// Saves something of the runtime's own under a name that tells it from others.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::{MemoryStore};
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// let payload = serde_json::json!({"processed_through_entry": 7});
/// segment::save_extension(&store, &mut head, "memory.extract", payload)?;
/// let state = segment::restore(&store, head.session_id, head.segment_id)?;
/// assert_eq!(state.extensions[0].domain, "memory.extract");
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::append`]; `head` is then as before.
pub fn save_extension<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    domain: impl Into<String>,
    payload: Value,
) -> Result<(), StoreError> {
    let extension = Extension {
        ts: now_ms(),
        domain: domain.into(),
        payload,
        extra: Extra::new(),
    };
    append(store, head, &LogEntry::Extension(extension))
}

/// Appends and counts: the tally grows only by what the store has taken.
fn append<S: Store + ?Sized>(
    store: &S,
    head: &mut Head,
    entry: &LogEntry,
) -> Result<(), StoreError> {
    store.append(head.session_id, head.segment_id, entry)?;
    head.entries += 1;
    Ok(())
}
