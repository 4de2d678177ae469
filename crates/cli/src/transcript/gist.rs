//! What a call of a tool is about, in one line.

use serde_json::{Map, Value};

use crate::render;

/// The most characters of it.
const MAX_CHARS: usize = 300;
/// A longer input is not parsed for a line.
const MAX_BYTES: usize = 4 << 20;
/// The members that say most, the most telling first.
const TELLING: [&str; 20] = [
    "command",
    "cmd",
    "pattern",
    "query",
    "file_path",
    "filePath",
    "absolute_path",
    "path",
    "notebook_path",
    "url",
    "description",
    "prompt",
    "task",
    "question",
    "name",
    "skill",
    "script",
    "code",
    "input",
    "text",
];
/// Members that say where, behind what is looked for.
const PLACES: [&str; 5] = ["path", "file_path", "dir_path", "glob", "include"];

/// What the input of a tool says most of all: a path, a command, a pattern.
pub(super) fn gist(input: &str) -> String {
    let input = input.trim();
    if input.len() > MAX_BYTES {
        return render::clip(input.get(..MAX_BYTES).unwrap_or_default(), MAX_CHARS);
    }
    let said = match serde_json::from_str::<Value>(input) {
        Ok(Value::Object(members)) => of_members(&members, input),
        Ok(Value::String(text)) => of_text(&text),
        Ok(Value::Array(items)) if items.iter().all(Value::is_string) => words(&items),
        _ => of_text(input),
    };
    render::clip(&said, MAX_CHARS)
}

fn of_members(members: &Map<String, Value>, input: &str) -> String {
    let telling = TELLING.iter().find_map(|key| {
        let said = match members.get(*key)? {
            Value::String(text) => of_text(text),
            Value::Array(items) => words(items),
            _ => String::new(),
        };
        (!said.trim().is_empty()).then_some((*key, said))
    });
    match telling {
        Some((key @ ("pattern" | "query"), said)) => {
            let place = PLACES.iter().find_map(|key| members.get(*key)?.as_str());
            match place.filter(|_| key == "pattern") {
                Some(place) => format!("{said} in {place}"),
                None => said,
            }
        }
        Some((_, said)) => said,
        None if members.is_empty() => String::new(),
        None => input.to_owned(),
    }
}

/// A patch is about its files; of another text the first line counts.
fn of_text(text: &str) -> String {
    const FILE: [&str; 3] = ["*** Update File: ", "*** Add File: ", "*** Delete File: "];
    if text.starts_with("*** Begin Patch") {
        let file = |line: &str| {
            FILE.iter()
                .find_map(|mark| Some(line.strip_prefix(mark)?.to_owned()))
        };
        let files: Vec<String> = text.lines().filter_map(file).collect();
        if !files.is_empty() {
            return files.join(", ");
        }
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.to_owned(),
        more => format!("{first} (+{})", render::count(more as u64, "more line")),
    }
}

/// The words of a command; of a shell's, what it is to run.
fn words(items: &[Value]) -> String {
    let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    match words.as_slice() {
        [_, "-c" | "-lc", script] => of_text(script),
        words => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::gist;

    #[test]
    fn the_most_telling_member_is_said() {
        for (input, said) in [
            (r#"{"description":"List","command":"ls -la"}"#, "ls -la"),
            (r#"{"command":["bash","-lc","cargo test"]}"#, "cargo test"),
            (r#"{"command":["git","status"]}"#, "git status"),
            (r#"{"command":"a\nb\n\nc"}"#, "a (+2 more lines)"),
            (r#"{"pattern":"fn .*","path":"src"}"#, "fn .* in src"),
            (r#"{"limit":3,"file_path":"/a/b.rs"}"#, "/a/b.rs"),
            (r#"{"todos":[{"n":1}]}"#, r#"{"todos":[{"n":1}]}"#),
            ("{}", ""),
            ("", ""),
            (
                "*** Begin Patch\n*** Update File: a.rs\n-x\n*** Add File: b.rs\n",
                "a.rs, b.rs",
            ),
            ("not json", "not json"),
        ] {
            assert_eq!(gist(input), said, "{input}");
        }
    }
}
