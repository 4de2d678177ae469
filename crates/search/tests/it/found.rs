//! What is found, in which order, and what the options leave out.

use serde_json::{Value, json};
use sessiondb::{Archive, Log, new_segment_id, new_session_id};
use sessiondb_search::{Hit, Kind, Line, Query, QueryBuilder, Role, Search};

fn prompt(at_ms: u64, text: &str) -> Value {
    json!({"type": "user", "uuid": "u", "sessionId": "s", "isSidechain": false, "cwd": "/src",
        "timestamp": timestamp(at_ms), "message": {"role": "user", "content": text}})
}

fn answer(at_ms: u64, content: &Value) -> Value {
    json!({"type": "assistant", "uuid": "a", "sessionId": "s", "isSidechain": false,
        "timestamp": timestamp(at_ms), "message": {"role": "assistant", "model": "m", "content": content}})
}

fn timestamp(at_ms: u64) -> String {
    format!("2026-02-03T10:00:{:02}.{:03}Z", at_ms / 1000, at_ms % 1000)
}

fn archive() -> (Archive, Log) {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append(&prompt(0, "Why is the\n\"total\" off?"))
        .unwrap();
    log.append(&answer(1000, &json!([
        {"type": "thinking", "thinking": "The sum of Größe is wrong"},
        {"type": "text", "text": "I look at the total."},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "grep -rn 'total' src\nls"}},
    ]))).unwrap();
    log.append(&json!({"type": "user", "uuid": "r", "sessionId": "s", "timestamp": timestamp(2000), "message":
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "src/a.rs:1: total += größe"}]}})).unwrap();
    (archive, log)
}

fn search(archive: &Archive, query: QueryBuilder) -> Vec<Hit> {
    let now = archive.snapshot().unwrap();
    let search = Search::new(&now, query.build().unwrap());
    search.collect::<Result<_, _>>().unwrap()
}

fn kinds(hits: &[Hit]) -> Vec<Kind> {
    hits.iter().map(|hit| hit.kind).collect()
}

#[test]
fn the_newest_comes_first_and_texts_are_read_unescaped() {
    let (archive, _log) = archive();
    let hits = search(&archive, Query::literal("total"));
    assert_eq!(
        kinds(&hits),
        [Kind::ToolResult, Kind::ToolCall, Kind::Answer, Kind::Prompt]
    );
    let over_lines = search(&archive, Query::literal("the\n\"total"));
    assert_eq!(kinds(&over_lines), [Kind::Prompt]);
    assert_eq!(over_lines[0].lines.len(), 2);
    assert_eq!(
        kinds(&search(&archive, Query::literal("src\nls"))),
        [Kind::ToolCall]
    );
    assert!(
        search(&archive, Query::literal("tool_use")).is_empty(),
        "that is the log's own"
    );
    assert_eq!(
        search(&archive, Query::literal("tool_use").raw(true)).len(),
        2
    );
}

#[test]
fn case_and_words_are_as_asked() {
    let (archive, _log) = archive();
    assert_eq!(search(&archive, Query::literal("größe")).len(), 2);
    assert_eq!(search(&archive, Query::literal("Größe")).len(), 1);
    assert_eq!(
        search(&archive, Query::literal("GRÖSSE").ignore_case(true)).len(),
        0
    );
    assert_eq!(
        search(&archive, Query::literal("GRÖßE").ignore_case(true)).len(),
        2
    );
    assert_eq!(search(&archive, Query::literal("tota")).len(), 4);
    assert_eq!(
        search(&archive, Query::literal("tota").whole_words(true)).len(),
        0
    );
    assert_eq!(
        search(&archive, Query::literal("total").whole_words(true)).len(),
        4
    );
    assert_eq!(search(&archive, Query::regex(r"total \W")).len(), 1);
    assert_eq!(search(&archive, Query::regex(r"^i look")).len(), 1);
}

