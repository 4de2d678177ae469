//! Typed decoding of entries against `serde_json::Value` for the same lines.
//!
//! `cargo bench --bench decode [-- NAME]`. Both sides take turns within each round, so that a change of the
//! machine's speed meets both; the figures include dropping what was decoded.

#[path = "common/machine.rs"]
mod machine;

use std::hint::black_box;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sessiondb::{LogEntry, TraceEntry};

const LOG: &str = include_str!("../tests/data/wire/log-entries.jsonl");
const TRACE: &str = include_str!("../tests/data/wire/trace-entries.jsonl");

fn main() {
    // Without `--bench` (as under `cargo test --all-targets`) only that it runs is of interest.
    let rounds = if std::env::args().any(|arg| arg == "--bench") {
        400
    } else {
        1
    };
    println!("machine: {}", machine::machine());
    println!("command: cargo bench --bench decode ({rounds} rounds, ns per line)");
    println!(
        "{:<28} {:>9} {:>11} {:>11} {:>11} {:>11} {:>7}",
        "lines", "bytes", "typed p50", "typed p99", "Value p50", "Value p99", "ratio"
    );
    for line in LOG.lines() {
        compare::<LogEntry>(&name_of(line), &[line.to_owned()], rounds);
    }
    for line in TRACE.lines() {
        compare::<TraceEntry>(
            &format!("trace {}", name_of(line)),
            &[line.to_owned()],
            rounds,
        );
    }
    compare::<LogEntry>("all log samples", &lines(LOG), rounds);
    compare::<TraceEntry>("all trace samples", &lines(TRACE), rounds);
    for (name, entry) in realistic() {
        compare::<LogEntry>(name, &[as_written(&entry)], rounds);
    }
    for (name, entry) in realistic() {
        // `Value` writes its keys in order of the alphabet, `kind` among them.
        compare::<LogEntry>(&format!("{name}, sorted"), &[entry.to_string()], rounds);
    }
}

fn compare<T: DeserializeOwned>(name: &str, lines: &[String], rounds: usize) {
    if std::env::args()
        .skip(1)
        .any(|arg| !arg.starts_with('-') && !name.contains(&arg))
    {
        return;
    }
    let bytes: usize = lines.iter().map(String::len).sum();
    let repeats = (20_000 / bytes).max(1);
    let (mut typed, mut value) = (Vec::new(), Vec::new());
    // The first tenth warms up.
    for round in 0..rounds + rounds / 10 {
        let pair = if round % 2 == 0 {
            let first = time::<T>(lines, repeats);
            (first, time::<Value>(lines, repeats))
        } else {
            let first = time::<Value>(lines, repeats);
            (time::<T>(lines, repeats), first)
        };
        if round >= rounds / 10 {
            typed.push(pair.0);
            value.push(pair.1);
        }
    }
    let (typed, value) = (percentiles(typed), percentiles(value));
    println!(
        "{name:<28} {:>9} {:>11.0} {:>11.0} {:>11.0} {:>11.0} {:>7.2}",
        bytes / lines.len(),
        typed.0,
        typed.1,
        value.0,
        value.1,
        typed.0 / value.0
    );
}

/// Nanoseconds per line.
#[expect(clippy::cast_precision_loss, reason = "short times and small counts")]
#[expect(
    clippy::unwrap_used,
    reason = "a benchmark of lines that do not decode should stop"
)]
fn time<T: DeserializeOwned>(lines: &[String], repeats: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        for line in lines {
            black_box(serde_json::from_str::<T>(black_box(line)).unwrap());
        }
    }
    start.elapsed().as_nanos() as f64 / (repeats * lines.len()) as f64
}

/// Median and 99th percentile.
fn percentiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |per_cent: usize| {
        let index = (times.len() * per_cent / 100).min(times.len() - 1);
        times.get(index).copied().unwrap_or(f64::NAN)
    };
    (at(50), at(99))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn name_of(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let inner = value.pointer("/item/kind").and_then(Value::as_str);
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or("?");
    inner.map_or_else(|| kind.to_owned(), |inner| format!("{kind} {inner}"))
}

/// The entry as a runtime writes it: `kind` first.
#[expect(clippy::unwrap_used, reason = "the entries are made here")]
fn as_written(entry: &Value) -> String {
    let entry: LogEntry = serde_json::from_value(entry.clone()).unwrap();
    serde_json::to_string(&entry).unwrap()
}

/// Entries of the sizes that real logs have: 1 KiB at the median, 6 KiB, 50 KiB and more at the
/// high percentiles, and a compacted segment's start.
fn realistic() -> Vec<(&'static str, Value)> {
    let text = |len: usize| {
        "The function reads \"config.toml\",\n\tthen starts the server on port 8080. "
            .chars()
            .cycle()
            .take(len)
            .collect::<String>()
    };
    let message = |len: usize| {
        json!({"kind": "message", "role": "assistant",
               "content": [{"kind": "text", "text": text(len)}]})
    };
    let call = json!({"kind": "tool_call", "call_id": "call_0123456789", "name": "Read",
                      "arguments": "{\"path\":\"src/main.rs\",\"offset\":100,\"limit\":200}"});
    let output = |len: usize| {
        json!({"kind": "tool_result", "call_id": "call_0123456789", "summary": "200 lines",
               "content": text(len), "is_error": false})
    };
    let parts: Vec<Value> = (0..100)
        .map(|n| json!({"kind": "text", "text": format!("step {n} done")}))
        .collect();
    let history: Vec<Value> = (0..200)
        .flat_map(|_| [message(300), call.clone(), output(900)])
        .collect();
    vec![
        (
            "message 1 KiB",
            json!({"kind": "assistant_item", "ts": 1, "item": message(900)}),
        ),
        (
            "tool result 6 KiB",
            json!({"kind": "tool_result", "ts": 1, "item": output(6_000)}),
        ),
        (
            "tool result 50 KiB",
            json!({"kind": "tool_result", "ts": 1, "item": output(50_000)}),
        ),
        (
            "tool result 900 KiB",
            json!({"kind": "tool_result", "ts": 1, "item": output(900_000)}),
        ),
        (
            "message of 100 parts",
            json!({"kind": "assistant_item", "ts": 1,
                   "item": {"kind": "message", "role": "assistant", "content": parts}}),
        ),
        (
            "start with 600 items",
            json!({"kind": "segment_start", "ts": 1,
                   "session_id": "019e1111-0000-7000-8000-00000000000a", "system_prompt": text(4_000),
                   "config": {"max_tokens": 4096, "temperature": 0.7, "top_p": null, "top_k": null,
                              "stop_sequences": [], "reasoning": "high"},
                   "history": history}),
        ),
    ]
}
