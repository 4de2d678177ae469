//! zstd, or what stands in its place where the feature `zstd` is off. Pure, no I/O.

/// Whether this build can read and write compressed runs.
pub(crate) const IS_AVAILABLE: bool = cfg!(feature = "zstd");

/// The most bytes that a frame may unpack to: those of the largest entry (64 MiB).
pub(crate) const MAX_UNPACKED_BYTES: usize = 64 << 20;

#[cfg(feature = "zstd")]
mod zstd_frames {
    use std::cell::RefCell;

    use zstd::bulk::{Compressor, Decompressor};

    thread_local! {
        // Made once a thread: making one costs more than a small run.
        static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }

    /// The bytes as a zstd frame of that level; `None` if zstd refuses.
    pub(crate) fn compress(bytes: &[u8], level: i32) -> Option<Vec<u8>> {
        COMPRESSOR.with_borrow_mut(|kept| {
            if kept.as_ref().is_none_or(|(at, _)| *at != level) {
                *kept = Some((level, Compressor::new(level).ok()?));
            }
            let (_, compressor) = kept.as_mut()?;
            compressor.compress(bytes).ok()
        })
    }

    /// The bytes that a frame holds, which must be that many.
    pub(crate) fn decompress(frame: &[u8], len: usize) -> Result<Vec<u8>, String> {
        let unpacked = DECOMPRESSOR.with_borrow_mut(|kept| {
            let decompressor = match kept {
                Some(decompressor) => decompressor,
                None => kept.insert(Decompressor::new()?),
            };
            decompressor.decompress(frame, len)
        });
        match unpacked {
            Ok(bytes) if bytes.len() == len => Ok(bytes),
            Ok(bytes) => Err(format!(
                "it unpacks to {} bytes where {len} are named",
                bytes.len()
            )),
            Err(err) => Err(format!("it does not unpack: {err}")),
        }
    }
}

#[cfg(feature = "zstd")]
pub(crate) use zstd_frames::{compress, decompress};

#[cfg(not(feature = "zstd"))]
pub(crate) fn compress(_: &[u8], _: i32) -> Option<Vec<u8>> {
    None
}

#[cfg(not(feature = "zstd"))]
pub(crate) fn decompress(_: &[u8], _: usize) -> Result<Vec<u8>, String> {
    Err("it is compressed, and this build is without the feature `zstd`".to_owned())
}
