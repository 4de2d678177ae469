//! The functions over any `Store`: what they write, what a restore makes of it, and what they
//! leave alone.

/// A store that fails after some entries.
mod refusing;

use serde_json::{Value, json};
use sessiondb::entry::{
    Item, LlmUsage, RequestConfig, Role, RunResult, SegmentState, SystemItem, Trigger, UserSegment,
};
use sessiondb::segment::{self, Head, HistoryItem, Seed};
use sessiondb::{
    LogEntry, MemoryStore, Store, StoreError, TraceEntry, new_segment_id, new_session_id, now_ms,
};

use self::refusing::Refusing;

#[test]
fn start_writes_one_segment_start_that_restores_the_seed() {
    let store = MemoryStore::new();
    let before = now_ms();
    let head = segment::start(&store, &seed()).unwrap();
    assert_eq!(head, Head::new(head.session_id, head.segment_id, 1));
    let line = line_at(&store, head, 0);
    assert_eq!(line["kind"], "segment_start");
    assert_eq!(line["session_id"], json!(head.session_id));
    assert!((before..=now_ms()).contains(&line["ts"].as_u64().unwrap()));

    let state = restored(&store, head);
    assert_eq!(state.session_id, Some(head.session_id));
    assert_eq!((&state.forked_from, &state.compacted_from), (&None, &None));
    assert_eq!(Seed::from(state), seed());
}

#[test]
fn start_with_ids_uses_them_and_no_prompt_is_written_as_null() {
    let store = MemoryStore::new();
    let (session, segment) = (new_session_id(), new_segment_id());
    let head = segment::start_with_ids(&store, session, segment, &Seed::default()).unwrap();
    assert_eq!((head.session_id, head.segment_id), (session, segment));
    let line = line_at(&store, head, 0);
    assert_eq!(line.get("system_prompt"), Some(&Value::Null));
    assert_eq!(Seed::from(restored(&store, head)), Seed::default());
}

