//! A pen that writes a segment as an agent runtime would: entries, traces, a clock that runs on.

use serde_json::Value;
use uuid::{Builder, Uuid};

const CONFIG: &str = r#"{"max_tokens":8192,"temperature":null,"top_p":null,"top_k":null,"stop_sequences":[],"reasoning":"medium"}"#;

/// The characters of one streamed batch of text.
const BATCH_CHARS: usize = 24;

/// One segment in the making.
pub(crate) struct Segment {
    pub(crate) session: Uuid,
    pub(crate) id: Uuid,
    pub(crate) entries: Vec<String>,
    pub(crate) traces: Vec<String>,
    ts: u64,
    turn: u64,
    calls: u64,
    llm_calls: u64,
    history: Vec<String>,
    traced: bool,
}

impl Segment {
    /// The first segment of a session that begins at `ts`, in milliseconds since the Unix epoch.
    pub(crate) fn start(ts: u64, prompt: &str) -> Self {
        Self::new(id(ts, 1), ts, prompt, Vec::new(), "")
    }

    /// Continues from here in another segment, some minutes later.
    pub(crate) fn fork(&self, prompt: &str) -> Self {
        let origin = self.origin("forked_from");
        let ts = self.ts + 420_000;
        let mut fork = Self::new(self.session, ts, prompt, self.history.clone(), &origin);
        fork.turn = self.turn;
        fork
    }

    /// Continues in another segment that knows of this one only what `summary` says.
    pub(crate) fn compact(&self, prompt: &str, summary: &str) -> Self {
        let origin = self.origin("compacted_from");
        let history = vec![message("user", summary)];
        Self::new(self.session, self.ts + 2_000, prompt, history, &origin)
    }

    fn new(session: Uuid, ts: u64, prompt: &str, history: Vec<String>, origin: &str) -> Self {
        let start = format!(
            r#"{{"kind":"segment_start","ts":{ts},"session_id":"{session}","system_prompt":{},"config":{CONFIG},"history":[{}]{origin}}}"#,
            quote(prompt),
            history.join(",")
        );
        Self {
            session,
            id: id(ts, 2),
            entries: vec![start],
            traces: Vec::new(),
            ts,
            turn: 0,
            calls: 0,
            llm_calls: 0,
            history,
            traced: false,
        }
    }

    fn origin(&self, field: &str) -> String {
        format!(
            r#","{field}":{{"segment_id":"{}","at_turn_index":{}}}"#,
            self.id, self.turn
        )
    }

    /// From here on the stream of the model is traced.
    pub(crate) fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    pub(crate) fn user(&mut self, text: &str) -> &mut Self {
        self.input(&[text_segment(text)], text)
    }

