//! SHA-256 of bytes, as names of objects have it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sum([u8; 32]);

impl Sum {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no hash: it is to have 64 lower hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("it is not a SHA-256 of 64 lower hexadecimal digits")]
pub(crate) struct NoSum;

impl FromStr for Sum {
    type Err = NoSum;

    fn from_str(text: &str) -> Result<Self, NoSum> {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        if text.len() != 64 || !text.as_bytes().iter().all(is_digit) {
            return Err(NoSum);
        }
        let mut sum = [0; 32];
        for (byte, digits) in sum.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| NoSum)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoSum)?;
        }
        Ok(Self(sum))
    }
}

/// Keeps a type in JSON as the text that it is shown as and parsed from.
macro_rules! as_text {
    ($kind:ty) => {
        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_text;

as_text!(Sum);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let sum = Sum::of(b"abc");
        let text = sum.to_string();
        // The example of FIPS 180.
        assert!(text.starts_with("ba7816bf8f01cfea") && text.ends_with("f20015ad"));
        assert_eq!(text.parse::<Sum>().unwrap(), sum);
        for bad in ["", &text[1..], &text.to_uppercase(), &format!("{text}0")] {
            assert!(bad.parse::<Sum>().is_err(), "{bad}");
        }
    }
}
