//! Compares the public surface of the library, as rustdoc of a nightly toolchain tells it, with the list
//! in `docs/public-api.txt`: `tests/surface/run`, or with `--update` writes that list.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: surface JSON LIST [--update]";
    let (json, list) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let surface = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?
        .to_string();
    if args.next().is_some_and(|option| option == *"--update") {
        std::fs::write(list, surface)?;
        return Ok(ExitCode::SUCCESS);
    }
    let known = std::fs::read_to_string(&list)?;
    if known == surface {
        println!(
            "{} lines, as in {}",
            surface.lines().count(),
            list.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (old, new): (Vec<_>, Vec<_>) = (known.lines().collect(), surface.lines().collect());
    old.iter()
        .filter(|line| !new.contains(line))
        .for_each(|line| println!("- {line}"));
    new.iter()
        .filter(|line| !old.contains(line))
        .for_each(|line| println!("+ {line}"));
    println!("the public surface has changed; `tests/surface/run --update` writes the list anew");
    Ok(ExitCode::FAILURE)
}
