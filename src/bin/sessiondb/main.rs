//! The `sessiondb` command: parse, run, exit code.

mod append;
mod args;
mod backup;
mod branch;
mod check;
mod compact;
mod context;
mod exit;
mod export;
mod find;
mod import;
mod ls;
mod merge;
mod progress;
mod prune;
mod recover;
mod remove;
mod render;
mod show;
mod stats;
mod summary;
mod values;
mod written;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::exit::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let context = Context::new(cli.globals);
    match cli.command {
        Command::Import(args) => import::run(&context, &args),
        Command::Export(args) => export::run(&context, &args),
        Command::Ls(args) => ls::run(&context, &args),
        Command::Show(args) => show::run(&context, &args),
        Command::Append(args) => append::run(&context, &args),
        Command::Branch(args) => branch::run(&context, &args),
        Command::Truncate(args) => remove::truncate(&context, &args),
        Command::Erase(args) => remove::erase(&context, &args),
        Command::Rm(args) => remove::rm(&context, &args),
        Command::Stats(args) => stats::run(&context, &args),
        Command::Check(args) => check::run(&context, &args),
        Command::Recover(args) => recover::run(&context, &args),
        Command::Backup(args) => backup::backup(&context, &args),
        Command::Extract(args) => backup::extract(&context, &args),
        Command::Merge(args) => merge::run(&context, &args),
        Command::Prune(args) => prune::run(&context, &args),
        Command::Compact(args) => compact::run(&context, &args),
    }
}
