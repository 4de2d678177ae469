//! Several real processes on one archive: stopped, killed, watched, and copied beneath.

mod lost;
mod writer;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sessiondb::{Archive, SegmentId, SessionId, StoreError, new_segment_id, new_session_id};

use self::writer::{AHEAD, Dice, PATIENCE, Pad, Seen, Told, Writer, line, numbers, unseen};
use crate::scratch::Scratch;

/// One segment of one archive that several processes append to.
struct Place {
    scratch: Scratch,
    archive: PathBuf,
    session: SessionId,
    segment: SegmentId,
    started: AtomicU64,
}

impl Place {
    fn new() -> Self {
        let scratch = Scratch::new();
        Self {
            archive: scratch.fresh(),
            scratch,
            session: new_session_id(),
            segment: new_segment_id(),
            started: AtomicU64::new(0),
        }
    }

    fn command(&self, command: &str, options: &[&str]) -> Command {
        let mut sessiondb = Command::new(env!("CARGO_BIN_EXE_sessiondb"));
        sessiondb.arg("-a").arg(&self.archive);
        sessiondb.args(options).arg(command);
        sessiondb.stdin(Stdio::piped());
        sessiondb.stdout(Stdio::piped()).stderr(Stdio::piped());
        sessiondb
    }

    /// A process that appends one line after the other until it is told to stop.
    fn writer(&self, options: &[&str], pad: Pad, seen: Seen) -> Writer {
        let name = self.started.fetch_add(1, Ordering::SeqCst);
        let child = self.append(options).arg("--ack").spawn();
        Writer::start(name, child.expect("the command starts"), pad, seen)
    }

    fn append(&self, options: &[&str]) -> Command {
        let (session, segment) = (self.session.to_string(), self.segment.to_string());
        let mut append = self.command("append", options);
        append.args(["--session", &session, "--segment", &segment]);
        append
    }

    /// Appends one line by a process of its own.
    fn append_once(&self, options: &[&str], line: &str) -> Output {
        let mut child = self.append(options).spawn().expect("the command starts");
        writeln!(child.stdin.take().expect("a pipe"), "{line}").expect("the command reads");
        child.wait_with_output().expect("the command ends")
    }

