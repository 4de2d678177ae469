//! `ls`, `show`, `search`, `stats` and `export` on a remote, beside the same on an archive that pulled all of it.

use std::path::PathBuf;

use sessiondb::{Archive, SegmentId, SessionId};

use crate::place::{Place, Run, new_ids, samples, tree};
use crate::remote::url;

/// A remote of several machines, an archive that has pulled all of it, and a cache.
struct Shared {
    remote: Place,
    pulled: Place,
}

impl Shared {
    /// The samples, on one machine; sessions that programs have stored themselves, on another one, which has pulled some of
    /// the samples and gone on with one; trash, and something that was hidden.
    fn new() -> Self {
        let (one, two) = (Place::with_samples(), Place::new());
        let url = url(&one);
        for number in 0..3 {
            two.append(new_ids(), &lines(number)).code(0);
        }
        let (session, segment) = new_ids();
        two.append((session, segment), &lines(7)).code(0);
        two.run("hide", &[&session.to_string()]).code(0);
        one.run("push", &[&url]).code(0);
        two.run("pull", &[&url]).code(0);
        let trashed = one.run("ls", &["--json"]).code(0).json_lines()[0]["id"].clone();
        one.run("rm", &[trashed.as_str().unwrap()]).code(0);
        let grown = two.run("ls", &["--json"]).code(0).json_lines()[2]["id"].clone();
        let grown: SessionId = grown.as_str().unwrap().parse().unwrap();
        let segment = only_segment(&two, grown);
        two.append(
            (grown, segment),
            "{\"type\":\"later\",\"text\":\"it grew elsewhere\"}\n",
        )
        .code(0);
        one.run("push", &[&url]).code(0);
        two.run("push", &[&url]).code(0);
        let pulled = Place::new();
        pulled.run("pull", &[&url]).code(0);
        Self {
            remote: one,
            pulled,
        }
    }

    fn read(&self, command: &str, args: &[&str]) -> Run {
        read(&self.remote, command, args)
    }

    /// Expects the same of both.
    fn same(&self, command: &str, args: &[&str]) -> Run {
        let remote = self.read(command, args);
        let pulled = self.pulled.run(command, args);
        assert_eq!(
            (&remote.stdout, remote.code),
            (&pulled.stdout, pulled.code),
            "{command} {args:?}: {}",
            remote.stderr
        );
        remote
    }

