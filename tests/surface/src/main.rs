//! Compares the public surface of the library, as rustdoc of a nightly toolchain tells it, with the list
//! in `docs/public-api.txt`: `tests/surface/run`, or with `--update` writes that list. The surface must also keep
//! what was released: `docs/public-api-VERSION.txt` of each release that this version is to be compatible with.

mod released;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use released::{breaks, is_compatible};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: surface JSON LIST [--update]";
    let (json, list) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let version = version_of(&json)?;
    let surface = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?
        .to_string();
    if args.next().is_some_and(|option| option == *"--update") {
        std::fs::write(&list, &surface)?;
    }
    let is_kept = keeps_what_was_released(&list, &version, &surface)?;
    let is_listed = is_as_listed(&list, &surface)?;
    Ok(if is_kept && is_listed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The version of the crate that rustdoc's JSON is of.
fn version_of(json: &Path) -> Result<String, Box<dyn Error>> {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(json)?)?;
    let version = json
        .get("crate_version")
        .and_then(|version| version.as_str());
    Ok(version.ok_or("rustdoc names no version")?.to_owned())
}

fn keeps_what_was_released(
    list: &Path,
    version: &str,
    surface: &str,
) -> Result<bool, Box<dyn Error>> {
    let folder = list.parent().ok_or("the list is in no folder")?;
    let mut is_kept = true;
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let release = name
            .strip_prefix("public-api-")
            .and_then(|name| name.strip_suffix(".txt"));
        let Some(release) = release.filter(|release| is_compatible(release, version)) else {
            continue;
        };
        let found = breaks(&std::fs::read_to_string(&path)?, surface);
        for line in &found {
            println!("{line}");
        }
        if found.is_empty() {
            println!("{version} keeps the public surface of {release}");
        } else {
            println!(
                "{version} breaks programs that use {release}: it needs a version that says so"
            );
            is_kept = false;
        }
    }
    Ok(is_kept)
}

fn is_as_listed(list: &Path, surface: &str) -> Result<bool, Box<dyn Error>> {
    let known = std::fs::read_to_string(list)?;
    if known == surface {
        println!(
            "{} lines, as in {}",
            surface.lines().count(),
            list.display()
        );
        return Ok(true);
    }
    let (old, new): (Vec<_>, Vec<_>) = (known.lines().collect(), surface.lines().collect());
    old.iter()
        .filter(|line| !new.contains(line))
        .for_each(|line| println!("- {line}"));
    new.iter()
        .filter(|line| !old.contains(line))
        .for_each(|line| println!("+ {line}"));
    println!("the public surface has changed; `tests/surface/run --update` writes the list anew");
    Ok(false)
}
