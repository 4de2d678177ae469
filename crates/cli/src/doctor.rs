//! `doctor`: what helps to find out why something does not work.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use sessiondb::StoreError;
use sessiondb::archive::{ArchiveStats, JournalState};
use sessiondb::doctor::{self, FORMAT_VERSIONS, LIBRARY_VERSION, Look, REDB_VERSION};

use crate::args::{DoctorArgs, Globals};
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::{openers, output, render};

pub(crate) fn run(globals: Globals, args: &DoctorArgs) -> Result<(), Failure> {
    let found = Found {
        versions: Versions::new(),
        archive: Examined::new(globals),
    };
    if args.json {
        return render::write_json(&found);
    }
    let mut out = output::stdout();
    out.write_all(found.text()?.as_bytes())?;
    Ok(out.flush()?)
}

#[derive(Serialize)]
struct Found {
    versions: Versions,
    archive: Examined,
}

#[derive(Serialize)]
struct Versions {
    command: &'static str,
    library: &'static str,
    redb: &'static str,
    format_read_from: u32,
    format_written: u32,
    system: String,
}

impl Versions {
    fn new() -> Self {
        Self {
            command: env!("CARGO_PKG_VERSION"),
            library: LIBRARY_VERSION,
            redb: REDB_VERSION,
            format_read_from: *FORMAT_VERSIONS.start(),
            format_written: *FORMAT_VERSIONS.end(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// What can be said of the archive. Each part is by itself: what fails leaves the others.
#[derive(Default, Serialize)]
struct Examined {
    /// Null if none is named and there is none by default.
    path: Option<String>,
    /// Null if the file cannot be looked at.
    file: Option<Look>,
    /// The processes that have the file open, as far as the system tells; null where it does not.
    open_in: Option<Vec<openers::Opener>>,
    /// Null if the archive cannot be opened.
    stats: Option<ArchiveStats>,
    journal: Option<JournalState>,
    /// How often and for how many milliseconds this process waited for others.
    waits: Option<Waits>,
    /// Why something above is not known, and what to do.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Waits {
    number: u64,
    ms: u128,
}

impl Examined {
    fn new(globals: Globals) -> Self {
        let mut examined = Self::default();
        match Context::of(globals) {
            Ok(context) => examined.examine(&context),
            Err(failure) => examined.notes.push(failure.into_parts().1),
        }
        examined
    }

    fn examine(&mut self, context: &Context) {
        let path = context.archive();
        self.path = Some(path.display().to_string());
        match doctor::look(path) {
            Ok(look) => {
                self.notes.extend(look.problem.clone());
                self.notes
                    .extend(look.place_warning.as_ref().map(|warning| {
                        format!(
                            "the archive is in {warning}; keep it elsewhere, or give --exclusive"
                        )
                    }));
                self.file = Some(look);
            }
            Err(error) => {
                self.notes.push(unlooked(path, &error));
                return;
            }
        }
        self.open_in = openers::of(path);
        if let Err(failure) = self.open(context) {
            let (code, message) = failure.into_parts();
            if !self.notes.contains(&message) {
                self.notes.push(message);
            }
            if code == crate::exit::Code::Busy {
                self.notes.push(
                    "another process keeps it; end the one that hangs, if one does".to_owned(),
                );
            }
        }
    }

    /// What only an open archive tells.
    fn open(&mut self, context: &Context) -> Result<(), Failure> {
        let archive = context.open(Access::Read)?;
        let journal = archive.journal()?;
        if journal.is_checkpoint_due {
            self.notes
                .push("a checkpoint is due; the next process that writes makes it".to_owned());
        }
        self.journal = Some(journal);
        self.stats = Some(archive.stats()?);
        let counters = archive.counters();
        self.waits = Some(Waits {
            number: counters.waits,
            ms: counters.wait_time.as_millis(),
        });
        self.notes
            .push("`sessiondb check` reads and verifies everything".to_owned());
        Ok(())
    }
}

fn unlooked(path: &Path, error: &StoreError) -> String {
    let path = path.display();
    match error {
        StoreError::Io(cause) if cause.kind() == io::ErrorKind::NotFound => {
            format!("{path}: no such archive; `sessiondb sync` or `sessiondb import` makes one")
        }
        _ => error.to_string(),
    }
}

impl Found {
    fn text(&self) -> Result<String, Failure> {
        let mut lines = Vec::new();
        let mut line = |name: &'static str, value: String| lines.push((name, value));
        let Versions {
            command,
            library,
            redb,
            format_read_from,
            format_written,
            system,
        } = &self.versions;
        line(
            "command",
            format!("{command}, library {library}, redb {redb}, {system}"),
        );
        line(
            "formats",
            format!("reads {format_read_from} to {format_written}, writes {format_written}"),
        );
        let archive = &self.archive;
        if let Some(path) = &archive.path {
            line("archive", path.clone());
        }
        if let Some(look) = &archive.file {
            line("file", render::size(look.file_bytes));
            if let Some(head) = &look.head {
                let created = render::time(head.created_ms);
                let (version, id) = (head.format_version, head.archive_id);
                line(
                    "format",
                    format!("{version}, id {id}, created {created} UTC"),
                );
            }
        }
        if let Some(stats) = &archive.stats {
            let sums = (stats.sessions, stats.segments, stats.entries, stats.traces);
            line("holds", render::contents(sums.0, sums.1, sums.2, sums.3));
            line(
                "as JSONL",
                render::size(stats.entry_bytes + stats.trace_bytes),
            );
        }
        if let Some(journal) = &archive.journal {
            let frames = render::count(journal.frames, "frame");
            let (bytes, half) = (
                render::size(journal.bytes),
                render::size(journal.half_bytes),
            );
            line(
                "journal",
                format!("{frames} not in the tables yet, {bytes} of {half}"),
            );
        }
        if let Some(openers) = &archive.open_in {
            if openers.is_empty() {
                line("open in", "no process that may be looked at".to_owned());
            }
            for opener in openers {
                line("open in", opener.to_string());
            }
        }
        for note in &archive.notes {
            line("note", note.clone());
        }
        let mut text = String::new();
        for (name, value) in lines {
            writeln!(text, "{name:9} {value}").map_err(io::Error::other)?;
        }
        Ok(text)
    }
}
