//! The `sessiondb` command: parse, run, exit code.

mod append;
mod args;
mod backup;
mod branch;
mod check;
mod compact;
mod complete;
mod confirm;
mod context;
mod cores;
mod data_folder;
mod doctor;
mod end;
mod entries;
mod exit;
mod export;
mod find;
mod follow;
mod free;
mod graph;
mod html;
mod import;
#[cfg(unix)]
mod interrupt;
mod ls;
mod man;
mod markdown_export;
mod merge;
mod native;
mod openers;
mod output;
mod pager;
mod progress;
mod prune;
#[cfg(feature = "remote")]
mod reading;
mod recover;
mod redact;
#[cfg(feature = "remote")]
mod remote;
mod remove;
mod render;
#[cfg(feature = "remote")]
mod requests;
mod resume;
mod search;
mod sessions;
mod show;
mod stats;
mod summary;
mod sync;
mod table;
mod transcript;
mod trash;
mod values;
mod when;
mod width;
mod written;

use std::io::Write;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Command, with_examples};
use crate::context::Context;
use crate::exit::{Code, Failure};

fn main() -> ExitCode {
    complete::answer();
    let matches = with_examples(Cli::command()).try_get_matches();
    let done = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => run(cli),
        Err(error) if error.use_stderr() => {
            output::tell_usage(&error.render());
            return ExitCode::from(Code::Usage as u8);
        }
        Err(help) => print_help(&help.render()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(feature = "remote")]
fn read_remote(context: Context, command: Command) -> Result<(), Failure> {
    reading::run(context, command)
}

#[cfg(not(feature = "remote"))]
fn read_remote(_: Context, _: Command) -> Result<(), Failure> {
    Err(Failure::new(
        Code::Usage,
        "--archive names a remote, which this `sessiondb` cannot read: it was built without the feature `remote`",
    ))
}

fn print_help(help: &StyledStr) -> Result<(), Failure> {
    let mut out = output::stdout();
    out.styled(help)?;
    Ok(out.flush()?)
}

fn run(cli: Cli) -> Result<(), Failure> {
    // These need no archive.
    match &cli.command {
        Command::Completions(args) => return complete::run(args),
        Command::Man(args) => return man::run(args),
        Command::Doctor(args) => return doctor::run(cli.globals, args),
        #[cfg(feature = "remote")]
        Command::Remote(args) => return remote::run(&args.command),
        _ => {}
    }
    let context = Context::new(cli.globals, &cli.command)?;
    if context.url().is_some() {
        return read_remote(context, cli.command);
    }
    #[cfg(unix)]
    interrupt::explain(&cli.command);
    match cli.command {
        Command::Sync(args) => sync::run(&context, &args),
        Command::Import(args) => import::run(&context, &args),
        Command::Export(args) => export::run(&context, &args),
        Command::Html(args) => html::run(&context, &args),
        Command::Resume(args) => resume::run(&context, &args),
        Command::Free(args) => free::run(&context, &args),
        Command::Ls(args) => ls::run(&context, &args),
        Command::Search(args) => search::run(&context, &args),
        Command::Show(args) => show::run(&context, &args),
        Command::Follow(args) => follow::run(&context, &args),
        Command::Graph(args) => graph::run(&context, &args),
        Command::Append(args) => append::run(&context, &args),
        Command::Branch(args) => branch::run(&context, &args),
        Command::Truncate(args) => remove::truncate(&context, &args),
        Command::Erase(args) => remove::erase(&context, &args),
        Command::Redact(args) => redact::run(&context, &args),
        Command::Rm(args) => remove::rm(&context, &args),
        Command::Trash(args) => trash::run(&context, &args),
        Command::Restore(args) => trash::restore(&context, &args.of),
        Command::Hide(args) => trash::hide(&context, &args.of),
        Command::Unhide(args) => trash::unhide(&context, &args.of),
        Command::Stats(args) => stats::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Recover(args) => recover::run(&context, &args),
        Command::Backup(args) => backup::backup(&context, &args),
        Command::Extract(args) => backup::extract(&context, &args),
        Command::Merge(args) => merge::run(&context, &args),
        #[cfg(feature = "remote")]
        Command::Push(args) => remote::push(&context, &args),
        #[cfg(feature = "remote")]
        Command::Pull(args) => remote::pull(&context, &args),
        Command::Prune(args) => prune::run(&context, &args),
        Command::Compact(args) => compact::run(&context, &args),
        Command::Completions(_) | Command::Man(_) | Command::Doctor(_) => Ok(()),
        #[cfg(feature = "remote")]
        Command::Remote(_) => Ok(()),
    }
}
