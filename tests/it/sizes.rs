//! How long the source files and their functions are, by the lines as rustfmt leaves them: a file can be
//! read in one go, and a function be seen at once.

use std::fs;
use std::path::{Path, PathBuf};

const MOST_LINES_OF_A_FILE: usize = 500;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

/// The folders of this workspace with sources in them.
const FOLDERS: [&str; 6] = ["benches", "crates", "examples", "fuzz", "src", "tests"];
/// Files that may be longer, or have functions that are, each with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

#[test]
fn no_file_and_no_function_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources_below(&root.join(folder), &mut files);
    }
    assert!(files.len() > 300, "the sources were not found");
    let mut long = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().to_string_lossy();
        let name = name.replace('\\', "/");
        let complaints = complaints_of(&fs::read_to_string(&file).unwrap());
        let is_exception = EXCEPTIONS.iter().any(|(known, _)| *known == name);
        if is_exception && complaints.is_empty() {
            long.push(format!("{name} is an exception and need not be one"));
        }
        if !is_exception {
            let named = |complaint| format!("{name}: {complaint}");
            long.extend(complaints.into_iter().map(named));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// The test above is worth something only if it sees what is too long.
#[test]
fn what_is_too_long_is_seen() {
    let body = |lines: usize, indent: &str| format!("{indent}    call();\n").repeat(lines);
    let at_the_limit = format!("fn short() {{\n{}}}\n", body(68, ""));
    assert_eq!(complaints_of(&at_the_limit), [""; 0]);

    let long = format!(
        "struct S;\n\nimpl S {{\n    pub(crate) const fn long(\n        &self,\n    ) -> u8 {{\n{}    }}\n}}\n",
        body(67, "    ")
    );
    assert_eq!(complaints_of(&long), ["function long has 71 lines"]);

    // What has no body ends where it is said, and so does what stands on one line.
    let bodies = body(60, "    ");
    let without = format!(
        "trait T {{\n    fn a(\n        &self,\n    ) -> u8;\n    fn b();\n    fn c() {{}}\n    fn d() {{\n{bodies}    }}\n}}\n"
    );
    assert_eq!(complaints_of(&without), [""; 0]);

    let outer = format!(
        "fn outer() {{\n    fn inner() {{\n{}    }}\n}}\n",
        body(70, "    ")
    );
    assert_eq!(
        complaints_of(&outer),
        ["function outer has 74 lines", "function inner has 72 lines"]
    );

    let file = "// A line.\n".repeat(501);
    assert_eq!(complaints_of(&file), ["it has 501 lines"]);
    assert_eq!(complaints_of(&"// A line.\n".repeat(500)), [""; 0]);
}

fn sources_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                sources_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What is too long in a source file.
fn complaints_of(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut complaints = Vec::new();
    if lines.len() > MOST_LINES_OF_A_FILE {
        complaints.push(format!("it has {} lines", lines.len()));
    }
    for number in 0..lines.len() {
        if let Some(name) = function_of(lines[number]) {
            let len = len_of_function(&lines[number..]);
            if len > MOST_LINES_OF_A_FUNCTION {
                complaints.push(format!("function {name} has {len} lines"));
            }
        }
    }
    complaints
}

/// The name of the function that begins on this line, if one does.
fn function_of(line: &str) -> Option<&str> {
    let (before, behind) = line.trim_start().split_once("fn ")?;
    let is_before_fn = |word: &str| {
        let words = ["pub", "const", "async", "unsafe", "extern", "in"];
        words.contains(&word) || word.starts_with("pub(") || word.ends_with(')')
    };
    let name = behind.split(['(', '<']).next()?;
    let is_name = !name.is_empty() && name.chars().all(|c| c == '_' || c.is_alphanumeric());
    (before.split_whitespace().all(is_before_fn) && is_name).then_some(name)
}

/// How many lines the function has whose first one is the first of these: up to the next brace that
/// closes as far to the left as it begins.
fn len_of_function(lines: &[&str]) -> usize {
    let left = indent_of(lines[0]);
    if lines[0].ends_with(['}', ';']) {
        return 1;
    }
    for (number, line) in lines.iter().enumerate().skip(1) {
        if line.is_empty() || indent_of(line) > left {
            continue;
        }
        let has_no_body = line.ends_with(';') || function_of(line).is_some();
        if has_no_body || line.trim_start().starts_with('}') {
            return number + 1;
        }
    }
    lines.len()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
