//! Random documents: taken apart and joined again they are what they were, whatever stands in them.

use proptest::collection::vec;
use proptest::prelude::*;
use sessiondb_agents::agents;

use crate::logs::*;

/// A JSON text without blanks, and the same with blanks.
type Text = (String, String);

fn text(json: &str) -> Text {
    (json.to_owned(), json.to_owned())
}

fn key() -> impl Strategy<Value = Text> {
    let keys = [
        r#""a""#,
        r#""a""#,
        r#""\u0061""#,
        r#""""#,
        r#""\ud800""#,
        r#""id""#,
        r#""content""#,
        r#""é \" \\""#,
        r#""{""#,
        r#""role""#,
        r#""parts""#,
    ];
    proptest::sample::select(keys.to_vec()).prop_map(text)
}

fn leaf() -> impl Strategy<Value = Text> {
    let leaves = [
        "null",
        "true",
        "1",
        "-0",
        "1.0",
        "1e400",
        "0.10",
        "123456789012345678901234567890",
        r#""""#,
        r#""\udc00\u00e9\/""#,
        r#""a b, [c] {d}: \"""#,
        r#""user""#,
        "[]",
        "{}",
    ];
    proptest::sample::select(leaves.to_vec()).prop_map(text)
}

fn joined(parts: &[Text], open: &str, close: &str) -> Text {
    let compact: Vec<&str> = parts.iter().map(|(compact, _)| compact.as_str()).collect();
    let spaced: Vec<&str> = parts.iter().map(|(_, spaced)| spaced.as_str()).collect();
    let compact = format!("{open}{}{close}", compact.join(","));
    (
        compact,
        format!("{open}\n  {}\r\n{close}", spaced.join("\t,\n ")),
    )
}

fn member((key, value): (Text, Text)) -> Text {
    (
        format!("{}:{}", key.0, value.0),
        format!("{} : {}", key.1, value.1),
    )
}

fn value() -> impl Strategy<Value = Text> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|all| joined(&all, "[", "]")),
            vec((key(), inner).prop_map(member), 0..4).prop_map(|all| joined(&all, "{", "}")),
        ]
    })
}

fn members() -> impl Strategy<Value = Vec<Text>> {
    vec((key(), value()).prop_map(member), 0..4)
}

/// With a member that the format has, behind any others of that name.
fn with(own: &str, mut others: Vec<Text>) -> Vec<Text> {
    others.push(text(own));
    others
}

proptest! {
    #[test]
    fn a_chat_of_gemini(before in members(), after in members(), messages in vec(value(), 0..5)) {
        let list = joined(&messages, "[", "]");
        let messages = member((text(r#""messages""#), list));
        let before = with(r#""sessionId":"s""#, before);
        let all: Vec<Text> = before.iter().chain([&messages]).chain(&after).cloned().collect();
        let expected: Vec<Text> = before.iter().chain(&after).chain([&messages]).cloned().collect();
        let gemini = agent("gemini");
        let document = gemini.split(&joined(&all, "{", "}").1).unwrap();
        let (expected, _) = joined(&expected, "{", "}");
        let written = gemini.join(&document).unwrap();
        prop_assert_eq!(&written, &expected);
        prop_assert_eq!(gemini.split(&written).unwrap(), document);
    }

    #[test]
    fn an_export_of_opencode(
        others in members(),
        messages in vec(value(), 0..5),
        besides in proptest::option::of(value()),
    ) {
        let info = member((text(r#""info""#), joined(&with(r#""id":"ses_1""#, others), "{", "}")));
        let messages = member((text(r#""messages""#), joined(&messages, "[", "]")));
        let besides = besides.map(|value| member((text(r#""besides""#), value)));
        let all: Vec<Text> = [info].into_iter().chain(besides).chain([messages]).collect();
        let (compact, spaced) = joined(&all, "{", "}");
        let opencode = agent("opencode");
        let document = opencode.split(&spaced).unwrap();
        prop_assert_eq!(opencode.join(&document).unwrap(), compact);
    }

    #[test]
    fn a_task_of_cline(messages in vec(members(), 0..5)) {
        let messages: Vec<Text> = messages
            .into_iter()
            .map(|others| joined(&[others, vec![text(r#""role":"user""#)]].concat(), "{", "}"))
            .collect();
        let (compact, spaced) = joined(&messages, "[", "]");
        let cline = agent("cline");
        let document = cline.split(&spaced).unwrap();
        prop_assert_eq!(document.entries.len(), messages.len());
        prop_assert_eq!(cline.join(&document).unwrap(), compact);
    }

    #[test]
    fn what_is_torn_or_not_theirs_stays_whole(value in value(), cut in any::<prop::sample::Index>()) {
        let (_, spaced) = value;
        let ends: Vec<usize> = spaced.char_indices().map(|(at, _)| at).collect();
        let torn = &spaced[..ends[cut.index(ends.len())]];
        for agent in agents() {
            for text in [&spaced, torn] {
                if let Some(document) = agent.split(text) {
                    prop_assert!(agent.join(&document).is_some());
                }
            }
        }
    }
}

#[test]
fn no_nesting_is_too_deep() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    for (name, document) in [
        (
            "gemini",
            format!(r#"{{"sessionId":"s","messages":[{deep}],"x":{deep}}}"#),
        ),
        (
            "opencode",
            format!(r#"{{"info":{{"id":"s","x":{deep}}},"messages":[{deep}]}}"#),
        ),
        ("cline", format!(r#"[{{"role":"user","content":{deep}}}]"#)),
    ] {
        let parts = agent(name).split(&document).unwrap();
        let fold = fold_document("x", agent(name), &parts);
        assert_eq!(fold.entries(), 1);
        items(agent(name), &parts.entries);
    }
}
