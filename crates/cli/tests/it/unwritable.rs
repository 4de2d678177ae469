//! Archives that may only be read: what a killed writer left, read by a user without write access
//! and from a read-only mount.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sessiondb::{Archive, Sharing, new_segment_id, new_session_id};

use crate::raw::raw;
use crate::scratch::{Scratch, noise};

/// An archive in a folder of its own, and a folder that everybody may write to.
struct Left {
    scratch: Scratch,
    archive: PathBuf,
    session: String,
    segment: String,
    acknowledged: usize,
}

impl Left {
    /// What a writer leaves that is killed once so many lines are acknowledged, the next ones
    /// under way.
    fn by_a_killed_writer(acknowledged: usize) -> Self {
        let scratch = Scratch::new();
        let folder = scratch.path().join("archive");
        fs::create_dir(&folder).unwrap();
        let left = Self {
            archive: folder.join("a.sessiondb"),
            session: new_session_id().to_string(),
            segment: new_segment_id().to_string(),
            scratch,
            acknowledged,
        };
        let mut writer = Command::new(env!("CARGO_BIN_EXE_sessiondb"))
            .arg("-a")
            .arg(&left.archive)
            .arg("append")
            .args(["--session", &left.session, "--segment", &left.segment])
            .args(["--ack", "--durability", "written"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = writer.stdin.take().unwrap();
        let lines = std::thread::spawn(move || {
            (0..)
                .map(line)
                .try_for_each(|line| writeln!(input, "{line}"))
        });
        let acknowledgements = BufReader::new(writer.stdout.take().unwrap()).lines();
        let heard = acknowledgements.take(acknowledged).flatten().count();
        writer.kill().unwrap();
        writer.wait().unwrap();
        let _ = lines.join();
        assert_eq!(heard, acknowledged);
        let out = left.out();
        fs::create_dir(&out).unwrap();
        for (path, mode) in [
            (scratch_of(&left), 0o755),
            (out.as_path(), 0o777),
            (left.archive.parent().unwrap(), 0o555),
            (left.archive.as_path(), 0o444),
        ] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        left
    }

    fn out(&self) -> PathBuf {
        self.scratch.path().join("out")
    }

    /// What must not change: the names in the folder, the bytes, and when they were written.
    fn traces_of_writing(&self) -> (Vec<String>, Vec<u8>, (i64, i64)) {
        let folder = self.archive.parent().unwrap();
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|name| name.unwrap().file_name().to_string_lossy().into_owned());
        let metadata = fs::metadata(&self.archive).unwrap();
        let written = (metadata.mtime(), metadata.mtime_nsec());
        (names.collect(), fs::read(&self.archive).unwrap(), written)
    }

    /// All that only reads works, shows all that was acknowledged, and leaves no trace.
    fn is_read_by(&self, user: &dyn Fn() -> Command, round: &str) {
        let before = self.traces_of_writing();
        let archive = self.archive.display().to_string();
        let out = |name: &str| self.out().join(format!("{round}-{name}"));
        let out_of = |name: &str| out(name).display().to_string();
        let run = |args: &[&str]| {
            let output = user().args(args).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", said(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        for options in [&[][..], &["--exclusive"][..]] {
            let with = |args: &[&str]| run(&[options, args].concat());
            assert!(with(&["-a", &archive, "ls"]).contains(&self.session[..8]));
            with(&["-a", &archive, "ls", &self.session]);
            self.is_whole(&with(&["-a", &archive, "show", &self.segment, "--raw"]));
            with(&["-a", &archive, "stats"]);
            with(&["-a", &archive, "check"]);
        }
        run(&["-a", &archive, "export", &out_of("export")]);
        let exported = out("export")
            .join(&self.session)
            .join(format!("{}.jsonl", self.segment));
        self.is_whole(&fs::read_to_string(exported).unwrap());
        run(&["-a", &archive, "backup", &out_of("backup")]);
        run(&["-a", &archive, "extract", &out_of("extract"), &self.session]);
        for copy in [out_of("backup"), out_of("extract")] {
            self.is_whole(&run(&["-a", &copy, "show", &self.segment, "--raw"]));
        }
        assert!(before == self.traces_of_writing(), "something was written");
    }

    fn is_whole(&self, shown: &str) {
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.len() >= self.acknowledged, "{}", lines.len());
        for (number, shown) in (0..).zip(lines) {
            assert_eq!(shown, line(number), "entry {number}");
        }
    }
}