    pub(crate) fn user_with_file(&mut self, text: &str, path: &str) -> &mut Self {
        let file = format!(r#"{{"kind":"file_ref","path":{}}}"#, quote(path));
        self.input(&[text_segment(text), file], &format!("{text}@{path}"))
    }

    pub(crate) fn user_with_paste(&mut self, text: &str, paste: &str) -> &mut Self {
        let pasted = format!(
            r#"{{"kind":"paste","id":1,"chars":{},"lines":{},"content":{}}}"#,
            paste.chars().count(),
            paste.lines().count(),
            quote(paste)
        );
        self.input(&[text_segment(text), pasted], &format!("{text}{paste}"))
    }

    fn input(&mut self, segments: &[String], flat: &str) -> &mut Self {
        self.wait(45_000);
        self.entry("invoke", r#""trigger":"user_send""#);
        self.entry(
            "user_input",
            &format!(r#""segments":[{}]"#, segments.join(",")),
        );
        self.history.push(message("user", flat));
        self
    }

    pub(crate) fn wake(&mut self, trigger: &str, body: &str) -> &mut Self {
        self.wait(600_000);
        self.entry("invoke", &format!(r#""trigger":"{trigger}""#));
        self.system(&format!(
            r#"{{"kind":"notification","message":{},"body":{}}}"#,
            quote(body),
            quote(&format!("[Notification]\n{body}"))
        ));
        self.history.push(message("system", body));
        self
    }

    pub(crate) fn system(&mut self, item: &str) -> &mut Self {
        self.entry("system_item", &format!(r#""item":{item}"#));
        self
    }

    pub(crate) fn think(&mut self, text: &str) -> &mut Self {
        self.stream(text, "Thinking");
        self.item(
            "assistant_item",
            format!(r#"{{"kind":"reasoning","text":{}}}"#, quote(text)),
        )
    }

    pub(crate) fn say(&mut self, text: &str) -> &mut Self {
        self.stream(text, "Text");
        self.item("assistant_item", message("assistant", text))
    }

    /// A call of a tool and its answer.
    pub(crate) fn tool(
        &mut self,
        name: &str,
        arguments: &Value,
        summary: &str,
        content: &str,
    ) -> &mut Self {
        self.calls += 1;
        let call = format!("call_{:02}_{:02}", self.turn, self.calls);
        let arguments = arguments.to_string();
        self.stream(&arguments, "InputJson");
        self.item(
            "assistant_item",
            format!(
                r#"{{"kind":"tool_call","call_id":"{call}","name":"{name}","arguments":{}}}"#,
                quote(&arguments)
            ),
        );
        self.wait(350 + content.len() as u64);
        let content = match content {
            "" => String::new(),
            text => format!(r#","content":{}"#, quote(text)),
        };
        self.item(
            "tool_result",
            format!(
                r#"{{"kind":"tool_result","call_id":"{call}","summary":{}{content}}}"#,
                quote(summary)
            ),
        )
    }

    /// The turn ends and the run with it.
    pub(crate) fn done(&mut self) -> &mut Self {
        self.turn_end();
        self.entry(
            "run_completed",
            r#""interrupted":false,"result":"finished""#,
        );
        self
    }

    pub(crate) fn paused(&mut self) -> &mut Self {
        self.system(r#"{"kind":"interrupt","body":"[The user stopped the run]"}"#);
        self.entry("run_completed", r#""interrupted":true,"result":"paused""#);
        self
    }

    pub(crate) fn failed(&mut self, message: &str) -> &mut Self {
        self.entry(
            "run_errored",
            &format!(r#""interrupted":true,"message":{}"#, quote(message)),
        );
        self
    }

    pub(crate) fn config(&mut self, config: &str) -> &mut Self {
        self.entry("config_changed", &format!(r#""config":{config}"#));
        self
    }

    pub(crate) fn extension(&mut self, domain: &str, payload: &Value) -> &mut Self {
        self.entry(
            "extension",
            &format!(r#""domain":"{domain}","payload":{payload}"#),
        );
        self
    }

    fn turn_end(&mut self) {
        let output: usize = self.history.last().map_or(0, |item| item.len() / 4);
        let input: usize = self.history.iter().map(|item| item.len() / 4).sum();
        self.turn += 1;
        self.calls = 0;
        self.entry(
            "llm_usage",
            &format!(
                r#""history_len":{},"input_total_tokens":{},"cache_read_tokens":{},"cache_write_tokens":{},"output_tokens":{output}"#,
                self.history.len(),
                1_800 + input,
                1_800 + input / 2,
                input / 2,
            ),
        );
        self.entry("turn_end", &format!(r#""turn_count":{}"#, self.turn));
    }

    fn item(&mut self, kind: &str, item: String) -> &mut Self {
        self.entry(kind, &format!(r#""item":{item}"#));
        self.history.push(item);
        self
    }

    fn entry(&mut self, kind: &str, fields: &str) {
        self.wait(40);
        let line = format!(r#"{{"kind":"{kind}","ts":{},{fields}}}"#, self.ts);
        self.entries.push(line);
    }

    /// What a trace holds of one answer of the model.
    fn stream(&mut self, text: &str, kind: &str) {
        self.wait(900);
        if !self.traced {
            return;
        }
        let block = if kind == "InputJson" { "ToolUse" } else { kind };
        self.trace(r#""kind":"lifecycle","label":"request_start""#);
        self.event(&format!(
            r#"{{"BlockStart":{{"index":0,"block_type":"{block}","metadata":"{block}"}}}}"#
        ));
        let chars: Vec<char> = text.chars().collect();
        for batch in chars.chunks(BATCH_CHARS) {
            let batch = quote(&batch.iter().collect::<String>());
            self.event(&format!(
                r#"{{"BlockDelta":{{"index":0,"delta":{{"{kind}":{batch}}}}}}}"#
            ));
        }
        self.event(&format!(
            r#"{{"BlockStop":{{"index":0,"block_type":"{block}","stop_reason":"EndTurn"}}}}"#
        ));
        self.llm_calls += 1;
    }

    fn event(&mut self, event: &str) {
        self.trace(&format!(r#""kind":"stream_event","event":{event}"#));
    }

    fn trace(&mut self, fields: &str) {
        self.wait(15);
        self.traces.push(format!(
            r#"{{"ts":{},"turn":{},"llm_call":{},{fields}}}"#,
            self.ts, self.turn, self.llm_calls
        ));
    }

    fn wait(&mut self, ms: u64) {
        self.ts += ms;
    }
}

fn text_segment(text: &str) -> String {
    format!(r#"{{"kind":"text","content":{}}}"#, quote(text))
}

fn message(role: &str, text: &str) -> String {
    format!(
        r#"{{"kind":"message","role":"{role}","content":[{{"kind":"text","text":{}}}]}}"#,
        quote(text)
    )
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// A version 7 id that depends on nothing but its arguments.
fn id(ts: u64, what: u8) -> Uuid {
    let [.., a, b, c] = ts.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    Builder::from_unix_timestamp_millis(ts, &[a, b, c, what, c, a, b, what, b, a]).into_uuid()
}
