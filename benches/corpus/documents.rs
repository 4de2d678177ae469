//! The files and outputs of a session, which are shown, changed and shown again.

use std::fmt::Write;
use std::rc::Rc;

use super::dice::Dice;
use super::project::Project;
use super::shape;
use super::text;
use super::words::Words;

/// A file, or what a command printed.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) is_file: bool,
    pub(crate) lines: Rc<Vec<String>>,
    bytes: usize,
}

impl Document {
    fn new(path: String, is_file: bool, lines: Vec<String>) -> Self {
        let bytes = lines.iter().map(|line| line.len() + 2).sum();
        Self {
            path,
            is_file,
            lines: Rc::new(lines),
            bytes,
        }
    }

    /// Where to begin so that about `room` bytes follow: the beginning, or some line if there is more.
    fn start(&self, dice: &mut Dice, room: usize) -> usize {
        if self.bytes <= room + room / 4 || dice.percent(30) {
            return 0;
        }
        let left = self.lines.len() * (self.bytes - room) / self.bytes;
        dice.below(left + 1)
    }
}

/// How lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Plain,
    Numbered,
}

/// Shows lines from `start` on until `room` bytes are full; how many.
pub(crate) fn show(
    out: &mut String,
    lines: &[String],
    start: usize,
    room: usize,
    shown: Shown,
) -> usize {
    let end = out.len() + room;
    let mut count = 0;
    for line in &lines[start.min(lines.len())..] {
        if out.len() >= end {
            break;
        }
        if shown == Shown::Numbered {
            let _ = write!(out, "{:>6}→", start + count + 1);
        }
        out.push_str(line);
        out.push_str("\\n");
        count += 1;
    }
    count
}

/// All documents of a session, the one used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Documents(Vec<Document>);

impl Documents {
    /// A document of about `room` bytes or more, or a new one, and the line to begin at. It is now the
    /// one used last.
    pub(crate) fn pick_to_show(
        &mut self,
        dice: &mut Dice,
        words: &Words,
        project: &Project,
        is_file: bool,
        room: usize,
    ) -> (&mut Document, usize) {
        let again = dice.percent(shape::SHOWN_AGAIN);
        let old = again.then(|| self.old(dice, is_file, room)).flatten();
        let mut document = match old {
            Some(place) => self.0.remove(place),
            None => fresh(dice, words, project, is_file, room),
        };
        if old.is_some() && !is_file {
            changed_a_little(&mut document, dice, words, project);
        }
        let start = document.start(dice, room);
        self.0.push(document);
        let last = self.0.len() - 1;
        (&mut self.0[last], start)
    }

    /// A file of about `room` bytes, to be changed. It is now the one used last.
    pub(crate) fn pick_for_change(
        &mut self,
        dice: &mut Dice,
        words: &Words,
        project: &Project,
        room: usize,
    ) -> &mut Document {
        let place = (0..6)
            .filter_map(|_| self.old(dice, true, room))
            .find(|place| self.0[*place].bytes <= room + room / 4);
        let document = match place {
            Some(place) => self.0.remove(place),
            None => Document::new(
                project.path(dice).to_owned(),
                true,
                project.code(dice, words, room),
            ),
        };
        self.0.push(document);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// A file to be changed, however long; a new one of `room` bytes if there is none.
    pub(crate) fn pick_any_for_change(
        &mut self,
        dice: &mut Dice,
        words: &Words,
        project: &Project,
        room: usize,
    ) -> &mut Document {
        let least = self
            .old(dice, true, 0)
            .map_or(room, |place| self.0[place].bytes);
        self.pick_for_change(dice, words, project, least)
    }

    /// Some file, if there is one.
    pub(crate) fn any(&self, dice: &mut Dice) -> Option<&Document> {
        let back = dice.low(self.0.len(), 2);
        self.0
            .iter()
            .rev()
            .filter(|document| document.is_file)
            .nth(back)
    }

    /// The place of a document of at least nearly `room` bytes, rather one used of late.
    fn old(&self, dice: &mut Dice, is_file: bool, room: usize) -> Option<usize> {
        let skipped = dice.low(self.0.len().min(shape::RECENT) + 1, shape::RECENCY);
        let fits =
            |document: &Document| document.is_file == is_file && document.bytes >= room - room / 12;
        let from = self.0.len().saturating_sub(skipped);
        self.0[..from].iter().rposition(fits)
    }
}

/// A file before and after some of its lines were replaced: from `at` on `gone` lines by `count`.
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Rc<Vec<String>>,
    pub(crate) after: Rc<Vec<String>>,
    pub(crate) at: usize,
    pub(crate) gone: usize,
    pub(crate) count: usize,
}

/// Puts some new lines into a file in place of others.
pub(crate) fn change(
    document: &mut Document,
    dice: &mut Dice,
    words: &Words,
    project: &Project,
) -> Change {
    let at = dice.below(document.lines.len() + 1);
    let gone = dice.low(8, 2).min(document.lines.len() - at);
    let new = project.few_lines(dice, words);
    let count = new.len();
    let before = Rc::clone(&document.lines);
    let after = [&before[..at], &new, &before[at + gone..]].concat();
    *document = Document::new(document.path.clone(), true, after);
    Change {
        path: document.path.clone(),
        before,
        after: Rc::clone(&document.lines),
        at,
        gone,
        count,
    }
}

/// The same command printed nearly the same again.
fn changed_a_little(document: &mut Document, dice: &mut Dice, words: &Words, project: &Project) {
    let changes = document.lines.len() * dice.below(shape::OUTPUT_CHANGES) / 100;
    let new = text::output(dice, words, project, 60 * changes);
    let lines = Rc::make_mut(&mut document.lines);
    for line in new.into_iter().take(changes) {
        let at = dice.below(lines.len());
        lines[at] = line;
    }
}

fn fresh(
    dice: &mut Dice,
    words: &Words,
    project: &Project,
    is_file: bool,
    room: usize,
) -> Document {
    if is_file {
        let longer = if dice.percent(30) {
            room * dice.between(0, 200) / 100
        } else {
            0
        };
        let lines = project.code(
            dice,
            words,
            (room + longer).min(shape::FILE_BYTES.max(room)),
        );
        return Document::new(project.path(dice).to_owned(), true, lines);
    }
    Document::new(
        String::new(),
        false,
        text::output(dice, words, project, room),
    )
}
