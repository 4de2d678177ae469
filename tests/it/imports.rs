//! Which source file imports which, read off the sources themselves: no import goes in a circle,
//! and none goes up, from a room to one that stands on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The rooms of the library from the top down. A file may import from its own room and from those
/// below. The longest name that fits counts.
const ROOMS: &[&str] = &[];

/// The items of a module by their names, with where those come from that it has from elsewhere.
#[derive(Default)]
struct Module {
    file: PathBuf,
    names: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// All modules of a crate by their paths, and the paths that each file names.
#[derive(Default)]
struct Sources {
    modules: BTreeMap<Vec<String>, Module>,
    paths: Vec<(PathBuf, Vec<String>, Vec<String>)>,
}

impl Sources {
    /// Reads a crate from its root file on.
    fn read(root: &Path) -> Self {
        let mut sources = Self::default();
        let folder = root.parent().unwrap().to_owned();
        sources.read_file(root, &folder, Vec::new());
        sources
    }

    fn read_file(&mut self, file: &Path, folder: &Path, module: Vec<String>) {
        let text = std::fs::read_to_string(file).unwrap();
        let parsed = syn::parse_file(&text).unwrap();
        self.read_items(file, folder, module, &parsed.items);
    }

    fn read_items(&mut self, file: &Path, folder: &Path, module: Vec<String>, items: &[syn::Item]) {
        let known = self.modules.entry(module.clone()).or_default();
        known.file = file.to_owned();
        for item in items.iter().filter(|item| !is_test(item)) {
            if let syn::Item::Use(item) = item {
                let mut tree = Vec::new();
                flatten(&item.tree, &mut Vec::new(), &mut tree);
                for (name, path) in tree {
                    let path = absolute(&module, path);
                    self.paths
                        .push((file.to_owned(), module.clone(), path.clone()));
                    let known = self.modules.get_mut(&module).unwrap();
                    match name {
                        Some(name) => drop(known.names.insert(name, path)),
                        None => known.globs.push(path),
                    }
                }
                continue;
            }
            if let syn::Item::Mod(item) = item {
                let mut child = module.clone();
                child.push(item.ident.to_string());
                let within = folder.join(item.ident.to_string());
                match &item.content {
                    Some((_, items)) => self.read_items(file, &within, child, items),
                    None => {
                        let plain = within.with_extension("rs");
                        let file = if plain.is_file() {
                            plain
                        } else {
                            within.join("mod.rs")
                        };
                        self.read_file(&file, &within, child);
                    }
                }
                continue;
            }
            let mut named = Named::default();
            named.visit_item(item);
            for path in named.paths {
                self.paths.push((file.to_owned(), module.clone(), path));
            }
        }
    }

    /// The file that what a path names is written in.
    fn origin(&self, path: &[String], depth: usize) -> Option<&Path> {
        let (first, path) = path.split_first()?;
        if first != "crate" {
            return None;
        }
        let mut len = path.len();
        while len > 0 && !self.modules.contains_key(&path[..len]) {
            len -= 1;
        }
        let module = self.modules.get(&path[..len])?;
        let Some(name) = path.get(len).filter(|_| depth < 8) else {
            return Some(&module.file);
        };
        if let Some(other) = module.names.get(name) {
            let mut other = other.clone();
            other.extend_from_slice(&path[len + 1..]);
            return self.origin(&other, depth + 1);
        }
        Some(&module.file)
    }

    /// Which file imports which.
    fn arrows(&self) -> BTreeSet<(PathBuf, PathBuf)> {
        let mut arrows = BTreeSet::new();
        for (file, module, path) in &self.paths {
            let first = path.first().map(String::as_str);
            let path = match first {
                Some("crate" | "super" | "self") => absolute(module, path.clone()),
                Some("") => continue,
                Some(first) => {
                    // What a module declares or imports by that name.
                    let mut child = module.clone();
                    child.push(first.to_owned());
                    if self.modules.contains_key(&child) {
                        child.extend_from_slice(&path[1..]);
                        [vec!["crate".to_owned()], child].concat()
                    } else {
                        continue;
                    }
                }
                None => continue,
            };
            if let Some(origin) = self.origin(&path, 0).filter(|origin| *origin != file) {
                arrows.insert((file.clone(), origin.to_owned()));
            }
        }
        arrows
    }
}

fn is_test(item: &syn::Item) -> bool {
    let attrs = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attrs.iter().any(|attr| {
        attr.path().is_ident("cfg")
            && matches!(attr.parse_args::<syn::Path>(), Ok(path) if path.is_ident("test"))
    })
}

/// The path from the root of the crate on, with what stands for it resolved; paths of other
/// crates keep their first name, after an empty one.
fn absolute(module: &[String], path: Vec<String>) -> Vec<String> {
    let root = || vec!["crate".to_owned()];
    let mut base = match path.first().map(String::as_str) {
        Some("crate") => root(),
        Some("self" | "super") => [root(), module.to_vec()].concat(),
        _ => return [vec![String::new()], path].concat(),
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            _ => base.push(name),
        }
    }
    base
}

fn flatten(
    tree: &syn::UseTree,
    before: &mut Vec<String>,
    found: &mut Vec<(Option<String>, Vec<String>)>,
) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        syn::UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned(), before.clone()));
        }
        syn::UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push((Some(name.clone()), [before.clone(), vec![name]].concat()));
        }
        syn::UseTree::Rename(name) => {
            let path = [before.clone(), vec![name.ident.to_string()]].concat();
            found.push((Some(name.rename.to_string()), path));
        }
        syn::UseTree::Glob(_) => found.push((None, before.clone())),
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
    }
}

/// The paths of more than one name that an item names.
#[derive(Default)]
struct Named {
    paths: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Named {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.paths.push(names);
        }
        visit::visit_path(self, path);
    }
}

/// Groups of files that lead to each other.
fn circles(arrows: &BTreeSet<(PathBuf, PathBuf)>) -> Vec<BTreeSet<PathBuf>> {
    let files: BTreeSet<&PathBuf> = arrows.iter().flat_map(|(from, to)| [from, to]).collect();
    let reached = |start: &PathBuf| {
        let mut seen = BTreeSet::new();
        let mut next = vec![start.clone()];
        while let Some(file) = next.pop() {
            for (_, to) in arrows.iter().filter(|(from, _)| *from == file) {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&PathBuf, BTreeSet<PathBuf>> =
        files.iter().map(|file| (*file, reached(file))).collect();
    let mut circles = BTreeSet::new();
    for (file, below) in &reached {
        let circle: BTreeSet<PathBuf> = below
            .iter()
            .filter(|other| reached[other].contains(*file))
            .cloned()
            .collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

#[test]
fn dump() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = Sources::read(&root.join("src/lib.rs"));
    let arrows = sources.arrows();
    for (from, to) in &arrows {
        let short = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        println!("ARROW {} {}", short(from), short(to));
    }
    for circle in circles(&arrows) {
        println!("CIRCLE {circle:#?}");
    }
}
