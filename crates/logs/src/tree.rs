//! What an import is asked for, file by file: what the library finds by its name, and what only agents
//! know: documents, compressed logs, sessions of many files, and what lies beside a session.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sessiondb::jsonl::{self, Found, FoundFile, PassedOver, PassedOverKind};

use crate::database;
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
    /// A database, which may hold sessions.
    Database,
    /// A file that belongs to a session without being a log.
    Sidecar(Sidecar),
}

impl Item {
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

    /// What it is passed over as if it turns out to be no log.
    pub(crate) fn passed_over(&self) -> PassedOver {
        let kind = match self.kind {
            Kind::Database => PassedOverKind::Database,
            _ => PassedOverKind::Json,
        };
        PassedOver::new(self.file.path.clone(), kind)
    }
}

/// Finds what is to come in, sorted by path.
pub(crate) fn find(paths: &[PathBuf]) -> (Found, Vec<Item>) {
    let mut found = jsonl::find(paths);
    let mut find = Find {
        named: paths.iter().collect(),
        folders: HashMap::new(),
        items: Vec::with_capacity(found.logs.len()),
    };
    let mut left = Vec::new();
    let mut metas = Vec::new();
    let mut known = Vec::new();
    // The other files of a session of many are no logs of their own.
    let mut parts: HashSet<PathBuf> = HashSet::new();
    for one in std::mem::take(&mut found.passed_over) {
        match kind_of(&one) {
            Some(kind) => {
                parts.extend(parts_of(&one.path, &kind));
                known.push((one, kind));
            }
            None if is_meta(&one.path) => metas.push(one.path),
            None => left.push(one),
        }
    }
    for file in std::mem::take(&mut found.logs) {
        if find.named.contains(&file.path) && database::is_database(&file.path) {
            parts.extend(database::beside(&file.path));
            find.add(file, Kind::Database);
        } else {
            find.add(file, Kind::Log { header: None });
        }
    }
    for (one, kind) in known {
        if !parts.contains(&one.path) {
            find.add_at(&one.path, kind);
        }
    }
    left.retain(|one| !parts.contains(&one.path));
    left.extend(find.give_headers(metas));
    let mut items = find.items;
    items.sort_by(|one, other| one.file.path.cmp(&other.file.path));
    found.passed_over = left;
    // A folder of documents is one without a log only by the names in it.
    found.unreadable.retain(|one| {
        let below = |item: &Item| item.file.path.starts_with(&one.path);
        one.kind != io::ErrorKind::NotFound || !one.path.is_dir() || !items.iter().any(below)
    });
    (found, items)
}

/// What was found so far.
struct Find<'p> {
    named: HashSet<&'p PathBuf>,
    /// Folders, and where they are with links resolved.
    folders: HashMap<PathBuf, PathBuf>,
    items: Vec<Item>,
}

impl Find<'_> {
    fn add(&mut self, file: FoundFile, kind: Kind) {
        let item = Item {
            absolute: self.absolute(&file.path),
            is_named: self.named.contains(&file.path),
            file,
            kind,
        };
        self.items.push(item);
    }

    /// Adds a file that has no name of a log.
    fn add_at(&mut self, path: &Path, kind: Kind) {
        if let Some(file) = jsonl::find(&[path.to_owned()]).logs.into_iter().next() {
            self.add(file, kind);
        }
    }

    /// Gives logs what stands in the files beside them. Returns those that are of no log.
    fn give_headers(&mut self, metas: Vec<PathBuf>) -> Vec<PassedOver> {
        if metas.is_empty() {
            return Vec::new();
        }
        let mut of_log: HashMap<PathBuf, PathBuf> = metas
            .into_iter()
            .map(|meta| (log_of_meta(&meta), meta))
            .collect();
        for item in &mut self.items {
            let Kind::Log { header } = &mut item.kind else {
                continue;
            };
            if let Some(meta) = of_log.get(&item.file.path)
                && let Ok(text) = fs::read_to_string(meta)
            {
                *header = Some(text);
                of_log.remove(&item.file.path);
            }
        }
        let left = of_log.into_values();
        left.map(|meta| PassedOver::new(meta, PassedOverKind::Json))
            .collect()
    }

    /// The path with the links of its folder resolved.
    fn absolute(&mut self, file: &Path) -> PathBuf {
        let folder = match file.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let name = file.file_name().unwrap_or_default();
        if let Some(folder) = self.folders.get(folder) {
            return folder.join(name);
        }
        match fs::canonicalize(folder) {
            Ok(absolute) => {
                let path = absolute.join(name);
                self.folders.insert(folder.to_owned(), absolute);
                path
            }
            Err(_) => file.to_owned(),
        }
    }
}

/// What something is that has no name of a log.
fn kind_of(one: &PassedOver) -> Option<Kind> {
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
        PassedOverKind::Other if database::is_named_so(&one.path) => {
            database::is_database(&one.path).then_some(Kind::Database)
        }
        PassedOverKind::Other => Sidecar::at(&one.path).map(Kind::Sidecar),
        _ => None,
    }
}

/// The other files that something consists of.
fn parts_of(path: &Path, kind: &Kind) -> Vec<PathBuf> {
    match kind {
        Kind::Opencode(storage) => storage.parts(),
        Kind::Database => database::beside(path).collect(),
        _ => Vec::new(),
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
