//! What an import is asked for, file by file: what the library finds by its name, and what only agents
//! know: documents, compressed logs, sessions of many files, and what lies beside a session.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sessiondb::jsonl::{self, Found, FoundFile, PassedOver, PassedOverKind};

use crate::opencode::Storage;
use crate::sidecar::Sidecar;

/// One log, or another thing that comes in.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) file: FoundFile,
    pub(crate) absolute: PathBuf,
    /// Whether it was given by its name.
    pub(crate) is_named: bool,
    pub(crate) kind: Kind,
}

/// What an item is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A file, and what an agent wrote of it into another beside it.
    Log { header: Option<String> },
    /// The file of a session of which the messages have files of their own.
    Opencode(Storage),
    /// A file that belongs to a session without being a log.
    Sidecar(Sidecar),
}

impl Item {
    fn new(file: FoundFile, kind: Kind, named: &HashSet<&PathBuf>) -> Self {
        Self {
            absolute: absolute(&file.path).unwrap_or_else(|_| file.path.clone()),
            is_named: named.contains(&file.path),
            file,
            kind,
        }
    }

    /// What an agent wrote of the log into another file beside it.
    pub(crate) fn header(&self) -> Option<&String> {
        match &self.kind {
            Kind::Log { header } => header.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.file.len_bytes
    }
}

/// Finds what is to come in, sorted by path.
pub(crate) fn find(paths: &[PathBuf]) -> (Found, Vec<Item>) {
    let named: HashSet<&PathBuf> = paths.iter().collect();
    let mut found = jsonl::find(paths);
    let mut items: Vec<Item> = Vec::new();
    let mut metas: Vec<PathBuf> = Vec::new();
    let mut left = Vec::new();
    let passed_over = std::mem::take(&mut found.passed_over);
    for one in passed_over {
        match known(&one) {
            Some(kind) => items.extend(item_at(&one.path, kind, &named)),
            None if is_meta(&one.path) => metas.push(one.path),
            None => left.push(one),
        }
    }
    let parts: HashSet<PathBuf> = items.iter().flat_map(Item::parts).collect();
    items.retain(|item| !parts.contains(&item.file.path));
    left.retain(|one| !parts.contains(&one.path));
    for file in std::mem::take(&mut found.logs) {
        items.push(Item::new(file, Kind::Log { header: None }, &named));
    }
    for meta in metas {
        let log = log_of_meta(&meta);
        let of = items.iter_mut().find(|item| item.file.path == log);
        match (of.map(|item| &mut item.kind), fs::read_to_string(&meta)) {
            (Some(Kind::Log { header }), Ok(text)) => *header = Some(text),
            _ => left.push(PassedOver::new(meta, PassedOverKind::Json)),
        }
    }
    items.sort_by(|one, other| one.file.path.cmp(&other.file.path));
    found.passed_over = left;
    // A folder of documents is one without a log only by the names in it.
    found.unreadable.retain(|one| {
        let below = |item: &Item| item.file.path.starts_with(&one.path);
        one.kind != io::ErrorKind::NotFound || !one.path.is_dir() || !items.iter().any(below)
    });
    (found, items)
}

impl Item {
    /// What it is passed over as if it turns out to be no log.
    pub(crate) fn passed_over(&self) -> PassedOver {
        PassedOver::new(self.file.path.clone(), PassedOverKind::Json)
    }

    /// The other files that it consists of.
    fn parts(&self) -> Vec<PathBuf> {
        match &self.kind {
            Kind::Opencode(storage) => storage.parts(),
            _ => Vec::new(),
        }
    }
}

fn item_at(path: &Path, kind: Kind, named: &HashSet<&PathBuf>) -> Option<Item> {
    let file = jsonl::find(&[path.to_owned()]).logs.into_iter().next()?;
    Some(Item::new(file, kind, named))
}

/// What something is that has no name of a log.
fn known(one: &PassedOver) -> Option<Kind> {
    let name = one.path.file_name()?.to_str()?.to_ascii_lowercase();
    match one.kind {
        PassedOverKind::Compressed => {
            let inner = [".gz", ".zst"]
                .iter()
                .find_map(|end| name.strip_suffix(end))?;
            let is_log = [".jsonl", ".ndjson", ".json"]
                .iter()
                .any(|end| inner.ends_with(end));
            is_log.then_some(Kind::Log { header: None })
        }
        PassedOverKind::Json if is_meta(&one.path) => None,
        PassedOverKind::Json => Some(match Storage::of_session(&one.path) {
            Some(storage) => Kind::Opencode(storage),
            None => Kind::Log { header: None },
        }),
        PassedOverKind::Other => Sidecar::at(&one.path).map(Kind::Sidecar),
        _ => None,
    }
}

/// Whether it says something of the log beside it.
fn is_meta(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(".meta.json")) && log_of_meta(path).is_file()
}

fn log_of_meta(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".meta.json").unwrap_or(&name);
    path.with_file_name(format!("{stem}.jsonl"))
}

/// The path with the links of its folder resolved.
pub(crate) fn absolute(file: &Path) -> io::Result<PathBuf> {
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    Ok(fs::canonicalize(folder)?.join(file.file_name().unwrap_or_default()))
}
