//! The members of an object as they were written, for texts that are taken apart and joined again.

use super::Raw;

/// A member of an object: its key with quotes and escapes as they were written, and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) key: Raw<'a>,
    pub(crate) value: Raw<'a>,
}

/// The members of an object in their order, those with a key that is there twice too; none of
/// anything else.
pub(crate) fn members(object: Raw<'_>) -> Vec<Member<'_>> {
    let mut fields = object.fields();
    let mut members = Vec::new();
    while let Some((key, value)) = fields.next_as_written() {
        members.push(Member { key, value });
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_as_they_were_written() {
        let object = Raw::new(r#"{ "\u0061":1, "a" : [2] ,"\ud800":{}}"#);
        let found = members(object);
        let found: Vec<_> = found
            .iter()
            .map(|member| (member.key.as_str(), member.value.as_str()))
            .collect();
        let expected = [
            (r#""\u0061""#, "1"),
            (r#""a""#, "[2]"),
            (r#""\ud800""#, "{}"),
        ];
        assert_eq!(found, expected);
        assert!(members(Raw::new("[1]")).is_empty());
    }
}
