//! How wide text is on a terminal, and text that is cut or filled up to a width.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How wide lines are where nobody looks at them on a terminal: wide, and the same each time.
const COLUMNS_OF_A_PIPE: usize = 200;
/// Below this nothing reads well any more.
const FEWEST_COLUMNS: usize = 20;

/// How many columns standard output has.
pub(crate) fn columns() -> usize {
    if !std::io::stdout().is_terminal() {
        return COLUMNS_OF_A_PIPE;
    }
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(80, |(width, _)| usize::from(width.0))
        .max(FEWEST_COLUMNS)
}

/// How many columns the text takes.
pub(crate) fn of(text: &str) -> usize {
    // Most text is; it takes a fraction of the time.
    if text.is_ascii() {
        return text.len();
    }
    text.width()
}

/// How many columns a character takes.
pub(crate) fn of_char(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The text, or its beginning with `…` behind it, in at most so many columns.
pub(crate) fn clip(text: &str, columns: usize) -> String {
    if of(text) <= columns {
        return text.to_owned();
    }
    let mut clipped = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let width = of_char(c);
        if width > left {
            break;
        }
        left -= width;
        clipped.push(c);
    }
    clipped.truncate(clipped.trim_end().len());
    if columns > 0 {
        clipped.push('…');
    }
    clipped
}

/// The text, or its end with `…` before it: for paths, whose end tells most.
pub(crate) fn clip_front(text: &str, columns: usize) -> String {
    if of(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        let width = of_char(c);
        if width > left {
            break;
        }
        left -= width;
        start = at;
    }
    let end = text.get(start..).unwrap_or_default();
    if columns > 0 {
        format!("…{end}")
    } else {
        String::new()
    }
}

/// The text filled up with blanks behind it.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let mut line = text.to_owned();
    pad(&mut line, columns.saturating_sub(of(text)));
    line
}

/// Puts blanks behind a line.
pub(crate) fn pad(line: &mut String, mut blanks: usize) {
    const BLANKS: &str = "                                ";
    while blanks > 0 {
        let some = BLANKS.get(..blanks).unwrap_or(BLANKS);
        line.push_str(some);
        blanks -= some.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_the_columns_that_it_takes() {
        assert_eq!(clip("漢字漢字", 8), "漢字漢字");
        assert_eq!(clip("漢字漢字", 6), "漢字…");
        assert_eq!(clip("a b c", 3), "a…");
        assert_eq!(clip("abc", 0), "");
        assert_eq!(clip_front("~/src/shop", 6), "…/shop");
        assert_eq!(clip_front("漢字漢字", 6), "…漢字");
        assert_eq!(left("漢", 3), "漢 ");
        assert_eq!(left("", 70), " ".repeat(70));
    }
}
