//! One session from its first line to its last: who speaks next, how long, and what about.

mod calls;
mod results;

use std::fmt::Write;

use uuid::Uuid;

use super::dice::Dice;
use super::documents::{self, Change, Documents};
use super::project::Project;
use super::shape;
use super::text;
use super::words::Words;

/// A session that is being written.
pub(crate) struct Talk<'c> {
    dice: Dice,
    words: &'c Words,
    project: &'c Project,
    documents: Documents,
    /// What every line of the session says, from its working folder to its branch.
    common: String,
    session: String,
    model: &'static str,
    clock_ms: u64,
    parent: String,
    tool: String,
    context_tokens: usize,
    todos: Vec<String>,
    tracked: Vec<String>,
    /// The change that the last call asked for.
    asked: Option<Change>,
    /// What was run, without the braces.
    commands: Vec<String>,
}

impl<'c> Talk<'c> {
    pub(crate) fn new(
        mut dice: Dice,
        words: &'c Words,
        project: &'c Project,
        session: Uuid,
        clock_ms: u64,
    ) -> Self {
        let version = format!(
            "{}.{}.{}",
            1 + dice.below(2),
            dice.below(3),
            dice.below(120)
        );
        let session = session.to_string();
        let common = format!(
            r#""isSidechain":false,"userType":"external","cwd":"{}","sessionId":"{session}","version":"{version}","gitBranch":"{}","slug":"{}-{}-{}","#,
            project.root,
            project.branch,
            words.rare(&mut dice),
            words.rare(&mut dice),
            words.rare(&mut dice),
        );
        let model = dice.pick(&[
            "model-large-4-5-20250929",
            "model-large-4-1-20250805",
            "model-small-4-5-20251001",
        ]);
        let mut talk = Self {
            parent: dice.uuid_v4().to_string(),
            dice,
            words,
            project,
            documents: Documents::default(),
            common,
            session,
            model,
            clock_ms,
            tool: String::new(),
            context_tokens: 14_000,
            todos: Vec::new(),
            tracked: Vec::new(),
            asked: None,
            commands: Vec::new(),
        };
        talk.new_tool();
        talk
    }

    /// Adds `count` lines.
    pub(crate) fn go_on(&mut self, lines: &mut Vec<Vec<u8>>, count: usize) {
        let end = lines.len() + count;
        while lines.len() < end {
            let one = self.dice.along(shape::ENTRY_BYTES);
            let other = self.dice.along(shape::ENTRY_BYTES);
            let (short, long) = (one.min(other), one.max(other));
            let (first, second) = self.exchange(short, long);
            lines.push(first.into_bytes());
            lines.push(second.into_bytes());
        }
        lines.truncate(end);
    }

    /// Two lines of these lengths: a call and its result where they are long enough for that.
    fn exchange(&mut self, short: usize, long: usize) -> (String, String) {
        if long < shape::ASSISTANT_BYTES {
            return (self.small(short), self.small(long));
        }
        if short >= shape::ASSISTANT_BYTES {
            return (self.assistant(short, long), self.result(long));
        }
        if long < shape::LARGE_BYTES && self.dice.percent(80) {
            return (self.assistant(long, short), self.small(short));
        }
        (self.small(short), self.result(long))
    }

    /// A line shorter than any of the assistant's.
    fn small(&mut self, bytes: usize) -> String {
        if bytes < 430 {
            return self.remark(bytes);
        }
        match self.dice.below(100) {
            0..14 => self.prompt(bytes),
            14..22 => self.snapshot(bytes),
            22..38 => self.progress(),
            _ => self.short_result(bytes),
        }
    }

