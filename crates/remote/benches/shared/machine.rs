//! Archives as machines have them.

use std::error::Error;

use serde_json::json;
use sessiondb::{Archive, new_segment_id, new_session_id};

/// The word that one session alone has.
pub(crate) const RARE: &str = "quokka";

/// An archive as a machine has it: sessions of some entries, with what an import notes of each.
pub(crate) fn machine_of(machine: u64, sessions: u64) -> Result<Archive, Box<dyn Error>> {
    let archive = Archive::in_memory()?;
    let mut batch = archive.batch();
    for number in 0..sessions {
        let (session, segment) = (new_session_id(), new_segment_id());
        let log = archive.log(session, segment);
        let word = if (machine, number) == (0, sessions / 2) {
            RARE
        } else {
            "common"
        };
        for turn in 0..4 {
            batch.append(&log, &json!({
                "type": "user", "uuid": new_segment_id(), "sessionId": session,
                "message": {"role": "user", "content": format!("Fix the {word} test {number} of machine {machine}, turn {turn}")},
            }))?;
        }
        batch.write_note(&format!("session/{session}/summary"), &json!({
            "agent": "claude", "agent_version": "2.0.14", "native_id": session, "title": format!("Fix the test {number}"),
            "title_source": "agent", "first_prompt": format!("Fix the test {number} of machine {machine}, turn 0"),
            "cwd": "/home/ann/src/shop", "git_branch": "main", "repository": null, "models": ["claude-sonnet-4-5"],
            "started_ms": 1_760_000_000_000_u64 + number, "last_activity_ms": 1_760_000_100_000_u64 + number, "turns": 4,
            "messages": 8, "tool_calls": 12, "tokens": {"input": 1200, "cached": 88000, "output": 4100, "reasoning": 0},
            "cost_usd": null, "parent": null, "source_path": format!("/home/ann/.claude/projects/shop/{session}.jsonl"),
            "segment": segment, "entries": 4,
        }))?;
        batch.write_note(&format!("session/{session}/log/{segment}"), &json!({
            "agent": "claude", "path": format!("/home/ann/.claude/projects/shop/{session}.jsonl"), "entries": 4,
            "text": {"byte_order_mark": false, "final_line_end": true, "is_exact": true},
            "fold": {"agent": "claude", "entries": 4, "state": {"turns": 4, "models": ["claude-sonnet-4-5"], "ids": ["msg_01", "msg_02"]}},
        }))?;
    }
    batch.commit()?;
    Ok(archive)
}
