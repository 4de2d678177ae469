//! How fast text passes in which nothing is to be found.
#![allow(
    missing_docs,
    clippy::cast_precision_loss,
    reason = "a figure for people"
)]

use std::time::Instant;

use sessiondb_redact::Rules;

fn main() {
    let rules = Rules::default();
    let words = [
        "the", "total", "is", "off", "by", "one", "cent", "since", "rounding", "differs",
    ];
    let plain: String = words
        .iter()
        .cycle()
        .take(200)
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    let lines = [
        (
            "prose",
            format!(r#"{{"type":"assistant","text":"{plain}"}}"#),
        ),
        (
            "a call",
            format!(
                r#"{{"type":"tool_use","id":"toolu_01A","input":{{"command":"cargo test\n{plain}"}},"usage":{{"input_tokens":12}}}}"#
            ),
        ),
        (
            "a link",
            format!(r#"{{"text":"see https://docs.rs/regex {plain}"}}"#),
        ),
    ];
    for (name, line) in lines {
        let (begun, mut bytes) = (Instant::now(), 0);
        while begun.elapsed().as_millis() < 500 {
            assert!(rules.find(&line).is_empty());
            bytes += line.len();
        }
        let rate = bytes as f64 / begun.elapsed().as_secs_f64() / 1e6;
        println!("{name:10} {rate:8.0} MB/s");
    }
    for path in std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
    {
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("{path}: it cannot be read");
            continue;
        };
        let find = || -> usize { text.lines().map(|line| rules.find(line).len()).sum() };
        // The expressions are compiled when they are needed first.
        find();
        let begun = Instant::now();
        let found = find();
        let rate = text.len() as f64 / begun.elapsed().as_secs_f64() / 1e6;
        println!("{path}: {found} found, {rate:.0} MB/s");
    }
}
