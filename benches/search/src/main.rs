//! Searches in an archive beside ripgrep over the same logs, SQLite FTS5 and tantivy over the same texts: in one
//! run, and with the same number of hits.

mod figures;
mod items;
mod logs;
mod machine;
mod systems;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::figures::Table;
use self::logs::Logs;

/// Anything that fails ends the run with its message.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const COMMAND: &str = "cargo run --release --manifest-path benches/search/Cargo.toml --";
const USAGE: &str =
    "usage: cargo run --release --manifest-path benches/search/Cargo.toml -- [OPTION]...
  --megabytes N  so much JSONL is searched (default: 2000)
  --rounds N     how often the systems take turns (default: 5)
  --quick        20 MB and 2 rounds
  --dir DIR      where the files go (default: beside the program, under target/)
With `--features tantivy` before the `--`, tantivy is measured too.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&args).and_then(|options| run(options.as_ref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Option<&Options>) -> Result<()> {
    let Some(options) = options else {
        println!("{USAGE}");
        return Ok(());
    };
    let folder = tempfile::Builder::new()
        .prefix("search-")
        .tempdir_in(&options.dir)?;
    machine::print(options.command.trim_end());
    eprintln!("writes {} MB of logs", options.megabytes);
    let logs = Logs::generate(&folder.path().join("logs"), options.megabytes * 1_000_000)?;
    let mut systems = systems::all(folder.path(), &logs);
    let mut table = Table::new(&logs);
    for system in &mut systems {
        eprintln!("builds: {}", system.name());
        table.build(system.as_mut(), &logs)?;
    }
    table.print_builds();
    table.measure(&systems, options.rounds)?;
    table.print_searches(&systems);
    table.print_compacted(&systems)?;
    machine::print_load();
    Ok(())
}

struct Options {
    megabytes: usize,
    rounds: usize,
    dir: PathBuf,
    /// As it was called.
    command: String,
}

impl Options {
    /// `None` if the usage is asked for.
    fn parse(args: &[String]) -> Result<Option<Self>> {
        let program = std::env::current_exe()?;
        let features = if cfg!(feature = "tantivy") {
            COMMAND.replace(" --manifest-path", " --features tantivy --manifest-path")
        } else {
            COMMAND.to_owned()
        };
        let mut options = Self {
            megabytes: 2000,
            rounds: 5,
            dir: program.parent().unwrap_or(Path::new(".")).to_owned(),
            command: format!("{features} {}", args.join(" ")),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .ok_or_else(|| format!("{arg} takes a value\n{USAGE}"))
            };
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => (options.megabytes, options.rounds) = (20, 2),
                "--megabytes" => options.megabytes = at_least_one(arg, value()?)?,
                "--rounds" => options.rounds = at_least_one(arg, value()?)?,
                "--dir" => options.dir = value()?.into(),
                _ => return Err(format!("{arg:?} is not an option\n{USAGE}").into()),
            }
        }
        Ok(Some(options))
    }
}

fn at_least_one(option: &str, text: &str) -> Result<usize> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} takes a number from 1 on, not {text:?}").into()),
    }
}
