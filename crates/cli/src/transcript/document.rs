//! A transcript as a Markdown document that reads well where repositories are shown.

use std::collections::HashMap;
use std::fmt::Write as _;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use sessiondb_agents::{Item, ItemKind};

use super::gist::gist;
use super::words::{image, input_text, used};
use super::{Conversation, Turns};
use crate::exit::Failure;
use crate::{render, when};

/// The most of a text that a tool was given or gave back, unless all is asked for.
const MAX_TOOL_BYTES: usize = 16 << 10;
/// A longer answer is shown as it was written, as code: no forge draws so much.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// The document.
pub(crate) fn document(
    conversation: &Conversation,
    turns: Turns,
    is_whole: bool,
    all: bool,
) -> Result<String, Failure> {
    let mut page = Page {
        text: String::new(),
        conversation,
        is_whole,
        turn: conversation.range(turns).start,
        is_agent: false,
    };
    page.header();
    let items = conversation.items(turns);
    let mut results: HashMap<&str, &Item> = HashMap::new();
    let mut calls: Vec<&str> = Vec::new();
    for item in items {
        match &item.kind {
            ItemKind::ToolResult {
                call_id: Some(id), ..
            } => {
                results.entry(id).or_insert(item);
            }
            ItemKind::ToolCall {
                call_id: Some(id), ..
            } => calls.push(id),
            _ => {}
        }
    }
    calls.sort_unstable();
    for item in items.iter().filter(|item| all || !item.hidden) {
        match &item.kind {
            // It stands with its call.
            ItemKind::ToolResult {
                call_id: Some(id), ..
            } if calls.binary_search(&id.as_str()).is_ok() => {}
            ItemKind::ToolCall {
                call_id: Some(id),
                name,
                input,
            } => {
                page.call(item, name, input, results.get(id.as_str()).copied());
            }
            _ => page.item(item)?,
        }
    }
    let _ = writeln!(page.text, "\n---\n\n{}", escaped(&conversation.usage()));
    Ok(without_controls(&page.text))
}

struct Page<'c> {
    text: String,
    conversation: &'c Conversation,
    is_whole: bool,
    turn: usize,
    /// Whether the agent spoke last.
    is_agent: bool,
}

impl Page<'_> {
    fn add(&mut self, block: &str) {
        self.text.push_str(block.trim_end());
        self.text.push_str("\n\n");
    }

    fn header(&mut self) {
        let title = escaped(&self.conversation.title());
        self.add(&format!("# {title}"));
        let fields = self.conversation.header();
        let rows = fields
            .iter()
            .map(|(name, value)| format!("| {name} | {} |\n", escaped(value)));
        let rows: String = rows.collect();
        self.add(&format!("| | |\n|---|---|\n{rows}"));
    }

    fn heading(&mut self, item: &Item, is_agent: bool) {
        if is_agent && self.is_agent {
            return;
        }
        self.is_agent = is_agent;
        let name = if is_agent {
            self.conversation.agent.to_owned()
        } else {
            format!("You, turn {}", self.turn)
        };
        let at = item
            .at_ms
            .map(|at| format!(" <sub>{}</sub>", when::date_and_minute(at)));
        self.add(&format!("## {name}{}", at.unwrap_or_default()));
    }

    fn item(&mut self, item: &Item) -> Result<(), Failure> {
        match &item.kind {
            ItemKind::Prompt { text } => {
                if !item.hidden {
                    self.turn += 1;
                }
                self.heading(item, false);
                self.add(&quoted(&contained(text)));
            }
            ItemKind::Answer { text, .. } => {
                self.heading(item, true);
                self.add(&contained(text));
            }
            ItemKind::Thinking { text } if !text.trim().is_empty() => {
                self.heading(item, true);
                self.details("Thinking", &quoted(&contained(text)));
            }
            ItemKind::ToolCall { name, input, .. } => self.call(item, name, input, None),
            ItemKind::ToolResult { text, is_error, .. } => {
                let word = if *is_error { "Error" } else { "Result" };
                let size = render::size(text.len() as u64);
                self.details(&format!("{word}, {size}"), &self.code(text));
            }
            ItemKind::Image {
                media_type,
                bytes,
                url,
            } => {
                let words = image(media_type.as_deref(), *bytes, url.as_deref());
                self.add(&format!("*[{}]*", escaped(&words)));
            }
            ItemKind::Notice { text } => {
                self.add(&format!("*{}*", escaped(&render::clip(text, 500))));
            }
            ItemKind::Compaction { summary } => {
                self.is_agent = false;
                self.add("---\n\n*The conversation was compacted.*");
                if let Some(summary) = summary {
                    self.details("What stands in its place", &quoted(&contained(summary)));
                }
            }
            ItemKind::Subagent { id, title } => {
                let segment = self.conversation.segment_of_subagent(id);
                let segment = segment.map(|segment| format!(" ({segment})"));
                let title = title.as_deref().unwrap_or_default();
                let line = format!("Subagent {id}{} {title}", segment.unwrap_or_default());
                self.add(&format!("*{}*", escaped(&render::clip(&line, 500))));
            }
            ItemKind::Usage { tokens } => self.add(&format!("*{}*", used(tokens))),
            ItemKind::Raw => {
                let (kind, text) = self.conversation.raw(item.entry)?;
                let line = format!("{} {kind} {text}", item.entry);
                self.add(&format!("*{}*", escaped(&line)));
            }
            _ => {}
        }
        Ok(())
    }

    /// A call of a tool with its result, folded.
    fn call(&mut self, item: &Item, name: &str, input: &str, result: Option<&Item>) {
        self.heading(item, true);
        let mut inside = self.code(&input_text(input));
        let mut after = String::new();
        if let Some(ItemKind::ToolResult { text, is_error, .. }) = result.map(|item| &item.kind) {
            let error = if *is_error { "error, " } else { "" };
            after = format!(" ({error}{})", render::size(text.len() as u64));
            inside = format!("{inside}\n\n{}", self.code(text));
        }
        let name = html(&render::clip(name, 60));
        let said = html(&render::clip(&gist(input), 120));
        let said = if said.is_empty() {
            said
        } else {
            format!(" <code>{said}</code>")
        };
        self.details(&format!("<b>{name}</b>{said}{after}"), &inside);
    }

    fn details(&mut self, summary: &str, inside: &str) {
        let inside = inside.trim_end();
        self.add(&format!(
            "<details><summary>{summary}</summary>\n\n{inside}\n\n</details>"
        ));
    }

    /// A text as code, behind a fence that is not in it.
    fn code(&self, text: &str) -> String {
        let text = text.trim_end();
        let shown = if self.is_whole {
            text
        } else {
            beginning(text, MAX_TOOL_BYTES)
        };
        let left = text.len() - shown.len();
        let more = (left > 0).then(|| format!("\n\n*and {} more*", render::size(left as u64)));
        format!("{}{}", fenced(shown), more.unwrap_or_default())
    }
}

fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// Every line behind `> `, so that what begins in it ends with it.
fn quoted(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| format!("> {line}\n"));
    lines.collect()
}

/// Markdown that says the same, but that no HTML of it counts and that leaves no block open.
fn contained(text: &str) -> String {
    if text.len() > MAX_ANSWER_BYTES {
        return fenced(text);
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut contained = String::with_capacity(text.len());
    let mut done = 0;
    let mut last_code = 0..0;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) if range.start >= done => {
                contained.push_str(text.get(done..range.start).unwrap_or_default());
                let html = text.get(range.clone()).unwrap_or_default();
                contained.push_str(&html.replace('<', "&lt;"));
                done = range.end;
            }
            Event::Start(Tag::CodeBlock(_)) | Event::End(TagEnd::CodeBlock) => last_code = range,
            _ => {}
        }
    }
    contained.push_str(text.get(done..).unwrap_or_default());
    let code = text.get(last_code.clone()).unwrap_or_default();
    if last_code.end >= text.trim_end().len() && !code.is_empty() {
        close(&mut contained, code);
    }
    contained
}

/// Ends a block of code that the text does not end.
fn close(text: &mut String, code: &str) {
    let fence_of = |line: &str| {
        let line = line.trim_start_matches([' ', '>']);
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        (length >= 3).then(|| mark.to_string().repeat(length))
    };
    let mut lines = code.trim_end().lines();
    let Some(fence) = lines.next().and_then(fence_of) else {
        return;
    };
    let is_closed = lines.next_back().is_some_and(|last| {
        let last = last.trim_start_matches([' ', '>']).trim_end();
        last.starts_with(&fence) && last.trim_start_matches(['`', '~']).is_empty()
    });
    if !is_closed {
        text.truncate(text.trim_end().len());
        text.push('\n');
        text.push_str(&fence);
    }
}

/// A line of text in which nothing is Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text inside a line of HTML.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace(['\n', '\r'], " ")
}

/// Without the characters that whoever looks at the file in a terminal would not want there.
fn without_controls(text: &str) -> String {
    let replaced = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_opens_ends_with_it() {
        for (text, shown) in [
            ("a **b**", "a **b**"),
            ("<!-- a", "&lt;!-- a"),
            ("a <b onclick=x>c</b>", "a &lt;b onclick=x>c&lt;/b>"),
            ("<details>\nx", "&lt;details>\nx"),
            ("```rust\n<b>\n```\nd", "```rust\n<b>\n```\nd"),
            ("```rust\nfn", "```rust\nfn\n```"),
            ("````\n```\n", "````\n```\n````"),
            ("~~~\na\n~~~", "~~~\na\n~~~"),
            ("`<b>`", "`<b>`"),
        ] {
            assert_eq!(contained(text), shown, "{text}");
        }
    }

    #[test]
    fn code_stands_behind_a_fence_that_is_not_in_it() {
        assert_eq!(fenced("a"), "```text\na\n```");
        assert_eq!(fenced("````"), "`````text\n````\n`````");
    }
}