    /// Runs a command while no file may become longer than the archive is, as on a full disk.
    fn without_room(&self, command: &Command, line: &str) -> Output {
        let len = std::fs::metadata(&self.archive).expect("a file").len();
        // In units of 512 bytes, as POSIX has it.
        let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", len.div_ceil(512));
        let mut child = Command::new("sh")
            .args(["-c", &limited, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        writeln!(child.stdin.take().expect("a pipe"), "{line}").expect("the command reads");
        child.wait_with_output().expect("the command ends")
    }

    fn viewer(&self) -> Archive {
        self.try_viewer().expect("the archive opens for reading")
    }

    fn try_viewer(&self) -> Result<Archive, StoreError> {
        let deadline = Instant::now() + PATIENCE;
        while !self.archive.exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        Archive::options().read_only(true).open(&self.archive)
    }

    /// The archive is sound, each acknowledged line stands where its acknowledgement said, and
    /// the lines of each writer are the first that it was sent, in their order.
    fn verify(&self, told: &BTreeMap<u64, Told>) {
        self.verify_file(&self.archive, told);
    }

    fn verify_file(&self, archive: &Path, told: &BTreeMap<u64, Told>) {
        let check = Command::new(env!("CARGO_BIN_EXE_sessiondb"))
            .arg("-a")
            .arg(archive)
            .arg("check")
            .output()
            .expect("the command runs");
        assert!(check.status.success(), "{check:?}");
        let archive = Archive::open(archive).expect("the archive opens");
        let stored: Vec<(u64, u64)> = archive
            .log(self.session, self.segment)
            .read(..)
            .expect("a reading")
            .map(|entry| numbers(entry.expect("an entry").as_str()))
            .collect();
        for (name, told) in told {
            for (n, length) in (0..).zip(&told.lengths) {
                let at = usize::try_from(*length).expect("a length") - 1;
                assert_eq!(stored.get(at), Some(&(*name, n)), "entry {at}");
            }
        }
        let mut next: BTreeMap<u64, u64> = BTreeMap::new();
        for (name, n) in stored {
            let next = next.entry(name).or_default();
            assert_eq!(n, *next, "writer {name}");
            *next += 1;
        }
        for (name, told) in told {
            let kept = next.remove(name).unwrap_or(0);
            let acknowledged = told.lengths.len() as u64;
            assert!(
                (acknowledged..=acknowledged + AHEAD).contains(&kept),
                "writer {name}: {kept} kept, {acknowledged} acknowledged"
            );
        }
        assert!(next.is_empty(), "writers that nobody started: {next:?}");
    }
}

/// Stops one of three writers again and again. The others go on, or say that they waited for it.
fn stops(seed: u64, rounds: u32, durability: &str, pad: Pad) {
    let options = ["--durability", durability, "--lock-timeout", "0.5"];
    let patient = ["--durability", durability, "--lock-timeout", "60"];
    let (place, mut dice) = (Place::new(), Dice::new(seed));
    let mut told = BTreeMap::new();
    let mut stopped = place.writer(&patient, pad, unseen());
    let start = || place.writer(&options, |_| 100, unseen());
    let mut others = [start(), start()];
    let (mut blocked, mut unnamed) = (0, 0);
    for round in 0..rounds {
        assert!(stopped.goes_on(1), "it must not end");
        for other in &mut others {
            assert!(other.goes_on(1), "nobody was in its way");
        }
        dice.pause();
        stopped.signal("-STOP");
        let went_on = others.each_mut().map(|other| other.goes_on(2 * AHEAD + 2));
        // Opening reads as well.
        let reading = place.try_viewer().and_then(|viewer| {
            let log = viewer.log(place.session, place.segment);
            log.len()
        });
        assert!(reading.is_ok(), "round {round}: {reading:?}");
        let holder = format!("process {} ", stopped.pid());
        if went_on.contains(&false) {
            blocked += 1;
            // Longer than what the others wait to write: it does not fit where that does not.
            let once = place.append_once(&options, &line(999, 0, |_| 4000));
            let message = String::from_utf8_lossy(&once.stderr);
            assert_eq!(once.status.code(), Some(7), "{message}");
            assert!(message.contains(" busy: "), "{message}");
            unnamed += u32::from(!message.contains(&holder));
        }
        stopped.signal("-CONT");
        for (went_on, other) in went_on.into_iter().zip(&mut others) {
            // One that went on at first may have waited afterwards, such as for a fold.
            if !went_on || !other.goes_on(1) {
                let (name, pid) = (other.name, other.pid());
                std::mem::replace(other, start()).end(&mut told);
                let Told { code, stderr, .. } = &told[&name];
                // 8 and not 7, since lines of it had been appended before.
                assert_eq!(*code, Some(8), "{stderr}");
                assert!(stderr.contains(" busy: "), "{stderr}");
                let itself = format!("process {pid} ");
                assert!(!stderr.contains(&itself), "it names itself: {stderr}");
                unnamed += u32::from(!stderr.contains(&holder));
            }
        }
    }
    eprintln!("{rounds} stops: {blocked} held a lock, which {unnamed} messages did not say of it");
    stopped.finish(&mut told);
    for other in others {
        other.finish(&mut told);
    }
    place.verify(&told);
}

#[test]
fn a_stopped_writer_keeps_others_out_only_while_it_holds_the_lock() {
    stops(0x5709, 10, "written", |_| 1000);
}

#[test]
fn a_writer_stopped_in_a_commit_is_waited_for_or_named() {
    // Every second line is too large for the journal.
    stops(0xc0_3317, 6, "synced", |n| {
        if n % 2 == 0 { 1_100_000 } else { 100 }
    });
}

/// Runs a command that reads, and stops it at a moment of its life while a writer fills its journal
/// several times over and others read. The writer has no patience.
#[test]
fn a_reader_that_is_stopped_keeps_nobody_waiting() {
    const LINES: u64 = 80;
    let (place, mut dice) = (Place::new(), Dice::new(0x5ead));
    let options = ["--durability", "written", "--lock-timeout", "0"];
    let mut writer = place.writer(&options, |_| 30_000, unseen());
    assert!(writer.goes_on(LINES));
    let segment = place.segment.to_string();
    for round in 0..12 {
        let (out, before) = (place.scratch.fresh(), writer.acknowledged());
        let mut reader = match round % 3 {
            0 => place.command("ls", &options[2..]),
            1 => place.command("stats", &options[2..]),
            _ => place.command("show", &options[2..]),
        };
        if round % 3 == 2 {
            reader.args([&segment, "--raw"]);
        }
        reader.stdout(std::fs::File::create(&out).expect("a file"));
        let reader = reader.spawn().expect("the command starts");
        let pid = reader.id().to_string();
        // Most of its life is its first milliseconds.
        std::thread::sleep(Duration::from_micros(dice.below(12_000)));
        let signal = |signal: &str| Command::new("kill").args([signal, &pid]).status();
        assert!(signal("-STOP").expect("kill runs").success());
        assert!(writer.goes_on(LINES), "round {round}: it kept a writer out");
        let viewer = place.try_viewer().expect("others open it");
        let log = viewer.log(place.session, place.segment);
        assert!(log.len().expect("others read it") >= before + LINES);
        assert!(signal("-CONT").expect("kill runs").success());
        let ended = reader.wait_with_output().expect("the command ends");
        assert!(ended.status.success(), "round {round}: {ended:?}");
        if round % 3 == 2 {
            let shown = std::fs::read_to_string(&out).expect("UTF-8");
            let shown: Vec<_> = shown.lines().map(numbers).collect();
            assert!(shown.len() as u64 >= before, "round {round}");
            assert!(
                (0..)
                    .map(|n| (0, n))
                    .zip(&shown)
                    .all(|(line, shown)| line == *shown)
            );
        }
    }
    let mut told = BTreeMap::new();
    writer.finish(&mut told);
    place.verify(&told);
}

/// An id of another namespace of process ids is here that of another process, or of none.
#[cfg(target_os = "linux")]
#[test]
fn a_holder_of_another_namespace_is_not_named() {
    let own_ids = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let tried = Command::new("unshare").args(own_ids).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("SKIPPED: there is no other namespace of process ids here");
        return;
    }
    let (place, mut dice) = (Place::new(), Dice::new(0x1d5));
    let append = place.append(&["--durability", "written", "--lock-timeout", "60"]);
    let child = Command::new("unshare")
        .args(own_ids)
        .arg(append.get_program())
        .args(append.get_args())
        .arg("--ack")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut writer = Writer::start(0, child.expect("it starts"), |_| 1000, unseen());
    assert!(writer.goes_on(1), "it writes");
    let pid = writer.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let inside = children.expect("it is alive").trim().to_owned();
    let signal = |signal: &str| {
        let sent = Command::new("kill").args([signal, &inside]).status();
        assert!(sent.expect("kill runs").success(), "kill {signal}");
    };
    let mut blocked = 0;
    for _ in 0..200 {
        assert!(writer.goes_on(1), "it writes");
        dice.pause();
        signal("-STOP");
        let once = place.append_once(&["--lock-timeout", "0.1"], &line(9, 0, |_| 10));
        signal("-CONT");
        if once.status.code() == Some(7) {
            blocked += 1;
            let message = String::from_utf8_lossy(&once.stderr);
            assert!(
                message.contains("busy: another process held it"),
                "{message}"
            );
        }
        if blocked == 3 {
            break;
        }
    }
    assert!(blocked > 0, "it was never stopped with the lock");
    drop(writer.child.stdin.take());
    let _ = writer.child.kill();
}

/// Kills one of three writers again and again.
fn kills(seed: u64, durability: &str, pad: Pad) {
    const KILLS: u32 = 10;
    let options = ["--durability", durability, "--lock-timeout", "60"];
    let (place, mut dice) = (Place::new(), Dice::new(seed));
    let mut told = BTreeMap::new();
    let start = || place.writer(&options, pad, unseen());
    let mut writers = [start(), start(), start()];
    for _ in 0..KILLS {
        dice.pause();
        let victim = usize::try_from(dice.below(3)).expect("a small number");
        std::mem::replace(&mut writers[victim], start()).kill(&mut told);
    }
    for mut writer in writers {
        assert!(writer.goes_on(1), "it goes on after the kills");
        writer.finish(&mut told);
    }
    place.verify(&told);
}

#[test]
fn killed_writers_leave_all_that_was_synced() {
    kills(0x1711, "synced", |n| if n % 8 == 3 { 300_000 } else { 200 });
}

#[test]
fn killed_writers_leave_all_that_was_written() {
    kills(
        0x1712,
        "written",
        |n| if n % 8 == 3 { 300_000 } else { 200 },
    );
}

#[test]
fn a_viewer_sees_what_is_acknowledged_and_its_counts_never_go_down() {
    const LINES: u64 = 400;
    let place = Place::new();
    let mut told = BTreeMap::new();
    let options = ["--durability", "written", "--lock-timeout", "60"];
    assert!(
        place
            .append_once(&options, &line(0, 0, |_| 0))
            .status
            .success()
    );
    place.started.store(1, Ordering::SeqCst);
    let viewer = place.viewer();
    let log = viewer.log(place.session, place.segment);
    // Lines long enough for the journal to begin anew and be folded meanwhile.
    let mut writers = [(); 3].map(|()| {
        let log = log.clone();
        let seen = move |line: &str, length: u64| {
            assert!(log.len().expect("a length") >= length, "entry {length}");
            let stored = log.read(length - 1..length).expect("a reading");
            let stored: Vec<_> = stored.map(|entry| entry.expect("an entry")).collect();
            assert_eq!(stored.len(), 1);
            assert_eq!(stored[0].as_str(), line);
        };
        place.writer(&options, |_| 4000, Box::new(seen))
    });
    let (mut last, mut polls) = (0, 0_u64);
    let start = Instant::now();
    while writers.iter().any(|writer| writer.acknowledged() < LINES) {
        let session = viewer.session(place.session).expect("a reading");
        let entries = session.expect("the session is there").entries;
        let len = log.len().expect("a length");
        assert!(
            last <= entries && entries <= len,
            "{last}, {entries}, {len}"
        );
        last = len;
        polls += 1;
        assert!(start.elapsed() < PATIENCE, "they hang");
    }
    eprintln!("{polls} polls over {last} entries");
    for writer in &mut writers {
        assert!(writer.child.try_wait().expect("a status").is_none());
    }
    for writer in writers {
        writer.finish(&mut told);
    }
    told.insert(0, first_line());
    place.verify(&told);
}

fn first_line() -> Told {
    Told {
        lengths: vec![1],
        code: Some(0),
        stderr: String::new(),
    }
}

#[test]
fn a_copy_of_an_open_idle_archive_holds_everything() {
    for durability in ["synced", "written"] {
        let place = Place::new();
        let options = ["--durability", durability, "--lock-timeout", "60"];
        let mut writers = [(); 2].map(|()| place.writer(&options, |_| 10_000, unseen()));
        for writer in &mut writers {
            assert!(writer.goes_on(200));
        }
        for writer in &writers {
            writer.hold();
        }
        let copy = idle_copy(&place);
        let mut told = BTreeMap::new();
        for mut writer in writers {
            let status = writer.child.try_wait().expect("a status");
            assert!(status.is_none(), "it had the archive open all the time");
            writer.finish(&mut told);
        }
        place.verify_file(&copy, &told);
        place.verify(&told);
    }
}

/// A copy that was made while nothing changed, a fold in the background included.
fn idle_copy(place: &Place) -> PathBuf {
    let copy = place.scratch.fresh();
    let start = Instant::now();
    loop {
        std::fs::copy(&place.archive, &copy).expect("a copy");
        std::thread::sleep(Duration::from_millis(200));
        let read = |path: &Path| std::fs::read(path).expect("a file");
        if read(&copy) == read(&place.archive) {
            return copy;
        }
        assert!(start.elapsed() < PATIENCE, "an idle archive keeps changing");
    }
}
