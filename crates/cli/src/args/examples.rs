//! Examples, which end the help of every command.

use clap::Command;

/// Of each command, what one would type.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "sessiondb sync",
            "sessiondb ls",
            "sessiondb -a all.sessiondb import ~/.agent/sessions --list",
            "sessiondb -a all.sessiondb export backup/",
        ],
    ),
    (
        "sync",
        &[
            "sessiondb sync",
            "sessiondb sync --agent claude --agent codex",
            "sessiondb sync --watch",
        ],
    ),
    (
        "import",
        &[
            "sessiondb -a all.sessiondb import ~/.claude/projects",
            "sessiondb -a all.sessiondb import log.jsonl --bad-lines fail",
        ],
    ),
    (
        "export",
        &[
            "sessiondb export backup/",
            "sessiondb export backup/ 019a --force",
            "sessiondb export logs/ --layout native --relocate /home/ann=/home/bob",
        ],
    ),
    (
        "html",
        &[
            "sessiondb html sessions.html",
            "sessiondb html week.html --since 7d --agent claude",
            "sessiondb html one.html 019a --force",
        ],
    ),
    (
        "resume",
        &[
            "sessiondb resume 019a",
            "sessiondb resume 019a --rebase /home/ann=/home/bob --print",
        ],
    ),
    (
        "free",
        &["sessiondb free --dry-run -v", "sessiondb free --yes"],
    ),
    (
        "ls",
        &[
            "sessiondb ls",
            "sessiondb ls --cwd . --since 7d",
            "sessiondb ls --agent claude --title invoice --limit 20",
            "sessiondb ls --json | jq -r .title",
            "sessiondb ls --trash",
        ],
    ),
    (
        "show",
        &[
            "sessiondb show",
            "sessiondb show 0a1b2c3d --last 3 --tools",
            "sessiondb show 0a1b2c3d --turns 2..5 --markdown > turns.md",
            "sessiondb show 0a1b2c3d --entries --from 100 --to 120",
            "sessiondb show 0a1b2c3d --json | jq -r 'select(.kind == \"prompt\").text'",
        ],
    ),
    (
        "search",
        &[
            "sessiondb search \"total is off\"",
            "sessiondb search --word parse_invoice --since 30d --cwd .",
            "sessiondb search --regex 'E0[0-9]{3}' --kind tool_result -C 2",
            "sessiondb search TODO --role user --agent claude --limit 20",
            "sessiondb search timeout --json | jq -r .session | sort -u",
        ],
    ),
    (
        "follow",
        &[
            "sessiondb follow",
            "sessiondb follow 0a1b2c3d --last 3",
            "sessiondb follow --all",
            "sessiondb follow --json | jq -r 'select(.kind == \"tool_call\").name'",
        ],
    ),
    (
        "graph",
        &[
            "sessiondb graph",
            "sessiondb graph 0a1b2c3d",
            "sessiondb graph 0a1b2c3d --json | jq -r .id",
        ],
    ),
    (
        "stats",
        &[
            "sessiondb stats",
            "sessiondb stats --by agent",
            "sessiondb stats --by day --since 30d --bars",
            "sessiondb stats --by model --by cwd --csv > usage.csv",
        ],
    ),
    (
        "append",
        &[
            "sessiondb append --session 0198c1f2-0000-7000-8000-00000000000a --segment 0198c1f2-0000-7000-8000-00000000000b <new.jsonl",
        ],
    ),
    (
        "branch",
        &[
            "sessiondb branch 019a 12",
            "sessiondb branch 019a/019b --json",
        ],
    ),
    (
        "truncate",
        &[
            "sessiondb truncate 019a 12",
            "sessiondb truncate 019a/019b 0 --yes",
        ],
    ),
    (
        "erase",
        &[
            "sessiondb erase 019a 3",
            "sessiondb erase 019a 3..5 --yes && sessiondb compact",
        ],
    ),
    (
        "redact",
        &[
            "sessiondb redact",
            "sessiondb redact 019a --emails --pattern 'ticket=SEC-[0-9]+' --yes && sessiondb compact",
        ],
    ),
    (
        "rm",
        &[
            "sessiondb rm 019a",
            "sessiondb rm 019a --now --backup",
            "sessiondb rm 019a/019b --now --yes",
        ],
    ),
    (
        "trash",
        &[
            "sessiondb trash",
            "sessiondb trash empty --dry-run",
            "sessiondb trash empty --older-than 7d --yes && sessiondb compact",
        ],
    ),
    ("restore", &["sessiondb restore 019a 019b"]),
    ("hide", &["sessiondb hide 019a"]),
    ("unhide", &["sessiondb unhide 019a"]),
    ("stats", &["sessiondb stats", "sessiondb stats --json"]),
    ("check", &["sessiondb check", "sessiondb check --json"]),
    (
        "recover",
        &["sessiondb -a broken.sessiondb recover whole.sessiondb"],
    ),
    ("backup", &["sessiondb backup copy.sessiondb"]),
    ("extract", &["sessiondb extract two.sessiondb 019a 019b"]),
    (
        "merge",
        &[
            "sessiondb merge other.sessiondb --dry-run",
            "sessiondb merge laptop.sessiondb desktop.sessiondb --relocate /home/ann=/home/bob",
        ],
    ),
    #[cfg(feature = "remote")]
    ("push", &["sessiondb push file:///mnt/shared/sessions"]),
    #[cfg(feature = "remote")]
    (
        "pull",
        &[
            "sessiondb pull file:///mnt/shared/sessions",
            "sessiondb -a restored.sessiondb pull file:///mnt/shared/sessions",
        ],
    ),
    #[cfg(feature = "remote")]
    (
        "remote",
        &[
            "sessiondb remote check file:///mnt/shared/sessions",
            "sessiondb remote gc file:///mnt/shared/sessions --dry-run",
        ],
    ),
    (
        "prune",
        &[
            "sessiondb prune --older-than 90d --dry-run",
            "sessiondb prune --keep-last 500 --max-size 2G --yes",
            "sessiondb prune --older-than 52w --now --backup --yes && sessiondb compact",
        ],
    ),
    (
        "compact",
        &[
            "sessiondb compact",
            "sessiondb compact --backup=before.sessiondb",
        ],
    ),
    (
        "doctor",
        &[
            "sessiondb doctor",
            "sessiondb -a all.sessiondb doctor --json",
        ],
    ),
    (
        "completions",
        &[
            "sessiondb completions bash >~/.local/share/bash-completion/completions/sessiondb",
            "sessiondb completions zsh >~/.zfunc/_sessiondb",
            "sessiondb completions fish >~/.config/fish/completions/sessiondb.fish",
        ],
    ),
    (
        "man",
        &[
            "sessiondb man ~/.local/share/man/man1",
            "sessiondb man | man -l -",
        ],
    ),
];

