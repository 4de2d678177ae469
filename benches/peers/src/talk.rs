//! A segment as an agent's runtime writes it: turns of its kinds of entries, with the lengths and the text
//! of generated sessions.

use serde_json::to_string;
use sessiondb::LogEntry;

use crate::Result;
use crate::logs::corpus;

/// So many entries, less than 1 KiB long for the most part, some a hundred times that.
pub(crate) fn entries(count: usize) -> Result<Vec<Vec<u8>>> {
    let mut entries = Vec::with_capacity(count);
    entries.push(first());
    // Of a turn only some entries carry text.
    let sessions = corpus(count * MEAN_LINE_BYTES);
    let lines = sessions
        .flat_map(|session| session.segments)
        .flat_map(|segment| segment.lines);
    for (turn, three) in lines.collect::<Vec<_>>().chunks(3).enumerate() {
        entries.extend(of_turn(turn, three)?);
        if entries.len() >= count {
            entries.truncate(count);
            // What does not decode to one of the kinds would be cheaper than it should be.
            entries.iter().try_for_each(|entry| known(entry))?;
            return Ok(entries);
        }
    }
    Err(format!("{} entries were made, not {count}", entries.len()).into())
}

/// The mean of a line of the generated sessions, and some more.
const MEAN_LINE_BYTES: usize = 4000;

fn first() -> Vec<u8> {
    br#"{"kind":"segment_start","ts":1750000000000,"session_id":"01980000-0000-7000-8000-000000000001","system_prompt":"Mend what is broken, and say what was changed.","config":{"max_tokens":8192,"temperature":null,"top_p":null,"top_k":null,"stop_sequences":[],"reasoning":"medium"},"history":[]}"#.to_vec()
}

/// The entries of a turn with the texts of up to three lines.
fn of_turn(turn: usize, lines: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    let ts = 1_750_000_000_000_u64 + turn as u64 * 20_000;
    let text = |place: usize, limit: usize| {
        let line = lines.get(place).or(lines.first());
        let line = String::from_utf8_lossy(line.map_or(&[][..], Vec::as_slice));
        to_string(&line.chars().take(limit).collect::<String>())
    };
    let (asked, said, call) = (text(0, 300)?, text(1, 2000)?, to_string(&text(0, 200)?)?);
    let result = text(2, usize::MAX)?;
    Ok([
        format!(r#"{{"kind":"invoke","ts":{ts},"trigger":"user_send"}}"#),
        format!(r#"{{"kind":"user_input","ts":{ts},"segments":[{{"kind":"text","content":{asked}}}]}}"#),
        format!(r#"{{"kind":"assistant_item","ts":{ts},"item":{{"kind":"message","role":"assistant","content":[{{"kind":"text","text":{said}}}]}}}}"#),
        format!(r#"{{"kind":"assistant_item","ts":{ts},"item":{{"kind":"tool_call","call_id":"call_{turn}","name":"Read","arguments":{call}}}}}"#),
        format!(r#"{{"kind":"tool_result","ts":{ts},"item":{{"kind":"tool_result","call_id":"call_{turn}","summary":"read","content":{result}}}}}"#),
        format!(r#"{{"kind":"llm_usage","ts":{ts},"history_len":{turn},"input_total_tokens":41000,"cache_read_tokens":40000,"cache_write_tokens":900,"output_tokens":310}}"#),
        format!(r#"{{"kind":"turn_end","ts":{ts},"turn_count":{turn}}}"#),
        format!(r#"{{"kind":"run_completed","ts":{ts},"interrupted":false,"result":"finished"}}"#),
    ]
    .map(String::into_bytes)
    .into())
}

fn known(entry: &[u8]) -> Result<()> {
    match serde_json::from_slice(entry)? {
        LogEntry::Unknown(_) => Err("a generated entry is of no known kind".into()),
        _ => Ok(()),
    }
}
