//! Markdown for a terminal: what an answer says, wrapped by the columns that it takes.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::wrap::{Indent, Span, paragraph};
use crate::output::Out;
use crate::width;

const CODE: Style = AnsiColor::Cyan.on_default();
const FAINT: Style = Style::new().dimmed();
const GAP: usize = 2;
/// A longer text is shown as it is: what a parser makes of so much is not read by anybody.
const MAX_BYTES: usize = 256 << 10;

/// Writes a text as Markdown, behind so many blanks.
pub(super) fn write(out: &mut Out, indent: usize, columns: usize, text: &str) -> io::Result<()> {
    let text = out.shown(text).into_owned();
    if text.len() > MAX_BYTES {
        return plain(out, indent, columns, Style::new(), &text);
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page {
        out,
        columns,
        indent,
        containers: Vec::new(),
        spans: Vec::new(),
        styles: Vec::new(),
        links: Vec::new(),
        numbers: Vec::new(),
        code: None,
        table: None,
        wants_gap: false,
    };
    for event in Parser::new_ext(&text, options) {
        page.event(event)?;
    }
    page.flush()
}

/// Writes a text with its line ends, behind so many blanks. What a line is indented by stays.
pub(super) fn plain(
    out: &mut Out,
    indent: usize,
    columns: usize,
    style: Style,
    text: &str,
) -> io::Result<()> {
    behind(out, &" ".repeat(indent), columns, style, text)
}

/// Writes a text with its line ends, each line behind the same.
pub(super) fn behind(
    out: &mut Out,
    before: &str,
    columns: usize,
    style: Style,
    text: &str,
) -> io::Result<()> {
    let text = out.shown(text.trim_end()).into_owned();
    for line in text.lines() {
        let words = line.trim_start();
        let own = (line.len() - words.len()).min(columns / 2);
        let first = format!("{before}{}", " ".repeat(own));
        if words.is_empty() {
            out.painted(style, before.trim_end())?;
            writeln!(out)?;
            continue;
        }
        let indent = Indent {
            rest: first.clone(),
            first,
            style,
        };
        paragraph(out, &indent, columns, &[Span::new(words, style)])?;
    }
    Ok(())
}

/// What a block stands in.
enum Container {
    Quote,
    /// A point of a list: what stands before it, once, and how far its text is indented.
    Point {
        marker: Option<String>,
        columns: usize,
    },
}

/// The cells of a table, its heading first.
#[derive(Default)]
struct Cells {
    rows: Vec<Vec<Vec<Span>>>,
}

struct Page<'a> {
    out: &'a mut Out,
    columns: usize,
    indent: usize,
    containers: Vec<Container>,
    /// The paragraph that is being read.
    spans: Vec<Span>,
    styles: Vec<Style>,
    /// The addresses of the links that are being read, and where their text begins.
    links: Vec<(String, usize)>,
    /// The next number of each list; `None` without numbers.
    numbers: Vec<Option<u64>>,
    code: Option<String>,
    table: Option<Cells>,
    /// Whether a blank line comes before the next block.
    wants_gap: bool,
}

