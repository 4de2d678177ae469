//! The lines of a session that the model wrote: text, thoughts, and calls of tools.

use std::cmp::Ordering;
use std::fmt::Write;

use super::super::documents::{self, Shown};
use super::super::shape;
use super::Talk;

impl Talk<'_> {
    pub(super) fn assistant(&mut self, bytes: usize, result_bytes: usize) -> String {
        let mut line = self.begin("assistant");
        let _ = write!(line, r#""message":{{"model":"{}","id":"msg_01"#, self.model);
        self.dice.token(&mut line, 22);
        line.push_str(r#"","type":"message","role":"assistant","content":[{"#);
        let room = bytes.saturating_sub(line.len() + 640);
        match self.dice.below(100) {
            throw if throw < shape::SIGNED => self.thought(&mut line, room),
            throw if throw < 40 && room < 900 => {
                line.push_str(r#""type":"text","text":""#);
                self.prose(&mut line, room);
                line.push('"');
            }
            _ => self.call(&mut line, room, result_bytes),
        }
        self.usage(&mut line);
        line.push_str(r#""requestId":"req_011"#);
        self.dice.token(&mut line, 21);
        line.push_str("\",");
        self.end(line)
    }

    fn thought(&mut self, line: &mut String, room: usize) {
        line.push_str(r#""type":"thinking","thinking":""#);
        let signature = 120 + (room / 4).min(600);
        self.prose(line, room.saturating_sub(signature));
        line.push_str(r#"","signature":"E"#);
        self.dice.base64(line, signature);
        line.push_str("==\"");
    }

    fn call(&mut self, line: &mut String, room: usize, result_bytes: usize) {
        self.new_tool();
        let _ = write!(line, r#""type":"tool_use","id":"{}","name":""#, self.tool);
        match self.dice.below(10) {
            0..4 if room > 150 && result_bytes > 2_500 => self.edit_call(line, room, result_bytes),
            4 if room > 250 => self.todo_call(line, room),
            5 | 6 if room > 400 => self.write_call(line, room - 150),
            5..8 if room < 1_000 => self.read_call(line),
            _ if room < 250 => self.read_call(line),
            _ => self.run_call(line, room),
        }
    }

    fn read_call(&mut self, line: &mut String) {
        let path = self.some_path();
        let (offset, limit) = (1 + self.dice.low(900, 2), 10 * self.dice.between(2, 20));
        let _ = write!(
            line,
            r#"Read","input":{{"file_path":"{path}","offset":{offset},"limit":{limit}}}"#
        );
    }

    fn write_call(&mut self, line: &mut String, room: usize) {
        let (words, project) = (self.words, self.project);
        let (document, start) =
            self.documents
                .pick_to_show(&mut self.dice, words, project, true, room);
        let _ = write!(
            line,
            r#"Write","input":{{"file_path":"{}/{}","content":""#,
            project.root, document.path
        );
        documents::show(line, &document.lines, start, room, Shown::Plain);
        line.push_str("\"}");
    }

    fn run_call(&mut self, line: &mut String, room: usize) {
        let commands = self.commands.len();
        let again = (commands > 0 && self.dice.percent(shape::COMMANDS_AGAIN))
            .then(|| &self.commands[commands - 1 - self.dice.low(commands, 3)])
            .filter(|command| command.len() < room + 50);
        let command = match again {
            Some(command) => command.clone(),
            None => self.command(room),
        };
        let _ = write!(line, r#"Bash","input":{{{command}}}"#);
        self.commands.push(command);
    }

    fn command(&mut self, room: usize) -> String {
        let mut command = format!(r#""command":"cd {}"#, self.project.root);
        for _ in 0..(room / 140).max(1) {
            let (words, project, dice) = (self.words, self.project, &mut self.dice);
            let _ = write!(command, " && {} {}", words.word(dice), project.path(dice));
            let _ = write!(command, " --{} {}", words.rare(dice), project.name(dice));
        }
        command.push_str(r#" 2>&1 | tail -40","description":""#);
        self.prose(&mut command, room.min(400) / 6);
        command.push('"');
        command
    }

    fn edit_call(&mut self, line: &mut String, room: usize, result_bytes: usize) {
        let change = self.change(result_bytes.saturating_sub(2 * room + 900).max(1_500));
        let _ = write!(
            line,
            r#"Edit","input":{{"file_path":"{}/{}","old_string":""#,
            self.project.root, change.path
        );
        let around = (room / 120).min(40);
        let from = change.at.saturating_sub(around / 2);
        let room = room.saturating_sub(100) / 2;
        documents::show(line, &change.before, from, room, Shown::Plain);
        line.push_str(r#"","new_string":""#);
        documents::show(line, &change.after, from, room, Shown::Plain);
        line.push('"');
        line.push('}');
        self.asked = Some(change);
    }

    fn todo_call(&mut self, line: &mut String, room: usize) {
        line.push_str(r#"TodoWrite","input":{"todos":["#);
        if self.todos.is_empty() || self.dice.percent(6) {
            let count = self.dice.between(3, 9);
            self.todos = (0..count).map(|_| self.todo()).collect();
        }
        let done = self.dice.below(self.todos.len() + 1);
        let fitting = (room / 190).clamp(1, self.todos.len());
        for (index, todo) in self.todos.iter().take(fitting).enumerate() {
            let status = match index.cmp(&done) {
                Ordering::Less => "completed",
                Ordering::Equal => "in_progress",
                Ordering::Greater => "pending",
            };
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(
                line,
                r#"{comma}{{"content":"{todo}","status":"{status}","activeForm":"Working: {todo}"}}"#
            );
        }
        line.push_str("]}");
    }

    fn todo(&mut self) -> String {
        let mut todo = String::new();
        let (words, project) = (self.words, self.project);
        let _ = write!(
            todo,
            "{} {} {}",
            words.common_phrase(&mut self.dice),
            project.name(&mut self.dice),
            words.common_phrase(&mut self.dice)
        );
        todo
    }

    fn usage(&mut self, line: &mut String) {
        let (fresh, output) = (self.dice.low(6_000, 3), self.dice.low(3_000, 3));
        let _ = write!(
            line,
            r#"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{{"input_tokens":{},"cache_creation_input_tokens":{fresh},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{fresh},"ephemeral_1h_input_tokens":0}},"output_tokens":{output},"service_tier":"standard","server_tool_use":{{"web_search_requests":0,"web_fetch_requests":0}}}},"context_management":null,"container":null}},"#,
            self.dice.between(1, 9),
            self.context_tokens,
        );
        self.context_tokens += fresh + output;
        if self.context_tokens > 155_000 {
            self.context_tokens = 14_000;
        }
    }
}
