//! Paths in the middle of a text, and what they are on another machine.

use std::ops::Range;

use super::{Move, Relocation, is_separator, is_windows, trimmed};

impl Relocation {
    /// Where a text holds paths that have another path now, and what stands there then. The places
    /// are in order and do not overlap.
    ///
    /// In the middle of a text a path begins behind what is no part of a name (or behind `file://`),
    /// and the folder's name has to end where it ends: `/a/b` is found in `see "/a/b/c".` and in
    /// `PATH=/x:/a/b`, but neither in `/y/a/b` nor in `/a/b-2`.
    ///
    /// ```
    /// use sessiondb::portable::Relocation;
    ///
    /// let relocation: Relocation = "/home/ann=/home/bob".parse()?;
    /// let places = relocation.places_in("cat /home/ann/notes /home/anna");
    /// assert_eq!(places, [(4..13, "/home/bob".to_owned())]);
    /// # Ok::<(), String>(())
    /// ```
    pub fn places_in(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let starts = self.moves.iter().flat_map(|one| one.starts(text));
        let mut starts: Vec<usize> = starts.collect();
        starts.sort_unstable();
        let mut places: Vec<(Range<usize>, String)> = Vec::new();
        for start in starts {
            let is_taken = places.last().is_some_and(|(last, _)| start < last.end);
            let (before, path) = text.split_at(start);
            if is_taken || !ends_before_path(before) {
                continue;
            }
            let fits = |one: &&Move| !is_address(before) || one.fits_address();
            let fitting = self.moves.iter().filter(fits).filter_map(|one| {
                let rest = one.behind(path)?;
                let len = path.len().saturating_sub(rest.len());
                ends_name(rest, is_windows(&one.old)).then_some((len, one, rest))
            });
            if let Some((len, one, rest)) = fitting.max_by_key(|(len, ..)| *len) {
                let is_whole = start == 0 && !path.contains(char::is_control);
                let (more, new) = one.within(rest, is_whole);
                let end = start.saturating_add(len).saturating_add(more);
                places.push((start..end, new));
            }
        }
        places
    }
}

impl Move {
    /// Where the folder may begin in a text.
    fn starts(&self, text: &str) -> Vec<usize> {
        let windows = is_windows(&self.old);
        let old = trimmed(&self.old, windows);
        if old.is_empty() {
            // The root is above everything; a slash in the middle of a text is mostly no path.
            return Vec::from_iter(text.starts_with(&self.old).then_some(0));
        }
        if !windows {
            return text.match_indices(old).map(|(at, _)| at).collect();
        }
        let begins = |at: usize| {
            text.get(at..)
                .is_some_and(|path| self.behind(path).is_some())
        };
        (0..text.len()).filter(|at| begins(*at)).collect()
    }

    /// Whether a path in an address is one still with the other folder in its place.
    fn fits_address(&self) -> bool {
        is_windows(&self.old) == is_windows(&self.new) && !self.new.contains('\\')
    }

    /// What stands in a text in the place of the folder and of as much of `rest` as has other separators
    /// now, and how long that is.
    fn within(&self, rest: &str, is_whole: bool) -> (usize, String) {
        let (from_windows, to_windows) = (is_windows(&self.old), is_windows(&self.new));
        let continues = rest.starts_with(|c| is_separator_of(c, from_windows));
        if !continues {
            return (0, self.new.clone());
        }
        if from_windows == to_windows {
            return (0, trimmed(&self.new, to_windows).to_owned());
        }
        let end = match rest.find(|c| !is_in_path(c, from_windows)) {
            Some(end) if !is_whole => end,
            _ => rest.len(),
        };
        (end, self.apply(rest.get(..end).unwrap_or_default()))
    }
}

/// Whether a path can begin behind this.
fn ends_before_path(before: &str) -> bool {
    let Some(last) = before.chars().next_back() else {
        return true;
    };
    let in_name = last.is_alphanumeric()
        || matches!(last, '/' | '\\' | '.' | '_' | '-' | '~' | '+' | '@' | '%');
    !in_name || is_address(before)
}

fn is_address(before: &str) -> bool {
    before.ends_with("file://") || before.ends_with("file:///")
}

/// Whether a folder's name has ended where this follows.
fn ends_name(rest: &str, windows: bool) -> bool {
    let mut following = rest.chars();
    match following.next() {
        None => true,
        // A full stop, or an ending.
        Some('.') => !following.next().is_some_and(is_in_name),
        Some(c) => is_separator_of(c, windows) || !is_in_name(c),
    }
}

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '+' | '@' | '%')
}

fn is_in_path(c: char, windows: bool) -> bool {
    is_in_name(c) || is_separator_of(c, windows)
}

fn is_separator_of(c: char, windows: bool) -> bool {
    u8::try_from(c).is_ok_and(|byte| is_separator(byte, windows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(moves: &[&str], text: &str) -> String {
        let relocation: Relocation = moves
            .iter()
            .map(|one| one.parse::<Relocation>().unwrap())
            .collect();
        let mut text = text.to_owned();
        for (place, new) in relocation.places_in(&text).into_iter().rev() {
            text.replace_range(place, &new);
        }
        text
    }

    #[test]
    fn paths_move_at_their_boundaries_alone() {
        for (text, expected) in [
            ("/a/b", "/x"),
            ("/a/b/", "/x/"),
            ("/a/b/c d", "/x/c d"),
            (
                "/a/b-2 /a/bc /a/b.rs /y/a/b ./a/b ~/a/b",
                "/a/b-2 /a/bc /a/b.rs /y/a/b ./a/b ~/a/b",
            ),
            ("see \"/a/b/c\". In /a/b.", "see \"/x/c\". In /x."),
            ("PATH=/q:/a/b:/a/b/bin", "PATH=/q:/x:/x/bin"),
            ("file:///a/b/c, https://a/b", "file:///x/c, https://a/b"),
            ("(/a/b)\n/a/b\t/a/b", "(/x)\n/x\t/x"),
            ("ä/a/b /a/bä ü /a/b", "ä/a/b /a/bä ü /x"),
        ] {
            assert_eq!(moved(&["/a/b=/x"], text), expected);
        }
        assert_eq!(moved(&["/a=/y", "/a/b=/x"], "/a/b /a/c"), "/x /y/c");
        assert_eq!(moved(&["/a=/"], "/a/c /a"), "/c /");
        assert_eq!(moved(&["/=/mnt"], "/a /b"), "/mnt/a /b");
    }

    #[test]
    fn separators_follow_the_machine() {
        for (one, text, expected) in [
            (r"C:\a=/x", r"C:\a\b c\d", "/x/b c/d"),
            (r"C:\a=/x", r"dir C:\a\b\c, c:/a/d", "dir /x/b/c, /x/d"),
            (r"C:\a=D:\x", r"dir C:\a\b, C:\ab", r"dir D:\x\b, C:\ab"),
            (r"/a=C:\x", "ls /a/b/c > /y", r"ls C:\x\b\c > /y"),
            (r"C:\a=/x", "file:///C:/a/b", "file:///C:/a/b"),
            ("C:/a=D:/x", "file:///C:/a/b", "file:///D:/x/b"),
        ] {
            assert_eq!(moved(&[one], text), expected);
        }
    }
}
