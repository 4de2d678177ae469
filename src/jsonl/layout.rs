//! The white space of JSON, laid out anew around values that stay as they were written.

/// The JSON on one line, without white space between its parts.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for part in Parts(json) {
        out.push_str(part);
    }
    out
}

/// The JSON as `serde_json` writes it for people, where it stands `level` levels deep.
pub(super) fn pretty(json: &str, mut level: usize) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut opened, mut after_comma) = (false, false);
    for part in Parts(json) {
        let closes = matches!(part, "}" | "]");
        if closes {
            level = level.saturating_sub(1);
        }
        // Nothing is between the brackets of what is empty.
        if closes != opened || after_comma {
            out.push('\n');
            out.push_str(&"  ".repeat(level));
        }
        out.push_str(part);
        opened = matches!(part, "{" | "[");
        after_comma = part == ",";
        if opened {
            level += 1;
        }
        if part == ":" {
            out.push(' ');
        }
    }
    out
}

/// Brackets, commas and colons one by one, and what is between them: strings, numbers and words.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        const MARKS: [char; 6] = ['{', '}', '[', ']', ',', ':'];
        let json = self.0.trim_ascii_start();
        let len = match json.chars().next()? {
            '"' => string_len(json),
            mark if MARKS.contains(&mark) => 1,
            _ => json
                .find(|c: char| MARKS.contains(&c) || c.is_ascii_whitespace())
                .unwrap_or(json.len()),
        };
        let (part, rest) = json.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }
}

fn string_len(json: &str) -> usize {
    let mut escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a\"\\\\{},:\\[\\] \n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a\"\\\\:]{0,3}", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_laid_out_as_serde_json_does(value in any_value()) {
            let (short, long) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(pretty(&short, 0), long.clone());
            prop_assert_eq!(compact(&long), short.clone());
            let nested = serde_json::to_string_pretty(&serde_json::json!({"a": value})).unwrap();
            prop_assert_eq!(format!("{{\n  \"a\": {}\n}}", pretty(&short, 1)), nested);
        }
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let json = r#"{"z":1e400,"a":"\ud83d","a":123456789012345678901234567890}"#;
        assert_eq!(compact(&pretty(json, 3)), json);
    }
}
