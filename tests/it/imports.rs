//! Which source file imports which, read off the sources themselves: no import goes in a circle,
//! and none goes up, from a room to one that stands on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The rooms of the library from the top down, by how the paths in `src/` begin. A file may import
/// from its own room and from those below. Of several that fit, the longest counts.
const ROOMS: &[&str] = &[
    "lib.rs",
    "testing.rs",
    "conformance",
    "retention.rs",
    "jsonl",
    "portable",
    "doctor",
    "relocation/",
    "relocation.rs",
    "aio",
    "archive",
    "segment.rs",
    "segment/",
    "memory.rs",
    "store.rs",
    "entry",
    "engine/mod.rs",
    "engine/test_api.rs",
    "engine/rewrite",
    "engine/open",
    "engine/salvage",
    "engine/commit",
    "engine/layers",
    "engine/tables",
    "engine/memtable",
    "engine/journal",
    "engine/file",
    "engine/redb_format",
    "engine/model",
    "engine/fault",
    "engine/failpoints.rs",
    "error",
    "change.rs",
    "progress.rs",
    "raw_json.rs",
    "ids.rs",
];

/// The arrows from one file to another.
type Arrows = BTreeSet<(PathBuf, PathBuf)>;

#[test]
fn no_import_goes_up() {
    let arrows = library().arrows();
    let room = |file: &Path| {
        let file = file.strip_prefix("src").unwrap().to_str().unwrap();
        let file = file.replace('\\', "/");
        let fits = ROOMS
            .iter()
            .enumerate()
            .filter(|(_, room)| file.starts_with(**room));
        let longest = fits.max_by_key(|(_, room)| room.len());
        longest.unwrap_or_else(|| panic!("{file} is in no room")).0
    };
    let is_upward = |(from, to): &&(PathBuf, PathBuf)| room(to) < room(from);
    let upward: Vec<_> = arrows.iter().filter(is_upward).collect();
    assert!(upward.is_empty(), "{upward:#?}");
    // That the rooms hold what they are said to: of each at least one file.
    for (number, name) in ROOMS.iter().enumerate() {
        let mut files = arrows.iter().flat_map(|(from, to)| [from, to]);
        assert!(
            files.any(|file| room(file) == number),
            "{name} holds no file"
        );
    }
}

#[test]
fn no_import_goes_in_a_circle() {
    let roots = [
        "src/lib.rs",
        "tests/it/main.rs",
        "crates/cli/src/main.rs",
        "crates/cli/tests/it/main.rs",
    ];
    for root in roots {
        let arrows = Sources::read(root).arrows();
        assert!(arrows.len() > 10, "the sources were not found");
        let circles = circles(&arrows);
        assert!(circles.is_empty(), "{root}: {circles:#?}");
    }
}

/// The two tests above are worth something only if they see an arrow of each kind.
#[test]
fn imports_of_every_kind_are_seen() {
    let sources = Sources::of(&[
        (
            "lib.rs",
            "mod a; mod b; mod d; pub use a::A; pub use self::b::*;",
        ),
        (
            "a.rs",
            "use crate::d::D as Other; pub struct A; fn f() { super::b::g() }",
        ),
        (
            "b.rs",
            "mod c; pub use self::c::C; fn g(of: crate::A) {} mod inner { use super::c; }",
        ),
        (
            "b/c.rs",
            "pub struct C; #[cfg(test)] mod tests { use crate::a::A; }",
        ),
        (
            "d.rs",
            "fn h() { let c = crate::b::C; c::<crate::E>() } use std::fmt;",
        ),
    ]);
    let arrow = |from: &str, to: &str| (PathBuf::from(from), PathBuf::from(to));
    let expected = [
        arrow("a.rs", "b.rs"),
        arrow("a.rs", "d.rs"),
        arrow("b.rs", "a.rs"),
        arrow("b.rs", "b/c.rs"),
        arrow("d.rs", "b/c.rs"),
        arrow("d.rs", "lib.rs"),
        arrow("lib.rs", "a.rs"),
        arrow("lib.rs", "b.rs"),
    ];
    assert_eq!(sources.arrows(), BTreeSet::from(expected));
    let circle = ["a.rs", "b.rs", "d.rs", "lib.rs"].map(PathBuf::from);
    assert_eq!(circles(&sources.arrows()), [BTreeSet::from(circle)]);
}

