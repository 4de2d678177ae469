//! R26: what was removed, cut off, pruned or erased comes back by no import and no merge, under whatever
//! name its log comes, and nothing else is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use sessiondb::jsonl::Import;
use sessiondb::portable::Merge;
use sessiondb::retention::{Limits, plan};
use sessiondb::{Archive, SegmentId, SessionId};
use uuid::Uuid;

use super::row::{Dice, Row, by_form};

const LOGS: u64 = 4;
const STEPS: usize = 24;

/// The files that come in, and what of them may not come in again.
struct Play {
    folder: tempfile::TempDir,
    archive: Archive,
    /// All that each file has held.
    files: BTreeMap<u64, Vec<String>>,
    forgotten: BTreeSet<String>,
}

fn ids(log: u64) -> (SessionId, SegmentId) {
    // Two logs a session.
    let id = |kind: u128, number: u64| Uuid::from_u128(kind << 64 | u128::from(number) | 1 << 127);
    (id(1, log / 2), id(2, log))
}

impl Play {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            archive: Archive::in_memory().unwrap(),
            files: BTreeMap::new(),
            forgotten: BTreeSet::new(),
        }
    }

    fn here(&self, log: u64) -> Vec<String> {
        let (session, segment) = ids(log);
        let entries = self.archive.log(session, segment).read(..).unwrap();
        entries
            .map(|entry| entry.unwrap().as_str().to_owned())
            .collect()
    }

    fn forget(&mut self, entries: impl IntoIterator<Item = String>) {
        let tombstone = |entry: &String| entry.starts_with(r#"{"kind":"erased""#);
        self.forgotten
            .extend(entries.into_iter().filter(|entry| !tombstone(entry)));
    }

    /// Whether a file of the log may have come in, or may come again.
    fn is_gone(&self, log: u64) -> bool {
        let (session, segment) = ids(log);
        let now = self.archive.snapshot().unwrap();
        let mark = now.forgotten(session, segment).unwrap();
        mark.is_some_and(|mark| mark.is_whole())
    }

    /// A file grows by some lines.
    fn grow(&mut self, dice: &mut Dice, log: u64) {
        let file = self.files.entry(log).or_default();
        for _ in 0..=dice.below(5) {
            let number = file.len();
            file.push(format!(
                r#"{{"log":{log},"number":{number},"pad":"{:x}"}}"#,
                dice.next()
            ));
        }
    }

    /// All files come in: in another folder each time, and some of them only in part.
    fn import(&mut self, dice: &mut Dice) {
        let name = format!("{:x}", dice.next());
        let part = |lines: &[String]| {
            if dice.one_in(4) {
                dice.index(lines.len() + 1)
            } else {
                lines.len()
            }
        };
        self.import_from(&name, part);
    }

    fn import_from(&self, name: &str, mut part: impl FnMut(&[String]) -> usize) {
        let folder = self.folder.path().join(name);
        for (log, lines) in &self.files {
            let (session, segment) = ids(*log);
            let folder = folder.join(session.to_string());
            fs::create_dir_all(&folder).unwrap();
            let mut text = lines[..part(lines)].join("\n");
            if !text.is_empty() {
                text.push('\n');
            }
            fs::write(folder.join(format!("{segment}.jsonl")), text).unwrap();
        }
        Import::new(&self.archive).run(&[folder], None).unwrap();
    }

    /// An archive that has all of it is merged.
    fn merge(&mut self) {
        let other = Archive::in_memory().unwrap();
        for (log, lines) in &self.files {
            let (session, segment) = ids(*log);
            let lines = lines
                .iter()
                .map(|line| sessiondb::RawJson::new(line.clone()).unwrap());
            other.log(session, segment).append_many(lines).unwrap();
        }
        Merge::new(&self.archive).run(&other, None).unwrap();
    }

    fn take_away(&mut self, dice: &mut Dice, log: u64) {
        let (session, segment) = ids(log);
        let len = self.here(log).len();
        let both = [log & !1, log | 1];
        match dice.below(5) {
            0 => {
                for log in both {
                    self.forget(self.here(log));
                }
                self.archive.forget_session(session).unwrap();
            }
            1 => {
                self.forget(self.here(log));
                self.archive.forget_segment(session, segment).unwrap();
            }
            2 if len > 0 => {
                let from = dice.index(len);
                self.forget(self.here(log).into_iter().skip(from));
                self.archive
                    .forget_from(&self.archive.log(session, segment), from as u64)
                    .unwrap();
            }
            3 if len > 0 => {
                let at = dice.index(len);
                self.forget(self.here(log).into_iter().skip(at).take(1));
                self.archive
                    .log(session, segment)
                    .erase(at as u64..=at as u64)
                    .unwrap();
            }
            _ => {
                for log in 0..LOGS {
                    self.forget(self.here(log));
                }
                let limits = Limits::new().older_than(Duration::from_secs(1));
                plan(&self.archive, &limits, u64::MAX)
                    .unwrap()
                    .apply(&self.archive, None)
                    .unwrap();
            }
        }
    }

    /// Nothing that was taken away is in any segment.
    fn check(&self) -> Result<(), String> {
        match self.there().intersection(&self.forgotten).next() {
            Some(back) => Err(format!("{back} is back")),
            None => Ok(()),
        }
    }

    /// All entries of all segments.
    fn there(&self) -> BTreeSet<String> {
        let mut there = BTreeSet::new();
        for session in self.archive.sessions().unwrap() {
            for segment in self.archive.segments(session.unwrap().id).unwrap() {
                let segment = segment.unwrap();
                for entry in self
                    .archive
                    .log(segment.session, segment.id)
                    .read(..)
                    .unwrap()
                {
                    there.insert(entry.unwrap().as_str().to_owned());
                }
            }
        }
        there
    }
}

fn play(row: &mut Row, number: u64) {
    let mut dice = Dice::new(super::row::seed() ^ (number << 20) ^ 0x26);
    let mut play = Play::new();
    for step in 0..STEPS {
        let log = dice.below(LOGS);
        let what = dice.below(8);
        match what {
            0..=1 => play.grow(&mut dice, log),
            2..=3 => play.import(&mut dice),
            4 => play.merge(),
            5 => play.archive.checkpoint().unwrap(),
            _ => play.take_away(&mut dice, log),
        }
        row.case(
            play.check()
                .map_err(|err| format!("step {step}, kind {what}: {err}")),
        );
    }
    // What was never taken away comes in, whatever else was.
    play.import_from("whole", <[String]>::len);
    let there = play.there();
    for log in 0..LOGS {
        let gone = play.is_gone(log);
        let lost = play.files.get(&log).into_iter().flatten();
        let mut lost =
            lost.filter(|line| !gone && !play.forgotten.contains(*line) && !there.contains(*line));
        row.case(match lost.next() {
            Some(line) => Err(format!("{line} did not come in")),
            None => Ok(()),
        });
    }
}

#[test]
fn r26_what_was_taken_away_comes_back_by_no_way_in() {
    let mut row = Row::new("R26");
    for number in 0..by_form(60, 4_000) {
        row.within(format!("history {number}"));
        play(&mut row, number);
        if row.violations() > 0 {
            break;
        }
    }
    row.finish(by_form(1_000, 80_000));
}
