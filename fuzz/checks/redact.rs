//! Any bytes as an entry and as a text: what is redacted holds nothing that is found again, is as it was beside what
//! was found, and valid JSON stays so.

use std::sync::LazyLock;

use sessiondb_redact::Rules;

pub(crate) fn check(data: &[u8]) {
    static RULES: LazyLock<Rules> =
        LazyLock::new(|| Rules::builder().emails(true).paths(true).build());
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for line in text.lines() {
        entry(&RULES, line);
        let quoted = serde_json::to_string(line).expect("a text can be written");
        entry(&RULES, &quoted);
    }
    if let Some(redacted) = RULES.redact_text(text) {
        assert!(RULES.redact_text(&redacted.text).is_none());
    }
}

fn entry(rules: &Rules, entry: &str) {
    let found = rules.find(entry);
    let Some(redacted) = rules.redact(entry) else {
        assert!(found.is_empty());
        return;
    };
    assert!(rules.find(&redacted.text).is_empty(), "{}", redacted.text);
    if is_json(entry) {
        assert!(is_json(&redacted.text), "{}", redacted.text);
    }
    let (first, last) = (&found[0].range, &found[found.len() - 1].range);
    let before = entry.get(..first.start).expect("whole characters");
    let behind = entry.get(last.end..).expect("whole characters");
    assert!(!redacted.text.contains('\n'));
    assert!(entry.starts_with(before) && entry.ends_with(behind));
    assert!(
        found
            .windows(2)
            .all(|two| two[0].range.end <= two[1].range.start)
    );
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
