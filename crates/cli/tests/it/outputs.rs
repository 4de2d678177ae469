//! Standard output and standard error that take nothing, and what a terminal is given.

use std::fs::OpenOptions;
use std::io::{Read, Write, pipe};
use std::path::Path;
use std::process::{Command, Stdio};

use sessiondb::{Archive, SegmentId, SessionId, StoreError, new_segment_id, new_session_id};

use crate::place::{Place, Run, sessiondb};
use crate::raw::{raw, raws};

/// How a command ends whose standard output cannot be written to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// It was to tell something: 1.
    Tells,
    /// It has changed something: 9, and what it has done is said.
    Changes,
    /// It tells that nothing was printed and so nothing done: 1.
    ChangesNothing,
    /// It acknowledges: 8, on a closed pipe as well.
    Acknowledges,
    /// It prints nothing there.
    Silent,
}

use Kind::{Acknowledges, Changes, ChangesNothing, Silent, Tells};

/// Every command in every form that prints. `A` is the archive, `S` its session, `G` its segment,
/// `D` the folder of the test.
const COMMANDS: [(&str, Kind); 49] = [
    ("--help", Tells),
    ("--version", Tells),
    ("help append", Tells),
    ("-a A import D/logs", Changes),
    ("-a A import D/logs --json", Changes),
    ("-a A import D/logs --list", Changes),
    ("-a A export D/out", Changes),
    ("-a A export D/out --json", Changes),
    ("-a A ls", Tells),
    ("-a A ls --json", Tells),
    ("-a A ls S", Tells),
    ("-a A show G", Tells),
    ("-a A show G --raw", Tells),
    ("-a A show G --json", Tells),
    ("-a A show G --entries", Tells),
    ("-a A show G --entries --json", Tells),
    ("-a A show G --markdown", Tells),
    ("-a A append --session S --segment G", Changes),
    ("-a A append --session S --segment G --ack", Acknowledges),
    ("-a A branch G", Changes),
    ("-a A branch G --json", Changes),
    ("-a A truncate G 1 --yes", Silent),
    ("-a A truncate G 1 --yes --json", Changes),
    ("-a A erase G 0 --yes", Silent),
    ("-a A erase G 0 --yes --json", Changes),
    ("-a A rm G --now --yes", Silent),
    ("-a A rm G --now --yes --json", Changes),
    ("-a A rm S", Silent),
    ("-a A rm S --json", Changes),
    ("-a A hide S", Silent),
    ("-a A hide S --json", Changes),
    ("-a A trash empty --all --yes --json", Changes),
    ("-a A stats", Tells),
    ("-a A stats --json", Tells),
    ("-a A stats --by agent", Tells),
    ("-a A stats --by agent --csv", Tells),
    ("-a A stats --by agent --bars", Tells),
    ("-a A graph S", Tells),
    ("-a A graph S --json", Tells),
    ("-a A export --layout markdown D/out", Changes),
    ("-a A check --json", Tells),
    ("-a A recover D/new.sessiondb --json", Changes),
    ("-a A backup D/new.sessiondb --json", Changes),
    ("-a A extract D/new.sessiondb S --json", Changes),
    ("-a D/merged.sessiondb merge A", Changes),
    ("-a D/merged.sessiondb merge A --json", Changes),
    ("-a A prune --keep-last 0 --yes", ChangesNothing),
    ("-a A prune --keep-last 0 --yes --json", Changes),
    ("-a A compact --json", Changes),
];

/// What takes nothing in the place of an output.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sink {
    FullDisk,
    ClosedPipe,
    ClosedFile,
    /// It does take what is written.
    Open,
}

use Sink::{ClosedFile, ClosedPipe, FullDisk, Open};

impl Sink {
    fn stdio(self) -> Stdio {
        match self {
            FullDisk => {
                let full = OpenOptions::new().write(true).open("/dev/full");
                full.expect("the system has /dev/full").into()
            }
            ClosedPipe => pipe().expect("a pipe").1.into(),
            ClosedFile | Open => Stdio::piped(),
        }
    }
}

struct Given {
    place: Place,
    session: SessionId,
    segment: SegmentId,
}

impl Given {
    fn new() -> Self {
        let (place, session, segment) = (Place::new(), new_session_id(), new_segment_id());
        let archive = Archive::open(place.archive()).unwrap();
        let log = archive.log(session, segment);
        log.append_many(raws(["{\"n\":1}", "{\"n\":2}"])).unwrap();
        drop(log);
        archive.close().unwrap();
        std::fs::create_dir(place.path("logs")).unwrap();
        std::fs::write(place.path("logs/a.jsonl"), "{\"n\":1}\n").unwrap();
        Self {
            place,
            session,
            segment,
        }
    }

