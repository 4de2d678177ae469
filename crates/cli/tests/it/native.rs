//! Sessions as the files of their agents: `export --layout native`, `resume` and `free`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::place::{Place, tree};

const SESSION: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

fn line(text: &str) -> String {
    format!(
        r#"{{"type":"user","isSidechain":false,"uuid":"u","sessionId":"{SESSION}","cwd":"/src/the shop","message":{{"role":"user","content":"{text}"}}}}"#
    )
}

/// A log of Claude Code that was imported.
fn imported(place: &Place, content: &str) -> PathBuf {
    let log = place.path("log.jsonl");
    fs::write(&log, content).unwrap();
    let file = fs::File::options().write(true).open(&log).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(24 * 3600);
    file.set_modified(long_ago).unwrap();
    place.run("import", &[log.to_str().unwrap()]).code(0);
    log
}

#[test]
fn sessions_go_where_their_agent_has_them() {
    let place = Place::new();
    imported(&place, &line("in /src/the shop/a"));
    let out = place.path("out");
    let out = out.to_str().unwrap();
    let native = ["--layout", "native", out];
    place
        .run("export", &native)
        .code(0)
        .out("written")
        .err("1 file, 1 written");
    let file = place.path(&format!("out/claude/-src-the-shop/{SESSION}.jsonl"));
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        line("in /src/the shop/a")
    );
    place.run("export", &native).code(0).out("unchanged");
    fs::write(&file, "mine").unwrap();
    place.run("export", &native).code(8).err("--force");
    let forced = place.run("export", &["--layout=native", "--force", "--json", out]);
    let report = forced.code(0).json();
    assert_eq!(report["files"][0]["agent"], "claude");
    assert_eq!(report["files"][0]["likeness"], "bytes");
}

#[test]
fn paths_inside_entries_move_if_asked() {
    let place = Place::new();
    imported(&place, &line("in /src/the shop/a"));
    let out = place.path("out");
    let out = out.to_str().unwrap();
    let moves = ["--rebase", "/src=/work", "--rebase-entries", out];
    place.run("export", &moves).code(2).err("--layout native");
    let moves = [&moves[..], &["--layout", "native"]].concat();
    place.run("export", &moves).code(0);
    let file = place.path(&format!("out/claude/-work-the-shop/{SESSION}.jsonl"));
    let expected = line("in /work/the shop/a").replace("/src/the shop", "/work/the shop");
    assert_eq!(fs::read_to_string(file).unwrap(), expected);
}

#[test]
fn what_was_mended_is_named() {
    let place = Place::new();
    imported(&place, &format!("{}{}\n", line("a"), line("b")));
    let out = place.path("out");
    place
        .run("export", &["--layout", "native", out.to_str().unwrap()])
        .code(0)
        .err("1 file not byte for byte what came in");
}

#[test]
fn resume_writes_the_session_and_prints_the_command() {
    let place = Place::new();
    let log = imported(&place, &line("a"));
    let home = place.path("home");
    let args = ["0a1b", "--home", home.to_str().unwrap()];
    let command = format!("cd '/src/the shop' && claude --resume {SESSION}\n");
    let printed = place
        .run("resume", &[&args[..], &["--print"]].concat())
        .code(0);
    assert_eq!(printed.stdout, command);
    assert!(!home.exists());
    let resumed = place.run("resume", &args).code(0).err("1 file, 1 written");
    assert_eq!(resumed.stdout, command);
    assert!(resumed.stderr.contains("no folder /src/the shop here"));
    let file = home.join(format!(".claude/projects/-src-the-shop/{SESSION}.jsonl"));
    assert_eq!(fs::read(&file).unwrap(), fs::read(log).unwrap());
    place.run("resume", &args).code(0).err("0 written");

    fs::write(&file, format!("{}\n{}\n", line("a"), line("b"))).unwrap();
    let before = tree(&home);
    let refused = place.run("resume", &args).code(8).err("--force");
    assert_eq!(refused.stdout, "");
    assert_eq!(tree(&home), before);
    place
        .run("resume", &[&args[..], &["--force"]].concat())
        .code(0);
    let json = [&args[..], &["--json", "--segment", "0a1b"]].concat();
    let report = place.run("resume", &json).code(0).json();
    assert_eq!(report["command"][0], "claude");
    assert_eq!(report["files"][0]["outcome"]["unchanged"]["entries"], 1);
    place.run("resume", &["ffff"]).code(3);
}

#[test]
fn resume_heeds_the_variable_of_the_agent() {
    let place = Place::new();
    imported(&place, &line("a"));
    let mut command = place.command("resume", &["0a1b"]);
    command.env("CLAUDE_CONFIG_DIR", place.path("config"));
    crate::place::feed(command, b"").code(0);
    let file = format!("config/projects/-src-the-shop/{SESSION}.jsonl");
    assert!(place.path(&file).is_file());
}

#[test]
fn resume_says_what_it_cannot_do() {
    let place = Place::with_samples();
    let log = place.path(&format!("{SESSION}.jsonl"));
    fs::write(&log, "{\"a\":1}\n").unwrap();
    place.run("import", &[log.to_str().unwrap()]).code(0);
    place
        .run("resume", &["0a1b"])
        .code(1)
        .err("no agent is known");
}

#[test]
fn free_lists_and_deletes_what_the_archive_holds() {
    let place = Place::new();
    let log = imported(&place, &format!("{}\n", line("a")));
    let bytes = fs::metadata(&log).unwrap().len();
    let listed = place.run("free", &[]).code(0).out("safe").out("log.jsonl");
    assert!(
        listed
            .stderr
            .contains(&format!("1 file with {bytes} bytes can go"))
    );
    assert!(log.exists());
    let report = place.run("free", &["--yes", "--json"]).code(0).json();
    assert_eq!(report["bytes"], bytes);
    assert_eq!(report["files"][0]["outcome"], "freed");
    assert!(!log.exists());
    place
        .run("free", &["--yes"])
        .code(0)
        .err("0 files deleted, 0 bytes freed");
}

#[test]
fn free_says_why_a_file_stays() {
    let place = Place::new();
    let log = imported(&place, &format!("{}\n", line("a")));
    fs::write(&log, "{}\n").unwrap();
    let listed = place.run("free", &["--yes"]).code(0).err("-v says why");
    assert_eq!(listed.stdout, "");
    place
        .run("free", &["-v"])
        .code(0)
        .out("kept")
        .out("has changed");
    assert!(log.exists());
}

#[cfg(unix)]
#[test]
fn free_names_what_it_cannot_delete() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let sealed = place.path("sealed");
    fs::create_dir(&sealed).unwrap();
    let log = sealed.join("log.jsonl");
    fs::write(&log, format!("{}\n", line("a"))).unwrap();
    place.run("import", &[log.to_str().unwrap()]).code(0);
    let seal = |mode| fs::set_permissions(&sealed, fs::Permissions::from_mode(mode)).unwrap();
    seal(0o500);
    let is_sealed = fs::write(sealed.join("probe"), "").is_err();
    let run = place.run("free", &["--yes"]);
    seal(0o700);
    if is_sealed {
        run.code(8).err("log.jsonl");
        assert!(log.exists());
    } else {
        eprintln!("SKIPPED: nothing is forbidden to this user");
    }
}
