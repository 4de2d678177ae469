//! `docs/command.md` ends with what the program says of itself. `UPDATE_DOCS=1` writes that anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::place::{feed, sessiondb};

const START: &str =
    "<!-- From here on this page is the program's own help: `just command-page` writes it. -->\n";

fn help(args: &[&str]) -> String {
    let mut command = sessiondb();
    command.args(args);
    let help = feed(command, b"").code(0).stdout;
    // As Windows calls the program.
    help.replace("sessiondb.exe", "sessiondb")
}

/// The names under `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:");
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(ToOwned::to_owned)
        .collect()
}

/// Help without the options that every command has.
fn own(help: &str) -> String {
    let mut lines = help.lines();
    let mut own = String::new();
    while let Some(line) = lines.next() {
        if line == "Options of all commands:" {
            lines.by_ref().find(|line| line.is_empty());
        } else {
            own.push_str(line);
            own.push('\n');
        }
    }
    own
}

fn page() -> String {
    let whole = help(&["-h"]);
    let mut page = format!(
        "{START}\n## Every option\n\n```text\n{}```\n",
        whole.trim_start()
    );
    for name in commands(&whole) {
        let help = own(&help(&[&name, "-h"]));
        let _ = write!(page, "\n### sessiondb {name}\n\n```text\n{help}```\n");
    }
    page
}

/// The page has all features.
#[cfg(feature = "remote")]
#[test]
fn the_page_of_the_command_has_the_help_of_this_build() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/command.md");
    let text = fs::read_to_string(&path).unwrap();
    let (written, _) = text.split_once(START).unwrap_or((&text, ""));
    let wanted = format!("{}\n\n{}", written.trim_end(), page());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "docs/command.md is stale: `just command-page` writes it anew"
        );
    }
    // What was written by hand names every command.
    for name in commands(&help(&["-h"])) {
        assert!(
            written.contains(&format!("| `{name}")),
            "docs/command.md has no row for {name}"
        );
    }
}
