//! Benchmark of sessiondb against JSONL folders, `SQLite` and the bare disk: each promise of speed is
//! measured side by side in one run, and compared with its target.

mod child;
mod entries;
mod logs;
mod report;
mod systems;
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::workloads::{Lab, Mode, WORKLOADS, Workload};

/// Anything that fails ends the run with its message.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str =
    "usage: cargo run --release -- [--quick | --full] [--only NAME]... [--data DIR] [--dir DIR]
  --quick      smaller archives, fewer rounds: under a minute
  --full       the largest archives: 5 million entries, 2 GB
  --only NAME  just this workload, may be given more than once
  --data DIR   JSONL files for move, size, fork and delete, in place of generated ones
  --dir DIR    where the files go (default: beside the program, under target/)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((first, rest)) if first == "child" => child::run(rest),
        _ => Options::parse(&args).and_then(run),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Option<Options>) -> Result<()> {
    let Some(options) = options else {
        println!("{USAGE}\nworkloads:");
        for workload in WORKLOADS {
            println!("  {:<10} {}", workload.name, workload.about);
        }
        return Ok(());
    };
    let folder = Folder::create(options.dir.as_deref())?;
    report::print_header(&folder.0);
    if report::file_system(&folder.0).starts_with("tmpfs") {
        eprintln!("warning: a tmpfs has nothing to sync; choose another --dir");
    }
    let lab = Lab::new(&folder.0, options.mode, options.data.as_deref());
    let mut targets = Vec::new();
    for workload in options.workloads {
        eprintln!("... {}", workload.name);
        let section =
            (workload.run)(&lab).map_err(|error| format!("{}: {error}", workload.name))?;
        targets.extend(section.print());
        lab.clear(workload.name)?;
    }
    report::print_targets(&targets);
    Ok(())
}

struct Options {
    mode: Mode,
    workloads: Vec<&'static Workload>,
    data: Option<PathBuf>,
    dir: Option<PathBuf>,
}

impl Options {
    /// `None` if the usage is asked for.
    fn parse(args: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            mode: Mode::Default,
            workloads: Vec::new(),
            data: None,
            dir: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .ok_or_else(|| format!("{arg} takes a value\n{USAGE}"))
            };
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.mode = Mode::Quick,
                "--full" => options.mode = Mode::Full,
                "--only" => options.workloads.push(Workload::named(value()?)?),
                "--data" => options.data = Some(value()?.into()),
                "--dir" => options.dir = Some(value()?.into()),
                _ => return Err(format!("{arg:?} is not an option\n{USAGE}").into()),
            }
        }
        if options.workloads.is_empty() {
            options.workloads = WORKLOADS.iter().collect();
        }
        Ok(Some(options))
    }
}

/// The folder that all files go into; it goes away with them at the end.
struct Folder(PathBuf);

impl Folder {
    fn create(dir: Option<&Path>) -> Result<Self> {
        let program = std::env::current_exe()?;
        let parent = dir.or(program.parent()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let folder = parent
            .canonicalize()?
            .join(format!("peers-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} is left over: {error}", self.0.display());
        }
    }
}