impl Page<'_> {
    fn event(&mut self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Start(tag) => return self.start(tag),
            Event::End(tag) => return self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.push(&text, Style::new()),
            },
            Event::Code(code) => self.push(&code, CODE),
            Event::Html(html) | Event::InlineHtml(html) => self.push(&html, FAINT),
            Event::SoftBreak => self.push(" ", Style::new()),
            Event::HardBreak => self.push("\n", Style::new()),
            Event::Rule => {
                self.flush()?;
                self.gap()?;
                let rule = "─".repeat(self.columns.saturating_sub(self.indent).min(40));
                self.spans.push(Span::new(rule, FAINT));
                self.flush()?;
                self.wants_gap = true;
            }
            Event::TaskListMarker(is_done) => {
                self.push(if is_done { "[x] " } else { "[ ] " }, Style::new());
            }
            // Not asked for.
            Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str, style: Style) {
        let around = self.styles.last().copied().unwrap_or_default();
        self.spans.push(Span::new(text, both(around, style)));
    }

    fn start(&mut self, tag: Tag<'_>) -> io::Result<()> {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.gap()?,
            Tag::Heading { level, .. } => {
                self.gap()?;
                let bold = Style::new().bold();
                let is_high = level == HeadingLevel::H1;
                self.styles
                    .push(if is_high { bold.underline() } else { bold });
            }
            Tag::BlockQuote(_) => {
                self.flush()?;
                self.gap()?;
                self.containers.push(Container::Quote);
            }
            Tag::CodeBlock(_) => {
                self.flush()?;
                self.gap()?;
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.flush()?;
                if self.numbers.is_empty() {
                    self.gap()?;
                }
                self.numbers.push(first);
            }
            Tag::Item => {
                self.flush()?;
                self.wants_gap = false;
                let marker = match self.numbers.last_mut() {
                    Some(Some(number)) => {
                        *number = number.saturating_add(1);
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.containers.push(Container::Point {
                    columns: width::of(&marker),
                    marker: Some(marker),
                });
            }
            Tag::Table(_) => {
                self.flush()?;
                self.gap()?;
                self.table = Some(Cells::default());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            Tag::Emphasis => self.style(Style::new().italic()),
            Tag::Strong => self.style(Style::new().bold()),
            Tag::Strikethrough => self.style(Style::new().strikethrough()),
            Tag::Link { dest_url, .. } => {
                self.links.push((dest_url.into_string(), self.spans.len()));
                self.style(Style::new().underline());
            }
            Tag::Image { dest_url, .. } => {
                self.push("image ", FAINT);
                self.links.push((dest_url.into_string(), self.spans.len()));
                self.style(Style::new());
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) -> io::Result<()> {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flush()?;
                self.wants_gap = true;
            }
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.flush()?;
                self.wants_gap = true;
            }
            TagEnd::BlockQuote(_) => {
                self.flush()?;
                self.containers.pop();
                self.wants_gap = true;
            }
            TagEnd::CodeBlock => self.write_code()?,
            TagEnd::List(_) => {
                self.flush()?;
                self.numbers.pop();
                self.wants_gap = self.numbers.is_empty();
            }
            TagEnd::Item => {
                self.flush()?;
                self.containers.pop();
                self.wants_gap = false;
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.write_table()?,
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => {}
        }
        Ok(())
    }

    fn style(&mut self, style: Style) {
        let around = self.styles.last().copied().unwrap_or_default();
        self.styles.push(both(around, style));
    }

    /// Puts the address behind the text, unless that is the address.
    fn end_link(&mut self) {
        self.styles.pop();
        let Some((address, begin)) = self.links.pop() else {
            return;
        };
        let text: String = self
            .spans
            .iter()
            .skip(begin)
            .map(|span| &*span.text)
            .collect();
        if !address.is_empty() && text != address && format!("mailto:{text}") != address {
            self.push(&format!(" <{address}>"), FAINT);
        }
    }

    /// A blank line, if one is wanted.
    fn gap(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.wants_gap) {
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// What stands before the next block; the marker of a point only once.
    fn indent(&mut self) -> Indent {
        let most = self.columns / 2;
        let mut indent = Indent::blanks(self.indent);
        indent.style = FAINT;
        let mut columns = self.indent;
        for container in &mut self.containers {
            match container {
                Container::Quote => {
                    indent.first.push_str("│ ");
                    indent.rest.push_str("│ ");
                    columns += 2;
                }
                Container::Point {
                    marker,
                    columns: own,
                } => {
                    let blanks = " ".repeat(*own);
                    indent
                        .first
                        .push_str(marker.take().as_deref().unwrap_or(&blanks));
                    indent.rest.push_str(&blanks);
                    columns += *own;
                }
            }
            if columns >= most {
                break;
            }
        }
        indent
    }

    /// Writes the paragraph that was read.
    fn flush(&mut self) -> io::Result<()> {
        let spans = std::mem::take(&mut self.spans);
        if spans.iter().all(|span| span.text.trim().is_empty()) {
            return Ok(());
        }
        let indent = self.indent();
        paragraph(self.out, &indent, self.columns, &spans)
    }

    fn write_code(&mut self) -> io::Result<()> {
        let code = self.code.take().unwrap_or_default();
        let mut indent = self.indent();
        for line in code.trim_end().lines() {
            self.out.painted(FAINT, &indent.first)?;
            self.out.painted(CODE, format_args!("    {line}"))?;
            writeln!(self.out)?;
            indent.first.clone_from(&indent.rest);
        }
        self.wants_gap = true;
        Ok(())
    }

    /// A table in columns if it fits, else each row as a list of its cells.
    fn write_table(&mut self) -> io::Result<()> {
        let rows = self.table.take().unwrap_or_default().rows;
        let mut widths: Vec<usize> = Vec::new();
        for row in &rows {
            for (at, cell) in row.iter().enumerate() {
                let columns = width_of(cell);
                match widths.get_mut(at) {
                    Some(width) => *width = columns.max(*width),
                    None => widths.push(columns),
                }
            }
        }
        let indent = self.indent();
        let needed =
            widths.iter().map(|width| width + GAP).sum::<usize>() + width::of(&indent.rest);
        if needed <= self.columns + GAP {
            self.write_columns(&rows, &widths, &indent)?;
        } else {
            self.write_records(&rows, &indent)?;
        }
        self.wants_gap = true;
        Ok(())
    }

    fn write_columns(
        &mut self,
        rows: &[Vec<Vec<Span>>],
        widths: &[usize],
        indent: &Indent,
    ) -> io::Result<()> {
        for (at, row) in rows.iter().enumerate() {
            self.out.painted(FAINT, &indent.rest)?;
            let last = row.len().saturating_sub(1);
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                for span in cell {
                    let bold = if at == 0 {
                        Style::new().bold()
                    } else {
                        Style::new()
                    };
                    self.out.painted(both(span.style, bold), &span.text)?;
                }
                if column < last {
                    let blanks = (width + GAP).saturating_sub(width_of(cell));
                    write!(self.out, "{}", " ".repeat(blanks))?;
                }
            }
            writeln!(self.out)?;
            if at == 0 {
                let lines = widths.iter().map(|width| "─".repeat(*width));
                let line = lines.collect::<Vec<_>>().join("  ");
                self.out
                    .painted(FAINT, format_args!("{}{line}", indent.rest))?;
                writeln!(self.out)?;
            }
        }
        Ok(())
    }

    fn write_records(&mut self, rows: &[Vec<Vec<Span>>], indent: &Indent) -> io::Result<()> {
        let heading = rows.first().map(Vec::as_slice).unwrap_or_default();
        for (at, row) in rows.iter().skip(1).enumerate() {
            if at > 0 {
                writeln!(self.out)?;
            }
            let mut hanging = indent.clone();
            hanging.first.clone_from(&indent.rest);
            hanging.rest.push_str("  ");
            for (name, cell) in heading.iter().zip(row) {
                let mut spans = name.clone();
                for span in &mut spans {
                    span.style = span.style.bold();
                }
                spans.push(Span::new(": ", Style::new()));
                spans.extend(cell.iter().cloned());
                paragraph(self.out, &hanging, self.columns, &spans)?;
            }
        }
        Ok(())
    }
}

fn width_of(cell: &[Span]) -> usize {
    cell.iter().map(|span| width::of(&span.text)).sum()
}

/// The effects of both styles, and the colour of the inner one.
fn both(around: Style, inner: Style) -> Style {
    let colour = inner.get_fg_color().or(around.get_fg_color());
    let effects = around.get_effects() | inner.get_effects();
    Style::new().fg_color(colour).effects(effects)
}
