//! Cutting an entry that is too large to be in memory several times over into pieces, which are stored one by one as
//! shared values are. Pure, no I/O.
//!
//! A large string is a piece by itself, as in entries that are not cut, so that it is stored once wherever it comes; what
//! lies between is cut where it is long enough.

/// From this length on (4 MiB) an entry is cut.
pub(crate) const CUT_BYTES: usize = 4 << 20;

/// How long pieces are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PieceSizes {
    /// From this length on a string is a piece of its own.
    pub(crate) string: usize,
    /// The longest piece of a string.
    pub(crate) longest: usize,
    /// How long a piece is of what lies between.
    pub(crate) between: usize,
}

impl PieceSizes {
    /// Those that are stored: 512 KiB, as strings that are always shared; 4 MiB, the longest string of an entry that
    /// is not cut; 1 MiB, as a run.
    pub(crate) const STORED: Self = Self {
        string: 512 << 10,
        longest: CUT_BYTES,
        between: 1 << 20,
    };
}

/// Takes the bytes of one entry in their order, and gives pieces that make it up.
#[derive(Debug)]
pub(crate) struct Cutter {
    sizes: PieceSizes,
    piece: Vec<u8>,
    place: Place,
    /// Whether the next byte of a string is escaped.
    escaped: bool,
}

/// Where in the JSON the end of the piece is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Between,
    /// In a string that begins there in the piece.
    String(usize),
    /// In a string that is a piece of its own.
    LargeString,
}

impl Cutter {
    pub(crate) fn new(sizes: PieceSizes) -> Self {
        Self {
            sizes,
            piece: Vec::new(),
            place: Place::Between,
            escaped: false,
        }
    }

    /// Takes the next bytes, and calls `each` with every piece that is complete.
    pub(crate) fn push<E>(
        &mut self,
        mut bytes: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let room = self.room().clamp(1, bytes.len());
            let (now, _) = bytes.split_at(room);
            let taken = match (self.place, self.end_of_place(now)) {
                (_, None) => room,
                (Place::LargeString, Some(quote)) => {
                    self.piece
                        .extend_from_slice(now.get(..quote).unwrap_or(now));
                    self.give(self.piece.len(), each)?;
                    bytes = bytes.get(quote..).unwrap_or_default();
                    self.place = Place::Between;
                    1
                }
                (Place::String(_), Some(quote)) => {
                    self.place = Place::Between;
                    quote + 1
                }
                (Place::Between, Some(quote)) => {
                    self.place = Place::String(self.piece.len() + quote + 1);
                    quote + 1
                }
            };
            let (taken, rest) = bytes.split_at(taken);
            self.piece.extend_from_slice(taken);
            bytes = rest;
            self.give_if_full(each)?;
        }
        Ok(())
    }

    /// Calls `each` with what is left.
    pub(crate) fn finish<E>(
        mut self,
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.give(self.piece.len(), each)
    }

    /// How many bytes may come before it is to be looked whether the piece is complete.
    fn room(&self) -> usize {
        let len = self.piece.len();
        match self.place {
            Place::Between => self.sizes.between.saturating_sub(len),
            Place::String(start) => self.sizes.string.saturating_sub(len - start),
            Place::LargeString => self.sizes.longest.saturating_sub(len),
        }
    }

    /// Where the quote stands that begins a string, or ends the one that is open.
    fn end_of_place(&mut self, bytes: &[u8]) -> Option<usize> {
        if let Place::Between = self.place {
            return memchr::memchr(b'"', bytes);
        }
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        while let Some(rest) = bytes.get(at..)
            && let Some(found) = memchr::memchr2(b'"', b'\\', rest)
        {
            at += found;
            if bytes.get(at) == Some(&b'"') {
                return Some(at);
            }
            at += 2;
        }
        self.escaped = at > bytes.len();
        None
    }

    fn give_if_full<E>(&mut self, each: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let len = self.piece.len();
        match self.place {
            Place::Between if len >= self.sizes.between => self.give(len, each),
            Place::LargeString if len >= self.sizes.longest => self.give(len, each),
            Place::String(start) if len - start >= self.sizes.string => {
                self.place = Place::LargeString;
                self.give(start, each)
            }
            Place::String(start) if start >= self.sizes.between => {
                self.place = Place::String(0);
                self.give(start, each)
            }
            _ => Ok(()),
        }
    }

    /// Calls `each` with so many bytes of the piece, which the next one begins behind.
    fn give<E>(
        &mut self,
        len: usize,
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let given = self.piece.get(..len).unwrap_or_default();
        if !given.is_empty() {
            each(given)?;
        }
        self.piece.drain(..len.min(self.piece.len()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    const SIZES: PieceSizes = PieceSizes {
        string: 20,
        longest: 50,
        between: 30,
    };

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z\\\\\" ]{0,9}",
            (10..120_usize, "[\\\\\"xé]").prop_map(|(len, text)| text.repeat(len)),
        ]
    }

    /// The entry cut, its bytes given so many at a time.
    fn cut(json: &[u8], at_a_time: usize) -> Vec<Vec<u8>> {
        let (mut cutter, mut pieces) = (Cutter::new(SIZES), Vec::new());
        let mut each = |piece: &[u8]| -> Result<(), Infallible> {
            pieces.push(piece.to_vec());
            Ok(())
        };
        for bytes in json.chunks(at_a_time) {
            cutter.push(bytes, &mut each).unwrap();
        }
        cutter.finish(&mut each).unwrap();
        pieces
    }

    proptest! {
        #[test]
        fn pieces_make_up_the_entry_however_it_comes(texts in prop::collection::vec(text(), 0..9), at_a_time in 1..200_usize) {
            let json = serde_json::to_string(&texts).unwrap().into_bytes();
            let pieces = cut(&json, at_a_time);
            prop_assert_eq!(pieces.concat(), json.clone());
            prop_assert_eq!(&pieces, &cut(&json, json.len()));
            for piece in &pieces {
                prop_assert!(!piece.is_empty() && piece.len() <= SIZES.longest.max(SIZES.between + SIZES.string + 1));
            }
            for text in &texts {
                let inside = serde_json::to_string(text).unwrap();
                let inside = &inside.as_bytes()[1..inside.len() - 1];
                if (SIZES.string..=SIZES.longest).contains(&inside.len()) {
                    prop_assert!(pieces.iter().any(|piece| piece == inside), "{text:?} is no piece");
                }
            }
        }
    }
}
