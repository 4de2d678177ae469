//! What the first bytes of a frame say.

/// The bytes that a frame begins with.
#[derive(Clone, Copy)]
pub(super) struct Header<'f>(pub(super) &'f [u8]);

impl Header<'_> {
    /// The length of the payload, which shares a word with the salt.
    pub(super) fn payload_len(self) -> u64 {
        self.field(24) & u64::from(u32::MAX)
    }

    /// Whether it is that frame of that epoch.
    pub(super) fn is(self, epoch: u64, frame: u64) -> bool {
        self.field(8) == epoch && self.field(16) == frame
    }

    pub(super) fn checksum(self) -> Option<u64> {
        self.0.first_chunk().map(|field| u64::from_le_bytes(*field))
    }

    fn field(self, at: usize) -> u64 {
        let field = self.0.get(at..).and_then(|rest| rest.first_chunk());
        field.map_or(0, |field| u64::from_le_bytes(*field))
    }
}
