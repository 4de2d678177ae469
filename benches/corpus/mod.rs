//! Sessions shaped like those of real agents: their sizes, and text that repeats itself as much, and as
//! far back, as real transcripts do. The same seed gives the same bytes on every machine.

#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the tables are never empty and the numbers are drawn below their limits"
)]

mod dice;
mod documents;
mod project;
mod shape;
mod talk;
mod text;
mod words;

use uuid::Uuid;

use dice::Dice;
use project::Project;
use talk::Talk;
use words::Words;

/// When the first session begins, and how long until the next one at most.
const BEGIN_MS: u64 = 1_757_000_000_000;
const PAUSE_MS: usize = 3_600_000;
const PROJECTS: usize = 12;

/// One conversation.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) segments: Vec<Segment>,
}

/// One log of a session: JSON objects, without their newlines.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: Uuid,
    pub(crate) lines: Vec<Vec<u8>>,
}

/// An iterator over sessions, of which only one at a time is in memory.
#[derive(Debug)]
pub(crate) struct Corpus {
    dice: Dice,
    words: Words,
    projects: Vec<Project>,
    clock_ms: u64,
    bytes_left: usize,
    forks_percent: usize,
}

impl Corpus {
    /// Sessions of together `bytes` of lines with their newlines; the last one is cut off after the line
    /// that reaches them.
    pub(crate) fn new(seed: u64, bytes: usize) -> Self {
        let mut dice = Dice::new(seed);
        let words = Words::new(&mut dice, shape::WORDS, shape::PHRASES);
        let projects = (0..PROJECTS)
            .map(|_| Project::new(&mut dice, &words))
            .collect();
        Self {
            dice,
            words,
            projects,
            clock_ms: BEGIN_MS,
            bytes_left: bytes,
            forks_percent: 0,
        }
    }

    /// Gives so many of 100 sessions a second segment, which repeats some of the first and goes on.
    pub(crate) fn with_forks(mut self, percent: usize) -> Self {
        self.forks_percent = percent;
        self
    }

    /// Ends the segment where the bytes end.
    fn cut(&mut self, lines: &mut Vec<Vec<u8>>) {
        let fitting = lines.iter().take_while(|line| {
            let taken = self.bytes_left > 0;
            self.bytes_left = self.bytes_left.saturating_sub(line.len() + 1);
            taken
        });
        let fitting = fitting.count();
        lines.truncate(fitting);
    }
}

impl Iterator for Corpus {
    type Item = Session;

    fn next(&mut self) -> Option<Session> {
        if self.bytes_left == 0 {
            return None;
        }
        self.clock_ms += 1 + self.dice.below(PAUSE_MS) as u64;
        let id = self.dice.uuid_v7(self.clock_ms);
        let mut ids = [0, 1]
            .map(|later| self.dice.uuid_v7(self.clock_ms + later))
            .into_iter();
        let entries = self.dice.along(shape::SESSION_ENTRIES);
        let fork = self
            .dice
            .percent(self.forks_percent)
            .then(|| 1 + self.dice.below(entries - 1));
        let project = self.dice.below(self.projects.len());
        let dice = Dice::new(self.dice.number());

        let mut talk = Talk::new(
            dice,
            &self.words,
            &self.projects[project],
            id,
            self.clock_ms,
        );
        let mut all = vec![Vec::new()];
        talk.go_on(&mut all[0], entries);
        if let Some(at) = fork {
            let mut lines = all[0][..at].to_vec();
            talk.go_on(&mut lines, (entries - at) / 2 + 1);
            all.push(lines);
        }
        let mut segments = Vec::new();
        for (mut lines, id) in all.into_iter().zip(&mut ids) {
            self.cut(&mut lines);
            if !lines.is_empty() {
                segments.push(Segment { id, lines });
            }
        }
        Some(Session { id, segments })
    }
}
