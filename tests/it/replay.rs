//! What a segment's entries add up to, by the contract's rules of replay.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use sessiondb::LogEntry;
use sessiondb::entry::{Item, Nullable, Role, SegmentState, UserSegment, collect_state};

const SESSION: &str = "019e1111-0000-7000-8000-00000000000a";

fn entry(json: Value) -> LogEntry {
    serde_json::from_value(json).unwrap()
}

fn start() -> LogEntry {
    entry(json!({
        "kind": "segment_start", "ts": 1, "session_id": SESSION, "system_prompt": "Be brief.",
        "config": {"max_tokens": 9, "temperature": null, "top_p": null, "top_k": null,
                   "stop_sequences": [], "reasoning": null},
        "history": [{"kind": "message", "role": "user", "content": [{"kind": "text", "text": "a"}]}],
        "forked_from": {"segment_id": "019e1111-0000-7000-8000-00000000000b", "at_turn_index": 4},
    }))
}

fn run() -> Vec<LogEntry> {
    let config = json!({"max_tokens": 7, "temperature": null, "top_p": null, "top_k": null,
                        "stop_sequences": [], "reasoning": null});
    [
        json!({"kind": "invoke", "ts": 2, "trigger": "user_send"}),
        json!({"kind": "user_input", "ts": 3, "segments": [
            {"kind": "text", "content": "see "}, {"kind": "file_ref", "path": "a.rs"}]}),
        json!({"kind": "system_item", "ts": 4,
               "item": {"kind": "file_attachment", "path": "a.rs", "body": "[File: a.rs]"}}),
        json!({"kind": "assistant_item", "ts": 5,
               "item": {"kind": "tool_call", "call_id": "c", "name": "Read", "arguments": "{}"}}),
        json!({"kind": "tool_result", "ts": 6,
               "item": {"kind": "tool_result", "call_id": "c", "summary": "ok"}}),
        json!({"kind": "llm_usage", "ts": 7, "history_len": 2, "input_total_tokens": 3,
               "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 5}),
        json!({"kind": "extension", "ts": 8, "domain": "d", "payload": null}),
        json!({"kind": "config_changed", "ts": 9, "config": config}),
        json!({"kind": "turn_end", "ts": 10, "turn_count": 5}),
        json!({"kind": "run_completed", "ts": 11, "interrupted": false, "result": "finished"}),
    ]
    .map(entry)
    .into()
}

fn log() -> Vec<LogEntry> {
    [start()].into_iter().chain(run()).collect()
}

#[test]
fn nothing_adds_up_to_nothing() {
    let state = collect_state(Vec::<LogEntry>::new());
    assert_eq!(state, SegmentState::default());
    assert_eq!(state.config.top_k, Nullable::Null);
}

#[test]
fn a_start_sets_everything_it_has() {
    let state = collect_state([start()]);
    assert_eq!(state.session_id.unwrap().to_string(), SESSION);
    assert_eq!(state.system_prompt.as_deref(), Some("Be brief."));
    assert_eq!(state.config.max_tokens, Nullable::Value(9));
    assert_eq!(state.history, [Item::message(Role::User, "a")]);
    assert_eq!(state.forked_from.unwrap().at_turn_index, 4);
    assert_eq!(state.compacted_from, None);
    assert_eq!(
        (state.turn_count, state.last_run_interrupted, state.entries),
        (0, false, 1)
    );
}

#[test]
fn a_run_adds_up() {
    let state = collect_state(log());
    assert_eq!(collect_state(&log()[..]), state, "borrowed or owned");
    let kinds: Vec<&str> = state.history.iter().map(Item::kind).collect();
    assert_eq!(
        kinds,
        ["message", "message", "message", "tool_call", "tool_result"]
    );
    assert_eq!(state.history[1], Item::message(Role::User, "see @a.rs"));
    assert_eq!(
        state.history[2],
        Item::message(Role::System, "[File: a.rs]")
    );
    assert_eq!(state.user_segments.len(), 1);
    assert_eq!(UserSegment::flatten(&state.user_segments[0]), "see @a.rs");
    assert_eq!(state.usage[0].output_tokens, 5);
    assert_eq!(state.extensions[0].domain, "d");
    assert_eq!(state.config.max_tokens, Nullable::Value(7));
    assert_eq!(
        (state.turn_count, state.last_run_interrupted, state.entries),
        (5, false, 11)
    );
}

#[test]
fn a_run_without_an_end_is_interrupted() {
    for len in 2..11 {
        let state = collect_state(&log()[..len]);
        assert!(state.last_run_interrupted, "after {len} entries");
    }
    assert!(!collect_state(log()).last_run_interrupted);
    let again = log().into_iter().chain(run().into_iter().take(1));
    assert!(
        collect_state(again).last_run_interrupted,
        "a second run began"
    );
}

#[test]
fn the_end_of_a_run_says_whether_it_was_interrupted() {
    let invoke = || entry(json!({"kind": "invoke", "ts": 1, "trigger": "wakeup"}));
    for interrupted in [true, false] {
        let completed = json!({"kind": "run_completed", "ts": 2, "interrupted": interrupted,
                               "result": "paused"});
        let errored = json!({"kind": "run_errored", "ts": 2, "interrupted": interrupted,
                             "message": "boom"});
        for end in [completed, errored] {
            let state = collect_state([invoke(), entry(end)]);
            assert_eq!(state.last_run_interrupted, interrupted);
        }
    }
}

#[test]
fn a_later_start_replaces() {
    let mut again = json!({"kind": "segment_start", "ts": 1, "session_id": SESSION,
                           "config": {"stop_sequences": ["x"]}, "history": []});
    again["compacted_from"] =
        json!({"segment_id": "019e1111-0000-7000-8000-00000000000c", "at_turn_index": 1});
    let state = collect_state(log().into_iter().chain([entry(again)]));
    assert!(state.history.is_empty());
    assert_eq!((state.system_prompt, state.forked_from), (None, None));
    assert_eq!(state.compacted_from.unwrap().at_turn_index, 1);
    assert_eq!(state.config.stop_sequences, ["x"]);
    assert_eq!(state.entries, 12);
}

#[test]
fn a_paused_turn_that_is_abandoned_is_no_longer_interrupted() {
    let abandoned = || entry(json!({"kind": "paused_turn_abandoned", "ts": 3}));
    let invoke = entry(json!({"kind": "invoke", "ts": 1, "trigger": "user_send"}));
    let paused = json!({"kind": "run_completed", "ts": 2, "interrupted": true, "result": "paused"});
    assert!(!collect_state([entry(paused), abandoned()]).last_run_interrupted);
    assert!(collect_state([abandoned(), invoke]).last_run_interrupted);
}

#[test]
fn the_extensions_of_a_user_input_are_part_of_the_state() {
    let state = collect_state([
        entry(json!({"kind": "extension", "ts": 1, "domain": "a", "payload": 1})),
        entry(json!({"kind": "user_input", "ts": 2, "segments": [],
                     "extensions": [{"domain": "b", "payload": null, "more": true},
                                    {"domain": "a", "payload": [3]}]})),
        entry(json!({"kind": "extension", "ts": 4, "domain": "b", "payload": 4})),
    ]);
    let expected = [
        json!({"ts": 1, "domain": "a", "payload": 1}),
        json!({"ts": 2, "domain": "b", "payload": null, "more": true}),
        json!({"ts": 2, "domain": "a", "payload": [3]}),
        json!({"ts": 4, "domain": "b", "payload": 4}),
    ];
    assert_eq!(
        serde_json::to_value(state.extensions).unwrap(),
        json!(expected)
    );
}

#[test]
fn each_kind_of_user_segment_has_its_text() {
    for (segment, text) in [
        (json!({"kind": "text", "content": "t"}), "t"),
        (
            json!({"kind": "paste", "id": 1, "chars": 1, "lines": 1, "content": "p"}),
            "p",
        ),
        (json!({"kind": "file_ref", "path": "a.rs"}), "@a.rs"),
        (json!({"kind": "knowledge_ref", "slug": "style"}), ""),
        (
            json!({"kind": "workflow_invoke", "slug": "review"}),
            "/review",
        ),
        (
            json!({"kind": "flow", "selector": "nightly"}),
            "[Flow: nightly]",
        ),
        (
            json!({"kind": "flow", "selector": {"id": 7}}),
            r#"[Flow: {"id":7}]"#,
        ),
        (json!({"kind": "sketch", "content": "no"}), ""),
    ] {
        let input = json!({"kind": "user_input", "ts": 1, "segments": [segment]});
        let state = collect_state([entry(input)]);
        assert_eq!(
            state.history,
            [Item::message(Role::User, text)],
            "{segment}"
        );
    }
}

#[test]
fn each_kind_of_system_item_has_its_text() {
    for (item, text) in [
        (
            json!({"kind": "knowledge", "slug": "style", "body": "b"}),
            None,
        ),
        (
            json!({"kind": "workflow", "slug": "review", "body": "b"}),
            Some("Ignored legacy procedure item: /review"),
        ),
        (
            json!({"kind": "notification", "message": "m", "body": "[m]"}),
            Some("[m]"),
        ),
        (
            json!({"kind": "skill_activation", "name": "pdf", "body": "Skill."}),
            Some("Skill."),
        ),
        (json!({"kind": "weather", "body": "Rain."}), Some("Rain.")),
    ] {
        let state = collect_state([entry(
            json!({"kind": "system_item", "ts": 1, "item": item.clone()}),
        )]);
        let history = text.map(|text| Item::message(Role::System, text));
        assert_eq!(state.history, Vec::from_iter(history), "{item}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(0x4e_91a7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Kinds that change nothing, anywhere in the log, only count.
    #[test]
    fn unknown_kinds_only_count(places in prop::collection::vec((0..12_usize, 0..5_usize), 0..9)) {
        let idle = [
            json!({"kind": "vote", "ts": 1, "turn_count": 99}),
            json!({"no": "kind"}),
            json!({"kind": "user_draft", "ts": 1, "extensions": [{"domain": "d", "payload": 1}]}),
            json!({"kind": "system_item", "ts": 1,
                   "item": {"kind": "knowledge", "slug": "style", "body": "b"}}),
            json!({"kind": "system_item", "ts": 1, "item": {"kind": "weather", "sky": "grey"}}),
        ];
        let mut noisy = log();
        for (place, which) in &places {
            noisy.insert(place % (noisy.len() + 1), entry(idle[*which].clone()));
        }
        let mut state = SegmentState::default();
        for entry in noisy {
            state.apply(entry);
        }
        prop_assert_eq!(state.entries, 11 + places.len());
        state.entries = 11;
        prop_assert_eq!(state, collect_state(log()));
    }
}
