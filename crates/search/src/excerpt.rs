//! The lines of a text that have a match, with some around them.

use std::ops::Range;

use regex::Regex;

use crate::hit::Line;

/// Of a line that is longer only a part is shown, in bytes.
const LINE_BYTES: usize = 1_000;
/// How much of it stands before the first match.
const BEFORE_BYTES: usize = 200;
/// The most lines with a match that one hit has.
const MOST_LINES: usize = 1_000;

/// The lines with a match and up to `context` others around each; none if there is no match.
pub(crate) fn lines_with(text: &str, regex: &Regex, context: usize) -> Vec<Line> {
    if !regex.is_match(text) {
        return Vec::new();
    }
    let lines: Vec<Range<usize>> = lines_of(text);
    let mut matches: Vec<(usize, Vec<Range<usize>>)> = Vec::new();
    for found in regex.find_iter(text) {
        let from = lines.partition_point(|line| line.end < found.start());
        for (at, line) in lines.iter().enumerate().skip(from) {
            if line.start > found.end()
                || (line.start == found.end() && !found.is_empty() && at > from)
            {
                break;
            }
            let here = found.start().max(line.start)..found.end().min(line.end);
            let here = here.start - line.start..here.end.max(here.start) - line.start;
            match matches.last_mut() {
                Some((last, ranges)) if *last == at => ranges.push(here),
                _ => matches.push((at, vec![here])),
            }
        }
        if matches.len() >= MOST_LINES {
            break;
        }
    }
    with_context(text, &lines, matches, context)
}

fn lines_of(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    text.split('\n')
        .map(|line| {
            let range = start..start + line.len();
            start = range.end + 1;
            range
        })
        .collect()
}

fn with_context(
    text: &str,
    lines: &[Range<usize>],
    matches: Vec<(usize, Vec<Range<usize>>)>,
    context: usize,
) -> Vec<Line> {
    let line = |at: usize, matches: Vec<Range<usize>>| {
        let range = lines.get(at).cloned().unwrap_or_default();
        shown(at, text.get(range).unwrap_or_default(), &matches)
    };
    let mut out: Vec<Line> = Vec::new();
    let mut next = 0;
    let positions: Vec<usize> = matches.iter().map(|(at, _)| *at).collect();
    for (index, (at, ranges)) in matches.into_iter().enumerate() {
        for before in next.max(at.saturating_sub(context))..at {
            out.push(line(before, Vec::new()));
        }
        out.push(line(at, ranges));
        let limit = positions.get(index + 1).copied().unwrap_or(lines.len());
        next = limit.min(at + 1 + context).max(at + 1);
        for behind in at + 1..next {
            out.push(line(behind, Vec::new()));
        }
    }
    out
}

/// A line, or what stands around its first match if it is long.
fn shown(at: usize, line: &str, matches: &[Range<usize>]) -> Line {
    let number = at as u64 + 1;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let clipped = |range: &Range<usize>, window: &Range<usize>| {
        let start = range.start.clamp(window.start, window.end) - window.start;
        let end = range.end.clamp(window.start, window.end) - window.start;
        start..end
    };
    let first = matches.first().map_or(0, |first| first.start);
    let window = if line.len() <= LINE_BYTES {
        0..line.len()
    } else {
        let start = char_start(line, first.saturating_sub(BEFORE_BYTES));
        start..char_start(line, start.saturating_add(LINE_BYTES))
    };
    let in_window = matches.iter().filter(|range| range.start <= window.end);
    Line {
        number,
        text: line.get(window.clone()).unwrap_or_default().to_owned(),
        matches: in_window.map(|range| clipped(range, &window)).collect(),
        is_cut: window.len() < line.len(),
    }
}

/// The beginning of the character that the byte belongs to.
fn char_start(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    let before = (0..=byte).rev().find(|at| text.is_char_boundary(*at));
    before.unwrap_or(0)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of ranges")]
mod tests {
    use super::*;

    fn found(text: &str, pattern: &str, context: usize) -> Vec<(u64, String, Vec<Range<usize>>)> {
        let regex = regex::RegexBuilder::new(pattern)
            .multi_line(true)
            .build()
            .unwrap();
        let lines = lines_with(text, &regex, context).into_iter();
        lines
            .map(|line| (line.number, line.text, line.matches))
            .collect()
    }

    #[test]
    fn each_line_with_a_match_comes_once() {
        assert_eq!(
            found("a b\nc\nb b", "b", 0),
            [
                (1, "a b".to_owned(), vec![2..3]),
                (3, "b b".to_owned(), vec![0..1, 2..3]),
            ]
        );
        assert_eq!(found("x", "y", 0), []);
    }

    #[test]
    fn a_match_over_lines_is_in_each_of_them() {
        assert_eq!(
            found("the\ntotal\noff", "he\nto", 0),
            [
                (1, "the".to_owned(), vec![1..3]),
                (2, "total".to_owned(), vec![0..2]),
            ]
        );
    }

    #[test]
    fn lines_around_come_once_and_in_order() {
        let numbers = |context| {
            found("a\nb\nc\nb\nd\ne", "b", context)
                .into_iter()
                .map(|(number, ..)| number)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(9), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn of_a_long_line_the_match_is_shown() {
        let text = format!("{}needle{}", "ä".repeat(3_000), "x".repeat(3_000));
        let regex = Regex::new("needle").unwrap();
        let lines = lines_with(&text, &regex, 0);
        let line = &lines[0];
        assert!(line.is_cut && line.text.len() <= LINE_BYTES);
        assert_eq!(&line.text[line.matches[0].clone()], "needle");
    }
}