    fn run(&self, line: &str, out: Sink, err: Sink) -> Run {
        // The shell closes what is to be closed.
        let closing = match (out == ClosedFile, err == ClosedFile) {
            (true, true) => "exec \"$@\" >&- 2>&-",
            (true, false) => "exec \"$@\" >&-",
            (false, true) => "exec \"$@\" 2>&-",
            (false, false) => "exec \"$@\"",
        };
        let mut command = Command::new("sh");
        command.args(["-c", closing, "sh", env!("CARGO_BIN_EXE_sessiondb")]);
        for word in line.split(' ') {
            command.arg(match word {
                "A" => self.place.archive().to_str().unwrap().to_owned(),
                "S" => self.session.to_string(),
                "G" => self.segment.to_string(),
                word => word.replace("D/", &format!("{}/", self.place.folder.path().display())),
            });
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(out.stdio())
            .stderr(err.stdio())
            .spawn()
            .unwrap();
        // The command value holds the pipes' ends too.
        drop(command);
        let _ = child.stdin.take().unwrap().write_all(b"{\"n\":3}\n");
        child.wait_with_output().unwrap().into()
    }
}

fn expected(kind: Kind, out: Sink) -> i32 {
    match (kind, out) {
        (Acknowledges, FullDisk | ClosedPipe) => 8,
        (Tells | ChangesNothing, FullDisk) => 1,
        (Changes, FullDisk) => 9,
        _ => 0,
    }
}

#[test]
fn no_command_panics_or_forgets_what_it_has_done_when_nobody_can_be_told() {
    let all_sinks = [FullDisk, ClosedPipe, ClosedFile];
    let mut seen = 0;
    for (line, kind) in COMMANDS {
        let pairs = all_sinks
            .iter()
            .flat_map(|&sink| [(sink, Open), (sink, sink)])
            .chain([(Open, FullDisk), (Open, ClosedPipe), (Open, ClosedFile)]);
        for (out, err) in pairs {
            let run = Given::new().run(line, out, err);
            let code = expected(kind, out);
            assert_eq!(run.code, Some(code), "{line} {out:?} {err:?}: {run:#?}");
            if (out, err) == (FullDisk, Open) && code != 0 {
                assert!(run.stderr.contains("standard output: "), "{line}: {run:#?}");
                let says_what_is_done = run.stderr.contains("this is done all the same");
                assert_eq!(says_what_is_done, kind == Changes, "{line}: {run:#?}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, COMMANDS.len() * 9);
}

#[test]
fn a_branch_that_could_not_be_printed_is_named_in_the_error() {
    for (sink, code) in [(FullDisk, 9), (ClosedPipe, 0)] {
        let given = Given::new();
        let run = given.run("-a A branch G -q", sink, Open).code(code);
        let archive = Archive::open(given.place.archive()).unwrap();
        let segments = archive.segments(given.session).unwrap();
        let branch = segments
            .map(Result::unwrap)
            .find(|info| info.id != given.segment);
        run.err(&branch.expect("it was made").id.to_string());
    }
}

#[test]
fn an_append_that_could_not_be_printed_says_what_is_there_now() {
    let given = Given::new();
    given
        .run("-a A append --session S --segment G", FullDisk, Open)
        .code(9)
        .err("1 line appended")
        .err("has 3 now");
    assert_eq!(given.place.raw(given.segment).lines().count(), 3);
}

#[test]
fn what_was_to_be_printed_first_and_could_not_be_is_not_done() {
    let given = Given::new();
    given
        .run("-a A prune --keep-last 0 --yes", FullDisk, Open)
        .code(1)
        .err("nothing was removed");
    assert_eq!(given.place.raw(given.segment).lines().count(), 2);
}

/// The command with a terminal in place of all three; what the terminal is given comes out.
fn script(arguments: &[&str]) -> Option<Command> {
    if !Path::new("/usr/bin/script").exists() {
        eprintln!("SKIPPED: there is no `script` to make a terminal with");
        return None;
    }
    let quoted = arguments.iter().map(|word| format!("'{word}'"));
    let line = format!(
        "'{}' {}",
        env!("CARGO_BIN_EXE_sessiondb"),
        quoted.collect::<Vec<_>>().join(" ")
    );
    let mut script = Command::new("/usr/bin/script");
    script.args(["-qec", &line, "/dev/null"]);
    script.env("NO_COLOR", "1").env("PAGER", "cat");
    Some(script)
}

/// Runs a command that asks, and answers.
fn answered(arguments: &[&str], answer: &[u8]) -> Option<(Option<i32>, String)> {
    let mut child = script(arguments)?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(b"[y/N] ") {
        output.read_exact(&mut byte).unwrap();
        shown.push(byte[0]);
    }
    input.write_all(answer).unwrap();
    output.read_to_end(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    Some((child.wait().unwrap().code(), shown))
}

#[test]
fn what_takes_away_asks_at_a_terminal() {
    let place = Place::with_samples();
    let path = place.archive();
    let archive = ["-a", path.to_str().unwrap()];
    let left = || {
        let stats = place.run("stats", &["--json"]).code(0).json();
        stats["sessions"].as_u64().unwrap()
    };
    let prune = [&archive[..], &["prune", "--now", "--keep-last", "5"]].concat();
    for no in [&b"\n"[..], b"n\n", b"what?\n", b"\x04"] {
        let Some((code, shown)) = answered(&prune, no) else {
            return;
        };
        assert_eq!(code, Some(0), "the list was asked for too: {shown}");
        assert!(
            shown.contains("About to remove 2 sessions with "),
            "{shown}"
        );
        assert_eq!(left(), 7, "{shown}");
    }
    let (code, shown) = answered(&prune, b"y\n").unwrap();
    assert_eq!((code, left()), (Some(0), 5), "{shown}");
    let dry_run = [&archive[..], &["prune", "--keep-last", "1", "--dry-run"]].concat();
    assert!(!on_a_terminal(&dry_run).unwrap().stdout.contains("[y/N]"));
    let rm = [&archive[..], &["rm", "--now", "019cbda7-8b80-7071-8001"]].concat();
    let (code, shown) = answered(&rm, b"n\n").unwrap();
    assert_eq!((code, left()), (Some(1), 5), "{shown}");
    assert!(shown.contains(" as JSONL"), "{shown}");
    let (code, shown) = answered(&rm, b"yes\n").unwrap();
    assert_eq!((code, left()), (Some(0), 4), "{shown}");
}

fn on_a_terminal(arguments: &[&str]) -> Option<Run> {
    let mut script = script(arguments)?;
    let output = script.stdin(Stdio::null()).output();
    Some(output.expect("script runs").into())
}

/// A title, a text and a name that would turn the text around, hide a part of it, or rename the
/// terminal.
const HOSTILE: &str = "\u{202e}a\u{200b}b\u{9b}31m\u{2066}c";
const SHOWN: &str = "\\u202ea\\u200bb\\u009b31m\\u2066c";

#[test]
fn a_terminal_gets_no_character_that_it_obeys_or_hides_and_a_pipe_gets_the_bytes() {
    let place = Place::new();
    let (session, segment) = (new_session_id(), new_segment_id());
    let archive = Archive::open(place.archive()).unwrap();
    let entry = format!("{{\"kind\":\"{HOSTILE}\",\"text\":\"{HOSTILE}\"}}");
    archive
        .log(session, segment)
        .append(&raw(entry.as_bytes()))
        .unwrap();
    archive
        .update_metadata(session, |metadata| {
            metadata.insert("title".to_owned(), HOSTILE.into());
            Ok::<_, StoreError>(())
        })
        .unwrap();
    archive.close().unwrap();
    let name = place.path(&format!("{HOSTILE}\u{1b}]0;title\u{7}.jsonl"));
    std::fs::write(&name, "nonsense\n").unwrap();
    let (archive, name) = (place.archive(), name.to_str().unwrap().to_owned());
    let (archive, id) = (archive.to_str().unwrap(), segment.to_string());

    for (arguments, code) in [
        (&["-a", archive, "show", &*id][..], 0),
        (&["-a", archive, "show", &id, "--raw"], 0),
        (&["-a", archive, "show", &id, "--entries"], 0),
        (&["-a", archive, "show", &id, "--markdown"], 0),
        (&["-a", archive, "show", &id, "--entries", "--json"], 0),
        (&["-a", archive, "ls"], 0),
        (&["-a", archive, "ls", "--json"], 0),
        (&["-a", archive, "import", &name], 8),
        (&["-a", &name, "import", &name], 6),
        (&["-a", archive, "ls", &format!("--{name}")], 2),
    ] {
        let Some(run) = on_a_terminal(arguments) else {
            return;
        };
        let run = run.code(code);
        let obeyed = |c: char| {
            let is_control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
            is_control || matches!(c, '\u{200b}' | '\u{202e}' | '\u{2066}')
        };
        let shown = run.stdout.replace("\u{1b}[2K", "").replace("\u{1b}[0m", "");
        assert!(!shown.contains(obeyed), "{arguments:?}: {run:#?}");
        assert!(shown.contains("a\\u200bb"), "{arguments:?}: {run:#?}");
    }
    let raw = on_a_terminal(&["-a", archive, "show", &id, "--raw"]).unwrap();
    assert!(raw.stdout.contains(SHOWN), "{raw:#?}");
    assert_eq!(place.raw(segment), format!("{entry}\n"));
    let mut import = sessiondb();
    import.args(["-a", archive, "import", &name]);
    crate::place::feed(import, b"").code(8).err(&name);
}

#[test]
fn who_interrupts_at_a_terminal_is_told_what_is_safe() {
    let place = Place::new();
    let (session, segment) = (new_session_id(), new_segment_id());
    let archive = Archive::open(place.archive()).unwrap();
    let log = archive.log(session, segment);
    log.append_many(raws(["1", "2"])).unwrap();
    drop(log);
    archive.close().unwrap();
    let (path, id) = (place.archive(), segment.to_string());
    // It asks after it has made itself ready.
    let arguments = ["-a", path.to_str().unwrap(), "truncate", &id, "1"];
    let Some((code, shown)) = answered(&arguments, b"\x03") else {
        return;
    };
    assert_eq!(code, Some(130));
    assert!(
        shown.contains("interrupted: the change is there as a whole or not at all"),
        "{shown}"
    );
    assert_eq!(place.raw(segment), "1\n2\n");
}
