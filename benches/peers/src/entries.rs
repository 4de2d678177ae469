//! The entries that all systems are given, and what has to be read back: entry n of a segment is
//! always the same bytes.

use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sessiondb::{SegmentId, SessionId};

use crate::Result;
use crate::systems::{Appender, System};

/// An entry of the append workloads: the median of real logs.
pub(crate) const ENTRY_BYTES: usize = 1024;

/// The one session of all workloads.
pub(crate) fn session_id() -> SessionId {
    SessionId::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001)
}

/// The id of segment number `segment`: ascending, as ids made one after another are.
pub(crate) fn segment_id(segment: u64) -> SegmentId {
    SegmentId::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + (u128::from(segment) << 80))
}

/// Entry `index` of `segment`, one line of JSON of just `len` bytes, at least 128.
pub(crate) fn entry(segment: u64, index: u64, len: usize) -> Vec<u8> {
    let mut line = format!(
        r#"{{"kind":"extension","ts":{},"domain":"peers","payload":{{"segment":{segment},"index":{index},"text":""#,
        1_750_000_000_000 + index
    );
    let text = text();
    let room = len.saturating_sub(line.len() + 3);
    let span = (text.len() - room.min(text.len())).max(1);
    let start = scramble(segment ^ index.rotate_left(32)) % span as u64;
    let part = usize::try_from(start)
        .ok()
        .and_then(|start| text.get(start..start + room));
    line.push_str(part.unwrap_or_default());
    line.push_str("\"}}");
    line.into_bytes()
}

/// 1 MiB of words, some far more common than others: it compresses about as prose does.
fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = String::with_capacity(1 << 20);
        let mut state = 1;
        while text.len() < (1 << 20) - 16 {
            state = scramble(state);
            let rank = (state % 4096) * (state / 4096 % 4096) / 4096;
            let word = scramble(rank + 1);
            let letters = 2 + word % 8;
            for place in 0..letters {
                let letter = u8::try_from((word >> (8 + 5 * place)) % 26).unwrap_or_default();
                text.push(char::from(b'a' + letter));
            }
            text.push(' ');
        }
        while text.len() < 1 << 20 {
            text.push('.');
        }
        text
    })
}

/// A number that looks random and is always the same for the same seed (`splitmix64`).
pub(crate) fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A writer of one segment that times its appends, and knows what has to be there.
pub(crate) struct Writer {
    appender: Box<dyn Appender>,
    segment: u64,
    written: u64,
}

/// When a round of appends ends: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) appends: u64,
    pub(crate) time: Duration,
}

impl Writer {
    /// A writer that goes on where the segment ends, after `written` entries.
    pub(crate) fn new(system: &dyn System, segment: u64, written: u64) -> Result<Self> {
        Ok(Self {
            appender: system.appender(segment)?,
            segment,
            written,
        })
    }

    /// How many entries the segment holds.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Appends the next entry, and returns how long that took. Making the entry is not counted.
    pub(crate) fn append(&mut self) -> Result<Duration> {
        let entry = entry(self.segment, self.written, ENTRY_BYTES);
        let start = Instant::now();
        self.appender.append(&entry)?;
        let took = start.elapsed();
        self.written += 1;
        Ok(took)
    }

    /// Appends until the limit, and returns the times.
    pub(crate) fn run(&mut self, limit: Limit) -> Result<Vec<Duration>> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..limit.appends {
            times.push(self.append()?);
            if start.elapsed() > limit.time {
                break;
            }
        }
        Ok(times)
    }

    /// Ends the writer, and returns how many entries the segment holds.
    pub(crate) fn finish(self) -> u64 {
        self.written
    }

    /// Ends the writer, and reads back all that was written.
    pub(crate) fn verify(self, system: &dyn System) -> Result<()> {
        drop(self.appender);
        verify(system, self.segment, self.written, ENTRY_BYTES)
    }
}

/// Reads a segment and compares it with what has to be there: `count` entries of `len` bytes.
pub(crate) fn verify(system: &dyn System, segment: u64, count: u64, len: usize) -> Result<()> {
    let mut index = 0;
    system.read(segment, &mut |found| {
        if found != entry(segment, index, len) {
            return Err(format!("segment {segment}: entry {index} is not what was written").into());
        }
        index += 1;
        Ok(())
    })?;
    if index != count || system.count(segment)? != count {
        let mut message = format!("segment {segment}: {count} entries were written, {index} read");
        write!(message, ", {} counted", system.count(segment)?)?;
        return Err(message.into());
    }
    Ok(())
}