    fn remark(&mut self, bytes: usize) -> String {
        if self.dice.percent(50) {
            let mut line = String::from(r#"{"type":"summary","summary":""#);
            let room = bytes.saturating_sub(90);
            self.prose(&mut line, room);
            let _ = write!(line, r#"","leafUuid":"{}"}}"#, self.parent);
            return line;
        }
        let mut line =
            String::from(r#"{"type":"queue-operation","operation":"enqueue","timestamp":""#);
        self.timestamp(&mut line);
        let _ = write!(line, r#"","sessionId":"{}","content":""#, self.session);
        let room = bytes.saturating_sub(line.len());
        self.prose(&mut line, room);
        line.push_str("\"}");
        line
    }

    fn prompt(&mut self, bytes: usize) -> String {
        let mut line = self.begin("user");
        line.push_str(r#""message":{"role":"user","content":""#);
        let room = bytes.saturating_sub(line.len() + 160);
        self.prose(&mut line, room);
        line.push_str(r#""},"thinkingMetadata":{"level":"high","disabled":false,"triggers":[]},"#);
        self.end(line)
    }

    fn snapshot(&mut self, bytes: usize) -> String {
        if self.dice.percent(40) || self.tracked.is_empty() {
            let path = self.project.path(&mut self.dice);
            let mut entry = format!(r#""{path}":{{"backupFileName":""#);
            self.dice.hex(&mut entry, 16);
            let _ = write!(
                entry,
                r#"@v{}","version":1,"backupTime":""#,
                1 + self.dice.low(9, 2)
            );
            self.timestamp(&mut entry);
            entry.push_str("\"}");
            self.tracked.push(entry);
        }
        let mut line = format!(
            r#"{{"type":"file-history-snapshot","messageId":"{0}","snapshot":{{"messageId":"{0}","trackedFileBackups":{{"#,
            self.parent
        );
        let fitting = 1 + bytes.saturating_sub(220) / 130;
        line.push_str(&self.tracked[self.tracked.len().saturating_sub(fitting)..].join(","));
        line.push_str(r#"},"timestamp":""#);
        self.timestamp(&mut line);
        line.push_str(r#""},"isSnapshotUpdate":true}"#);
        line
    }

    fn progress(&mut self) -> String {
        let mut line = self.begin("progress");
        let event = self.dice.pick(&["PostToolUse", "PreToolUse"]);
        let name = self.dice.pick(&["Edit", "Bash", "Read", "Write"]);
        let _ = write!(
            line,
            r#""data":{{"type":"hook_progress","hookEvent":"{event}","hookName":"{event}:{name}","command":"callback"}},"parentToolUseID":"{0}","toolUseID":"{0}","#,
            self.tool
        );
        self.end(line)
    }

    /// A change of a file of about `room` bytes.
    fn change(&mut self, room: usize) -> Change {
        let (words, project) = (self.words, self.project);
        let document = self
            .documents
            .pick_for_change(&mut self.dice, words, project, room);
        documents::change(document, &mut self.dice, words, project)
    }

    fn begin(&mut self, kind: &str) -> String {
        format!(
            r#"{{"parentUuid":"{}",{}"type":"{kind}","#,
            self.parent, self.common
        )
    }

    /// The end of each line of the tree: its own id, which the next one names, and the time.
    fn end(&mut self, mut line: String) -> String {
        self.parent = self.dice.uuid_v4().to_string();
        let _ = write!(line, r#""uuid":"{}","timestamp":""#, self.parent);
        self.timestamp(&mut line);
        line.push_str("\"}");
        line
    }

    fn prose(&mut self, line: &mut String, room: usize) {
        text::prose(line, &mut self.dice, self.words, self.project, room);
    }

    fn some_path(&mut self) -> String {
        let path = match self.documents.any(&mut self.dice) {
            Some(document) => document.path.clone(),
            None => self.project.path(&mut self.dice).to_owned(),
        };
        format!("{}/{path}", self.project.root)
    }

    fn new_tool(&mut self) {
        "toolu_01".clone_into(&mut self.tool);
        self.dice.token(&mut self.tool, 22);
    }

    /// The time, a little later than before.
    fn timestamp(&mut self, line: &mut String) {
        self.clock_ms += 20 + self.dice.low(90_000, 4) as u64;
        let (days, ms) = (self.clock_ms / 86_400_000, self.clock_ms % 86_400_000);
        let (year, month, day) = date(days);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1000 % 60, ms % 1000);
        let _ = write!(
            line,
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        );
    }
}

/// Year, month and day of a day since 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}
