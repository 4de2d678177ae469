//! The lines of a session that say what a tool returned: files, outputs, changes, reports, pictures.

use std::fmt::Write;

use super::super::documents::{self, Change, Shown};
use super::super::{shape, text};
use super::Talk;

/// What a tool adds to the text of a file for the model.
const REMINDER: &str = "\\n<system-reminder>\\nBefore going on, judge whether this file may be meant to do harm. \
    Explaining it is always fine, making it better is not if it is. Keep to what was asked, and say what was left \
    out.\\n</system-reminder>\\n";
const TODO_REMINDER: &str = "The list of tasks was stored. Keep using it to follow the progress of the work, mark each \
    task as soon as it is done, and go on with the current one if that still applies.";
const STALE_REMINDER: &str = "\\n\\n<system-reminder>\\nThe list of tasks was not touched for a while. If the work at \
    hand gains from a list, write one, and tidy up what is out of date. If it does not, ignore this; it is only a \
    reminder and need not be mentioned to the user.\\n\\nThe list as it stands:\\n";

impl Talk<'_> {
    /// What a tool returned: a file, an output, a change, a report or a picture.
    pub(super) fn result(&mut self, bytes: usize) -> String {
        if bytes >= shape::LARGE_BYTES && self.dice.percent(shape::PICTURES) {
            return self.picture(bytes);
        }
        match self.dice.below(100) {
            _ if self.asked.is_some() => self.changed(bytes),
            throw if throw < shape::CHANGES && bytes > 2_500 => self.changed(bytes),
            throw if throw < shape::CHANGES && bytes > 1_700 => self.patched(bytes),
            throw if throw < shape::CHANGES + shape::READS => self.read(bytes),
            throw if throw < shape::CHANGES + shape::READS + shape::REPORTS => self.report(bytes),
            _ => self.ran(bytes),
        }
    }

    fn read(&mut self, bytes: usize) -> String {
        let mut line = self.begin_result();
        let twice = self.dice.percent(shape::TWICE);
        let room =
            bytes.saturating_sub(810 + self.common.len()) * 100 / if twice { 186 } else { 100 };
        let (words, project) = (self.words, self.project);
        let (document, start) =
            self.documents
                .pick_to_show(&mut self.dice, words, project, true, room * 86 / 100);
        let count = documents::show(&mut line, &document.lines, start, room, Shown::Numbered);
        line.push_str(REMINDER);
        let _ = write!(
            line,
            r#""}}]}},"toolUseResult":{{"type":"text","file":{{"filePath":"{}/{}","content":""#,
            project.root, document.path
        );
        if twice {
            documents::show(
                &mut line,
                &document.lines[..start + count],
                start,
                usize::MAX / 2,
                Shown::Plain,
            );
        }
        let _ = write!(
            line,
            r#"","numLines":{count},"startLine":{},"totalLines":{}}}}},"#,
            start + 1,
            document.lines.len()
        );
        self.end_result(line)
    }

    fn ran(&mut self, bytes: usize) -> String {
        let mut line = self.begin_result();
        let twice = self.dice.percent(shape::TWICE);
        let room = bytes.saturating_sub(line.len() + 300) / if twice { 2 } else { 1 };
        let from = line.len();
        while line.len() < from + room {
            let left = from + room - line.len();
            let (document, start) =
                self.documents
                    .pick_to_show(&mut self.dice, self.words, self.project, false, left);
            documents::show(&mut line, &document.lines, start, left, Shown::Plain);
        }
        let shown = from..line.len();
        if self.dice.percent(15) {
            self.remind(&mut line);
        }
        line.push_str(r#"","is_error":false}]},"toolUseResult":{"stdout":""#);
        if twice {
            line.extend_from_within(shown);
        }
        line.push_str(
            r#"","stderr":"","interrupted":false,"isImage":false,"noOutputExpected":false},"#,
        );
        self.end_result(line)
    }

    fn changed(&mut self, bytes: usize) -> String {
        let room = bytes.saturating_sub(900 + self.common.len());
        let change = match self.asked.take() {
            Some(change) => change,
            None => self.change(room),
        };
        let mut line = self.begin_result();
        let path = &change.path;
        let _ = write!(
            line,
            "The file {path} was changed. These are the lines around the change:\\n"
        );
        let around = &change.after[..(change.at + change.count + 4).min(change.after.len())];
        documents::show(
            &mut line,
            around,
            change.at.saturating_sub(4),
            room.min(1_500),
            Shown::Numbered,
        );
        let _ = write!(
            line,
            r#""}}]}},"toolUseResult":{{"filePath":"{}/{path}","oldString":""#,
            self.project.root
        );
        documents::show(
            &mut line,
            &change.before[change.at..][..change.gone],
            0,
            usize::MAX / 2,
            Shown::Plain,
        );
        line.push_str(r#"","newString":""#);
        documents::show(
            &mut line,
            &change.after[change.at..][..change.count],
            0,
            usize::MAX / 2,
            Shown::Plain,
        );
        line.push_str(r#"","originalFile":""#);
        let room = bytes.saturating_sub(line.len() + 700);
        documents::show(&mut line, &change.before, 0, room, Shown::Plain);
        line.push_str(r#"","structuredPatch":["#);
        hunk(&mut line, &change);
        line.push_str(r#"],"userModified":false,"replaceAll":false},"#);
        self.end_result(line)
    }

    /// A `git diff` or a patch: changes of several files, without the files.
    fn patched(&mut self, bytes: usize) -> String {
        let (words, project) = (self.words, self.project);
        let mut line = self.begin_result();
        let end = line.len() + bytes.saturating_sub(line.len() + 220);
        while line.len() < end {
            let document =
                self.documents
                    .pick_any_for_change(&mut self.dice, words, project, 4_000);
            let change = documents::change(document, &mut self.dice, words, project);
            let _ = write!(
                line,
                "diff --git a/{0} b/{0}\\n--- a/{0}\\n+++ b/{0}\\n@@ -{1},{2} +{1},{3} @@\\n",
                change.path,
                change.at + 1,
                change.gone + 6,
                change.count + 6
            );
            diff(&mut line, &change, ("", "\\n"));
        }
        line.push_str(r#""}]},"toolUseResult":{"stdout":"","stderr":"","interrupted":false,"isImage":false,"noOutputExpected":false},"#);
        self.end_result(line)
    }

    fn report(&mut self, bytes: usize) -> String {
        let mut line = self.begin_result();
        let room = bytes.saturating_sub(line.len() + 260);
        self.prose(&mut line, room);
        let _ = write!(
            line,
            r#""}}]}},"toolUseResult":{{"status":"completed","totalDurationMs":{},"totalTokens":{},"totalToolUseCount":{}}},"#,
            self.dice.below(200_000),
            self.dice.below(90_000),
            self.dice.below(40)
        );
        self.end(line)
    }

    fn picture(&mut self, bytes: usize) -> String {
        let mut line = self.begin("user");
        line.push_str(r#""message":{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAA"#);
        let room = bytes.saturating_sub(line.len() + 150);
        self.dice.base64(&mut line, room);
        line.push_str(r#"=="}}]},"#);
        self.end(line)
    }

    pub(super) fn short_result(&mut self, bytes: usize) -> String {
        let mut said = String::new();
        let room = bytes.saturating_sub(640 + self.common.len()) / 2;
        match self.dice.below(6) {
            0 => said.push_str("(no output)"),
            1 => said.push_str(TODO_REMINDER),
            2 => {
                let path = self.some_path();
                let _ = write!(said, "The file {path} was changed as asked.");
            }
            3 => {
                let path = self.some_path();
                let _ = write!(said, "{path}\\n{}", self.project.path(&mut self.dice));
            }
            _ => {
                let lines = text::output(&mut self.dice, self.words, self.project, room);
                documents::show(&mut said, &lines, 1, room, Shown::Plain);
            }
        }
        let mut line = self.begin_result();
        line.push_str(&said);
        line.push_str(r#"","is_error":false}]},"toolUseResult":{"stdout":""#);
        line.push_str(&said);
        line.push_str(
            r#"","stderr":"","interrupted":false,"isImage":false,"noOutputExpected":false},"#,
        );
        self.end_result(line)
    }

    fn begin_result(&mut self) -> String {
        let mut line = self.begin("user");
        let _ = write!(
            line,
            r#""message":{{"role":"user","content":[{{"tool_use_id":"{}","type":"tool_result","content":""#,
            self.tool
        );
        line
    }

    /// The end of a result, which names the entry that called.
    fn end_result(&mut self, mut line: String) -> String {
        let _ = write!(line, r#""sourceToolAssistantUUID":"{}","#, self.parent);
        self.end(line)
    }

    fn remind(&mut self, line: &mut String) {
        line.push_str(STALE_REMINDER);
        for (index, todo) in self.todos.iter().enumerate() {
            let _ = write!(line, "{}. [pending] {todo}\\n", index + 1);
        }
        line.push_str("</system-reminder>");
    }
}

/// A change as JSON: where, and its lines, each a string.
fn hunk(line: &mut String, change: &Change) {
    let _ = write!(
        line,
        r#"{{"oldStart":{0},"oldLines":{1},"newStart":{0},"newLines":{2},"lines":["#,
        change.at.saturating_sub(3) + 1,
        change.gone + 6,
        change.count + 6
    );
    diff(line, change, ("\"", "\","));
    if line.ends_with(',') {
        line.pop();
    }
    line.push_str("]}");
}

/// The lines of a change with three around it, each between the two marks.
fn diff(line: &mut String, change: &Change, marks: (&str, &str)) {
    let first = &change.before[change.at.saturating_sub(3)..change.at];
    let (new, last) = change.after[change.at..].split_at(change.count);
    let old = &change.before[change.at..][..change.gone];
    let last = &last[..last.len().min(3)];
    for (sign, lines) in [(" ", first), ("-", old), ("+", new), (" ", last)] {
        for text in lines {
            for part in [marks.0, sign, text, marks.1] {
                line.push_str(part);
            }
        }
    }
}
