//! A session of many files, and the one document that it is here.

use crate::Document;
use crate::json::{ObjectText, Raw, array_text, compact, is_whole};

/// Puts the files of a session together: the session's own, and each message's with its parts,
/// in the order in which they are given. What is no JSON is left out.
///
/// ```
/// use sessiondb_agents::opencode::{assemble, files};
///
/// let session = r#"{"id":"ses_1","projectID":"p","title":"Lamp"}"#;
/// let message = r#"{"id":"msg_1","sessionID":"ses_1","role":"user"}"#.to_owned();
/// let part = r#"{"id":"prt_1","messageID":"msg_1","type":"text","text":"Hello"}"#.to_owned();
/// let document = assemble(session, &[(message.clone(), vec![part.clone()])]);
/// assert_eq!(document.entries, [format!(r#"{{"info":{message},"parts":[{part}]}}"#)]);
///
/// let (paths, _): (Vec<_>, Vec<_>) = files(&document).into_iter().unzip();
/// assert_eq!(paths, ["session/p/ses_1.json", "message/ses_1/msg_1.json", "part/msg_1/prt_1.json"]);
/// ```
pub fn assemble(session: &str, messages: &[(String, Vec<String>)]) -> Document {
    let entries = messages
        .iter()
        .filter(|(message, _)| is_whole(message))
        .map(|(message, parts)| entry(message, parts))
        .collect();
    let header = header(session);
    Document { header, entries }
}

fn header(session: &str) -> String {
    if !is_whole(session) {
        return "{}".to_owned();
    }
    let session = compact(session);
    // As in an export, or it would be taken for one.
    if Raw::new(&session).get("info").is_object() {
        return format!(r#"{{"info":{session}}}"#);
    }
    session
}

fn entry(message: &str, parts: &[String]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|part| is_whole(part))
        .map(|part| compact(part))
        .collect();
    let mut entry = ObjectText::default();
    entry.add("info", &compact(message));
    entry.add("parts", &array_text(&parts));
    entry.finish()
}

/// The files that a session is, by their paths below the agent's folder `storage`. A message or a
/// part without an id, or with one that is no name of a file, has none.
pub fn files(document: &Document) -> Vec<(String, String)> {
    let session = super::session_of(Raw::new(&document.header));
    let name = |raw: Raw<'_>| raw.string().filter(|name| is_file_name(name));
    let id = name(session.get("id"));
    let mut files = Vec::new();
    if let (Some(id), Some(project)) = (&id, name(session.get("projectID"))) {
        files.push((
            format!("session/{project}/{id}.json"),
            session.as_str().to_owned(),
        ));
    }
    for entry in &document.entries {
        let entry = Raw::new(entry);
        let info = entry.get("info");
        let Some(message) = name(info.get("id")) else {
            continue;
        };
        let Some(of) = id.clone().or_else(|| name(info.get("sessionID"))) else {
            continue;
        };
        files.push((
            format!("message/{of}/{message}.json"),
            info.as_str().to_owned(),
        ));
        for part in entry.get("parts").elements() {
            if let Some(id) = name(part.get("id")) {
                files.push((
                    format!("part/{message}/{id}.json"),
                    part.as_str().to_owned(),
                ));
            }
        }
    }
    files
}

/// Whether it names a file in its folder, on any system, and none elsewhere.
fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}
