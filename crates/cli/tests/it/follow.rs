//! `follow`: what comes while it is looked at, from other processes.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use sessiondb::{Archive, RawJson, SegmentId, SessionId};

use crate::place::{Place, new_ids};

/// Longer than the slowest machine takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `follow` that runs, and the lines of both its outputs.
struct Follower {
    child: Child,
    lines: Receiver<(usize, String)>,
    /// What each output said that nobody has asked for yet. Lines of one output have an order;
    /// between the two there is none.
    unread: RefCell<[Vec<String>; 2]>,
}

impl Follower {
    fn new(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command("follow", args);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for (number, output) in outputs.into_iter().enumerate() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines() {
                    let _ = sender.send((number, line.unwrap()));
                }
            });
        }
        Self {
            child,
            lines,
            unread: RefCell::default(),
        }
    }

    /// Waits for a line with this in it, and passes over what the same output said before it.
    #[track_caller]
    fn says(&self, part: &str) -> String {
        let mut unread = self.unread.borrow_mut();
        loop {
            for lines in unread.iter_mut() {
                if let Some(at) = lines.iter().position(|line| line.contains(part)) {
                    return lines.drain(..=at).next_back().expect("the line is there");
                }
            }
            match self.lines.recv_timeout(PATIENCE) {
                Ok((output, line)) => unread[output].push(line),
                Err(error) => panic!("{error}, and {part:?} is missing: {unread:#?}"),
            }
        }
    }

    fn item(&self) -> Value {
        serde_json::from_str(&self.says("{")).unwrap()
    }

    /// Ctrl-C.
    fn ends(mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

fn said(text: &str) -> RawJson {
    let entry = json!({"kind": "user_input", "ts": 1_770_000_000_000_u64,
        "segments": [{"kind": "text", "content": text}]});
    RawJson::new(entry.to_string()).unwrap()
}

fn begun() -> (Place, Archive, SessionId, SegmentId) {
    let place = Place::new();
    let (session, segment) = new_ids();
    let archive = Archive::open(place.archive()).unwrap();
    let log = archive.log(session, segment);
    log.append_many([said("first"), said("second"), said("third")])
        .unwrap();
    (place, archive, session, segment)
}

#[test]
fn what_comes_is_shown_behind_the_last_turns() {
    let (place, archive, session, segment) = begun();
    let follower = Follower::new(&place, &["--last", "2"]);
    follower.says("following ");
    let line = follower.says("turn");
    assert!(
        line.starts_with("You  2026-02-02") && line.ends_with("turn 2"),
        "{line}"
    );
    follower.says("  third");
    archive
        .log(session, segment)
        .append(&said("fourth"))
        .unwrap();
    assert!(follower.says("turn 4").starts_with("You "));
    follower.says("  fourth");
    // Another process.
    let entry = said("fifth");
    place
        .append((session, segment), &format!("{}\n", entry.as_str()))
        .code(0);
    follower.says("  fifth");
    follower.ends();
}

#[test]
fn as_json_each_item_is_a_line() {
    let (place, archive, session, segment) = begun();
    let follower = Follower::new(&place, &["--json", &session.to_string()]);
    assert_eq!(follower.item()["text"], "third");
    archive
        .log(session, segment)
        .append(&said("fourth"))
        .unwrap();
    let item = follower.item();
    assert_eq!(
        (&item["text"], &item["entry"]),
        (&json!("fourth"), &json!(3))
    );
    assert_eq!(item["session"], session.to_string());
    assert_eq!(item["segment"], segment.to_string());
    follower.ends();
}

#[test]
fn truncation_erasure_and_removal_are_said_and_survived() {
    let (place, archive, session, segment) = begun();
    let follower = Follower::new(&place, &["--last", "0"]);
    follower.says("following ");
    let log = archive.log(session, segment);
    log.truncate(1).unwrap();
    follower.says("-- cut off: 1 entries are left of 3");
    log.append(&said("other")).unwrap();
    follower.says("  other");
    log.erase(0..1).unwrap();
    // The change of another process that goes past the journal is told as a gap.
    follower.says("reading anew");
    archive.checkpoint().unwrap();
    log.append(&said("after")).unwrap();
    follower.says("  after");
    archive.delete_session(session).unwrap();
    follower.says("was removed; waiting for it to come back");
    log.append(&said("back")).unwrap();
    follower.says("  back");
    follower.ends();
}

#[test]
fn a_session_that_goes_on_in_a_branch_is_followed_there() {
    let (place, archive, session, segment) = begun();
    let follower = Follower::new(&place, &["--last", "0"]);
    let pinned = Follower::new(&place, &["--last", "0", &segment.to_string()]);
    follower.says("following ");
    pinned.says("following ");
    let branch = sessiondb::new_segment_id();
    let branch = archive.log(session, segment).branch(2, branch).unwrap();
    follower.says("which shares 2 entries");
    branch.append(&said("elsewhere")).unwrap();
    follower.says("the session goes on in segment ");
    follower.says("  elsewhere");
    archive.log(session, segment).append(&said("here")).unwrap();
    pinned.says("  here");
    pinned.ends();
    follower.ends();
}

#[test]
fn a_change_too_large_to_be_told_is_read_anew() {
    let (place, archive, session, segment) = begun();
    let follower = Follower::new(&place, &["--last", "0", "--json"]);
    follower.says("following ");
    let log = archive.log(session, segment);
    let many: Vec<_> = (0..300)
        .map(|n| said(&format!("{n} {}", "x".repeat(100_000))))
        .collect();
    log.append_many(many).unwrap();
    log.append(&said("behind it")).unwrap();
    follower.says("behind it");
    follower.ends();
}

#[test]
fn all_sessions_have_a_label_and_new_ones_are_seen() {
    let (place, archive, session, segment) = begun();
    let follower = Follower::new(&place, &["--all"]);
    follower.says("following all");
    archive
        .log(session, segment)
        .append(&said("known"))
        .unwrap();
    follower.says("session   yoi");
    let line = follower.says("known");
    assert!(
        session
            .to_string()
            .starts_with(line.split(' ').next().unwrap()),
        "{line}"
    );
    assert!(line.contains("  you "), "{line}");
    let (other, second) = new_ids();
    archive.log(other, second).append(&said("new one")).unwrap();
    follower.says("new one");
    follower.ends();
}

#[test]
fn sessions_in_the_trash_and_hidden_ones_are_left_out_of_all() {
    let (place, archive, session, segment) = begun();
    let (hidden, second) = new_ids();
    let say = |session, segment, text: &str| {
        let log = archive.log(session, segment);
        log.append(&said(text)).unwrap();
    };
    say(hidden, second, "before");
    archive.trash_session(session).unwrap();
    let follower = Follower::new(&place, &["--all"]);
    follower.says("following all");
    archive.hide_session(hidden).unwrap();
    say(session, segment, "in the trash");
    say(hidden, second, "hidden");
    let (other, third) = new_ids();
    say(other, third, "in use");
    let first = follower.says("");
    assert!(first.contains("session"), "{first}");
    let line = follower.says("");
    assert!(line.contains("in use"), "{line}");
    archive.restore_session(session).unwrap();
    archive.unhide_session(hidden).unwrap();
    say(session, segment, "back again");
    say(hidden, second, "seen again");
    // What was said meanwhile does not come later.
    for text in ["back again", "seen again"] {
        assert!(follower.says("").contains("session"));
        let line = follower.says("");
        assert!(line.contains(text), "{line}");
    }
    follower.ends();
}

#[test]
fn it_ends_when_nobody_reads() {
    let (place, _archive, ..) = begun();
    let mut command = place.command("follow", &["-q"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn there_must_be_something_to_follow() {
    let place = Place::new();
    place.run("follow", &[]).code(3).err("no such archive");
    let archive = Archive::open(place.archive()).unwrap();
    drop(archive);
    place.run("follow", &[]).code(3).err("no session");
    place.run("follow", &["abc"]).code(3);
    place.run("follow", &["abc", "--all"]).code(2);
}
