//! File names that Windows takes for something else than a file of that name.

use std::path::Path;

use crate::error::StoreError;

/// Names that lead to a device from every folder, whatever follows them behind a dot.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
/// The same with a digit behind.
const NUMBERED_DEVICES: [&str; 2] = ["COM", "LPT"];

/// Fails on Windows if the path would lead to something else than the file that it names.
pub(crate) fn must_be_of_a_file(path: &Path) -> Result<(), StoreError> {
    let name = path.file_name().filter(|_| cfg!(windows));
    let other = name.and_then(|name| other_meaning(&name.to_string_lossy()));
    other.map_or(Ok(()), |reason| {
        Err(StoreError::NotAnArchive {
            path: path.to_owned(),
            reason,
        })
    })
}

/// What Windows takes the name for, and what to do.
fn other_meaning(name: &str) -> Option<String> {
    let taken_for = if let Some((file, _)) = name.split_once(':') {
        format!("a second stream of the file `{file}`")
    } else if name.ends_with(['.', ' ']) {
        format!("the file `{}`", name.trim_end_matches(['.', ' ']))
    } else if is_device(name) {
        "a device".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "Windows takes the name `{name}` for {taken_for}; give the archive another name"
    ))
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_uppercase();
    let mut before = stem.chars();
    let digit = before.next_back();
    DEVICES.contains(&&*stem)
        || (NUMBERED_DEVICES.contains(&before.as_str())
            && digit.is_some_and(|digit| matches!(digit, '0'..='9' | '¹' | '²' | '³')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_another_meaning_are_known() {
        let of_something_else = [
            "a:b",
            "a.sessiondb:",
            "a.",
            "a ",
            "a. .",
            "nul",
            "NUL.sessiondb",
            "con",
            "Aux.a.b",
            "COM1",
            "lpt9.txt",
            "com¹",
            "prn .a",
            "CONIN$",
        ];
        for name in of_something_else {
            let reason = other_meaning(name);
            assert!(reason.is_some_and(|reason| reason.contains(name)), "{name}");
        }
        for name in [
            "a",
            ".a",
            "a.b",
            "a b",
            "nul1",
            "com",
            "com10",
            "console",
            "null.sessiondb",
            "ä",
        ] {
            assert_eq!(other_meaning(name), None, "{name}");
        }
    }

    #[test]
    fn elsewhere_every_name_is_one_of_a_file() {
        assert_eq!(
            must_be_of_a_file(Path::new("folder/nul")).is_err(),
            cfg!(windows)
        );
        assert!(must_be_of_a_file(Path::new("folder/a.sessiondb")).is_ok());
    }
}
