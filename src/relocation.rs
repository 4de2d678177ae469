//! Paths of one machine as those of another: which folder has become which.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::raw_json::{self, RawJson};

mod in_text;

/// Folders that have another path now, for sessions that go from one machine to another. Parsed
/// from `OLD=NEW`, parted at the first `=`; several are collected into one.
///
/// What is rewritten is the field `cwd` of a session's metadata; entries stay as they are, byte
/// for byte. A folder stands for itself and for all below it: `/a/b` for `/a/b` and `/a/b/c`, not
/// for `/a/bc`. Of several that fit, the longest counts. In a path with a drive letter or a
/// backslash both `\` and `/` separate.
///
/// ```
/// use sessiondb::portable::Relocation;
///
/// let mut relocation: Relocation = "/home/ann/src=/work".parse()?;
/// relocation.add(r"C:\Users\Ann", "/home/ann")?;
/// assert_eq!(relocation.path("/home/ann/src/tool").as_deref(), Some("/work/tool"));
/// assert_eq!(relocation.path(r"C:\Users\Ann\notes").as_deref(), Some("/home/ann/notes"));
/// assert_eq!(relocation.path("/home/ann/srcs"), None);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relocation {
    moves: Vec<Move>,
}

/// One folder that has another path now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Move {
    old: String,
    new: String,
}

impl Relocation {
    /// One that moves nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder, and what its path is now.
    ///
    /// # Errors
    ///
    /// If one of them is empty, in words.
    pub fn add(&mut self, old: &str, new: &str) -> Result<&mut Self, String> {
        if old.is_empty() || new.is_empty() {
            return Err(format!(
                "{old:?}={new:?}: a path is missing; give OLD=NEW, as in /home/ann=/home/bob"
            ));
        }
        self.moves.push(Move {
            old: old.to_owned(),
            new: new.to_owned(),
        });
        Ok(self)
    }

    /// What the path is now, or `None` if no folder is above it.
    pub fn path(&self, path: &str) -> Option<String> {
        let fitting = self.moves.iter().filter_map(|one| {
            let rest = one.below(path)?;
            Some((path.len().saturating_sub(rest.len()), one, rest))
        });
        let (_, one, rest) = fitting.max_by_key(|(matched, ..)| *matched)?;
        Some(one.apply(rest))
    }

    /// Rewrites `cwd`, where it is a path that has moved. All else stays as it was written.
    pub(crate) fn metadata(&self, metadata: &RawJson) -> RawJson {
        match self.rewritten(metadata.as_str()) {
            Some(json) => RawJson::trusted(&json),
            None => metadata.clone(),
        }
    }

    fn rewritten(&self, json: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            cwd: &'a RawValue,
        }
        if !raw_json::is_object(json) {
            return None;
        }
        let Fields { cwd } = serde_json::from_str(json).ok()?;
        let path: String = serde_json::from_str(cwd.get()).ok()?;
        let moved = Value::from(self.path(&path)?).to_string();
        let start = cwd
            .get()
            .as_ptr()
            .addr()
            .checked_sub(json.as_ptr().addr())?;
        let end = start.checked_add(cwd.get().len())?;
        Some([json.get(..start)?, &moved, json.get(end..)?].concat())
    }
}

impl FromIterator<Relocation> for Relocation {
    fn from_iter<I: IntoIterator<Item = Relocation>>(several: I) -> Self {
        Self {
            moves: several.into_iter().flat_map(|one| one.moves).collect(),
        }
    }
}

impl FromStr for Relocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (old, new) = text.split_once('=').ok_or_else(|| {
            format!("{text:?}: there is no `=`; give OLD=NEW, as in /home/ann=/home/bob")
        })?;
        let mut relocation = Self::new();
        relocation.add(old, new)?;
        Ok(relocation)
    }
}

impl Move {
    /// What follows the folder in the path, from the separator on; `None` if the folder is not
    /// above it.
    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = self.behind(path)?;
        let ends = match rest.bytes().next() {
            None => true,
            Some(byte) => is_separator(byte, is_windows(&self.old)),
        };
        ends.then_some(rest)
    }

    /// What follows the folder in a text that begins with it.
    fn behind<'p>(&self, path: &'p str) -> Option<&'p str> {
        let windows = is_windows(&self.old);
        let old = trimmed(&self.old, windows);
        let (start, rest) = path.split_at_checked(old.len())?;
        let same = start.bytes().zip(old.bytes()).enumerate();
        let same = same.into_iter().all(|(at, (one, other))| {
            let either = |byte| windows && is_separator(byte, true) && is_separator(other, true);
            let drive = windows && at == 0 && one.eq_ignore_ascii_case(&other);
            one == other || either(one) || drive
        });
        same.then_some(rest)
    }

    fn apply(&self, rest: &str) -> String {
        let (from_windows, to_windows) = (is_windows(&self.old), is_windows(&self.new));
        if trimmed(rest, from_windows).is_empty() {
            return self.new.clone();
        }
        let new = trimmed(&self.new, to_windows);
        let rest = match (from_windows, to_windows) {
            (true, false) => rest.replace('\\', "/"),
            (false, true) if self.new.contains('\\') => rest.replace('/', "\\"),
            _ => rest.to_owned(),
        };
        format!("{new}{rest}")
    }
}

