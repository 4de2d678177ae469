//! Pages of hostile and of large sessions: nothing of a log is HTML, and all of it can be unpacked.

use std::io::{Cursor, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use serde_json::{Value, json};
use sessiondb_agents::{Item, ItemKind};
use sessiondb_page::{Page, Segment};
use sha2::{Digest, Sha256};

fn item(entry: u64, kind: ItemKind) -> Item {
    Item {
        entry,
        at_ms: Some(1_772_700_000_000),
        id: Some("of the agent".into()),
        parent: None,
        kind,
        hidden: false,
    }
}

fn prompt(entry: u64, text: &str) -> Item {
    item(entry, ItemKind::Prompt { text: text.into() })
}

/// A page of one session with one segment.
fn page(summary: &Value, items: &[Item], entry: impl FnMut(u64) -> Option<String>) -> String {
    let mut page = Page::begin(Cursor::new(Vec::new()), "<title>");
    let mut session = page.session(summary).unwrap();
    session
        .segment(&Segment::new("s", items.len() as u64), items, entry)
        .unwrap();
    session.end().unwrap();
    finished(page)
}

fn finished(page: Page<Cursor<Vec<u8>>>) -> String {
    let mut html = Vec::new();
    page.finish(&mut html).unwrap();
    String::from_utf8(html).unwrap()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(start).expect(start);
    rest.split_once(end).expect(end).0
}

fn block(page: &str, id: &str) -> String {
    let data = between(page, &format!("id=\"{id}\">"), "</script>");
    let mut text = String::new();
    let data = STANDARD.decode(data).unwrap();
    DeflateDecoder::new(&*data)
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn lines(page: &str) -> Vec<Value> {
    let block = block(page, "session-0");
    // Only `\n` ends a line: a browser splits there too.
    let lines = block.split_terminator('\n');
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn nothing_of_a_log_is_html() {
    for payload in [
        "</script><script>evil()</script>",
        "<!--<script>evil()",
        "</style>evil<img src=x onerror=evil()>",
        "\u{2028}evil\u{2029}\u{202e}",
        "\" onload=\"evil()",
        "'; evil(); //",
        "\0evil\u{1b}]0;",
    ] {
        let summary =
            json!({"id": payload, "title": payload, "models": [payload], payload: payload});
        let items = [
            prompt(0, payload),
            item(
                1,
                ItemKind::ToolCall {
                    call_id: Some(payload.into()),
                    name: payload.into(),
                    input: json!({payload: payload}).to_string(),
                },
            ),
        ];
        let page = page(&summary, &items, |_| Some(payload.to_owned()));
        assert!(!page.contains("evil"), "{payload}");
        // The session, the list, and the page's own.
        assert_eq!(page.matches("</script>").count(), 3, "{payload}");
        assert_eq!(page.matches("<script").count(), 3, "{payload}");
        let lines = lines(&page);
        assert_eq!(lines[1]["text"], payload);
        assert_eq!(lines[2]["name"], payload);
        let list: Value = serde_json::from_str(&block(&page, "list")).unwrap();
        assert_eq!(list["title"], "<title>");
        assert_eq!(list["sessions"][0]["summary"]["title"], payload);
    }
}

/// A browser refuses style and script if one byte is another than the policy says.
#[test]
fn the_policy_allows_the_own_style_and_script_alone() {
    let page = page(&Value::Null, &[], |_| None);
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let style = between(&page, "<style>", "</style>");
    assert!(policy.contains(&format!("style-src {};", hash(style))));
    let script = between(&page, "<script>", "</script>");
    assert!(policy.contains(&format!("script-src {};", hash(script))));
}

#[test]
fn what_no_text_can_be_stays_as_it_was_written() {
    let input = r#"{"half":"\ud800","also \udfff":1e400}"#;
    let call = ItemKind::ToolCall {
        call_id: None,
        name: "x".into(),
        input: input.into(),
    };
    let raw = r#"{"kind":"\udead"}"#;
    let items = [item(0, call), item(1, ItemKind::Raw)];
    let lines = lines(&page(&json!({}), &items, |_| Some(raw.to_owned())));
    assert_eq!(lines[1]["input"], input);
    assert_eq!(lines[2]["json"], raw);
}

#[test]
fn a_huge_entry_is_there_as_a_whole_but_one_of_an_unknown_kind() {
    let text = "long \u{1f600} ".repeat(200_000);
    let items = [prompt(0, &text), item(1, ItemKind::Raw)];
    let lines = lines(&page(&json!({}), &items, |_| Some(text.clone())));
    assert_eq!(lines[1]["text"], text);
    let json = lines[2]["json"].as_str().unwrap();
    assert!(json.len() < 70_000 && json.ends_with(&format!("({} bytes in all)", text.len())));
}

#[test]
fn a_branch_has_only_what_is_its_own() {
    let mut page = Page::begin(Cursor::new(Vec::new()), "x");
    let mut session = page.session(&json!({})).unwrap();
    let mut items = [prompt(0, "one"), prompt(1, "two"), prompt(2, "three")];
    session
        .segment(&Segment::new("parent", 3), &items, |_| None)
        .unwrap();
    let mut branch = Segment::new("branch", 3);
    branch.parent = Some("parent".into());
    items[1].hidden = true;
    items[2] = prompt(2, "other");
    session.segment(&branch, &items, |_| None).unwrap();
    let mut orphan = Segment::new("orphan", 1);
    orphan.parent = Some("nobody".into());
    session.segment(&orphan, &items[..1], |_| None).unwrap();
    session.end().unwrap();
    let lines = lines(&finished(page));
    assert_eq!(lines.len(), 3 + 3 + 1 + 1);
    let shared = json!({"segment": 0, "items": 2, "differ": [1]});
    assert_eq!(lines[4]["shared"], shared);
    assert_eq!(lines[5]["text"], "other");
    assert_eq!(lines[6]["shared"], Value::Null);
}

#[test]
fn only_raster_pictures_that_are_in_an_entry_are_shown() {
    let image = |entry, bytes| {
        let kind = ItemKind::Image {
            media_type: Some("image/png".into()),
            bytes: Some(bytes),
            url: None,
        };
        item(entry, kind)
    };
    let png = b"\x89PNG\r\n\x1a\n and the rest of it";
    let svg = b"<svg onload='evil()'>..............</svg>";
    let entry = |number| {
        let data = STANDARD.encode(if number == 0 { &png[..] } else { &svg[..] });
        Some(json!({"source": {"type": "base64", "data": data}}).to_string())
    };
    let items = [image(0, png.len() as u64), image(1, svg.len() as u64)];
    let lines = lines(&page(&json!({}), &items, entry));
    assert_eq!(lines[1]["data"], STANDARD.encode(png));
    assert_eq!(lines[2]["data"], Value::Null);
}
