//! The entries of a segment's log.

use serde_json::Value;

use crate::entry::config::RequestConfig;
use crate::entry::item::Item;
use crate::entry::system_item::SystemItem;
use crate::entry::user_input::UserSegment;
use crate::entry::wire::{
    Floats, Known, Nullable, numbers_are_exact, open_words, tagged_enum, wire_struct,
};
use crate::ids::{SegmentId, SessionId};
use crate::raw_json::RawJson;

tagged_enum! {
    /// One entry of a segment's log.
    ///
    /// Reading and then writing an entry gives an equal JSON value: unknown fields are kept in
    /// each struct's `extra`, unknown kinds of anything in an `Unknown` variant. A [`Store`] reads
    /// each entry as [`from_json`](Self::from_json) does, so that none makes a segment unreadable.
    ///
    /// [`Store`]: crate::Store
    ///
    /// ```
    /// use sessiondb::LogEntry;
    ///
    /// let line = r#"{"kind":"invoke","ts":2,"trigger":"user_send"}"#;
    /// let entry: LogEntry = serde_json::from_str(line)?;
    /// assert_eq!((entry.kind(), entry.ts()), ("invoke", Some(2)));
    /// assert_eq!(serde_json::to_string(&entry)?, line);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum LogEntry ("a log entry", RawJson) {
        /// The segment begins: what it starts from.
        "segment_start" => SegmentStart(SegmentStart),
        /// A run begins.
        "invoke" => Invoke(Invoke),
        /// The user said something.
        "user_input" => UserInput(UserInput),
        /// The model said something, or asked for a tool.
        "assistant_item" => AssistantItem(ItemEntry),
        /// A tool answered.
        "tool_result" => ToolResult(ItemEntry),
        /// The runtime told the model something.
        "system_item" => SystemItem(SystemItemEntry),
        /// A turn ended.
        "turn_end" => TurnEnd(TurnEnd),
        /// A run ended.
        "run_completed" => RunCompleted(RunCompleted),
        /// A run failed.
        "run_errored" => RunErrored(RunErrored),
        /// A paused turn will not be continued.
        "paused_turn_abandoned" => PausedTurnAbandoned(PausedTurnAbandoned),
        /// The parameters of the requests changed.
        "config_changed" => ConfigChanged(ConfigChanged),
        /// What a request used.
        "llm_usage" => LlmUsage(LlmUsage),
        /// Data of an extension.
        "extension" => Extension(Extension),
    }
}

impl LogEntry {
    /// Reads any JSON as an entry. What has no kind that this version knows, or does not fit the
    /// type of its kind, becomes [`Unknown`](Self::Unknown) with its bytes as they are: an entry
    /// with half a surrogate pair, with more than 127 levels of nesting, with a number that 64 bits
    /// do not hold exactly, or one that is no object.
    ///
    /// Of a key that stands twice in an object the last one counts, as everywhere in `serde_json`.
    /// As [`Deserialize`](serde::Deserialize) alone does not see the bytes, it refuses what does
    /// not fit, and rounds numbers.
    ///
    /// ```
    /// use sessiondb::LogEntry;
    ///
    /// let line = r#"{"kind":"turn_end","ts":7,"turn_count":"one"}"#;
    /// let entry = LogEntry::from_json(line)?;
    /// assert!(matches!(&entry, LogEntry::Unknown(json) if json.as_str() == line));
    /// assert_eq!((entry.kind(), entry.ts()), ("turn_end", Some(7)));
    /// assert_eq!(serde_json::to_string(&entry)?, line);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not one JSON value on one line.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        match serde_json::from_str(json) {
            Ok(known) => Ok(Self::from_known(known, json)),
            Err(_) => RawJson::new(json).map(Self::Unknown),
        }
    }

    /// The entry that was read from the text, unless it cannot give the text's value back.
    pub(crate) fn from_known(known: Known<Self>, json: &str) -> Self {
        match known.0 {
            Some(entry) if !entry.holds_float() || numbers_are_exact(json) => entry,
            _ => Self::Unknown(RawJson::trusted(json)),
        }
    }

    /// When the entry was made, in milliseconds since the Unix epoch; `None` only for an
    /// [`Unknown`](Self::Unknown) without a time.
    ///
    /// ```
    /// let entry: sessiondb::LogEntry = serde_json::from_str(r#"{"kind":"from_the_future"}"#)?;
    /// assert_eq!(entry.ts(), None);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn ts(&self) -> Option<u64> {
        Some(match self {
            Self::SegmentStart(entry) => entry.ts,
            Self::Invoke(entry) => entry.ts,
            Self::UserInput(entry) => entry.ts,
            Self::AssistantItem(entry) | Self::ToolResult(entry) => entry.ts,
            Self::SystemItem(entry) => entry.ts,
            Self::TurnEnd(entry) => entry.ts,
            Self::RunCompleted(entry) => entry.ts,
            Self::RunErrored(entry) => entry.ts,
            Self::PausedTurnAbandoned(entry) => entry.ts,
            Self::ConfigChanged(entry) => entry.ts,
            Self::LlmUsage(entry) => entry.ts,
            Self::Extension(entry) => entry.ts,
            Self::Unknown(json) => return json.ts(),
        })
    }
}

