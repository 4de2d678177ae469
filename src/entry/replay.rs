//! Replay: the state that a segment's entries add up to.

use crate::entry::config::RequestConfig;
use crate::entry::item::{Item, Role};
use crate::entry::segment_log::{
    Extension, InputExtension, LlmUsage, LogEntry, Origin, SegmentStart, UserInput,
};
use crate::entry::system_item::SystemItem;
use crate::entry::user_input::UserSegment;
use crate::ids::SessionId;

/// The state of a conversation after some entries of a segment.
///
/// Feed it entries as they are read, so that the log need not be in memory as well.
///
/// ```
/// use sessiondb::LogEntry;
/// use sessiondb::entry::SegmentState;
///
/// let mut state = SegmentState::default();
/// let entry: LogEntry = serde_json::from_str(r#"{"kind":"turn_end","ts":7,"turn_count":1}"#)?;
/// state.apply(entry);
/// assert_eq!((state.turn_count, state.entries), (1, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentState {
    /// The session, as the first entry names it.
    pub session_id: Option<SessionId>,
    /// The system prompt.
    pub system_prompt: Option<String>,
    /// The parameters of the requests.
    pub config: RequestConfig,
    /// The conversation.
    pub history: Vec<Item>,
    /// The segments of each user input, in order.
    pub user_segments: Vec<Vec<UserSegment>>,
    /// The number of turns that have ended.
    pub turn_count: u64,
    /// Whether the last run was stopped before its end, or has not ended.
    pub last_run_interrupted: bool,
    /// What the requests used, in order.
    pub usage: Vec<LlmUsage>,
    /// The data of extensions, in order: that of entries of their own, and that which came with a
    /// user input, dated as of the input.
    pub extensions: Vec<Extension>,
    /// The point at which the segment left another one.
    pub forked_from: Option<Origin>,
    /// The point up to which the segment sums up another one.
    pub compacted_from: Option<Origin>,
    /// The number of entries that were applied.
    pub entries: usize,
}

/// The state after all of `entries`, which may be owned or borrowed.
///
/// ```
/// use sessiondb::LogEntry;
/// use sessiondb::entry::collect_state;
///
/// let entry: LogEntry = serde_json::from_str(r#"{"kind":"invoke","ts":2,"trigger":"notify"}"#)?;
/// assert!(collect_state([&entry]).last_run_interrupted);
/// assert!(collect_state(vec![entry]).last_run_interrupted);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn collect_state<T>(entries: impl IntoIterator<Item = T>) -> SegmentState
where
    SegmentState: Extend<T>,
{
    let mut state = SegmentState::default();
    state.extend(entries);
    state
}

impl SegmentState {
    /// Applies the next entry of the segment.
    pub fn apply(&mut self, entry: LogEntry) {
        self.entries += 1;
        match entry {
            LogEntry::SegmentStart(start) => self.start(start),
            LogEntry::Invoke(_) => self.last_run_interrupted = true,
            LogEntry::UserInput(input) => self.user_input(input),
            LogEntry::AssistantItem(entry) | LogEntry::ToolResult(entry) => {
                self.history.push(entry.item);
            }
            LogEntry::SystemItem(entry) => {
                let text = text_in_history(&entry.item);
                self.history
                    .extend(text.map(|text| Item::message(Role::System, text)));
            }
            LogEntry::TurnEnd(end) => self.turn_count = end.turn_count,
            LogEntry::RunCompleted(run) => self.last_run_interrupted = run.interrupted,
            LogEntry::RunErrored(run) => self.last_run_interrupted = run.interrupted,
            LogEntry::ConfigChanged(changed) => self.config = changed.config,
            LogEntry::LlmUsage(usage) => self.usage.push(usage),
            LogEntry::Extension(extension) => self.extensions.push(extension),
            LogEntry::PausedTurnAbandoned(_) => self.last_run_interrupted = false,
            LogEntry::Unknown(_) => {}
        }
    }

    fn start(&mut self, start: SegmentStart) {
        self.session_id = Some(start.session_id);
        self.system_prompt = start.system_prompt.into_option();
        self.config = start.config;
        self.history = start.history;
        self.forked_from = start.forked_from;
        self.compacted_from = start.compacted_from;
    }

    fn user_input(&mut self, input: UserInput) {
        let text = UserSegment::flatten(&input.segments);
        self.history.push(Item::message(Role::User, text));
        self.user_segments.push(input.segments);
        let ts = input.ts;
        self.extensions
            .extend(input.extensions.into_iter().map(|extension| {
                let InputExtension {
                    domain,
                    payload,
                    extra,
                } = extension;
                Extension {
                    ts,
                    domain,
                    payload,
                    extra,
                }
            }));
    }
}

/// What a system item is to the model when a conversation goes on. Knowledge and workflows are no
/// longer injected: the one adds nothing, of the other only its name is left.
fn text_in_history(item: &SystemItem) -> Option<String> {
    match item {
        SystemItem::Knowledge(_) => None,
        SystemItem::Workflow(workflow) => {
            Some(format!("Ignored legacy procedure item: /{}", workflow.slug))
        }
        item => item.body().map(str::to_owned),
    }
}

impl Extend<LogEntry> for SegmentState {
    fn extend<I: IntoIterator<Item = LogEntry>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.apply(entry));
    }
}

impl<'a> Extend<&'a LogEntry> for SegmentState {
    fn extend<I: IntoIterator<Item = &'a LogEntry>>(&mut self, entries: I) {
        self.extend(entries.into_iter().cloned());
    }
}