fn library() -> Sources {
    Sources::read("src/lib.rs")
}

/// The items that a module has from elsewhere, and in which file it is.
#[derive(Default)]
struct Module {
    file: PathBuf,
    names: BTreeMap<String, Vec<String>>,
}

/// All modules of a crate by their paths, and the paths that each of them names.
#[derive(Default)]
struct Sources {
    modules: BTreeMap<Vec<String>, Module>,
    named: Vec<(Vec<String>, Vec<String>)>,
}

/// Returns the text of a file, if there is one.
type Text<'t> = &'t dyn Fn(&Path) -> Option<String>;

impl Sources {
    /// Reads a crate of this workspace from its root file on.
    fn read(root: &str) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Self::default();
        let text = |file: &Path| std::fs::read_to_string(workspace.join(file)).ok();
        let folder = Path::new(root).parent().unwrap();
        sources.read_file(Path::new(root), folder, &[], &text);
        sources
    }

    /// A crate of these files, the first of which is its root.
    fn of(files: &[(&str, &str)]) -> Self {
        let mut sources = Self::default();
        let text = |file: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == file);
            found.map(|(_, text)| (*text).to_owned())
        };
        sources.read_file(Path::new(files[0].0), Path::new(""), &[], &text);
        sources
    }

    fn read_file(&mut self, file: &Path, folder: &Path, module: &[String], text: Text<'_>) {
        let source = text(file).unwrap_or_else(|| panic!("{} is missing", file.display()));
        let parsed = syn::parse_file(&source).unwrap();
        self.read_items(file, folder, module, &parsed.items, text);
    }

    fn read_items(
        &mut self,
        file: &Path,
        folder: &Path,
        module: &[String],
        items: &[syn::Item],
        text: Text<'_>,
    ) {
        let known = self.modules.entry(module.to_vec()).or_default();
        known.file = file.to_path_buf();
        let children: Vec<String> = items.iter().filter_map(child_of).collect();
        for item in items.iter().filter(|item| !is_for_tests(item)) {
            match item {
                syn::Item::Use(item) => {
                    for (name, path) in paths_of(&item.tree) {
                        self.takes(module, &children, name, path);
                    }
                }
                syn::Item::Mod(item) => self.read_child(file, folder, module, item, text),
                item => {
                    let mut named = Named::default();
                    named.visit_item(item);
                    for path in named.paths {
                        self.takes(module, &children, None, path);
                    }
                }
            }
        }
    }

    fn read_child(
        &mut self,
        file: &Path,
        folder: &Path,
        module: &[String],
        item: &syn::ItemMod,
        text: Text<'_>,
    ) {
        let name = item.ident.to_string();
        let child = [module, std::slice::from_ref(&name)].concat();
        let within = folder.join(&name);
        if let Some((_, items)) = &item.content {
            return self.read_items(file, &within, &child, items, text);
        }
        let plain = within.with_extension("rs");
        let beside = file.parent().unwrap_or(Path::new(""));
        let at = match path_attribute(&item.attrs) {
            Some(path) => beside.join(path),
            None if text(&plain).is_some() => plain,
            None => within.join("mod.rs"),
        };
        self.read_file(&at, &within, &child, text);
    }

    /// Takes down a path that a module names, and what it calls the item there.
    fn takes(
        &mut self,
        module: &[String],
        children: &[String],
        name: Option<String>,
        path: Vec<String>,
    ) {
        let Some(path) = from_the_root(module, children, path) else {
            return;
        };
        if let (Some(name), Some(known)) = (name, self.modules.get_mut(module)) {
            known.names.insert(name, path.clone());
        }
        self.named.push((module.to_vec(), path));
    }

    /// The file in which the item at a path is written.
    fn origin(&self, path: &[String], steps: usize) -> &Path {
        let module = (0..=path.len())
            .rev()
            .find(|len| self.modules.contains_key(&path[..*len]));
        let len = module.unwrap_or_default();
        let module = &self.modules[&path[..len]];
        let elsewhere = path.get(len).and_then(|name| module.names.get(name));
        match elsewhere.filter(|_| steps > 0) {
            Some(elsewhere) => {
                let path = [&elsewhere[..], &path[len + 1..]].concat();
                self.origin(&path, steps - 1)
            }
            None => &module.file,
        }
    }

    /// Which file imports from which. That a module declares another is no import.
    fn arrows(&self) -> Arrows {
        let arrow = |(module, path): &(Vec<String>, Vec<String>)| {
            let from = &self.modules[module].file;
            let to = self.origin(path, 8);
            (from != to).then(|| (from.clone(), to.to_path_buf()))
        };
        self.named.iter().filter_map(arrow).collect()
    }
}

