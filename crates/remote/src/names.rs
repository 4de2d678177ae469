//! The keys of objects, as `docs/remote.md` has them.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::hash::{HalfSum, Id, Sum, as_text};

/// Where all manifests are.
pub(crate) const MANIFESTS: &str = "v1/m";
/// Where all bases are.
pub(crate) const BASES: &str = "v1/b";
/// Where all packs are.
pub(crate) const PACKS: &str = "v1/p";
/// Where an object is put to learn what time the store has.
pub(crate) const TIMES: &str = "v1/t";

/// Which manifest: all of it stands in the name of the object, which is as short as it can be: some stores keep a key in the name
/// of a file, and some systems know no paths of more than 260 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ManifestName {
    pub(crate) writer: Uuid,
    pub(crate) number: u64,
    /// A random id of the push that put it.
    pub(crate) copy: Id,
    /// The [first bytes of the hash](Self::id) of the manifest before it, or zeros.
    pub(crate) previous: Id,
    pub(crate) sum: HalfSum,
}

impl ManifestName {
    pub(crate) fn key(&self) -> String {
        format!("{MANIFESTS}/{self}")
    }

    /// By what the next manifest names this one.
    pub(crate) fn id(&self) -> Id {
        self.sum.shorter()
    }
}

/// Where the manifests of a writer are.
pub(crate) fn of_writer(writer: Uuid) -> String {
    format!("{MANIFESTS}/{}", writer.simple())
}

pub(crate) fn base(sum: &Sum) -> String {
    format!("{BASES}/{sum}")
}

pub(crate) fn pack(sum: &Sum) -> String {
    format!("{PACKS}/{sum}")
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            copy,
            previous,
            sum,
            ..
        } = self;
        let writer = self.writer.simple();
        write!(f, "{writer}/{number:016x}-{copy}-{previous}-{sum}")
    }
}

/// The text is not the name of a manifest.
#[derive(Debug, thiserror::Error)]
#[error("it is not the name of a manifest")]
pub(crate) struct NoName;

impl FromStr for ManifestName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let parse = || {
            let (writer, rest) = text.split_once('/')?;
            let mut rest = rest.split('-');
            Some(Self {
                writer: Uuid::try_parse(writer).ok()?,
                number: u64::from_str_radix(rest.next()?, 16).ok()?,
                copy: rest.next()?.parse().ok()?,
                previous: rest.next()?.parse().ok()?,
                sum: rest.next()?.parse().ok()?,
            })
        };
        let name = parse().ok_or(NoName)?;
        // Written in one way alone, so that two names are never one manifest.
        (name.to_string() == text).then_some(name).ok_or(NoName)
    }
}

as_text!(ManifestName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_in_no_other_way() {
        let name = ManifestName {
            writer: Uuid::from_u128(1),
            number: 26,
            copy: Id::random(),
            previous: Id::ZERO,
            sum: HalfSum::of(b"1"),
        };
        let text = name.to_string();
        assert_eq!(name.key().len(), 121);
        assert_eq!(text.parse::<ManifestName>().unwrap(), name);
        let other = [
            text.to_uppercase(),
            text.replacen('0', "", 1),
            format!("{text}-0"),
            text.replace('/', "/+"),
            text.replace("1a-", "1A-"),
        ];
        for other in other {
            assert!(other.parse::<ManifestName>().is_err(), "{other}");
        }
    }
}
