//! The graph as lines of text.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use sessiondb::Snapshot;

use super::nodes::{Kind, Node};
use crate::exit::Failure;
use crate::output::{self, Out};
use crate::sessions::{short_segment, short_session};
use crate::{render, when, width};

const ID: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();

/// One line: the branches before it, its id, how it left, what it holds, and its title.
pub(super) struct Line {
    before: String,
    id: String,
    left: String,
    holds: String,
    title: String,
}

/// The strokes of the tree and the marks of its nodes.
struct Strokes {
    through: &'static str,
    leaves: &'static str,
    last: &'static str,
    node: &'static str,
    subagent: &'static str,
    event: &'static str,
    session: &'static str,
}

const LINES: Strokes = Strokes {
    through: "│ ",
    leaves: "├─",
    last: "└─",
    node: "●",
    subagent: "○",
    event: "◆",
    session: "▷",
};
const ASCII: Strokes = Strokes {
    through: "| ",
    leaves: "|-",
    last: "`-",
    node: "*",
    subagent: "o",
    event: "+",
    session: ">",
};

pub(super) fn lines(now: &Snapshot, nodes: &[Node], full: bool) -> Result<Vec<Line>, Failure> {
    let strokes = if output::is_utf8() { &LINES } else { &ASCII };
    let is_last = last_of_their_parents(nodes);
    // Which of the nodes above still have one to come.
    let mut open: Vec<bool> = Vec::new();
    let mut lines = Vec::new();
    for (node, is_last) in nodes.iter().zip(is_last) {
        open.truncate(node.depth.saturating_sub(1));
        let mut before = String::new();
        for is_open in &open {
            before.push_str(if *is_open { strokes.through } else { "  " });
        }
        if node.depth > 0 {
            before.push_str(if is_last {
                strokes.last
            } else {
                strokes.leaves
            });
            open.push(!is_last);
        }
        before.push_str(match node.kind {
            Kind::Subagent => strokes.subagent,
            Kind::Compaction => strokes.event,
            Kind::Origin | Kind::Session => strokes.session,
            Kind::Segment | Kind::Branch | Kind::Fork | Kind::Compacted => strokes.node,
        });
        lines.push(Line {
            before: width::clip_front(&before, width::columns() / 2),
            id: id(now, node, full)?,
            left: left(node),
            holds: holds(node, full),
            title: node.title.clone(),
        });
    }
    Ok(lines)
}

/// Whether each node is the last one below the one above it.
fn last_of_their_parents(nodes: &[Node]) -> Vec<bool> {
    // Whether one of this depth is still to come, seen from the end.
    let mut seen: Vec<bool> = Vec::new();
    let mut is_last: Vec<bool> = nodes
        .iter()
        .rev()
        .map(|node| {
            seen.resize(node.depth + 1, false);
            seen.last_mut()
                .is_none_or(|seen| !std::mem::replace(seen, true))
        })
        .collect();
    is_last.reverse();
    is_last
}

fn id(now: &Snapshot, node: &Node, full: bool) -> Result<String, Failure> {
    Ok(match (node.id, node.kind) {
        (_, Kind::Compaction) => String::new(),
        (Some(segment), _) if full => segment.to_string(),
        (Some(segment), _) => short_segment(now, node.session, segment)?,
        (None, _) if full => node.session.to_string(),
        (None, _) => short_session(now, node.session)?,
    })
}

/// What it is, and where it left.
fn left(node: &Node) -> String {
    let what = match node.kind {
        Kind::Segment => return String::new(),
        Kind::Origin => return "the session that this one comes from".to_owned(),
        Kind::Branch => "branch",
        Kind::Fork => "fork",
        Kind::Compacted => "compacted into this",
        Kind::Subagent => "subagent",
        Kind::Compaction => "compacted",
        Kind::Session => "session",
    };
    match (node.at_entry, node.at_turn) {
        (Some(entry), Some(turn)) => format!("{what} at entry {entry}, turn {turn}"),
        (Some(entry), None) => format!("{what} at entry {entry}"),
        _ => what.to_owned(),
    }
}

fn holds(node: &Node, full: bool) -> String {
    let mut parts = Vec::new();
    if let Some(turns) = node.turns {
        parts.push(render::count(turns, "turn"));
    }
    if let Some(entries) = node.entries {
        parts.push(render::count(entries, "entry"));
    }
    if let Some(bytes) = node.bytes {
        parts.push(render::size(bytes));
    }
    if let Some(active) = node.last_activity_ms {
        parts.push(if full {
            when::date_and_time(active)
        } else {
            when::ago(active)
        });
    }
    parts.join(", ")
}

/// Writes the lines, clipped to the width of the terminal.
pub(super) fn write(out: &mut Out, lines: &[Line]) -> io::Result<()> {
    let columns = width::columns();
    for line in lines {
        let mut used = width::of(&line.before);
        write!(out, "{}", line.before)?;
        let parts = [
            (&line.id, ID),
            (&line.left, Style::new()),
            (&line.holds, FAINT),
            (&line.title, Style::new().bold()),
        ];
        let parts = parts.into_iter().filter(|(part, _)| !part.is_empty());
        for (at, (part, style)) in parts.enumerate() {
            let gap = if at == 0 { " " } else { "  " };
            used += gap.len();
            let part = out.shown(part).into_owned();
            let part = width::clip(&part, columns.saturating_sub(used));
            if part.is_empty() {
                break;
            }
            used += width::of(&part);
            write!(out, "{gap}")?;
            out.painted(style, part)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
