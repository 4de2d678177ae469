//! The one way to standard output and standard error: a write that fails is an error or is passed
//! over, never a panic, and what a terminal gets is harmless.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ChildStdin;

use anstream::{AutoStream, ColorChoice};
use clap::builder::StyledStr;
use clap::builder::styling::Style;

/// So many bytes are written at once.
const BUFFER: usize = 1 << 16;

/// Standard output. What is written to it reaches a pipe or a file as it is, and a terminal with
/// [`harmless`] characters alone; only [`painted`](Self::painted) text has colours.
pub(crate) struct Out {
    to: BufWriter<Box<dyn Write>>,
    is_terminal: bool,
    has_colours: bool,
}

/// Standard output, to be flushed at the end.
pub(crate) fn stdout() -> Out {
    let stdout = io::stdout();
    Out {
        is_terminal: stdout.is_terminal(),
        has_colours: AutoStream::choice(&stdout) != ColorChoice::Never,
        to: BufWriter::with_capacity(BUFFER, Box::new(stdout.lock())),
    }
}

/// A pager that shows on the terminal what is written to it.
pub(crate) fn to_pager(pipe: ChildStdin) -> Out {
    Out {
        is_terminal: true,
        has_colours: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        to: BufWriter::new(Box::new(pipe)),
    }
}

/// Whether the user's language is written in UTF-8, so that lines and marks beyond ASCII are shown.
pub(crate) fn is_utf8() -> bool {
    if cfg!(windows) || !io::stdout().is_terminal() {
        return true;
    }
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let locale = named.filter_map(|name| std::env::var(name).ok());
    let locale = locale.map(|locale| locale.to_ascii_lowercase());
    let mut set = locale.filter(|locale| !locale.is_empty());
    set.next()
        .is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}

impl Out {
    /// Whether a person reads it there.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Text as it will be seen, so that its width can be known.
    pub(crate) fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_terminal {
            harmless(text)
        } else {
            Cow::Borrowed(text)
        }
    }

    pub(crate) fn painted(&mut self, style: Style, text: impl Display) -> io::Result<()> {
        if !self.has_colours {
            return write!(self, "{text}");
        }
        write!(self.to, "{style}")?;
        write!(self, "{text}")?;
        write!(self.to, "{style:#}")
    }

    /// Text that holds nothing from outside the program, with its colours.
    pub(crate) fn styled(&mut self, text: &StyledStr) -> io::Result<()> {
        if self.has_colours {
            write!(self.to, "{}", text.ansi())
        } else {
            write!(self.to, "{text}")
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    /// The bytes are whole characters: each caller writes strings, or entries, which are UTF-8.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_terminal {
            let text = String::from_utf8_lossy(bytes);
            self.to.write_all(harmless(&text).as_bytes())
        } else {
            self.to.write_all(bytes)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Says something on standard error, without a line end. If nobody can hear it, nobody does.
pub(crate) fn tell(style: Style, painted: &str, rest: impl Display) {
    let stderr = io::stderr();
    let rest = rest.to_string();
    let rest = if stderr.is_terminal() {
        harmless(&rest)
    } else {
        Cow::Borrowed(&*rest)
    };
    let text = if painted.is_empty() || AutoStream::choice(&stderr) == ColorChoice::Never {
        format!("{painted}{rest}")
    } else {
        format!("{style}{painted}{style:#}{rest}")
    };
    // In one write, so that lines of several processes stay apart.
    let _ = stderr.lock().write_all(text.as_bytes());
}

/// What clap has to say of the arguments, which are part of it.
pub(crate) fn tell_usage(text: &StyledStr) {
    let stderr = io::stderr();
    let plain = text.to_string();
    let has_colours = AutoStream::choice(&stderr) != ColorChoice::Never;
    if has_colours && matches!(harmless(&plain), Cow::Borrowed(_)) {
        let _ = stderr.lock().write_all(text.ansi().to_string().as_bytes());
    } else {
        tell(Style::new(), "", plain);
    }
}

/// The text with an escape, as JSON has it, in the place of each character that a terminal obeys
/// or does not show: control characters but line end and tab, those that turn the direction of
/// writing, and those without width. A JSON value keeps its meaning.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_harmful(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e01ef}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_is_shown_as_an_escape() {
        for (text, shown) in [
            ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
            ("a\u{9b}31mb", "a\\u009b31mb"),
            ("a\r\u{8}\u{7f}b", "a\\u000d\\u0008\\u007fb"),
            ("\u{202e}gpj.exe", "\\u202egpj.exe"),
            (
                "a\u{200b}\u{2066}\u{2069}\u{61c}\u{200e}\u{feff}b",
                "a\\u200b\\u2066\\u2069\\u061c\\u200e\\ufeffb",
            ),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(harmless(text), shown);
            assert_eq!(harmless(shown), shown, "what is shown stays");
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        let text = "tab\tline\nemoji \u{1f600}\u{fe0f} accents e\u{301} עברית العربية 漢字 \\u202e";
        assert!(matches!(harmless(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn a_json_value_keeps_its_meaning() {
        let all: String = ('\u{80}'..='\u{2fff}')
            .chain('\u{e0000}'..='\u{e0200}')
            .collect();
        let json = serde_json::to_string(&format!("\\{all}\"")).unwrap();
        let shown = harmless(&json);
        assert!(!shown.contains(is_harmful));
        let value: String = serde_json::from_str(&shown).unwrap();
        assert_eq!(value, format!("\\{all}\""));
    }
}
