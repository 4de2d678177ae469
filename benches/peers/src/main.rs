//! Benchmark of sessiondb beside what a user would pick instead: the same work for every system in one
//! run, as tables, JSON lines and the page `docs/benchmarks.md`.

mod child;
mod entries;
mod figures;
mod logs;
mod report;
mod systems;
mod talk;
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use self::figures::Section;
use self::report::{Header, Json};
use self::workloads::{Lab, WORKLOADS, Workload};

/// Anything that fails ends the run with its message.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const COMMAND: &str = "cargo run --release --manifest-path benches/peers/Cargo.toml --";
const USAGE: &str =
    "usage: cargo run --release --manifest-path benches/peers/Cargo.toml -- [OPTION]...
  --quick      smaller stores, fewer rounds: some minutes
  --only NAME  just this workload, may be given more than once
  --json FILE  every figure as one JSON object a line
  --data DIR   JSONL files of yours in place of generated ones, where whole logs are used
  --dir DIR    where the files go (default: beside the program, under target/)
  --docs DIR   where benchmarks.md and its charts go (default: docs/ after a whole run, else beside
               the program)";

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
            println!("  {:<15} {}", workload.name, workload.about);
        }
        return Ok(());
    };
    let docs = options.docs()?;
    let folder = Folder::create(options.dir.as_deref())?;
    let header = Header::read(&folder.0, options.command.trim_end());
    header.print();
    let mut json = options.json.as_deref().map(Json::create).transpose()?;
    let sections = run_all(&options, &folder.0, &mut |section| {
        report::print_section(section);
        json.as_mut().map_or(Ok(()), |json| json.section(section))
    })?;
    report::print_summary(&sections);
    report::page::write(&docs, &header, &sections)?;
    eprintln!("written: {}", docs.join("benchmarks.md").display());
    Ok(())
}

/// Runs the workloads one after another, with a progress bar, and hands each section to `done`.
fn run_all(
    options: &Options,
    folder: &Path,
    done: &mut dyn FnMut(&Section) -> Result<()>,
) -> Result<Vec<Section>> {
    let bar = ProgressBar::new(options.workloads.len() as u64);
    let style = "{elapsed:>5} {bar:30} {pos} of {len} workloads: {prefix} {wide_msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(std::time::Duration::from_millis(250));
    let tell = |system: &str| bar.set_message(system.to_owned());
    let lab = Lab::new(folder, options.quick, options.data.as_deref(), &tell);
    let mut sections = Vec::new();
    for workload in &options.workloads {
        bar.set_prefix(workload.name);
        let section = workload.run(&lab)?;
        bar.suspend(|| done(&section))?;
        bar.inc(1);
        sections.push(section);
    }
    bar.finish_and_clear();
    Ok(sections)
}

struct Options {
    quick: bool,
    workloads: Vec<&'static Workload>,
    json: Option<PathBuf>,
    data: Option<PathBuf>,
    dir: Option<PathBuf>,
    docs: Option<PathBuf>,
    /// As it was called.
    command: String,
}

impl Options {
    /// `None` if the usage is asked for.
    fn parse(args: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            quick: false,
            workloads: Vec::new(),
            json: None,
            data: None,
            dir: None,
            docs: None,
            command: format!("{COMMAND} {}", args.join(" ")),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .ok_or_else(|| format!("{arg} takes a value\n{USAGE}"))
            };
            match arg.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.quick = true,
                "--only" => options.workloads.push(Workload::named(value()?)?),
                "--json" => options.json = Some(value()?.into()),
                "--data" => options.data = Some(value()?.into()),
                "--dir" => options.dir = Some(value()?.into()),
                "--docs" => options.docs = Some(value()?.into()),
                _ => return Err(format!("{arg:?} is not an option\n{USAGE}").into()),
            }
        }
        if options.workloads.is_empty() {
            options.workloads = WORKLOADS.iter().collect();
        }
        Ok(Some(options))
    }

    /// Where the page goes. A run of a part must not take the place of a whole one.
    fn docs(&self) -> Result<PathBuf> {
        let all = self.workloads.len() == WORKLOADS.len();
        let docs = match &self.docs {
            Some(docs) => docs.clone(),
            None if all && !self.quick && self.data.is_none() => {
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
            }
            None => beside_program()?,
        };
        fs::create_dir_all(&docs)?;
        Ok(docs.canonicalize()?)
    }
}

fn beside_program() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().unwrap_or(Path::new(".")).to_owned())
}

/// The folder that all files go into; it goes away with them at the end.
struct Folder(PathBuf);

impl Folder {
    fn create(dir: Option<&Path>) -> Result<Self> {
        let parent = dir.map_or_else(beside_program, |dir| Ok(dir.to_owned()))?;
        fs::create_dir_all(&parent)?;
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
