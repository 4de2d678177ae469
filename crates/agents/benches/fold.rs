//! How fast logs are folded, in megabytes of lines a second on one core.
//!
//! `cargo bench -p sessiondb-agents` folds logs that are made here, and the logs at the paths that
//! it is given.

#![allow(clippy::cast_precision_loss, reason = "figures of three digits")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use sessiondb_agents::{Fold, Probe, Scanner, recognise};

fn main() {
    let logs = [("claude", claude()), ("codex", codex()), ("pi", pi())];
    for (name, log) in &logs {
        measure(name, log);
    }
    for path in std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
    {
        match std::fs::read_to_string(&path) {
            Ok(log) => measure(&path, &log),
            Err(error) => println!("{path}: {error}"),
        }
    }
}

/// The best of several rounds: the others met something else that ran.
fn measure(name: &str, log: &str) {
    let Some(agent) = recognise(&Probe {
        path: name,
        head: log.as_bytes(),
    }) else {
        println!("{name}: nobody's");
        return;
    };
    let lines: Vec<&str> = log.lines().collect();
    let mut items = Vec::new();
    let fold = best(|| {
        let mut fold = Fold::new(agent, name);
        for line in &lines {
            fold.entry(black_box(line).as_bytes());
        }
        black_box(fold.summary());
    });
    let mut scanner = Scanner::default();
    let scan = best(|| {
        for line in &lines {
            black_box(scanner.is_json(black_box(line)));
        }
    });
    let both = best(|| {
        let mut fold = Fold::new(agent, name);
        for line in &lines {
            scanner.fold(black_box(line), &mut fold);
        }
        black_box(fold.summary());
    });
    let read = best(|| {
        for (index, line) in lines.iter().enumerate() {
            items.clear();
            agent.items(black_box(line).as_bytes(), index as u64, &mut items);
        }
    });
    // What this machine does in a second, to compare with: a parser that keeps nothing.
    let skipped = best(|| {
        for line in &lines {
            black_box(serde_json::from_str::<serde::de::IgnoredAny>(black_box(line)).is_ok());
        }
    });
    println!(
        "{name:10} {:6} lines, {:8.0} bytes each: fold {:6.0} MB/s, checked {:6.0} MB/s, both {:6.0} MB/s, items {:6.0} MB/s (serde_json skips {:6.0} MB/s)",
        lines.len(),
        log.len() as f64 / lines.len() as f64,
        log.len() as f64 / fold.as_secs_f64() / 1e6,
        log.len() as f64 / scan.as_secs_f64() / 1e6,
        log.len() as f64 / both.as_secs_f64() / 1e6,
        log.len() as f64 / read.as_secs_f64() / 1e6,
        log.len() as f64 / skipped.as_secs_f64() / 1e6,
    );
}

fn best(mut round: impl FnMut()) -> Duration {
    let started = Instant::now();
    let mut best = Duration::MAX;
    while started.elapsed() < Duration::from_secs(2) {
        let round_started = Instant::now();
        round();
        best = best.min(round_started.elapsed());
    }
    best
}

/// Source text as it stands in a JSON string.
fn source(lines: usize) -> String {
    (0..lines).fold(String::new(), |mut text, line| {
        let _ = write!(
            text,
            "    let total_{line} = sum(&items[{line}..], \\\"net\\\");\\n"
        );
        text
    })
}

