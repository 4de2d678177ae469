//! The sessions that the entries of a log name.

use serde::{Deserialize, Serialize};

use crate::identity::Parent;
use crate::text::{clip, file_stem};

/// Sessions beyond these are not told apart.
const KEPT: usize = 16;
const ID_CHARS: usize = 256;

/// The sessions that the entries of a log name, in the order of their first mention.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Names(Vec<Name>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Name {
    id: String,
    entries: u64,
    /// The own id of the last entry that named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl Names {
    /// An entry of the log at `path` names a session.
    pub(crate) fn saw(&mut self, id: &str, entry: Option<&str>, path: &str) {
        let id = clip(id, ID_CHARS);
        if id.is_empty() {
            return;
        }
        let last = entry.map(|entry| clip(entry, ID_CHARS));
        if let Some(name) = self.0.iter_mut().rev().find(|name| name.id == id) {
            name.entries += 1;
            if let Some(last) = last {
                match &mut name.last {
                    Some(own) => last.clone_into(own),
                    None => name.last = Some(last.to_owned()),
                }
            }
            return;
        }
        if self.0.len() >= KEPT {
            if !file_stem(path).contains(id) {
                return;
            }
            self.0.pop();
        }
        self.0.push(Name {
            id: id.to_owned(),
            entries: 1,
            last: last.map(ToOwned::to_owned),
        });
    }

    /// The one that the name of the file contains, else the most frequent, the first of equals.
    pub(crate) fn own(&self, stem: &str) -> Option<&str> {
        let in_stem = || self.0.iter().find(|name| stem.contains(&name.id));
        let frequent = || self.0.iter().rev().max_by_key(|name| name.entries);
        in_stem().or_else(frequent).map(|name| name.id.as_str())
    }

    /// The session whose entries a log begins with that goes on as `own`.
    pub(crate) fn before(&self, own: &str) -> Option<Parent> {
        let at = self.0.iter().position(|name| name.id == own)?;
        let before = self.0.get(at.checked_sub(1)?)?;
        Some(Parent {
            session: before.id.clone(),
            at: before.last.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_decides_then_the_number() {
        let mut names = Names::default();
        for (id, entry) in [("a", "1"), ("b", "2"), ("b", "3"), ("c", "4"), ("c", "5")] {
            names.saw(id, Some(entry), "x");
        }
        assert_eq!(names.own("x"), Some("b"));
        assert_eq!(names.own("rollout-a"), Some("a"));
        assert_eq!(names.before("a"), None);
        let parent = Parent {
            session: "b".into(),
            at: Some("3".into()),
        };
        assert_eq!(names.before("c"), Some(parent));
    }

    #[test]
    fn the_session_of_the_file_is_never_too_many() {
        let mut names = Names::default();
        for id in 0..40 {
            names.saw(&format!("<{id}>"), None, "log-<33>");
        }
        assert_eq!(names.own("log-<33>"), Some("<33>"));
    }
}
