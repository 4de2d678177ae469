//! What an item is in words, in every form of a transcript.

use serde_json::Value;
use sessiondb_agents::{Item, ItemKind, Tokens};

use super::beside::Beside;
use super::gist::gist;
use crate::exit::Failure;
use crate::render;

/// How much a text is, and how it begins: what is left of it in one line.
pub(super) fn folded(text: &str) -> String {
    let size = render::size(text.len() as u64);
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    match first {
        Some(first) => format!("{size}  {}", render::clip(first, 500)),
        None => "nothing".to_owned(),
    }
}

/// A picture in words.
pub(super) fn image(media_type: Option<&str>, bytes: Option<u64>, url: Option<&str>) -> String {
    let parts = [
        media_type.map(str::to_owned),
        bytes.map(render::size),
        url.map(|url| render::clip(url, 200)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("image {}", parts.join(", ")).trim_end().to_owned()
}

/// The input of a tool for a reader: its members with their texts as they are.
pub(super) fn input_text(input: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(input) else {
        return input.to_owned();
    };
    let member = |(key, value): (&String, &Value)| match value {
        Value::String(text) if text.contains('\n') => format!("{key}:\n{text}"),
        Value::String(text) => format!("{key}: {text}"),
        value => format!("{key}: {value}"),
    };
    let members: Vec<String> = members.iter().map(member).collect();
    members.join("\n")
}

/// Tokens in a line.
pub(super) fn used(tokens: &Tokens) -> String {
    format!(
        "used {} tokens in, {} of them cached, {} out",
        tokens.input + tokens.cached,
        tokens.cached,
        tokens.output
    )
}

/// An item in one line, with a word for what it is: for those who see many sessions at once. `None` for what is
/// not worth one.
pub(crate) fn line(
    item: &Item,
    beside: &impl Beside,
) -> Result<Option<(&'static str, String)>, Failure> {
    let one = |text: &str| render::clip(text, 500);
    Ok(match &item.kind {
        ItemKind::Prompt { text } => Some(("you", one(text))),
        ItemKind::Answer { text, .. } => Some(("agent", one(text))),
        ItemKind::ToolCall { name, input, .. } => {
            Some(("tool", format!("{}  {}", one(name), gist(input))))
        }
        ItemKind::ToolResult { text, is_error, .. } => {
            Some((if *is_error { "error" } else { "result" }, folded(text)))
        }
        ItemKind::Image {
            media_type,
            bytes,
            url,
        } => Some((
            "image",
            image(media_type.as_deref(), *bytes, url.as_deref()),
        )),
        ItemKind::Notice { text } => Some(("notice", one(text))),
        ItemKind::Compaction { .. } => Some(("compacted", String::new())),
        ItemKind::Subagent { id, title } => {
            let title = title.as_deref().unwrap_or_default();
            Some(("subagent", one(&format!("{id}  {title}"))))
        }
        ItemKind::Raw => {
            let (kind, text) = beside.raw(item.entry)?;
            Some(("entry", format!("{kind}  {text}")))
        }
        _ => None,
    })
}