fn claude() -> String {
    let mut log = String::new();
    for turn in 0..2_000 {
        let base = format!(
            r#""isSidechain":false,"userType":"external","cwd":"/src/shop","sessionId":"5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01","version":"2.1.10","gitBranch":"main","timestamp":"2026-02-03T10:00:01.000Z","parentUuid":"p{turn}""#
        );
        let usage = r#""usage":{"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":0},"output_tokens":1,"service_tier":"standard"}"#;
        let text = source(30);
        let _ = writeln!(
            log,
            r#"{{{base},"type":"user","message":{{"role":"user","content":"Fix the sum {turn}"}},"uuid":"u{turn}"}}
{{{base},"type":"assistant","message":{{"id":"msg_{turn}","role":"assistant","model":"claude-opus-4-5","content":[{{"type":"text","text":"I look."}}],{usage}}},"uuid":"a{turn}"}}
{{{base},"type":"assistant","message":{{"id":"msg_{turn}","role":"assistant","model":"claude-opus-4-5","content":[{{"type":"tool_use","id":"t{turn}","name":"Edit","input":{{"file_path":"/src/shop/sum.rs","new_string":"{text}"}}}}],{usage}}},"uuid":"b{turn}"}}
{{{base},"type":"user","message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t{turn}","content":"{text}"}}]}},"toolUseResult":{{"filePath":"/src/shop/sum.rs","originalFile":"{text}","structuredPatch":[{{"oldStart":1,"oldLines":2,"lines":["a","b"]}}]}},"uuid":"r{turn}"}}
{{{base},"type":"progress","data":{{"type":"hook_progress","hookEvent":"PostToolUse","command":"check"}},"toolUseID":"t{turn}","uuid":"p{turn}"}}"#
        );
    }
    log
}

fn codex() -> String {
    let mut log = String::from(
        r#"{"timestamp":"2026-05-06T07:08:09.000Z","type":"session_meta","payload":{"id":"019df000-1111-7222-8333-444455556666","cwd":"/src/shop","cli_version":"0.104.0","source":"cli"}}"#,
    );
    log.push('\n');
    for turn in 0..2_000 {
        let time = r#""timestamp":"2026-05-06T07:08:10.000Z""#;
        let text = source(30);
        let _ = writeln!(
            log,
            r#"{{{time},"type":"turn_context","payload":{{"turn_id":"t{turn}","cwd":"/src/shop","model":"gpt-5.2-codex","sandbox_policy":{{"type":"danger-full-access"}}}}}}
{{{time},"type":"event_msg","payload":{{"type":"user_message","message":"Fix the sum {turn}","images":[]}}}}
{{{time},"type":"response_item","payload":{{"type":"function_call","name":"exec_command","arguments":"{{\"cmd\":\"cat sum.rs\"}}","call_id":"c{turn}"}}}}
{{{time},"type":"response_item","payload":{{"type":"function_call_output","call_id":"c{turn}","output":"{text}"}}}}
{{{time},"type":"response_item","payload":{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}"}}]}}}}
{{{time},"type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":1000,"cached_input_tokens":600,"output_tokens":50,"reasoning_output_tokens":20,"total_tokens":1050}},"last_token_usage":{{"input_tokens":1000,"cached_input_tokens":600,"output_tokens":50,"reasoning_output_tokens":20,"total_tokens":1050}}}}}}}}"#
        );
    }
    log
}

fn pi() -> String {
    let mut log = String::from(
        r#"{"type":"session","version":3,"id":"0d9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b","timestamp":"2026-03-04T05:06:07.008Z","cwd":"/src/shop"}"#,
    );
    log.push('\n');
    for turn in 0..2_000 {
        let text = source(30);
        let _ = writeln!(
            log,
            r#"{{"type":"message","id":"u{turn}","parentId":"t{turn}","timestamp":"2026-03-04T05:06:08.000Z","message":{{"role":"user","content":[{{"type":"text","text":"Fix the sum {turn}"}}]}}}}
{{"type":"message","id":"a{turn}","parentId":"u{turn}","timestamp":"2026-03-04T05:06:09.000Z","message":{{"role":"assistant","content":[{{"type":"text","text":"I look."}},{{"type":"toolCall","id":"c{turn}","name":"edit","arguments":{{"path":"sum.rs","newText":"{text}"}}}}],"provider":"anthropic","model":"claude-sonnet-4-5","usage":{{"input":10,"output":20,"cacheRead":300,"cacheWrite":400,"totalTokens":730,"cost":{{"total":0.0154}}}},"stopReason":"toolUse"}}}}
{{"type":"message","id":"t{turn}","parentId":"a{turn}","timestamp":"2026-03-04T05:06:10.000Z","message":{{"role":"toolResult","toolCallId":"c{turn}","toolName":"edit","content":[{{"type":"text","text":"{text}"}}],"isError":false}}}}"#
        );
    }
    log
}