/// Whether the path is one of Windows: with a drive letter or a backslash.
fn is_windows(path: &str) -> bool {
    let drive = |path: &[u8]| matches!(path, [letter, b':', ..] if letter.is_ascii_alphabetic());
    path.contains('\\') || drive(path.as_bytes())
}

fn is_separator(byte: u8, windows: bool) -> bool {
    byte == b'/' || (windows && byte == b'\\')
}

fn trimmed(path: &str, windows: bool) -> &str {
    path.trim_end_matches(|c| c == '/' || (windows && c == '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(moves: &[&str], path: &str) -> String {
        let relocation: Relocation = moves
            .iter()
            .map(|one| one.parse::<Relocation>().unwrap())
            .collect();
        relocation.path(path).unwrap_or_else(|| "-".to_owned())
    }

    #[test]
    fn whole_components_match_and_the_longest_wins() {
        for (moves, path, expected) in [
            (&["/a/b=/x"][..], "/a/b", "/x"),
            (&["/a/b=/x"], "/a/b/", "/x"),
            (&["/a/b=/x"], "/a/b/c d", "/x/c d"),
            (&["/a/b=/x"], "/a/bc", "-"),
            (&["/a/b=/x"], "/a", "-"),
            (&["/a/b=/x"], "/y/a/b", "-"),
            (&["/a/b/=/x/"], "/a/b/c", "/x/c"),
            (&["/a=/x", "/a/b=/y"], "/a/b/c", "/y/c"),
            (&["/a/b=/y", "/a=/x"], "/a/b/c", "/y/c"),
            (&["/a/b=/y", "/a=/x"], "/a/c", "/x/c"),
            (&["/=/mnt"], "/a", "/mnt/a"),
            (&["/=/mnt"], "/", "/mnt"),
            (&["/=/mnt"], "a", "-"),
            (&["/a=/"], "/a/b", "/b"),
            (&["/a=/"], "/a", "/"),
            (&["/a=/b=c"], "/a/d", "/b=c/d"),
            (&["/ä=/ö"], "/ä/ü", "/ö/ü"),
            (&["/a=/x"], "/ä", "-"),
            (&["/a=/x"], r"/a\b", "-"),
        ] {
            assert_eq!(moved(moves, path), expected, "{moves:?} {path}");
        }
    }

    #[test]
    fn both_separators_of_windows_are_known() {
        for (moves, path, expected) in [
            (r"C:\a=D:\x", r"C:\a\b\c", r"D:\x\b\c"),
            (r"C:\a=D:\x", r"c:/a/b", r"D:\x/b"),
            (r"C:\a=D:\x", r"C:\ab", "-"),
            (r"C:\a=D:\x", r"C:\A\b", "-"),
            (r"C:\=/mnt/c", r"C:\a\b", "/mnt/c/a/b"),
            (r"C:\=/mnt/c", r"C:\", "/mnt/c"),
            (r"C:\=/mnt/c", "C:a", "-"),
            (
                r"/home/ann=C:\Users\ann",
                "/home/ann/a/b",
                r"C:\Users\ann\a\b",
            ),
            (
                "/home/ann=C:/Users/ann",
                "/home/ann/a/b",
                "C:/Users/ann/a/b",
            ),
            (r"\\host\share=/mnt", r"\\host\share\a", "/mnt/a"),
        ] {
            assert_eq!(moved(&[moves], path), expected, "{moves} {path}");
        }
    }

    #[test]
    fn only_a_cwd_that_is_text_is_rewritten() {
        let relocation: Relocation = "/a=/x".parse().unwrap();
        for (before, after) in [
            (
                r#"{"cwd":"/a/b","title":"/a"}"#,
                r#"{"cwd":"/x/b","title":"/a"}"#,
            ),
            (r#"{"cwd":["/a"]}"#, r#"{"cwd":["/a"]}"#),
            (r#"{"title":"/a"}"#, r#"{"title":"/a"}"#),
            (
                r#"{"z":12345678901234567890123,"x":1,"x":1.0, "cwd" : "/a","a":"\ud83d"}"#,
                r#"{"z":12345678901234567890123,"x":1,"x":1.0, "cwd" : "/x","a":"\ud83d"}"#,
            ),
        ] {
            let metadata = RawJson::new(before).unwrap();
            assert_eq!(relocation.metadata(&metadata).as_str(), after);
        }
    }

    #[test]
    fn half_a_move_is_refused() {
        for text in ["", "/a", "=/a", "/a="] {
            let said = text.parse::<Relocation>().unwrap_err();
            assert!(said.contains("OLD=NEW"), "{said}");
        }
    }
}
