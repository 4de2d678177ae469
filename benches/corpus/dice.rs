//! Random numbers that are the same for the same seed on every machine: integers only.

use uuid::Uuid;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A source of random numbers (`splitmix64`).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let product = u128::from(self.number()) * limit as u128;
        (product >> 64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A number below `limit`, the small ones far more often: the least of `draws` throws.
    pub(crate) fn low(&mut self, limit: usize, draws: usize) -> usize {
        (0..draws).map(|_| self.below(limit)).min().unwrap_or(0)
    }

    /// True in `percent` of 100 throws.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A number whose distribution is given by points `(part of 100,000, value)`, straight lines
    /// between them. The first part is 0, the last 100,000.
    pub(crate) fn along(&mut self, points: &[(usize, usize)]) -> usize {
        let part = self.below(100_000);
        let next = points.partition_point(|(at, _)| *at <= part);
        let ((from, low), (to, high)) = (points[next - 1], points[next]);
        low + (high - low) * (part - from) / (to - from)
    }

    /// A UUID of version 7, made at `ms` of the epoch.
    pub(crate) fn uuid_v7(&mut self, ms: u64) -> Uuid {
        let (high, low) = (self.number(), self.number());
        let high = (ms << 16) | 0x7000 | (high & 0x0fff);
        Uuid::from_u64_pair(high, (low >> 2) | (1 << 63))
    }

    /// A UUID of version 4.
    pub(crate) fn uuid_v4(&mut self) -> Uuid {
        let (high, low) = (self.number(), self.number());
        Uuid::from_u64_pair((high & !0xf000) | 0x4000, (low >> 2) | (1 << 63))
    }

    /// `len` letters and digits, as in the ids of an API.
    pub(crate) fn token(&mut self, out: &mut String, len: usize) {
        self.letters(out, len, 62);
    }

    /// `len` characters of base64, as of a picture.
    pub(crate) fn base64(&mut self, out: &mut String, len: usize) {
        self.letters(out, len, 64);
    }

    fn letters(&mut self, out: &mut String, len: usize, kinds: usize) {
        let mut left = len;
        while left > 0 {
            let mut bits = self.number();
            // Ten letters of six bits are in each number; those that are out of range are bent.
            for _ in 0..left.min(10) {
                let letter = (bits & 63) as usize;
                out.push(char::from(
                    BASE64[if letter < kinds { letter } else { letter - 32 }],
                ));
                bits >>= 6;
                left -= 1;
            }
        }
    }

    /// `len` hexadecimal digits, at most 16.
    pub(crate) fn hex(&mut self, out: &mut String, len: usize) {
        let mut bits = self.number();
        for _ in 0..len.min(16) {
            out.push(char::from(b"0123456789abcdef"[(bits & 15) as usize]));
            bits >>= 4;
        }
    }
}
