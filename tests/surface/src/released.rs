//! What breaks programs between a released surface and the one of now.

use std::collections::{HashMap, HashSet};

const OPEN: &str = "#[non_exhaustive] ";

/// Whether a program that asks for `release` may be given `version`.
pub(crate) fn is_compatible(release: &str, version: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let plain = version.split(['-', '+']).next()?;
        plain.split('.').map(|number| number.parse().ok()).collect()
    };
    match (numbers(release).as_deref(), numbers(version).as_deref()) {
        (Some([0, 0, ..]), _) => false,
        (Some([0, minor, ..]), Some([0, other, ..])) => minor == other,
        (Some([major, ..]), Some([other, ..])) => major == other,
        _ => false,
    }
}

/// The lines that were released and are gone or changed, and those that are new in an enum or a struct that
/// programs may name all parts of. A new method of a trait without a body is not seen.
pub(crate) fn breaks(released: &str, now: &str) -> Vec<String> {
    let new: HashSet<&str> = now.lines().collect();
    let old: HashSet<&str> = released.lines().collect();
    let gone = released.lines().filter(|line| !new.contains(line));
    // A type that no longer says that more may come breaks nothing; one that says so from now on does.
    let gone = gone.filter(|line| !new.contains(line.strip_prefix(OPEN).unwrap_or(line)));
    let gone = gone.map(|line| format!("- {line}"));
    let closed = closed_types(released);
    let added = now.lines().filter(|line| !old.contains(line));
    let added = added.filter(|line| part_of(line).is_some_and(|whole| closed.contains(whole)));
    gone.chain(added.map(|line| format!("+ {line}"))).collect()
}

/// Enums, and structs with public fields, of which nothing says that more may come.
fn closed_types(released: &str) -> HashSet<&str> {
    let mut has_parts: HashMap<&str, bool> = HashMap::new();
    for line in released.lines() {
        if let Some(name) = line.strip_prefix("pub enum ") {
            has_parts.insert(bare(name), true);
        } else if let Some(name) = line.strip_prefix("pub struct ") {
            has_parts.entry(bare(name)).or_insert(false);
        }
    }
    for whole in released.lines().filter_map(part_of) {
        if let Some(parts) = has_parts.get_mut(whole) {
            *parts = true;
        }
    }
    let closed = has_parts.into_iter().filter(|(_, has_parts)| *has_parts);
    closed.map(|(name, _)| name).collect()
}

/// A name without its parameters.
fn bare(name: &str) -> &str {
    name.split(['<', '(', ' ']).next().unwrap_or(name)
}

/// What a line that is a variant or a field belongs to.
fn part_of(line: &str) -> Option<&str> {
    let path = line.strip_prefix("pub ")?;
    let path = path.split(['(', ' ']).next()?.trim_end_matches(':');
    let is_item = [
        "fn", "const", "enum", "mod", "static", "struct", "trait", "type", "use", "macro",
    ];
    if is_item.contains(&path) || !path.contains("::") {
        return None;
    }
    path.rsplit_once("::").map(|(whole, _)| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASED: &str = include_str!("../../../docs/public-api-0.2.0.txt");

    #[test]
    fn what_was_released_keeps_itself() {
        assert_eq!(breaks(RELEASED, RELEASED), [String::new(); 0]);
    }

    #[test]
    fn every_line_that_is_removed_or_changed_breaks() {
        let lines: Vec<&str> = RELEASED.lines().collect();
        // All of them would take a minute.
        for (at, line) in lines.iter().enumerate().step_by(23) {
            // Several blocks of one type have the same heading.
            if lines.iter().filter(|other| other == &line).count() > 1 {
                continue;
            }
            let without = [&lines[..at], &lines[at + 1..]].concat();
            let gone = breaks(RELEASED, &without.join("\n"));
            assert_eq!(gone, [format!("- {line}")]);
            let other = format!("{line} and more");
            let changed = [&lines[..at], &[other.as_str()], &lines[at + 1..]].concat();
            assert!(breaks(RELEASED, &changed.join("\n")).contains(&gone[0]));
        }
    }

    #[test]
    fn what_comes_beside_breaks_nothing_but_where_programs_name_all_parts() {
        let with = |line: &str| breaks(RELEASED, &format!("{RELEASED}{line}\n"));
        for line in [
            "pub fn sessiondb::Archive::another(&self)",
            "pub sessiondb::archive::ChangeKind::Another",
            "pub struct sessiondb::archive::Another",
        ] {
            assert_eq!(with(line), [String::new(); 0], "{line}");
        }
        let closed = "pub sessiondb::archive::Durability::Another";
        assert_eq!(with(closed), [format!("+ {closed}")]);
        let closing = RELEASED.replace(
            "pub enum sessiondb::archive::Durability",
            "#[non_exhaustive] pub enum sessiondb::archive::Durability",
        );
        assert!(!breaks(RELEASED, &closing).is_empty());
        let opening = RELEASED.replace(
            "#[non_exhaustive] pub enum sessiondb::archive::ChangeKind",
            "pub enum sessiondb::archive::ChangeKind",
        );
        assert_eq!(breaks(RELEASED, &opening), [String::new(); 0]);
    }

    #[test]
    fn versions_are_compatible_as_cargo_takes_them() {
        for (release, version, is) in [
            ("0.2.0", "0.2.7", true),
            ("0.2.0", "0.3.0", false),
            ("0.2.0", "1.0.0", false),
            ("1.2.0", "1.9.1", true),
            ("1.2.0", "2.0.0", false),
            ("0.0.1", "0.0.1", false),
            ("0.2.0", "0.2.1-rc.1", true),
        ] {
            assert_eq!(is_compatible(release, version), is, "{release} {version}");
        }
    }
}