/// The command with examples at the end of each help.
pub(crate) fn with_examples(mut command: Command) -> Command {
    for (name, lines) in EXAMPLES {
        let examples = format!("Examples:\n  {}", lines.join("\n  "));
        if name.is_empty() {
            let before = command.get_after_help().map(ToString::to_string);
            let before = before.map_or_else(String::new, |before| format!("{before}\n"));
            command = command.after_help(format!("{before}{examples}"));
        } else {
            command = command.mut_subcommand(name, |command| command.after_help(examples));
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    /// The words of an example up to where the shell takes over.
    fn words(example: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in example.chars() {
            match (c, quote) {
                ('"' | '\'', None) => quote = Some(c),
                (_, Some(open)) if c == open => quote = None,
                ('<' | '>' | '|' | '&', None) => break,
                (' ', None) => words.push(String::new()),
                _ => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        let command = with_examples(Cli::command());
        for subcommand in command.get_subcommands() {
            let name = subcommand.get_name();
            let help = subcommand.clone().render_long_help().to_string();
            assert!(help.contains("Examples:\n  sessiondb "), "{name}: {help}");
        }
        for (name, examples) in EXAMPLES {
            assert!(!examples.is_empty());
            for example in *examples {
                let parsed = command.clone().try_get_matches_from(words(example));
                let parsed = parsed.unwrap_or_else(|error| panic!("{example}: {error}"));
                let is_of = parsed.subcommand_name();
                assert!(
                    name.is_empty() || is_of == Some(name),
                    "{example} is no example of {name}"
                );
            }
        }
    }
}