fn scratch_of(left: &Left) -> &Path {
    left.scratch.path()
}

fn line(number: u64) -> String {
    format!("{{\"n\":{number},\"noise\":\"{}\"}}", noise(number, 8000))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The command as somebody who may not write: `None` if nobody can be found.
fn unprivileged(left: &Left) -> Option<Box<dyn Fn() -> Command>> {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_sessiondb"));
    if fs::OpenOptions::new()
        .write(true)
        .open(&left.archive)
        .is_err()
    {
        return Some(Box::new(move || Command::new(&command)));
    }
    // Root may write to everything. The program may lie where others may not go.
    let copy = left.scratch.path().join("sessiondb");
    fs::copy(&command, &copy).ok()?;
    let as_nobody = move || {
        let mut nobody = Command::new("setpriv");
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        nobody.arg(&copy);
        nobody
    };
    let tried = as_nobody().arg("--version").output().ok()?;
    tried.status.success().then(|| Box::new(as_nobody) as _)
}

#[test]
fn what_a_killed_writer_left_is_read_without_the_right_to_write() {
    // The journal is full after 130 lines; then it is folded beside the writer.
    for acknowledged in [1, 70, 131, 200, 290] {
        let left = Left::by_a_killed_writer(acknowledged);
        let Some(user) = unprivileged(&left) else {
            eprintln!("SKIPPED: nobody here who may not write");
            return;
        };
        left.is_read_by(&*user, "user");
    }
}

#[test]
fn what_a_killed_writer_left_is_read_on_a_read_only_mount() {
    let left = Left::by_a_killed_writer(40);
    let folder = left.archive.parent().unwrap().to_owned();
    let mounted = move |command: &str| {
        let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
        let mut unshared = Command::new("unshare");
        unshared.args(["--mount", "sh", "-c", script]);
        unshared.arg(&folder).arg(command);
        unshared
    };
    let tried = mounted("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("SKIPPED: nothing can be mounted here");
        return;
    }
    left.is_read_by(&|| mounted(env!("CARGO_BIN_EXE_sessiondb")), "mount");
}

#[test]
fn a_reader_of_what_a_crash_left_follows_those_who_write_later() {
    let left = Left::by_a_killed_writer(150);
    // Whoever runs the tests may have the right to write, and makes no use of it.
    fs::set_permissions(&left.archive, fs::Permissions::from_mode(0o600)).unwrap();
    let before = left.traces_of_writing();
    let options = Archive::options().create(false);
    let reader = options.clone().read_only(true).open(&left.archive).unwrap();
    let ids = (left.session.parse().unwrap(), left.segment.parse().unwrap());
    let seen = reader.log(ids.0, ids.1).len().unwrap();
    let snapshot = reader.snapshot().unwrap();
    assert!(reader.check(None).unwrap().is_clean());
    assert!(before == left.traces_of_writing(), "something was written");

    let writer = options.open(&left.archive).unwrap();
    let log = writer.log(ids.0, ids.1);
    for number in seen..seen + 300 {
        log.append(&raw(line(number).as_bytes())).unwrap();
    }
    assert_eq!(reader.log(ids.0, ids.1).len().unwrap(), seen + 300);
    drop(log);
    writer.close().unwrap();
    assert_eq!(reader.log(ids.0, ids.1).len().unwrap(), seen + 300);
    // And what it had in hand stays as it was.
    assert_eq!(snapshot.log(ids.0, ids.1).len().unwrap(), seen);
    let entries = snapshot.log(ids.0, ids.1).read(..).unwrap();
    for (number, entry) in (0..).zip(entries) {
        assert_eq!(entry.unwrap().as_str(), line(number));
    }
    drop((reader, snapshot));
    let exclusive = Archive::options()
        .read_only(true)
        .sharing(Sharing::Exclusive);
    let reader = exclusive.open(&left.archive).unwrap();
    assert_eq!(reader.log(ids.0, ids.1).len().unwrap(), seen + 300);
}
