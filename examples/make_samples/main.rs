//! Writes the sample sessions of `tests/data/sessions`, the same bytes every time:
//! `cargo run --example make_samples [FOLDER]`.

mod scenes;
mod script;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use script::Segment;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sessions"),
        PathBuf::from,
    );
    for segment in scenes::all() {
        write(&folder, &segment)?;
    }
    Ok(())
}

fn write(folder: &Path, segment: &Segment) -> io::Result<()> {
    let session = folder.join(segment.session.to_string());
    fs::create_dir_all(&session)?;
    let files = [
        (format!("{}.jsonl", segment.id), &segment.entries),
        (format!("{}.trace.jsonl", segment.id), &segment.traces),
    ];
    for (name, lines) in files {
        if !lines.is_empty() {
            fs::write(session.join(name), lines.join("\n") + "\n")?;
        }
    }
    Ok(())
}