#[test]
fn options_leave_out() {
    let (archive, log) = archive();
    let at = |hits: Vec<Hit>| hits.iter().map(|hit| hit.entry).collect::<Vec<_>>();
    let begin = search(&archive, Query::literal("why"))[0].at_ms.unwrap();
    assert_eq!(
        at(search(
            &archive,
            Query::literal("total").roles([Role::User])
        )),
        [0]
    );
    assert_eq!(
        at(search(
            &archive,
            Query::literal("total").kinds([Kind::Answer, Kind::ToolCall])
        )),
        [1, 1]
    );
    assert_eq!(
        at(search(
            &archive,
            Query::literal("total").since_ms(begin + 1500)
        )),
        [2]
    );
    assert_eq!(
        at(search(
            &archive,
            Query::literal("total").until_ms(begin + 500)
        )),
        [0]
    );
    assert!(
        search(
            &archive,
            Query::literal("total").sessions([new_session_id()])
        )
        .is_empty()
    );
    assert_eq!(
        at(search(
            &archive,
            Query::literal("total").sessions([log.session_id()])
        )),
        [2, 1, 1, 0]
    );
    let context = search(&archive, Query::literal("off").context(1));
    assert_eq!(
        context[0]
            .lines
            .iter()
            .map(Line::is_context)
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn what_was_erased_is_not_found_and_what_is_shared_once() {
    let (archive, log) = archive();
    let branch = log.branch(2, new_segment_id()).unwrap();
    branch.append(&prompt(3000, "the total again")).unwrap();
    let hits = search(&archive, Query::literal("total"));
    assert_eq!(hits.len(), 5);
    assert_eq!((hits[0].segment, hits[0].entry), (branch.segment_id(), 2));
    log.erase(1..3).unwrap();
    assert_eq!(
        kinds(&search(&archive, Query::literal("total"))),
        [Kind::Prompt, Kind::Prompt]
    );
}

#[test]
fn the_last_used_session_comes_first_and_a_search_can_be_left() {
    let archive = Archive::in_memory().unwrap();
    let mut logs = Vec::new();
    for at_ms in 0..300 {
        let log = archive
            .log(new_session_id(), new_segment_id())
            .with_timestamp(10_000 - at_ms);
        log.append(&prompt(at_ms, "needle")).unwrap();
        logs.push(log.session_id());
    }
    let now = archive.snapshot().unwrap();
    let query = Query::literal("needle").threads(3).build().unwrap();
    let sessions: Vec<_> = Search::new(&now, query.clone())
        .map(|hit| hit.unwrap().session)
        .collect();
    assert_eq!(sessions, logs);
    assert_eq!(Search::new(&now, query).take(2).count(), 2);
}

#[test]
fn a_log_of_nobody_is_searched_in_its_texts() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    log.append_many([
        json!({"deep": {"text": "a \"needle\""}}),
        json!([1, "needle"]),
    ])
    .unwrap();
    let hits = search(&archive, Query::literal("a \"needle\""));
    assert_eq!((hits.len(), hits[0].kind, hits[0].entry), (1, Kind::Raw, 0));
}

#[test]
fn patterns_that_cannot_be_are_refused_in_words() {
    for query in [Query::literal(""), Query::regex("(")] {
        assert!(!query.build().unwrap_err().to_string().is_empty());
    }
}

#[test]
fn the_trash_is_searched_only_where_it_is_named_and_what_is_hidden_with_all() {
    let (archive, log) = archive();
    let session = log.session_id();
    let count = |query: QueryBuilder| search(&archive, query).len();
    let total = || Query::literal("total");
    archive.hide_session(session).unwrap();
    assert_eq!((count(total()), count(total().hidden(true))), (0, 4));
    archive.unhide_session(session).unwrap();
    archive.trash_session(session).unwrap();
    assert_eq!((count(total()), count(total().hidden(true))), (0, 0));
    assert_eq!(count(total().sessions([session])), 4);
    archive.restore_session(session).unwrap();
    assert_eq!(count(total()), 4);
}
