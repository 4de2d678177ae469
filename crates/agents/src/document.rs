//! Documents that keep their messages in one member: taken apart, and joined again.

use crate::agent::Document;
use crate::json::{ObjectText, Raw, array_text, compact, is_whole, members};

/// The object without the list that is its last member of this name, and the elements of the list;
/// `None` if the text is no JSON or has no such list.
pub(crate) fn split_member(document: &str, name: &str) -> Option<Document> {
    let (rest, list) = take_member(document, name)?;
    let entries = list
        .elements()
        .map(|entry| compact(entry.as_str()))
        .collect();
    Some(Document {
        header: rest.finish(),
        entries,
    })
}

/// The object without its last member of this name, and that member, which is a list.
pub(crate) fn take_member<'d>(document: &'d str, name: &str) -> Option<(ObjectText, Raw<'d>)> {
    if !is_whole(document) {
        return None;
    }
    let members = members(Raw::new(document));
    let at = members.iter().rposition(|member| member.key.is(name))?;
    let list = members.get(at)?.value;
    if !list.is_array() {
        return None;
    }
    let mut rest = ObjectText::default();
    for (index, member) in members.iter().enumerate() {
        if index != at {
            rest.add_written(member.key.as_str(), &compact(member.value.as_str()));
        }
    }
    Some((rest, list))
}

/// The header with the list of the entries as its last member; `None` if the header is no object.
pub(crate) fn join_member(document: &Document, name: &str) -> Option<String> {
    let header = Raw::new(&document.header);
    if !header.is_object() {
        return None;
    }
    let mut whole = ObjectText::default();
    for member in members(header) {
        whole.add_written(member.key.as_str(), member.value.as_str());
    }
    whole.add(name, &array_text(&document.entries));
    Some(whole.finish())
}