wire_struct! {
    /// The first entry of a segment: what it starts from.
    ///
    /// ```
    /// use sessiondb::{LogEntry, new_session_id, now_ms};
    /// use sessiondb::entry::{Extra, Nullable, RequestConfig, SegmentStart};
    ///
    /// let start = LogEntry::SegmentStart(SegmentStart {
    ///     ts: now_ms(),
    ///     session_id: new_session_id(),
    ///     system_prompt: Nullable::Null,
    ///     config: RequestConfig::default(),
    ///     history: Vec::new(),
    ///     forked_from: None,
    ///     compacted_from: None,
    ///     extra: Extra::new(),
    /// });
    /// assert_eq!(start.kind(), "segment_start");
    /// ```
    pub struct SegmentStart {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The session that the segment belongs to.
        session_id: SessionId => Id,
        /// The system prompt.
        system_prompt: Nullable<String> => Nulled,
        /// The parameters of the requests.
        config: RequestConfig => Required,
        /// The conversation so far.
        history: Vec<Item> => Required,
        /// The point at which the segment left another one.
        forked_from: Option<Origin> => Optional,
        /// The point up to which the segment sums up another one.
        compacted_from: Option<Origin> => Optional,
    }
}

wire_struct! {
    /// A point in another segment.
    ///
    /// ```
    /// use sessiondb::new_segment_id;
    /// use sessiondb::entry::{Extra, Origin};
    ///
    /// let origin = Origin { segment_id: new_segment_id(), at_turn_index: 3, extra: Extra::new() };
    /// assert!(serde_json::to_string(&origin)?.ends_with(r#""at_turn_index":3}"#));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Origin {
        /// The other segment.
        segment_id: SegmentId => Id,
        /// The turn after which the point lies.
        at_turn_index: u64 => Required,
    }
}

wire_struct! {
    /// A run begins.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, Invoke, Trigger};
    ///
    /// let invoke = Invoke { ts: 2, trigger: Trigger::UserSend, extra: Extra::new() };
    /// assert_eq!(serde_json::to_string(&invoke)?, r#"{"ts":2,"trigger":"user_send"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Invoke {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// What set it off.
        trigger: Trigger => Required,
    }
}

open_words! {
    /// What sets off a run.
    ///
    /// ```
    /// assert_eq!(sessiondb::entry::Trigger::Wakeup.as_str(), "wakeup");
    /// ```
    pub enum Trigger {
        /// The user sent something.
        "user_send" => UserSend,
        /// A message came from outside.
        "notify" => Notify,
        /// Something happened to another agent.
        "pod_event" => PodEvent,
        /// The runtime has something to say.
        "system_reminder" => SystemReminder,
        /// A time has come.
        "wakeup" => Wakeup,
        /// Something happened to a worker.
        "worker_event" => WorkerEvent,
    }
}

wire_struct! {
    /// The user said something.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, UserInput, UserSegment};
    ///
    /// let input = UserInput {
    ///     ts: 3,
    ///     segments: vec![UserSegment::text("hi")],
    ///     extensions: Vec::new(),
    ///     extra: Extra::new(),
    /// };
    /// assert_eq!(UserSegment::flatten(&input.segments), "hi");
    /// ```
    pub struct UserInput {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// What the input is put together of.
        segments: Vec<UserSegment> => Required,
        /// What extensions add to it.
        extensions: Vec<InputExtension> => List,
    }
}

wire_struct! {
    /// What an extension adds to a user's input.
    ///
    /// ```
    /// use sessiondb::entry::InputExtension;
    ///
    /// let added: InputExtension = serde_json::from_str(r#"{"domain":"editor","payload":{"line":4}}"#)?;
    /// assert_eq!(added.payload["line"], 4);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct InputExtension {
        /// Whose data it is.
        domain: String => Required,
        /// The data: any JSON.
        payload: Value => Required,
    }
}

wire_struct! {
    /// An item of the conversation, made by the model or a tool.
    ///
    /// ```
    /// use sessiondb::LogEntry;
    /// use sessiondb::entry::{Extra, Item, ItemEntry, Role};
    ///
    /// let item = Item::message(Role::Assistant, "Done.");
    /// let entry = LogEntry::AssistantItem(ItemEntry { ts: 4, item, extra: Extra::new() });
    /// assert_eq!(entry.kind(), "assistant_item");
    /// ```
    pub struct ItemEntry {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The item.
        item: Item => Required,
    }
}

