//! Bytes of which one bit has flipped are put right.

use std::ops::Range;

/// Changes one of the bits such that the bytes are sound, if there is such a one.
pub(crate) fn mend_one_bit(
    bytes: &mut [u8],
    mut bits: Range<usize>,
    is_sound: impl Fn(&[u8]) -> bool,
) -> bool {
    bits.any(|bit| {
        flip(bytes, bit);
        let sound = is_sound(bytes);
        if !sound {
            flip(bytes, bit);
        }
        sound
    })
}

fn flip(bytes: &mut [u8], bit: usize) {
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}
