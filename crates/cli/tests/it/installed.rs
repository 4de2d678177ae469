//! What is installed beside the program: completions as shells take them, man pages, and the help.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place::{Place, Run, feed, sessiondb};

/// The sample session of which the title is looked for.
const ID: &str = "019cbda7-8b80-7071-8001-805071017150";

fn script_for(shell: &str) -> String {
    let mut command = sessiondb();
    command.args(["completions", shell]);
    feed(command, b"").code(0).stdout
}

/// Runs a shell with the program in its path; `None` if there is no such shell here.
fn in_shell(shell: &str, args: &[&str]) -> Option<Run> {
    let program = Path::new(env!("CARGO_BIN_EXE_sessiondb"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let output = Command::new(shell)
        .args(args)
        .env("PATH", path)
        .env("HOME", std::env::temp_dir())
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: there is no {shell} here, so its completions were not tried");
        return None;
    };
    Some(output.into())
}

#[test]
fn every_shell_has_a_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = script_for(shell);
        assert!(script.contains("SESSIONDB_COMPLETE"), "{shell}: {script}");
    }
    let mut command = sessiondb();
    command.args(["completions", "csh"]);
    feed(command, b"").code(2).err("bash");
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_options_and_ids() {
    let place = Place::with_samples();
    let archive = place.archive();
    let archive = archive.to_str().unwrap();
    let completed = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let at = words.len() - 1;
        let line = format!(
            "{}\nCOMP_WORDS=({}); COMP_CWORD={at}; COMP_TYPE=9\n\
             _clap_complete_sessiondb sessiondb '{}' 2>/dev/null\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script_for("bash"),
            quoted.join(" "),
            words[at],
        );
        in_shell("bash", &["--norc", "-c", &line])
    };
    let Some(commands) = completed(&["sessiondb", "pr"]) else {
        return;
    };
    assert_eq!(commands.stdout.trim(), "prune");
    let options = completed(&["sessiondb", "prune", "--dry"]).unwrap();
    assert_eq!(options.stdout.trim(), "--dry-run");
    let ids = completed(&["sessiondb", "-a", archive, "show", "019cbd"]).unwrap();
    assert_eq!(ids.stdout.trim(), ID);
    // A line break in what is typed, or an archive that is none, is no error.
    let none = completed(&["sessiondb", "-a", "/dev/null", "show", "0"]).unwrap();
    assert_eq!(none.stdout.trim(), "");
}

#[cfg(unix)]
#[test]
fn fish_completes_ids_with_their_titles() {
    let place = Place::with_samples();
    let archive = place.archive();
    let line = format!(
        "{}\ncomplete -C 'sessiondb -a {} show 019cbd'",
        script_for("fish"),
        archive.display()
    );
    if let Some(run) = in_shell("fish", &["--no-config", "-c", &line]) {
        run.out(ID).out("Now main.");
    }
}

#[cfg(unix)]
#[test]
fn zsh_takes_its_script_and_is_told_ids() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("_sessiondb");
    fs::write(&script, script_for("zsh")).unwrap();
    if let Some(run) = in_shell("zsh", &["-f", "-n", script.to_str().unwrap()]) {
        run.code(0);
    }
    let place = Place::with_samples();
    let mut asked = sessiondb();
    asked.env("SESSIONDB_COMPLETE", "zsh");
    asked.env("_CLAP_COMPLETE_INDEX", "4");
    asked.env("_CLAP_IFS", "\n");
    asked
        .arg("--")
        .args(["sessiondb", "-a"])
        .arg(place.archive());
    asked.args(["rm", "019cbd"]);
    feed(asked, b"").code(0).out(ID).out("Now main.");
}

#[test]
fn man_pages_are_written_for_all_commands() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let mut command = sessiondb();
    command.arg("man").arg(&pages);
    feed(command, b"").code(0);
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    assert!(page("sessiondb.1").contains("Exit codes"));
    let prune = page("sessiondb-prune.1");
    assert!(
        prune.contains(".TH SESSIONDB-PRUNE 1") || prune.contains("SESSIONDB\\-PRUNE"),
        "{prune}"
    );
    assert!(
        prune.contains("sessiondb prune \\-\\-older\\-than 90d"),
        "{prune}"
    );
    assert!(!pages.join("sessiondb-man.1").exists(), "a hidden command");
}