wire_struct! {
    /// Something that the runtime told the model.
    ///
    /// ```
    /// use sessiondb::entry::SystemItemEntry;
    ///
    /// let entry: SystemItemEntry =
    ///     serde_json::from_str(r#"{"ts":6,"item":{"kind":"interrupt","body":"b"}}"#)?;
    /// assert_eq!(entry.item.body(), Some("b"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct SystemItemEntry {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The item.
        item: SystemItem => Required,
    }
}

wire_struct! {
    /// A turn ended.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, TurnEnd};
    ///
    /// let end = TurnEnd { ts: 7, turn_count: 1, extra: Extra::new() };
    /// assert_eq!(serde_json::to_string(&end)?, r#"{"ts":7,"turn_count":1}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct TurnEnd {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The number of turns that have ended, this one included.
        turn_count: u64 => Required,
    }
}

wire_struct! {
    /// A run ended.
    ///
    /// ```
    /// use sessiondb::entry::{RunCompleted, RunResult};
    ///
    /// let run: RunCompleted =
    ///     serde_json::from_str(r#"{"ts":8,"interrupted":false,"result":"paused"}"#)?;
    /// assert_eq!(run.result, RunResult::Paused);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct RunCompleted {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// Whether it was stopped before its end.
        interrupted: bool => Required,
        /// How it ended.
        result: RunResult => Required,
    }
}

open_words! {
    /// How a run ended.
    ///
    /// ```
    /// assert_eq!(sessiondb::entry::RunResult::from("finished"), sessiondb::entry::RunResult::Finished);
    /// ```
    pub enum RunResult {
        /// The model had no more to say.
        "finished" => Finished,
        /// It can be continued.
        "paused" => Paused,
        /// It reached a limit.
        "limit_reached" => LimitReached,
        /// It made way for something else.
        "yielded" => Yielded,
    }
}

wire_struct! {
    /// A run failed.
    ///
    /// ```
    /// use sessiondb::entry::RunErrored;
    ///
    /// let run: RunErrored =
    ///     serde_json::from_str(r#"{"ts":9,"interrupted":true,"message":"boom"}"#)?;
    /// assert_eq!(run.message, "boom");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct RunErrored {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// Whether it was stopped before its end.
        interrupted: bool => Required,
        /// What went wrong.
        message: String => Required,
    }
}

wire_struct! {
    /// A paused turn will not be continued.
    ///
    /// ```
    /// use sessiondb::LogEntry;
    /// use sessiondb::entry::{Extra, PausedTurnAbandoned};
    ///
    /// let entry = LogEntry::PausedTurnAbandoned(PausedTurnAbandoned { ts: 9, extra: Extra::new() });
    /// assert_eq!(entry.kind(), "paused_turn_abandoned");
    /// ```
    pub struct PausedTurnAbandoned {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
    }
}

wire_struct! {
    /// The parameters of the requests changed.
    ///
    /// ```
    /// use sessiondb::LogEntry;
    /// use sessiondb::entry::{ConfigChanged, Extra, RequestConfig};
    ///
    /// let config = RequestConfig { top_k: 40.into(), ..RequestConfig::default() };
    /// let entry = LogEntry::ConfigChanged(ConfigChanged { ts: 10, config, extra: Extra::new() });
    /// assert_eq!(entry.kind(), "config_changed");
    /// ```
    pub struct ConfigChanged {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The new parameters.
        config: RequestConfig => Required,
    }
}

wire_struct! {
    /// What a request to the model used.
    ///
    /// ```
    /// use sessiondb::entry::{Extra, LlmUsage};
    ///
    /// let usage = LlmUsage {
    ///     ts: 11,
    ///     history_len: 2,
    ///     input_total_tokens: 100,
    ///     cache_read_tokens: 80,
    ///     cache_write_tokens: 0,
    ///     output_tokens: 7,
    ///     extra: Extra::new(),
    /// };
    /// assert!(usage.cache_read_tokens <= usage.input_total_tokens);
    /// ```
    pub struct LlmUsage {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// The number of items that the history had.
        history_len: u64 => Required,
        /// All tokens of the request.
        input_total_tokens: u64 => Required,
        /// Those of them that came from the provider's cache.
        cache_read_tokens: u64 => Required,
        /// Those of them that went into the provider's cache.
        cache_write_tokens: u64 => Required,
        /// The tokens of the answer.
        output_tokens: u64 => Required,
    }
}

wire_struct! {
    /// Data of an extension.
    ///
    /// ```
    /// use sessiondb::entry::{Extension, Extra};
    ///
    /// let data = Extension {
    ///     ts: 12,
    ///     domain: "memory.extract".into(),
    ///     payload: 7.into(),
    ///     extra: Extra::new(),
    /// };
    /// assert_eq!(serde_json::to_string(&data)?, r#"{"ts":12,"domain":"memory.extract","payload":7}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Extension {
        /// When, in milliseconds since the Unix epoch.
        ts: u64 => Required,
        /// Whose data it is.
        domain: String => Required,
        /// The data: any JSON.
        payload: Value => Required,
    }
}