#[test]
fn start_with_ids_replaces_no_entries() {
    let store = MemoryStore::new();
    let (session, segment) = (new_session_id(), new_segment_id());
    store.create_segment(session, segment, &[]).unwrap();
    segment::start_with_ids(&store, session, segment, &seed()).unwrap();
    let before = store.read_all(session, segment).unwrap();
    let error = segment::start_with_ids(&store, session, segment, &Seed::default()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                expected: 0,
                actual: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(store.read_all(session, segment).unwrap(), before);
}

#[test]
fn each_save_function_writes_its_kind_and_counts() {
    let store = MemoryStore::new();
    let head = &mut segment::start(&store, &Seed::default()).unwrap();
    let before = now_ms();
    save_one_of_each(&store, head);
    let entries = store.read_all(head.session_id, head.segment_id).unwrap();
    let kinds: Vec<_> = entries.iter().map(LogEntry::kind).collect();
    assert_eq!(
        kinds,
        [
            "segment_start",
            "invoke",
            "user_input",
            "assistant_item",
            "tool_result",
            "system_item",
            "assistant_item",
            "llm_usage",
            "config_changed",
            "extension",
            "turn_end",
            "run_errored",
            "run_completed",
        ]
    );
    assert_eq!(head.entries, entries.len());
    for entry in &entries[1..] {
        let ts = entry.ts().unwrap();
        assert!(
            (before..=now_ms()).contains(&ts),
            "{} has the time {ts}",
            entry.kind()
        );
    }
}

#[test]
fn restore_adds_up_what_was_saved() {
    let store = MemoryStore::new();
    let head = &mut segment::start(&store, &seed()).unwrap();
    save_one_of_each(&store, head);
    let state = restored(&store, *head);
    let (call, output) = tool_items();
    let expected = [
        seed().history,
        vec![
            Item::message(Role::User, "Build it."),
            call,
            output,
            Item::message(Role::System, "Disk is full."),
            Item::message(Role::Assistant, "Built."),
        ],
    ];
    assert_eq!(state.history, expected.concat());
    assert_eq!(state.user_segments, [[UserSegment::text("Build it.")]]);
    assert_eq!(state.turn_count, 4);
    assert!(state.last_run_interrupted);
    assert_eq!(state.usage[0].output_tokens, 7);
    assert_eq!(state.extensions[0].payload, json!([null]));
    assert_eq!(state.config.stop_sequences, ["END"]);
    assert_eq!(state.entries, head.entries);
    assert_eq!(
        state,
        segment::restore_by_segment(&store, head.segment_id)
            .unwrap()
            .1
    );
}

#[test]
fn missing_segments_are_not_found() {
    let store = MemoryStore::new();
    let head = segment::start(&store, &seed()).unwrap();
    let missing = Head::new(head.session_id, new_segment_id(), 1);
    let Head {
        session_id,
        segment_id,
        ..
    } = missing;
    let state = SegmentState::default();
    for error in [
        segment::restore(&store, session_id, segment_id).unwrap_err(),
        segment::restore_by_segment(&store, segment_id).unwrap_err(),
        segment::fork_at(&store, session_id, segment_id, 0).unwrap_err(),
        segment::ensure_head_or_fork(&store, missing, &state).unwrap_err(),
    ] {
        assert!(
            matches!(error, StoreError::NotFound(id) if id == segment_id),
            "{error}"
        );
    }
    assert_eq!(store.list_segments(session_id).unwrap(), [head.segment_id]);
}

#[test]
fn fork_is_a_session_of_its_own() {
    let store = MemoryStore::new();
    let source = session_of_three_turns(&store);
    let fork = segment::fork(&store, &Seed::from(&restored(&store, source))).unwrap();
    assert_ne!(fork.session_id, source.session_id);
    assert_eq!(fork.entries, 1);
    let state = restored(&store, fork);
    assert_eq!(state.session_id, Some(fork.session_id));
    assert_eq!(state.history, restored(&store, source).history);
    assert_eq!(state.forked_from, None);
    assert_eq!(
        store.list_segments(source.session_id).unwrap(),
        [source.segment_id]
    );
}

#[test]
fn fork_at_takes_the_history_of_each_turn() {
    let store = MemoryStore::new();
    let source = session_of_three_turns(&store);
    let whole = restored(&store, source);
    for turn in 0..=3 {
        let fork = segment::fork_at(&store, source.session_id, source.segment_id, turn).unwrap();
        assert_eq!(fork.session_id, source.session_id);
        let state = restored(&store, fork);
        let len = seed().history.len() + 2 * usize::try_from(turn).unwrap();
        assert_eq!(state.history, whole.history[..len], "turn {turn}");
        assert_eq!(state.system_prompt, seed().system_prompt);
        // The config changes in the third turn.
        assert_eq!(state.config == config(), turn == 3, "turn {turn}");
        let origin = state.forked_from.unwrap();
        assert_eq!(
            (origin.segment_id, origin.at_turn_index),
            (source.segment_id, turn)
        );
        assert_eq!(state.entries, 1);
    }
    assert_eq!(restored(&store, source), whole, "the source is as it was");
}

#[test]
fn fork_at_a_turn_that_does_not_exist_changes_nothing() {
    let store = MemoryStore::new();
    let source = session_of_three_turns(&store);
    for missing in [4, u64::MAX] {
        let error = segment::fork_at(&store, source.session_id, source.segment_id, missing);
        match error.unwrap_err() {
            StoreError::TurnNotFound {
                segment,
                turn,
                last,
            } => {
                assert_eq!((segment, turn, last), (source.segment_id, missing, 3));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(
        store.list_segments(source.session_id).unwrap(),
        [source.segment_id]
    );

    let fresh = segment::start(&store, &seed()).unwrap();
    let error = segment::fork_at(&store, fresh.session_id, fresh.segment_id, 1).unwrap_err();
    assert!(
        matches!(error, StoreError::TurnNotFound { last: 0, .. }),
        "{error}"
    );
}

/// A log need not begin with a `segment_start`, and a turn may be ended twice.
#[test]
fn fork_at_copes_with_unusual_logs() {
    let store = MemoryStore::new();
    let head = &mut Head::new(new_session_id(), new_segment_id(), 0);
    let say = |head: &mut Head, text: &str| {
        segment::save_history_delta(&store, head, [Item::message(Role::Assistant, text)]).unwrap();
    };
    say(head, "a");
    segment::save_turn_end(&store, head, 1).unwrap();
    say(head, "b");
    segment::save_turn_end(&store, head, 1).unwrap();
    say(head, "c");
    for (turn, len) in [(0, 0), (1, 2)] {
        let fork = segment::fork_at(&store, head.session_id, head.segment_id, turn).unwrap();
        assert_eq!(restored(&store, fork).history.len(), len, "turn {turn}");
    }
}

#[test]
fn shorten_continues_the_session_from_a_summary() {
    let store = MemoryStore::new();
    let source = session_of_three_turns(&store);
    let whole = restored(&store, source);
    let summary = Seed {
        history: vec![Item::message(Role::User, "So far: three questions.")],
        ..Seed::from(&whole)
    };
    let next = segment::shorten(&store, source.session_id, source.segment_id, 3, &summary).unwrap();
    assert_eq!(next.session_id, source.session_id);
    let state = restored(&store, next);
    let origin = state.compacted_from.clone().unwrap();
    assert_eq!(
        (origin.segment_id, origin.at_turn_index),
        (source.segment_id, 3)
    );
    assert_eq!(state.forked_from, None);
    assert_eq!(Seed::from(state), summary);
    assert_eq!(restored(&store, source), whole, "the source is as it was");
}

#[test]
fn ensure_head_keeps_a_writer_that_is_alone() {
    let store = MemoryStore::new();
    let head = session_of_three_turns(&store);
    let state = restored(&store, head);
    let trace: TraceEntry =
        serde_json::from_value(json!({"ts": 1, "turn": 0, "kind": "lifecycle", "label": "l"}))
            .unwrap();
    store
        .append_trace(head.session_id, head.segment_id, &trace)
        .unwrap();
    assert_eq!(
        segment::ensure_head_or_fork(&store, head, &state).unwrap(),
        head
    );
    assert_eq!(
        store.list_segments(head.session_id).unwrap(),
        [head.segment_id]
    );
}

#[test]
fn ensure_head_forks_when_another_writer_was_there() {
    // The other writer appended, or took entries away.
    for other_appends in [true, false] {
        let store = MemoryStore::new();
        let own = session_of_three_turns(&store);
        let state = restored(&store, own);
        let mut other = own;
        if other_appends {
            segment::save_turn_end(&store, &mut other, 4).unwrap();
        } else {
            store.truncate(own.session_id, own.segment_id, 2).unwrap();
        }
        let left = store.read_all(own.session_id, own.segment_id).unwrap();

        let mut moved = segment::ensure_head_or_fork(&store, own, &state).unwrap();
        assert!(moved.forked);
        assert_eq!((moved.session_id, moved.entries), (own.session_id, 1));
        assert_ne!(moved.segment_id, own.segment_id);
        let fork = restored(&store, moved);
        assert_eq!(Seed::from(&fork), Seed::from(&state));
        let origin = fork.forked_from.clone().unwrap();
        assert_eq!(
            (origin.segment_id, origin.at_turn_index),
            (own.segment_id, 3)
        );
        assert_eq!(
            store.read_all(own.session_id, own.segment_id).unwrap(),
            left
        );

        // In the new segment it is alone, and says so.
        segment::save_turn_end(&store, &mut moved, 4).unwrap();
        let stays = segment::ensure_head_or_fork(&store, moved, &state).unwrap();
        assert_eq!(
            stays,
            Head {
                forked: false,
                ..moved
            }
        );
    }
}

#[test]
fn a_failed_save_does_not_count() {
    let store = MemoryStore::new();
    let mut head = segment::start(&store, &seed()).unwrap();
    let good = Item::message(Role::Assistant, "kept");
    let refused = Refusing {
        inner: store.clone(),
        after: 2.into(),
    };
    let delta = [good.clone(), good.clone(), good];
    let error = segment::save_history_delta(&refused, &mut head, delta).unwrap_err();
    assert!(matches!(error, StoreError::Io(_)));
    assert_eq!(head.entries, 3);
    assert_eq!(
        store
            .read_entry_count(head.session_id, head.segment_id)
            .unwrap(),
        3
    );
}

/// Through a trait object, a reference and a box alike.
#[test]
fn functions_take_any_store() {
    let boxed: Box<dyn Store> = Box::new(MemoryStore::new());
    let store: &dyn Store = boxed.as_ref();
    let mut head = segment::start(store, &seed()).unwrap();
    segment::save_turn_end(boxed.as_ref(), &mut head, 1).unwrap();
    segment::fork_at(store, head.session_id, head.segment_id, 1).unwrap();
    assert_eq!(
        segment::restore_by_segment(store, head.segment_id)
            .unwrap()
            .1
            .turn_count,
        1
    );
}

fn save_one_of_each(store: &dyn Store, head: &mut Head) {
    let (call, output) = tool_items();
    let notice: SystemItem =
        serde_json::from_value(json!({"kind": "interrupt", "body": "Disk is full."})).unwrap();
    segment::save_invoke(store, head, Trigger::UserSend).unwrap();
    segment::save_user_input(store, head, vec![UserSegment::text("Build it.")], vec![]).unwrap();
    let delta: [HistoryItem; 4] = [
        call.into(),
        output.into(),
        notice.into(),
        Item::message(Role::Assistant, "Built.").into(),
    ];
    segment::save_history_delta(store, head, delta).unwrap();
    segment::save_usage(store, head, usage()).unwrap();
    segment::save_config(store, head, config()).unwrap();
    segment::save_extension(store, head, "notes", json!([null])).unwrap();
    segment::save_turn_end(store, head, 4).unwrap();
    segment::save_run_errored(store, head, "connection lost", false).unwrap();
    segment::save_run_completed(store, head, RunResult::Paused, true).unwrap();
}

fn session_of_three_turns(store: &dyn Store) -> Head {
    let mut head = segment::start(store, &seed()).unwrap();
    for turn in 1..=3 {
        let question = UserSegment::text(format!("Question {turn}"));
        let answer = Item::message(Role::Assistant, format!("Answer {turn}"));
        segment::save_user_input(store, &mut head, vec![question], vec![]).unwrap();
        if turn == 3 {
            segment::save_config(store, &mut head, config()).unwrap();
        }
        segment::save_history_delta(store, &mut head, [answer]).unwrap();
        segment::save_turn_end(store, &mut head, turn).unwrap();
    }
    head
}

fn seed() -> Seed {
    Seed {
        system_prompt: Some("Be brief.".to_owned()),
        history: vec![Item::message(Role::User, "Where were we?")],
        ..Seed::default()
    }
}

fn config() -> RequestConfig {
    RequestConfig {
        stop_sequences: vec!["END".to_owned()],
        ..RequestConfig::default()
    }
}

fn usage() -> LlmUsage {
    let usage = json!({"ts": 0, "history_len": 2, "input_total_tokens": 100,
        "cache_read_tokens": 80, "cache_write_tokens": 0, "output_tokens": 7});
    serde_json::from_value(usage).unwrap()
}

fn tool_items() -> (Item, Item) {
    let call = json!({"kind": "tool_call", "call_id": "1", "name": "Build", "arguments": "{}"});
    let output = json!({"kind": "tool_result", "call_id": "1", "summary": "ok"});
    (
        serde_json::from_value(call).unwrap(),
        serde_json::from_value(output).unwrap(),
    )
}

fn restored(store: &dyn Store, head: Head) -> SegmentState {
    segment::restore(store, head.session_id, head.segment_id).unwrap()
}

fn line_at(store: &dyn Store, head: Head, index: usize) -> Value {
    let entries = store.read_all(head.session_id, head.segment_id).unwrap();
    serde_json::to_value(&entries[index]).unwrap()
}
