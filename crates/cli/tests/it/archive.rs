//! How the archive is named: by `--archive` before or behind the command, or by the environment.

use std::path::Path;
use std::process::Command;

use crate::place::{Place, Run, feed, ids, new_ids, sessiondb};

const VARIABLE: &str = "SESSIONDB_ARCHIVE";

/// Every command, with arguments that would do.
const COMMANDS: [&[&str]; 21] = [
    &["import", "logs"],
    &["export", "out"],
    &["ls"],
    &["show", "abc"],
    &[
        "append",
        "--session=aaaa0000-0000-7000-8000-000000000001",
        "--segment=aaaa0000-0000-7000-8000-000000000002",
    ],
    &["branch", "abc"],
    &["truncate", "abc", "0"],
    &["erase", "abc", "0"],
    &["rm", "abc"],
    &["trash"],
    &["restore", "abc"],
    &["hide", "abc"],
    &["unhide", "abc"],
    &["stats"],
    &["check"],
    &["recover", "new.sessiondb"],
    &["backup", "new.sessiondb"],
    &["extract", "new.sessiondb", "abc"],
    &["merge", "other.sessiondb"],
    &["prune", "--keep-last=1"],
    &["compact"],
];

/// An archive with one session.
fn place() -> Place {
    let place = Place::new();
    place.append(new_ids(), "1\n").code(0);
    place
}

fn run(args: &[&str], variable: Option<&Path>) -> Run {
    let mut command = sessiondb();
    command.args(args);
    if let Some(path) = variable {
        command.env(VARIABLE, path);
    }
    feed(command, b"{}\n")
}

#[test]
fn it_is_named_before_or_behind_the_command() {
    let place = place();
    let path = place.archive();
    let path = path.to_str().unwrap();
    for args in [
        &["-a", path, "stats"][..],
        &["stats", "-a", path],
        &["--archive", path, "stats"],
        &["stats", "--json", "--archive", path],
        &[&format!("--archive={path}"), "stats"],
    ] {
        // In JSON a backslash is written as two.
        let shown = if args.contains(&"--json") {
            path.replace('\\', "\\\\")
        } else {
            path.to_owned()
        };
        run(args, None).code(0).out(&shown);
    }
}

#[test]
fn the_environment_names_it_and_the_option_goes_before() {
    let (one, other) = (place(), place());
    let (path, variable) = (one.archive(), other.archive());
    let path = path.to_str().unwrap();
    run(&["stats"], Some(&variable))
        .code(0)
        .out(variable.to_str().unwrap());
    for args in [["-a", path, "stats"], ["stats", "-a", path]] {
        for variable in [&*variable, Path::new("missing"), Path::new("")] {
            run(&args, Some(variable)).code(0).out(path);
        }
    }
}

#[test]
fn without_one_each_command_says_how_to_name_it() {
    let place = Place::new();
    for args in COMMANDS {
        for variable in [None, Some(Path::new(""))] {
            let mut command = sessiondb();
            command.current_dir(place.folder.path()).args(args);
            command.envs(variable.map(|path| (VARIABLE, path)));
            told(command);
        }
        let mut command = sessiondb();
        command.current_dir(place.folder.path()).args(args);
        command.args(["-a", ""]);
        told(command);
    }
    assert_eq!(place.folder.path().read_dir().unwrap().count(), 0);
}

#[track_caller]
fn told(command: Command) {
    let run = feed(command, b"{}\n")
        .code(2)
        .err("--archive FILE")
        .err(VARIABLE)
        .err("`sessiondb -a all.sessiondb ls`");
    assert_eq!(run.stdout, "", "{run:#?}");
}

#[test]
fn an_empty_name_is_called_empty() {
    run(&["ls"], None).code(2).err("no archive is named");
    for empty in [
        run(&["ls"], Some(Path::new(""))),
        run(&["-a", "", "ls"], None),
        run(&["ls", "--archive="], Some(Path::new("x"))),
    ] {
        empty.code(2).err("the name of the archive is empty");
    }
}

#[test]
fn what_needs_no_archive_works_without() {
    for args in [&["--help"][..], &["--version"], &["help", "ls"]] {
        for variable in [None, Some(Path::new("")), Some(Path::new("missing"))] {
            run(args, variable).code(0);
        }
    }
    // Where it is stays out of the help, which is shown as it is.
    let help = run(&["ls", "--help"], Some(Path::new("a\u{1b}b"))).code(0);
    assert!(help.stdout.contains(VARIABLE), "{help:#?}");
    assert!(!help.stdout.contains('\u{1b}'), "{help:#?}");
}

#[test]
fn a_second_archive_is_an_argument() {
    let (one, other) = (place(), place());
    let (variable, path) = (one.archive(), other.archive());
    let copy = one.path("copy.sessiondb");
    run(&["merge", path.to_str().unwrap()], Some(&variable))
        .code(0)
        .out("added");
    run(&["backup", copy.to_str().unwrap()], Some(&variable))
        .code(0)
        .err("2 sessions");
    let (session, segment) = new_ids();
    run(
        &[&["append"], &*ids(session, segment)].concat(),
        Some(&copy),
    )
    .code(0);
    let stats = run(&["stats", "--json"], Some(&copy)).code(0).json();
    assert_eq!(stats["sessions"], 3);
}

#[cfg(not(feature = "remote"))]
#[test]
fn a_remote_cannot_be_read_without_the_feature() {
    let mut command = sessiondb();
    command.args(["-a", "file:///mnt/shared", "ls"]);
    feed(command, b"")
        .code(2)
        .err("without the feature `remote`");
}
