//! A transcript for a terminal: who said what, with what the tools did folded to lines.

use std::collections::HashMap;
use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use sessiondb_agents::{Item, ItemKind};

use super::beside::Beside;
use super::gist::gist;
use super::words::{folded, image, input_text, used};
use super::wrap::{Indent, Span, paragraph};
use super::{Conversation, Turns, markdown};
use crate::exit::Failure;
use crate::output::{self, Out};
use crate::{render, when, width};

const FAINT: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const PERSON: Style = AnsiColor::Green.on_default().bold();
const AGENT: Style = AnsiColor::Cyan.on_default().bold();
const TOOL: Style = AnsiColor::Blue.on_default();
const ERROR: Style = AnsiColor::Red.on_default();
const MARK: Style = AnsiColor::Yellow.on_default();
const INDENT: usize = 2;
/// How many lines of a compaction's summary are shown unless all is asked for.
const SUMMARY_LINES: usize = 4;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// What tools were given and gave back as a whole.
    pub(crate) tools: bool,
    /// Hidden items too.
    pub(crate) all: bool,
    pub(crate) columns: usize,
}

impl Beside for Conversation {
    fn raw(&self, entry: u64) -> Result<(String, String), Failure> {
        Conversation::raw(self, entry)
    }

    fn segment_of_subagent(&self, id: &str) -> Option<String> {
        Conversation::segment_of_subagent(self, id).map(str::to_owned)
    }
}

/// Writes the conversation with a header and what was used.
pub(crate) fn write(
    out: &mut Out,
    conversation: &Conversation,
    turns: Turns,
    shape: Shape,
) -> Result<(), Failure> {
    let range = conversation.range(turns);
    let count = conversation.turns();
    write_header(out, conversation, shape)?;
    if range.start > 0 || range.end < count {
        let shown = match range.len() {
            0 => "no turn".to_owned(),
            1 => format!("turn {}", range.end),
            _ => format!("turns {} to {}", range.start + 1, range.end),
        };
        out.painted(FAINT, format_args!("{shown} of {count}"))?;
        writeln!(out)?;
    }
    let mut page = Page::new(conversation.agent, shape, range.start);
    page.items(out, conversation.items(turns), conversation)?;
    writeln!(out)?;
    let usage = [Span::new(conversation.usage(), FAINT)];
    Ok(paragraph(out, &Indent::default(), shape.columns, &usage)?)
}

fn write_header(out: &mut Out, conversation: &Conversation, shape: Shape) -> io::Result<()> {
    let title = out.shown(&conversation.title()).into_owned();
    paragraph(
        out,
        &Indent::default(),
        shape.columns,
        &[Span::new(title, BOLD)],
    )?;
    for (name, value) in conversation.header() {
        let value = out.shown(&value).into_owned();
        let indent = Indent {
            first: format!("{name:9}"),
            rest: " ".repeat(9),
            style: FAINT,
        };
        paragraph(
            out,
            &indent,
            shape.columns,
            &[Span::new(value, Style::new())],
        )?;
    }
    Ok(())
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Person,
    Agent,
}

/// What stands one below the other without a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Heading,
    Text,
    Line,
}

/// The marks that stand before lines.
struct Marks {
    thought: &'static str,
    tool: &'static str,
    result: &'static str,
    event: &'static str,
    rule: &'static str,
}

/// A transcript that is being written.
pub(crate) struct Page {
    agent: &'static str,
    shape: Shape,
    role: Option<Role>,
    last: Block,
    day: String,
    turn: usize,
    marks: Marks,
    /// The names of the tools whose results are to come.
    calls: HashMap<String, String>,
}

impl Page {
    /// For the items behind so many turns.
    pub(crate) fn new(agent: &'static str, shape: Shape, turn: usize) -> Self {
        let marks = if output::is_utf8() {
            Marks {
                thought: "┊ ",
                tool: "▸",
                result: "└",
                event: "◆",
                rule: "──",
            }
        } else {
            Marks {
                thought: "| ",
                tool: ">",
                result: "`-",
                event: "*",
                rule: "--",
            }
        };
        Self {
            agent,
            shape,
            role: None,
            last: Block::Heading,
            day: String::new(),
            turn,
            marks,
            calls: HashMap::new(),
        }
    }

    /// From here on the heading is said again.
    pub(crate) fn interrupt(&mut self) {
        self.role = None;
    }

