//! Styled text, broken into lines by the columns that it takes.

use std::io::{self, Write};

use clap::builder::styling::Style;

use crate::output::Out;
use crate::width;

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Span {
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

/// What stands before the lines of a paragraph.
#[derive(Debug, Clone, Default)]
pub(super) struct Indent {
    pub(super) first: String,
    pub(super) rest: String,
    pub(super) style: Style,
}

impl Indent {
    pub(super) fn blanks(columns: usize) -> Self {
        Self {
            first: " ".repeat(columns),
            rest: " ".repeat(columns),
            style: Style::new(),
        }
    }
}

/// The fewest columns of text beside an indent.
const FEWEST: usize = 10;

/// A line that is being filled.
struct Line<'a> {
    out: &'a mut Out,
    indent: &'a Indent,
    /// How many columns there are for text.
    columns: usize,
    used: usize,
    is_first: bool,
    /// A word that is not written yet, and its columns.
    word: Vec<Span>,
    word_columns: usize,
    /// Whether a blank comes before the word.
    blank: Option<Style>,
}

/// Writes a paragraph in lines of at most so many columns. A line break in a span ends a line.
pub(super) fn paragraph(
    out: &mut Out,
    indent: &Indent,
    columns: usize,
    spans: &[Span],
) -> io::Result<()> {
    let before = width::of(&indent.first).max(width::of(&indent.rest));
    let mut line = Line {
        out,
        indent,
        columns: columns.saturating_sub(before).max(FEWEST),
        used: 0,
        is_first: true,
        word: Vec::new(),
        word_columns: 0,
        blank: None,
    };
    line.begin()?;
    for span in spans {
        for c in span.text.chars() {
            line.take(c, span.style)?;
        }
    }
    line.end_word()?;
    writeln!(line.out)
}

impl Line<'_> {
    fn begin(&mut self) -> io::Result<()> {
        let indent = if self.is_first {
            &self.indent.first
        } else {
            &self.indent.rest
        };
        self.is_first = false;
        self.used = 0;
        if self.indent.style == Style::new() {
            write!(self.out, "{indent}")
        } else {
            self.out.painted(self.indent.style, indent)
        }
    }

    fn next(&mut self) -> io::Result<()> {
        writeln!(self.out)?;
        self.begin()
    }

    fn take(&mut self, c: char, style: Style) -> io::Result<()> {
        match c {
            '\n' => {
                self.end_word()?;
                self.blank = None;
                self.next()
            }
            ' ' | '\t' => {
                self.end_word()?;
                self.blank = Some(style);
                Ok(())
            }
            c => {
                let wide = width::of_char(c);
                if self.word_columns + wide > self.columns {
                    self.end_word()?;
                }
                match self.word.last_mut() {
                    Some(last) if last.style == style => last.text.push(c),
                    _ => self.word.push(Span::new(c, style)),
                }
                self.word_columns += wide;
                // Scripts without blanks break anywhere.
                if wide > 1 {
                    self.end_word()?;
                }
                Ok(())
            }
        }
    }

    fn end_word(&mut self) -> io::Result<()> {
        if self.word.is_empty() {
            return Ok(());
        }
        let blank = self.blank.take();
        let gap = usize::from(blank.is_some() && self.used > 0);
        if self.used > 0 && self.used + gap + self.word_columns > self.columns {
            self.next()?;
        } else if let Some(style) = blank.filter(|_| gap > 0) {
            self.out.painted(style, ' ')?;
            self.used += 1;
        }
        for span in self.word.drain(..) {
            if span.style == Style::new() {
                write!(self.out, "{}", span.text)?;
            } else {
                self.out.painted(span.style, &span.text)?;
            }
        }
        self.used += self.word_columns;
        self.word_columns = 0;
        Ok(())
    }
}
