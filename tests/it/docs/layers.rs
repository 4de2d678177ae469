//! The layers of the sources are as far apart as `ARCHITECTURE.md` says.

use std::fs;
use std::path::Path;

/// The absences that `ARCHITECTURE.md` lists.
#[test]
fn the_layers_are_kept_apart() {
    let names = |word: &'static str, inside: &'static str| {
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let naming =
            move |(path, text): &(String, String)| text.contains(word) && !path.starts_with(inside);
        sources.into_iter().filter(naming).map(|(path, _)| path)
    };
    assert_eq!(names("redb::", "engine/").collect::<Vec<_>>(), [""; 0]);
    let mut of_tables = names("TableDefinition", "engine/tables/");
    assert_eq!(of_tables.find(|path| !path.ends_with("/tests.rs")), None);
    assert!(!names("LogEntry", "none").any(|path| path.starts_with("engine/")));
    assert!(!names("crate::archive", "none").any(|path| path.starts_with("engine/")));
    assert!(!names("Archive", "none").any(|path| path.starts_with("segment/")));
}

/// The sources below a folder: path from there, and text without comments.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code: String = fs::read_to_string(&path)
                .unwrap()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| [line, "\n"])
                .collect();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy();
            found.push((name.replace('\\', "/"), code));
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}
