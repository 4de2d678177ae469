//! Random numbers that are the same for the same seed on every machine: integers only.

use uuid::Uuid;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A source of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `limit`; 0 if that is 0. Of 64 bits, since fastrand draws others for a `usize` of 32.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0.u64(..limit.max(1) as u64) as usize
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
        out.extend((0..len).map(|_| char::from(BASE64[self.below(kinds)])));
    }

    /// `len` hexadecimal digits.
    pub(crate) fn hex(&mut self, out: &mut String, len: usize) {
        out.extend((0..len).map(|_| self.0.digit(16)));
    }
}