fn child_of(item: &syn::Item) -> Option<String> {
    match item {
        syn::Item::Mod(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// Where a module is that is not where its name says.
fn path_attribute(attrs: &[syn::Attribute]) -> Option<String> {
    let values = attrs.iter().filter_map(|attr| match &attr.meta {
        syn::Meta::NameValue(pair) if attr.path().is_ident("path") => Some(&pair.value),
        _ => None,
    });
    let mut texts = values.filter_map(|value| match value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    });
    texts.next_back()
}

/// Whether an item is there for the unit tests alone, which may look at whatever they like.
fn is_for_tests(item: &syn::Item) -> bool {
    let (syn::Item::Mod(syn::ItemMod { attrs, .. }) | syn::Item::Use(syn::ItemUse { attrs, .. })) =
        item
    else {
        return false;
    };
    attrs.iter().any(|attr| {
        attr.path().is_ident("cfg")
            && attr
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

/// The path from the root of the crate on; `None` if it leads out of the crate.
fn from_the_root(module: &[String], children: &[String], path: Vec<String>) -> Option<Vec<String>> {
    let mut whole = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        first if children.iter().any(|child| child == first) => module.to_vec(),
        _ => return None,
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => drop(whole.pop()),
            _ => whole.push(name),
        }
    }
    Some(whole)
}

/// The paths that a `use` names, and what it calls them.
fn paths_of(tree: &syn::UseTree) -> Vec<(Option<String>, Vec<String>)> {
    match tree {
        syn::UseTree::Path(path) => {
            let ident = path.ident.to_string();
            let mut below = paths_of(&path.tree);
            for (name, path) in &mut below {
                path.insert(0, ident.clone());
                if name.as_deref() == Some("self") {
                    *name = Some(ident.clone());
                }
            }
            below
        }
        syn::UseTree::Name(name) => {
            let name = name.ident.to_string();
            vec![(Some(name.clone()), vec![name])]
        }
        syn::UseTree::Rename(rename) => {
            let path = vec![rename.ident.to_string()];
            vec![(Some(rename.rename.to_string()), path)]
        }
        syn::UseTree::Glob(_) => vec![(None, Vec::new())],
        syn::UseTree::Group(group) => group.items.iter().flat_map(paths_of).collect(),
    }
}

/// The paths of more than one name that an item names.
#[derive(Default)]
struct Named {
    paths: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Named {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|part| part.ident.to_string());
        let names: Vec<_> = names.collect();
        if names.len() > 1 {
            self.paths.push(names);
        }
        visit::visit_path(self, path);
    }
}

/// Groups of files that lead to each other.
fn circles(arrows: &Arrows) -> Vec<BTreeSet<PathBuf>> {
    let reached = |start: &PathBuf| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(file) = next.pop() {
            for (_, to) in arrows.iter().filter(|(from, _)| from == file) {
                if seen.insert(to) {
                    next.push(to);
                }
            }
        }
        seen
    };
    let files: BTreeSet<&PathBuf> = arrows.iter().map(|(from, _)| from).collect();
    let reached: BTreeMap<_, _> = files
        .into_iter()
        .map(|file| (file, reached(file)))
        .collect();
    let circle = |(file, below): (&&PathBuf, &BTreeSet<&PathBuf>)| {
        let leads_back = |other: &&PathBuf| reached.get(other).is_some_and(|to| to.contains(file));
        let circle = below.iter().copied().filter(leads_back).cloned();
        circle.collect::<BTreeSet<_>>()
    };
    let circles: BTreeSet<_> = reached.iter().map(circle).collect();
    circles
        .into_iter()
        .filter(|circle| !circle.is_empty())
        .collect()
}