    /// Writes items; the result of a tool below its call where both are among them.
    pub(crate) fn items(
        &mut self,
        out: &mut Out,
        items: &[Item],
        beside: &impl Beside,
    ) -> Result<(), Failure> {
        let mut results: HashMap<&str, usize> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            if let ItemKind::ToolResult {
                call_id: Some(id), ..
            } = &item.kind
            {
                results.entry(id).or_insert(at);
            }
        }
        let mut is_written = vec![false; items.len()];
        for (at, item) in items.iter().enumerate() {
            let is_shown = self.shape.all || !item.hidden;
            if !is_shown || is_written.get(at).is_some_and(|is_written| *is_written) {
                continue;
            }
            self.item(out, item, beside)?;
            let ItemKind::ToolCall {
                call_id: Some(id), ..
            } = &item.kind
            else {
                continue;
            };
            let result = results
                .get(id.as_str())
                .copied()
                .filter(|result| *result > at);
            let result = result.and_then(|at| Some((items.get(at)?, is_written.get_mut(at)?)));
            if let Some((result, written)) = result
                && (self.shape.all || !result.hidden)
            {
                self.item(out, result, beside)?;
                *written = true;
            }
        }
        Ok(())
    }

    fn item(&mut self, out: &mut Out, item: &Item, beside: &impl Beside) -> Result<(), Failure> {
        let columns = self.shape.columns;
        let text_style = if item.hidden { FAINT } else { Style::new() };
        match &item.kind {
            ItemKind::Prompt { text } => {
                if !item.hidden {
                    self.turn += 1;
                    self.role = None;
                }
                self.heading(out, Role::Person, item)?;
                self.begin(out, Block::Text)?;
                markdown::plain(out, INDENT, columns, text_style, text)?;
            }
            ItemKind::Answer { text, .. } => {
                self.heading(out, Role::Agent, item)?;
                self.begin(out, Block::Text)?;
                markdown::write(out, INDENT, columns, text)?;
            }
            ItemKind::Thinking { text } if !text.trim().is_empty() => {
                self.heading(out, Role::Agent, item)?;
                self.begin(out, Block::Text)?;
                let before = format!("  {}", self.marks.thought);
                markdown::behind(out, &before, columns, FAINT, text)?;
            }
            ItemKind::ToolCall {
                call_id,
                name,
                input,
            } => {
                self.heading(out, Role::Agent, item)?;
                if let Some(id) = call_id {
                    self.calls.insert(id.clone(), name.clone());
                }
                self.call(out, name, input)?;
            }
            ItemKind::ToolResult {
                call_id,
                text,
                is_error,
            } => {
                let name = call_id.as_ref().and_then(|id| self.calls.remove(id));
                self.result(out, name.as_deref(), text, *is_error)?;
            }
            ItemKind::Image {
                media_type,
                bytes,
                url,
            } => {
                let words = image(media_type.as_deref(), *bytes, url.as_deref());
                self.event(out, MARK, &format!("[{words}]"))?;
            }
            ItemKind::Notice { text } => self.event(out, FAINT, text)?,
            ItemKind::Compaction { summary } => self.compaction(out, summary.as_deref())?,
            ItemKind::Subagent { id, title } => {
                let text = subagent(id, title.as_deref(), beside);
                self.event(out, MARK, &text)?;
            }
            ItemKind::Usage { tokens } if self.shape.all => {
                self.event(out, FAINT, &used(tokens))?;
            }
            ItemKind::Raw => {
                let (kind, text) = beside.raw(item.entry)?;
                let line = format!("{:>6}  {kind}  {text}", item.entry);
                self.begin(out, Block::Line)?;
                self.line(out, FAINT, "", &line)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A blank line where one is needed before the next block.
    fn begin(&mut self, out: &mut Out, block: Block) -> io::Result<()> {
        let last = std::mem::replace(&mut self.last, block);
        match (last, block) {
            (Block::Heading, _) | (_, Block::Heading) | (Block::Line, Block::Line) => Ok(()),
            (Block::Text, _) | (Block::Line, Block::Text) => writeln!(out),
        }
    }

    /// Who speaks and when, unless it is the one who spoke last.
    fn heading(&mut self, out: &mut Out, role: Role, item: &Item) -> io::Result<()> {
        if self.role == Some(role) {
            return Ok(());
        }
        self.role = Some(role);
        self.last = Block::Heading;
        writeln!(out)?;
        let (name, style) = match role {
            Role::Person => ("You", PERSON),
            Role::Agent => (self.agent, AGENT),
        };
        out.painted(style, name)?;
        let mut beside = Vec::new();
        if let Some(at) = item.at_ms {
            let day = when::day(at);
            if day == self.day {
                beside.push(when::minute(at));
            } else {
                beside.push(when::date_and_minute(at));
                self.day = day;
            }
        }
        if role == Role::Person && self.turn > 0 && !item.hidden {
            beside.push(format!("turn {}", self.turn));
        }
        if item.hidden {
            beside.push("hidden".to_owned());
        }
        for word in beside {
            out.painted(FAINT, format_args!("  {word}"))?;
        }
        writeln!(out)
    }

    fn call(&mut self, out: &mut Out, name: &str, input: &str) -> io::Result<()> {
        self.begin(out, Block::Line)?;
        write!(out, "  ")?;
        let name = out.shown(&render::clip(name, 60)).into_owned();
        out.painted(TOOL, format_args!("{} {name}", self.marks.tool))?;
        if self.shape.tools {
            writeln!(out)?;
            return whole(out, &input_text(input), Style::new());
        }
        let used = INDENT + 2 + width::of(self.marks.tool) + 1 + width::of(&name);
        let said = out.shown(&gist(input)).into_owned();
        let left = self.shape.columns.saturating_sub(used).max(10);
        writeln!(out, "  {}", width::clip(&said, left))
    }

    fn result(
        &mut self,
        out: &mut Out,
        name: Option<&str>,
        text: &str,
        is_error: bool,
    ) -> io::Result<()> {
        self.begin(out, Block::Line)?;
        let mut before = format!("  {} ", self.marks.result);
        if name.is_none() {
            before += "result  ";
        }
        let style = if is_error { ERROR } else { FAINT };
        if is_error {
            before += "error  ";
        }
        self.line(out, style, &before, &folded(text))?;
        if self.shape.tools {
            whole(out, text, FAINT)?;
        }
        Ok(())
    }

    fn compaction(&mut self, out: &mut Out, summary: Option<&str>) -> io::Result<()> {
        writeln!(out)?;
        let rule = self.marks.rule;
        out.painted(
            MARK,
            format_args!("{rule} the conversation was compacted {rule}"),
        )?;
        writeln!(out)?;
        let summary = summary.unwrap_or_default();
        let lines: Vec<&str> = summary
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let is_whole = self.shape.all || self.shape.tools || lines.len() <= SUMMARY_LINES;
        let shown = if is_whole {
            summary.to_owned()
        } else {
            let first: Vec<String> = lines
                .iter()
                .take(SUMMARY_LINES)
                .map(|line| render::clip(line, 300))
                .collect();
            let more = (lines.len() - SUMMARY_LINES) as u64;
            format!(
                "{}\n(+{})",
                first.join("\n"),
                render::count(more, "more line")
            )
        };
        self.interrupt();
        self.last = Block::Text;
        markdown::plain(out, INDENT, self.shape.columns, FAINT, &shown)
    }

    fn event(&mut self, out: &mut Out, style: Style, text: &str) -> io::Result<()> {
        self.begin(out, Block::Line)?;
        let mark = format!("{} ", self.marks.event);
        self.line(out, style, &mark, &render::clip(text, 500))
    }

    /// One line, clipped, behind the indent.
    fn line(&self, out: &mut Out, style: Style, before: &str, text: &str) -> io::Result<()> {
        let text = out.shown(text).into_owned();
        let used = INDENT + width::of(before);
        let left = self.shape.columns.saturating_sub(used).max(10);
        write!(out, "  ")?;
        out.painted(style, format_args!("{before}{}", width::clip(&text, left)))?;
        writeln!(out)
    }
}

/// A text as a whole, not wrapped.
fn whole(out: &mut Out, text: &str, style: Style) -> io::Result<()> {
    for line in text.trim_end().lines() {
        write!(out, "      ")?;
        out.painted(style, line)?;
        writeln!(out)?;
    }
    Ok(())
}

/// A subagent in a line, with the command that shows it.
fn subagent(id: &str, title: Option<&str>, beside: &impl Beside) -> String {
    let title = title.map(|title| render::clip(title, 200));
    let shown = beside.segment_of_subagent(id);
    let shown = shown.map(|segment| format!("  (sessiondb show {segment})"));
    format!(
        "subagent {id}  {}{}",
        title.unwrap_or_default(),
        shown.unwrap_or_default()
    )
}