    fn ids(&self) -> Vec<String> {
        let listed = self.pulled.run("ls", &["--all", "--json"]).code(0);
        let listed = listed.json_lines();
        let sessions = listed.as_array().unwrap().iter();
        sessions
            .map(|session| session["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn only_segment(place: &Place, session: SessionId) -> SegmentId {
    let archive = Archive::options()
        .read_only(true)
        .open(place.archive())
        .unwrap();
    let segment = archive.segments(session).unwrap().next().unwrap();
    segment.unwrap().id
}

fn lines(number: u32) -> String {
    format!(
        "{{\"kind\":\"user_input\",\"ts\":1{number}000,\"segments\":[{{\"kind\":\"text\",\"content\":\"What is number{number}x about?\"}}]}}\n"
    )
}

fn cache(place: &Place) -> PathBuf {
    place.path("cache")
}

fn read(place: &Place, command: &str, args: &[&str]) -> Run {
    let mut sessiondb = crate::place::sessiondb();
    sessiondb.env("SESSIONDB_CACHE", cache(place));
    sessiondb.args(["-a", &url(place), command]).args(args);
    sessiondb.output().unwrap().into()
}

/// The files of the remote, which nothing that reads it may change.
fn objects(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    tree(&place.path("shared"))
}

#[test]
fn lists_are_those_of_an_archive_that_pulled_all() {
    let shared = Shared::new();
    let before = objects(&shared.remote);
    for args in [
        &["--json"][..],
        &[],
        &["--full"],
        &["--all", "--json"],
        &["-n", "2"],
        &["--agent", "claude"],
        &["--title", "number", "--json"],
        &["--trash", "--json"],
        &["--trash"],
        &["--since", "2020-01-01"],
    ] {
        shared.same("ls", args);
    }
    for id in shared.ids() {
        shared.same("ls", &[&id]);
        shared.same("ls", &[&id, "--json"]);
    }
    for args in [
        &["--by", "agent"][..],
        &["--by", "model,day,cwd"],
        &["--by", "day", "--json"],
        &["--by", "cwd", "--csv"],
    ] {
        shared.same("stats", args);
    }
    let (remote, pulled) = (
        shared.read("stats", &["--json"]).code(0).json(),
        shared.pulled.run("stats", &["--json"]).code(0).json(),
    );
    for (key, value) in remote.as_object().unwrap() {
        if !matches!(&**key, "remote" | "writers") {
            assert_eq!(value, &pulled[key], "{key}");
        }
    }
    assert_eq!(remote["writers"], 2);
    shared
        .read("stats", &[])
        .code(0)
        .out("sessions")
        .out("archives");
    assert_eq!(objects(&shared.remote), before);
}

#[test]
fn sessions_are_shown_and_exported_as_they_are() {
    let shared = Shared::new();
    shared.same("show", &["--markdown"]);
    for id in shared.ids() {
        for args in [
            &[&*id][..],
            &[&id, "--json", "--all"],
            &[&id, "--markdown", "--tools"],
        ] {
            shared.same("show", args);
        }
        shared.same("show", &[&id, "--raw"]);
    }
    for layout in ["segments", "native", "markdown"] {
        let (one, two) = (
            shared.remote.path(&format!("out-{layout}")),
            shared.pulled.path(&format!("out-{layout}")),
        );
        let args = |out: &PathBuf| {
            [
                out.to_str().unwrap().to_owned(),
                "--layout".to_owned(),
                layout.to_owned(),
            ]
        };
        let read = args(&one);
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let read = shared.read("export", &read);
        let pulled = args(&two);
        let pulled: Vec<&str> = pulled.iter().map(String::as_str).collect();
        let pulled = shared.pulled.run("export", &pulled);
        assert_eq!(read.code, pulled.code, "{}", read.stderr);
        assert_eq!(tree(&one), tree(&two), "{layout}");
    }
}

#[test]
fn a_search_finds_the_same_and_tells_what_it_read() {
    let shared = Shared::new();
    for args in [
        &["number2x", "-w"][..],
        &["What is number", "--json"],
        &["number", "--count"],
        &["number7x", "--all"],
        &["the", "-n", "5"],
        &["the", "--agent", "claude"],
        &["no such words at all"],
        &["text", "--raw", "--count"],
        &["-e", r"number\dx"],
        &["the", "--since", "2000-01-01", "-C", "1"],
    ] {
        shared.same("search", args);
    }
    let one = &shared.ids()[0];
    shared.same("search", &["number2x", one, "-w"]);
    shared.same("search", &["e", one, "--count"]);
    let run = shared.read("search", &["number1x", "-w"]).code(0);
    assert!(run.stderr.contains("1 of "), "{}", run.stderr);
}

#[test]
fn a_beginning_of_an_id_is_enough_and_one_that_fits_several_is_refused() {
    let shared = Shared::new();
    let short = shared.read("ls", &[]).code(0);
    let short = short.stdout.lines().nth(1).unwrap();
    let short = short.split_whitespace().next().unwrap().to_owned();
    shared.same("show", &[&short]);
    let several = shared.read("show", &["0"]).code(2);
    let pulled = shared.pulled.run("show", &["0"]).code(2);
    // Titles that no summary has are not read for it.
    let ids = |run: &Run| {
        let lines = run.stderr.lines();
        let ids = lines.map(|line| line.chars().take(46).collect::<String>());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&several), ids(&pulled));
    shared
        .read("show", &["ffffffffffff"])
        .code(3)
        .err("no session or segment");
    shared.read("ls", &["what"]).code(3);
}

#[test]
fn what_is_damaged_in_the_cache_is_read_again() {
    let shared = Shared::new();
    let id = &shared.ids()[0];
    let (listed, shown) = (shared.same("ls", &["--json"]), shared.same("show", &[id]));
    let searched = shared.same("search", &["number2x", "-w"]);
    let files = tree(&cache(&shared.remote));
    let kinds = ["object-", "block-", "words-"];
    for kind in kinds {
        assert!(
            files
                .iter()
                .any(|(path, _)| path.to_str().unwrap().contains(kind)),
            "{kind}: {files:?}"
        );
    }
    for (number, (path, bytes)) in files.iter().enumerate() {
        let mut bytes = bytes.clone();
        match number % 3 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes.clear(),
            _ => bytes.iter_mut().for_each(|byte| *byte ^= 1),
        }
        std::fs::write(cache(&shared.remote).join(path), bytes).unwrap();
    }
    assert_eq!(shared.read("ls", &["--json"]).stdout, listed.stdout);
    assert_eq!(shared.read("show", &[id]).stdout, shown.stdout);
    let again = shared.read("search", &["number2x", "-w"]);
    assert_eq!(again.stdout, searched.stdout);
    assert_eq!(tree(&cache(&shared.remote)), files);
}

#[test]
fn what_was_forgotten_is_neither_listed_nor_left_in_the_cache() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), &lines(3)).code(0);
    place.append(new_ids(), &lines(4)).code(0);
    place.run("push", &[&url(&place)]).code(0);
    read(&place, "show", &[&session.to_string()])
        .code(0)
        .out("number3x");
    let files = || {
        tree(&cache(&place))
            .into_iter()
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    let before = files();
    place
        .run("rm", &[&session.to_string(), "--now", "--yes"])
        .code(0);
    place.run("push", &[&url(&place)]).code(0);
    let listed = read(&place, "ls", &["--all"]).code(0);
    assert!(!listed.stdout.contains("number3x"), "{}", listed.stdout);
    assert!(files().iter().all(|path| !before.contains(path)));
    read(&place, "show", &[&session.to_string()]).code(3);
    read(&place, "search", &["number3x"]).code(3);
}

#[test]
fn other_commands_say_which_read_a_remote() {
    let place = Place::with_samples();
    place.run("push", &[&url(&place)]).code(0);
    for (command, args) in [
        ("check", &[][..]),
        (
            "append",
            &[
                "--session",
                "019cad8f-ac00-791c-8001-00191c011c19",
                "--segment",
                "019cad8f-ac00-791c-8001-00191c011c19",
            ],
        ),
        ("import", &[samples().to_str().unwrap()]),
        ("compact", &[]),
        ("html", &["out"]),
    ] {
        read(&place, command, args)
            .code(2)
            .err("only ls, show, search, stats and export")
            .err("pull URL");
    }
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let place = Place::new();
    read(&place, "ls", &[])
        .code(2)
        .err("there is no such folder");
    assert!(!place.path("shared").exists());
}
