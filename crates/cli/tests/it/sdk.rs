//! Sessions that an SDK keeps in the archive by itself are sessions like others: listed, shown, found, exported, on
//! a page.

use std::fs;

use sessiondb::Archive;
use sessiondb_sdk::{
    ClaudeKey, ClaudeStore, LangGraphChannel, LangGraphPut, LangGraphStore, OpenAiSession, Typed,
};

use crate::place::Place;

/// Messages as LangGraph's own serializer writes them: `Hello` of a person; `Hi`, with a call, of the model.
const MESSAGES: &str = concat!(
    "92c78c0594bd6c616e67636861696e5f636f72652e6d657373616765732e68756d616eac48756d616e4d65737361676586a7636f6e7465",
    "6e74a548656c6c6fb16164646974696f6e616c5f6b776172677380b1726573706f6e73655f6d6574616461746180a474797065a568756d",
    "616ea46e616d65c0a26964a26831b36d6f64656c5f76616c69646174655f6a736f6ec801170594ba6c616e67636861696e5f636f72652e",
    "6d657373616765732e6169a941494d65737361676589a7636f6e74656e74a24869b16164646974696f6e616c5f6b776172677380b17265",
    "73706f6e73655f6d6574616461746181aa6d6f64656c5f6e616d65a26d31a474797065a26169a46e616d65c0a26964a26131aa746f6f6c",
    "5f63616c6c739184a46e616d65a46c6f6f6ba46172677381a26174a46d696c6ca26964a26331a474797065a9746f6f6c5f63616c6cb269",
    "6e76616c69645f746f6f6c5f63616c6c7390ae75736167655f6d6574616461746183ac696e7075745f746f6b656e7305ad6f7574707574",
    "5f746f6b656e7302ac746f74616c5f746f6b656e7307b36d6f64656c5f76616c69646174655f6a736f6e",
);

fn messages() -> Typed {
    let digits = (0..MESSAGES.len())
        .step_by(2)
        .map(|at| &MESSAGES[at..at + 2]);
    let bytes = digits
        .map(|digits| u8::from_str_radix(digits, 16).unwrap())
        .collect();
    Typed {
        kind: "msgpack".into(),
        bytes,
    }
}

fn thread(archive: &Archive) {
    let store = LangGraphStore::new(archive);
    let values = [LangGraphChannel {
        channel: "messages".into(),
        version: "1".into(),
        value: Some(messages()),
    }];
    store
        .put(&LangGraphPut {
            thread_id: "thread 1",
            checkpoint_ns: "",
            checkpoint_id: "1f0",
            parent_id: None,
            checkpoint: &Typed {
                kind: "json".into(),
                bytes: br#"{"v":4,"ts":"2026-02-03T10:00:00+00:00"}"#.to_vec(),
            },
            metadata: "{}",
            versions: r#"{"messages":1}"#,
            values: &values,
        })
        .unwrap();
    assert_eq!(
        store.get("thread 1", "", None).unwrap().unwrap().values[0].1,
        messages()
    );
}

/// One session of each SDK, and what a person asked in it.
fn place() -> Place {
    let place = Place::new();
    let archive = Archive::open(place.path("test.sessiondb")).unwrap();
    let claude = ClaudeStore::new(&archive);
    let key = ClaudeKey::main("-src-mill", "0a1b2c3d-0000-4061-8071-2a3b4c5d6e7f");
    let said = r#"{"type":"user","uuid":"u1","parentUuid":null,"isSidechain":false,"version":"2.0.0","sessionId":"0a1b2c3d-0000-4061-8071-2a3b4c5d6e7f","cwd":"/src/mill","timestamp":"2026-02-03T10:00:00Z","message":{"role":"user","content":"Hello claude"}}"#;
    claude.append(&key, &[said], |_| Ok(None)).unwrap();
    let of_subagent = r#"{"type":"user","uuid":"u2","isSidechain":true,"agentId":"1","message":{"role":"user","content":"Look for claude"}}"#;
    let subagent = ClaudeKey {
        subpath: Some("subagents/agent-1"),
        ..key
    };
    claude
        .append(&subagent, &[of_subagent], |_| Ok(None))
        .unwrap();
    let openai = OpenAiSession::new(&archive, "conversation 7");
    openai
        .add(&[
            r#"{"role":"user","content":"Hello openai"}"#,
            r#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi there"}]}"#,
        ])
        .unwrap();
    thread(&archive);
    place
}

#[test]
fn sessions_of_every_sdk_are_listed_shown_and_found() {
    let place = place();
    let listed = place.run("ls", &["--json"]).code(0).json_lines();
    let mut titles: Vec<(String, String, String)> = Vec::new();
    for session in listed.as_array().unwrap() {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        titles.push((
            text(&session["agent"]),
            text(&session["title"]),
            text(&session["id"]),
        ));
    }
    titles.sort_unstable();
    let named: Vec<(&str, &str)> = titles
        .iter()
        .map(|(agent, title, _)| (&**agent, &**title))
        .collect();
    assert_eq!(
        named,
        [
            ("claude", "Hello claude"),
            ("langgraph", "Hello"),
            ("openai", "Hello openai")
        ]
    );
    for (agent, title, id) in &titles {
        let shown = place.run("show", &[id]).code(0).stdout;
        assert!(shown.contains(title.as_str()), "{agent}: {shown}");
        let found = place
            .run("search", &["hello", "-i", "--agent", agent, "--json"])
            .code(0);
        assert_eq!(found.json_lines().as_array().unwrap().len(), 1, "{agent}");
    }
    let shown = place.run("show", &[&titles[1].2]).code(0).stdout;
    assert!(
        shown.contains("Hi") && shown.contains("look") && shown.contains("mill"),
        "{shown}"
    );
    let found = place
        .run("search", &["Look for", "--all", "--json"])
        .code(0)
        .json_lines();
    assert_eq!(
        found[0]["session"],
        titles[0].2.as_str(),
        "a subagent is of its session"
    );
}

#[test]
fn sessions_of_every_sdk_go_out_and_come_in_again() {
    let place = place();
    let out = place.path("out");
    place
        .run("export", &["--layout", "native", out.to_str().unwrap()])
        .code(0);
    let written = fs::read_to_string(out.join("openai/conversation 7.jsonl")).unwrap();
    assert!(written.contains("Hello openai"));
    assert!(out.join("langgraph/thread 1.jsonl").is_file());
    let again = Place::new();
    again.run("import", &[out.to_str().unwrap()]).code(0);
    for agent in ["claude", "openai", "langgraph"] {
        let found = again
            .run("search", &["hello", "-i", "--agent", agent, "--json"])
            .code(0);
        assert_eq!(found.json_lines().as_array().unwrap().len(), 1, "{agent}");
    }
    let page = place.path("page.html");
    let told = place
        .run("html", &[page.to_str().unwrap(), "--json"])
        .code(0)
        .json();
    assert_eq!(
        (&told["sessions"], &told["unreadable"]),
        (&3.into(), &serde_json::json!([]))
    );
    place.run("check", &[]).code(0);
}
