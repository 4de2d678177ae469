//! Several processes on one archive, and a process that is killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;
use sessiondb::{Archive, SegmentId, SessionId};

use crate::place::{Place, ids, new_ids};

/// `append --ack` at work.
struct Writer {
    child: Child,
    input: ChildStdin,
    acknowledged: BufReader<ChildStdout>,
}

impl Writer {
    fn start(place: &Place, session: SessionId, segment: SegmentId) -> Self {
        let mut child = place
            .command("append", &ids(session, segment))
            .arg("--ack")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        Self {
            input: child.stdin.take().expect("a pipe"),
            acknowledged: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the command reads");
    }

    /// Waits for an acknowledgement: the length afterwards.
    fn length(&mut self) -> u64 {
        let mut line = String::new();
        self.acknowledged.read_line(&mut line).expect("a line");
        line.trim().parse().expect("a length")
    }

    fn finish(mut self) {
        drop(self.input);
        assert!(self.child.wait().expect("the command ends").success());
    }
}

#[test]
fn two_processes_lose_and_reorder_nothing() {
    const LINES: u64 = 60;
    let place = Place::new();
    let (session, segment) = new_ids();
    std::thread::scope(|scope| {
        for writer in ["a", "b"] {
            let mut process = Writer::start(&place, session, segment);
            scope.spawn(move || {
                let mut last = 0;
                for n in 0..LINES {
                    process.send(&format!("{{\"writer\":\"{writer}\",\"n\":{n}}}"));
                    let length = process.length();
                    assert!(length > last, "{writer}: {length} after {last}");
                    last = length;
                }
                process.finish();
            });
        }
    });
    let stored = place.raw(segment);
    for writer in ["a", "b"] {
        let numbers: Vec<u64> = stored
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .filter(|entry| entry["writer"] == writer)
            .map(|entry| entry["n"].as_u64().expect("a number"))
            .collect();
        assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "{writer}");
    }
    assert_eq!(stored.lines().count() as u64, 2 * LINES);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    // Killed after each of these numbers of acknowledgements, with more lines on their way.
    for acknowledged in [0, 1, 2, 7, 31] {
        let place = Place::new();
        let (session, segment) = new_ids();
        let mut writer = Writer::start(&place, session, segment);
        for n in 0..acknowledged + 5 {
            writer.send(&format!("{{\"n\":{n}}}"));
        }
        for n in 0..acknowledged {
            assert_eq!(writer.length(), n + 1);
        }
        writer.child.kill().expect("the command was running");
        writer.child.wait().expect("the command ends");
        check_prefix(&place, (session, segment), acknowledged, acknowledged + 5);
    }
}

/// The archive opens, is sound, takes a further line, and holds the beginning of what was sent.
fn check_prefix(place: &Place, ids: (SessionId, SegmentId), at_least: u64, at_most: u64) {
    let (session, segment) = ids;
    let survived = if place.archive().exists() {
        place.run("check", &[]).code(0);
        let archive = Archive::open(place.archive()).expect("the archive opens");
        let log = archive.log(session, segment);
        if log.exists().expect("a reading") {
            log.len().expect("a length")
        } else {
            0
        }
    } else {
        0
    };
    assert!(
        (at_least..=at_most).contains(&survived),
        "{survived} entries survived, {at_least} were acknowledged, {at_most} sent"
    );
    let run = place.append(ids, "{\"after\":true}\n").code(0);
    assert_eq!(run.stdout, format!("{}\n", survived + 1));
    let sent = (0..survived).fold(String::new(), |sent, n| sent + &format!("{{\"n\":{n}}}\n"));
    assert_eq!(place.raw(segment), sent + "{\"after\":true}\n");
}

#[test]
fn an_exclusive_append_keeps_others_out_until_it_ends() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let mut child = place
        .command("append", &ids(session, segment))
        .args(["--ack", "--exclusive"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut writer = Writer {
        input: child.stdin.take().expect("a pipe"),
        acknowledged: BufReader::new(child.stdout.take().expect("a pipe")),
        child,
    };
    writer.send("{\"n\":0}");
    assert_eq!(writer.length(), 1);
    let short = ["--lock-timeout", "0.05"];
    for options in [&short[..], &[&short[..], &["--exclusive"]].concat()] {
        place.run("ls", options).code(7).err("busy");
    }
    writer.finish();
    // Readers who ask for it share it with each other, and with nobody who writes.
    place.run("ls", &["--exclusive"]).code(0);
    place.append((session, segment), "{\"n\":1}\n").code(0);
    assert_eq!(place.raw(segment).lines().count(), 2);
}
