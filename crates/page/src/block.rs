//! Data in a page: an element that no browser runs, with what it holds deflated and in base64, so that no
//! text of a log can end the element.

use std::fmt::Display;
use std::io::{self, Write};

use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::write::EncoderWriter;
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A block that is being written. What is written to it is deflated.
pub(crate) struct Block<'w, W: Write> {
    to: DeflateEncoder<EncoderWriter<'static, GeneralPurpose, &'w mut W>>,
}

impl<'w, W: Write> Block<'w, W> {
    /// Begins the block with this id, which is the program's own.
    pub(crate) fn begin(to: &'w mut W, id: impl Display) -> io::Result<Self> {
        write!(to, "<script type=\"application/octet-stream\" id=\"{id}\">")?;
        let to = EncoderWriter::new(to, &STANDARD);
        let to = DeflateEncoder::new(to, Compression::default());
        Ok(Self { to })
    }

    pub(crate) fn end(self) -> io::Result<()> {
        let to = self.to.finish()?.finish()?;
        to.write_all(b"</script>\n")
    }
}

impl<W: Write> Write for Block<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    /// Would make the data longer, and nobody reads half a block.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
