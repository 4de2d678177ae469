//! What people, models and programs write: prose, and the output of commands. All of it as inside a
//! JSON string.

use std::fmt::Write;

use super::dice::Dice;
use super::project::Project;
use super::shape;
use super::words::{Words, capitalised};

/// Prose of about `bytes`.
pub(crate) fn prose(
    out: &mut String,
    dice: &mut Dice,
    words: &Words,
    project: &Project,
    bytes: usize,
) {
    let end = out.len() + bytes;
    while out.len() < end {
        sentence(out, dice, words, project);
        let pause = match dice.below(12) {
            0 => "\\n\\n",
            1 => "\\n- ",
            2 => "\\n- **",
            _ => " ",
        };
        out.push_str(pause);
        if pause.ends_with('*') {
            out.push_str(project.type_name(dice));
            out.push_str("**: ");
        }
    }
}

fn sentence(out: &mut String, dice: &mut Dice, words: &Words, project: &Project) {
    out.push_str(&capitalised(words.word(dice)));
    for _ in 0..dice.between(3, 11) {
        out.push(' ');
        match dice.below(100) {
            0..8 => {
                out.push('`');
                out.push_str(project.name(dice));
                out.push('`');
            }
            8..10 => out.push_str(project.path(dice)),
            10..12 => out.push_str("— "),
            throw if throw < 12 + shape::PHRASES_IN_PROSE => {
                out.push_str(words.common_phrase(dice));
            }
            _ => out.push_str(words.word(dice)),
        }
        if dice.percent(8) {
            out.push(',');
        }
    }
    out.push_str(dice.pick(&[".", ".", ".", ":", "?", "!"]));
}

/// Lines that some command printed, of about `bytes` in all.
pub(crate) fn output(
    dice: &mut Dice,
    words: &Words,
    project: &Project,
    bytes: usize,
) -> Vec<String> {
    let printed = dice.below(7);
    let mut lines = vec![format!("$ {} {}", words.word(dice), project.name(dice))];
    let mut made = 0;
    while made < bytes {
        let first = lines.len();
        if first > 12 && dice.percent(shape::LINES_AGAIN) {
            let back = 2 + dice.low(first.min(120) - 2, 2);
            let count = (1 + dice.low(6, 2)).min(back);
            lines.extend_from_within(first - back..first - back + count);
            made += lines[first..]
                .iter()
                .map(|line| line.len() + 2)
                .sum::<usize>();
            continue;
        }
        match printed {
            0 => lines.push(listed(dice, words, project)),
            1 => lines.push(tested(dice, project)),
            2 => complaint(&mut lines, dice, words, project),
            3 => lines.push(logged(dice, words, project)),
            4 => lines.push(record(dice, words, project)),
            5 => lines.push(found(dice, words, project)),
            _ => {
                let mut line = String::new();
                sentence(&mut line, dice, words, project);
                lines.push(line);
            }
        }
        made += lines[first..]
            .iter()
            .map(|line| line.len() + 2)
            .sum::<usize>();
    }
    lines
}

fn listed(dice: &mut Dice, words: &Words, project: &Project) -> String {
    format!(
        "-rw-r--r--  1 {} staff {:>8} {} {:>2} {:02}:{:02} {}",
        project.root.split('/').nth(2).unwrap_or("user"),
        dice.low(400_000, 4),
        dice.pick(&["Aug", "Sep", "Oct", "Nov"]),
        dice.between(1, 28),
        dice.below(24),
        dice.below(60),
        if dice.percent(70) {
            project.path(dice).to_owned()
        } else {
            format!("{}.{}", words.rare(dice), project.language.ending)
        },
    )
}

fn tested(dice: &mut Dice, project: &Project) -> String {
    let (group, name) = (project.name(dice), project.name(dice));
    match dice.below(40) {
        0 => format!("test {group}::{name} ... FAILED"),
        1..12 => format!(
            "   \\u001b[32m✓\\u001b[39m {group} {name} \\u001b[90m({} ms)\\u001b[0m",
            dice.low(900, 3)
        ),
        _ => format!("test {group}::tests::{name} ... ok"),
    }
}

fn complaint(lines: &mut Vec<String>, dice: &mut Dice, words: &Words, project: &Project) {
    let (row, column) = (1 + dice.low(900, 2), 1 + dice.below(60));
    let name = project.name(dice);
    lines.push(format!(
        "{}: {} `{name}` {} {}",
        dice.pick(&["error[E0308]", "error[E0599]", "warning", "error"]),
        words.common_phrase(dice),
        words.common_phrase(dice),
        words.word(dice),
    ));
    lines.push(format!("   --> {}:{row}:{column}", project.path(dice)));
    lines.push("    |".to_owned());
    let code = project.few_lines(dice, words);
    lines.push(format!(
        "{row:>3} | {}",
        code.first().map_or("", String::as_str)
    ));
    lines.push(format!(
        "    | {:>column$} {}",
        "^^^^^",
        words.common_phrase(dice)
    ));
    lines.push("    |".to_owned());
    if dice.percent(40) {
        lines.push(format!(
            "    = note: {} {}",
            words.common_phrase(dice),
            words.common_phrase(dice)
        ));
    }
    lines.push(String::new());
}

fn logged(dice: &mut Dice, words: &Words, project: &Project) -> String {
    let mut line = format!(
        "2025-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z {:>5} {}: {} {}=",
        dice.between(1, 12),
        dice.between(1, 28),
        dice.below(24),
        dice.below(60),
        dice.below(60),
        dice.below(1000),
        dice.pick(&["INFO", "DEBUG", "WARN", "INFO"]),
        project.name(dice),
        words.common_phrase(dice),
        project.name(dice),
    );
    if dice.percent(30) {
        dice.hex(&mut line, 12);
    } else {
        let _ = write!(line, "{}", dice.low(100_000, 3));
    }
    line
}

/// JSON within a JSON string.
fn record(dice: &mut Dice, words: &Words, project: &Project) -> String {
    format!(
        "  {{\\\"{}\\\": {}, \\\"{}\\\": \\\"{}\\\", \\\"{}\\\": \\\"{} {}\\\", \\\"enabled\\\": {}}},",
        project.name(dice),
        dice.low(10_000, 2),
        words.word(dice),
        project.name(dice),
        words.word(dice),
        words.common_phrase(dice),
        words.word(dice),
        dice.percent(70),
    )
}

fn found(dice: &mut Dice, words: &Words, project: &Project) -> String {
    let code = project.few_lines(dice, words);
    let code = code.first().map_or("", String::as_str);
    format!("{}:{}:{code}", project.path(dice), 1 + dice.low(1200, 2))
}
