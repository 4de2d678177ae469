//! SHA-256 of bytes, and other ids, as names of objects have them.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// So many bytes, as text twice as many lower hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hex<const N: usize>([u8; N]);

/// A SHA-256.
pub(crate) type Sum = Hex<32>;
/// The first half of one, where a name has to be short.
pub(crate) type HalfSum = Hex<16>;
/// A quarter of one, or a random id.
pub(crate) type Id = Hex<8>;

impl<const N: usize> Hex<N> {
    pub(crate) const ZERO: Self = Self([0; N]);

    /// The first bytes of the SHA-256 of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Hex::<32>(Sha256::digest(bytes).into()).shorter()
    }

    /// A random one.
    pub(crate) fn random() -> Self {
        Hex::<16>(Uuid::new_v4().into_bytes()).shorter()
    }

    /// The first bytes of this one.
    pub(crate) fn shorter<const M: usize>(&self) -> Hex<M> {
        const { assert!(M <= N, "it has not so many bytes") };
        let mut bytes = self.0.into_iter();
        Hex(std::array::from_fn(|_| bytes.next().unwrap_or(0)))
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text has not so many digits, or others.
#[derive(Debug, thiserror::Error)]
#[error("it has not {digits} lower hexadecimal digits")]
pub(crate) struct NotHex {
    digits: usize,
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        let failed = || NotHex { digits: 2 * N };
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        if text.len() != 2 * N || !text.as_bytes().iter().all(is_digit) {
            return Err(failed());
        }
        let mut all = [0; N];
        for (byte, digits) in all.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| failed())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| failed())?;
        }
        Ok(Self(all))
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
as_text!(Id);

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
        assert_eq!(HalfSum::of(b"abc").to_string(), text[..32]);
        assert_eq!(sum.shorter::<8>().to_string(), text[..16]);
        assert_ne!(Id::random(), Id::random());
        for bad in ["", &text[1..], &text.to_uppercase(), &format!("{text}0")] {
            assert!(bad.parse::<Sum>().is_err(), "{bad}");
        }
    }
}
