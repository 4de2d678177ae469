//! zstd, or what stands in its place where the feature `zstd` is off. Pure, no I/O.

/// Whether this build can read and write compressed runs.
pub(crate) const IS_AVAILABLE: bool = cfg!(feature = "zstd");

/// The most bytes that a frame may unpack to: those of the largest entry (256 MiB).
pub(crate) const MAX_UNPACKED_BYTES: usize = 256 << 20;

#[cfg(feature = "zstd")]
mod zstd_frames {
    use std::cell::RefCell;
    use std::io::{self, Cursor};

    use zstd::bulk::{Compressor, Decompressor};
    use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

    thread_local! {
        // Made once a thread: making one costs more than a small run.
        static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
        static DECODER: RefCell<Option<Decoder<'static>>> = const { RefCell::new(None) };
    }

    /// The bytes as a zstd frame of that level, behind those of `before`; `None` if zstd refuses.
    pub(crate) fn compress(before: &[u8], bytes: &[u8], level: i32) -> Option<Vec<u8>> {
        COMPRESSOR.with_borrow_mut(|kept| {
            if kept.as_ref().is_none_or(|(at, _)| *at != level) {
                *kept = Some((level, Compressor::new(level).ok()?));
            }
            let (_, compressor) = kept.as_mut()?;
            let bound = zstd::zstd_safe::compress_bound(bytes.len());
            let mut out = Vec::with_capacity(before.len() + bound);
            out.extend_from_slice(before);
            let mut out = Cursor::new(out);
            out.set_position(before.len() as u64);
            compressor.compress_to_buffer(bytes, &mut out).ok()?;
            Some(out.into_inner())
        })
    }

    /// The bytes that a frame holds, which must be that many.
    pub(crate) fn decompress(frame: &[u8], len: usize) -> Result<Vec<u8>, String> {
        is_there(frame)?;
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
            Err(err) => Err(not_unpacked(&err)),
        }
    }

    /// The first of the `len` bytes that a frame holds: as many as make it `enough`, which is asked
    /// of each part, and some more. They are all if it never is.
    pub(crate) fn decompress_until(
        frame: &[u8],
        len: usize,
        mut enough: impl FnMut(&[u8]) -> bool,
    ) -> Result<Vec<u8>, String> {
        const STEPS: usize = 16;
        is_there(frame)?;
        let failed = |err: io::Error| not_unpacked(&err);
        DECODER.with_borrow_mut(|kept| {
            let decoder = match kept {
                Some(decoder) => decoder,
                None => kept.insert(Decoder::new().map_err(failed)?),
            };
            decoder.reinit().map_err(failed)?;
            let mut bytes = Vec::with_capacity(len);
            for part in frame.chunks(frame.len() / STEPS + 1) {
                let before = bytes.len();
                let mut input = InBuffer::around(part);
                while input.pos() < part.len() {
                    let at = (input.pos(), bytes.len());
                    let mut output = OutBuffer::around_pos(&mut bytes, at.1);
                    decoder.run(&mut input, &mut output).map_err(failed)?;
                    if bytes.len() > len || (input.pos(), bytes.len()) == at {
                        return Err(format!("it unpacks to more than the {len} bytes named"));
                    }
                }
                if enough(bytes.get(before..).unwrap_or_default()) {
                    break;
                }
            }
            Ok(bytes)
        })
    }

    /// Nothing at all would pass for a frame of nothing.
    fn is_there(frame: &[u8]) -> Result<(), String> {
        if frame.is_empty() {
            return Err("there is no frame".to_owned());
        }
        Ok(())
    }

    fn not_unpacked(err: &io::Error) -> String {
        format!("it does not unpack: {err}")
    }
}

#[cfg(feature = "zstd")]
pub(crate) use zstd_frames::{compress, decompress, decompress_until};

#[cfg(not(feature = "zstd"))]
pub(crate) fn compress(_: &[u8], _: &[u8], _: i32) -> Option<Vec<u8>> {
    None
}

#[cfg(not(feature = "zstd"))]
pub(crate) fn decompress(_: &[u8], _: usize) -> Result<Vec<u8>, String> {
    Err("it is compressed, and this build is without the feature `zstd`".to_owned())
}

#[cfg(not(feature = "zstd"))]
pub(crate) fn decompress_until(
    frame: &[u8],
    len: usize,
    _: impl FnMut(&[u8]) -> bool,
) -> Result<Vec<u8>, String> {
    decompress(frame, len)
}
