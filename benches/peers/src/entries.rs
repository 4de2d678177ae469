//! The entries that all systems are given, and what has to be read back: entry n of a segment is
//! always the same bytes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sessiondb::{SegmentId, SessionId};

use crate::Result;
use crate::logs::corpus;
use crate::systems::{Appender, LogId, System};

/// An entry of the append workloads: the median of real logs.
pub(crate) const ENTRY_BYTES: usize = 1024;

/// How much text the entries are cut from.
const TEXT_BYTES: usize = 2 << 20;

/// The id of session number `session`: ascending, as ids made one after another are.
pub(crate) fn session_id(session: u64) -> SessionId {
    SessionId::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001 + (u128::from(session) << 80))
}

/// The id of segment number `segment`.
pub(crate) fn segment_id(segment: u64) -> SegmentId {
    SegmentId::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + (u128::from(segment) << 80))
}

/// Segment number `segment` of the first session.
pub(crate) fn log(segment: u64) -> LogId {
    LogId {
        session: session_id(0),
        segment: segment_id(segment),
        traces: false,
    }
}

/// The traces of a segment.
pub(crate) fn traces(segment: u64) -> LogId {
    LogId {
        traces: true,
        ..log(segment)
    }
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
    let start = scramble(segment ^ index.rotate_left(32), span as u64);
    let part = usize::try_from(start)
        .ok()
        .and_then(|start| text.get(start..start + room));
    line.push_str(part.unwrap_or_default());
    line.push_str("\"}}");
    line.into_bytes()
}

/// 2 MiB of what agents write, as it stands in generated sessions: as redundant as real ones are. What
/// JSON would escape is replaced, so that any part of it can stand in a string.
fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = String::with_capacity(TEXT_BYTES + (1 << 20));
        let sessions = corpus(TEXT_BYTES * 2);
        let lines = sessions
            .flat_map(|session| session.segments)
            .flat_map(|of| of.lines);
        for line in lines {
            let line = String::from_utf8_lossy(&line);
            text.extend(line.chars().map(|letter| match letter {
                '"' | '\\' => '\'',
                ' '..='~' => letter,
                _ => '.',
            }));
            if text.len() >= TEXT_BYTES {
                break;
            }
        }
        text
    })
}

/// A number below `limit` that looks random and is always the same for the same seed. Forked, since the
/// numbers of seeds side by side are alike.
pub(crate) fn scramble(seed: u64, limit: u64) -> u64 {
    fastrand::Rng::with_seed(seed).fork().u64(..limit)
}

/// A log of entries of one size, which are made from its number and theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) log: LogId,
    /// What its entries are made from.
    pub(crate) number: u64,
    pub(crate) entry_bytes: usize,
}

impl Made {
    /// Segment number `segment` of the first session, of the usual entries.
    pub(crate) fn segment(segment: u64) -> Self {
        Self {
            log: log(segment),
            number: segment,
            entry_bytes: ENTRY_BYTES,
        }
    }

    /// Its entry `index`.
    pub(crate) fn entry(&self, index: u64) -> Vec<u8> {
        entry(self.number, index, self.entry_bytes)
    }

    /// Appends the entries `from..to`, some MB as one change.
    pub(crate) fn fill(&self, system: &dyn System, from: u64, to: u64) -> Result<()> {
        let chunk = (4 << 20) / self.entry_bytes;
        let mut indexes = from..to;
        loop {
            let some = indexes.by_ref().take(chunk);
            let entries: Vec<_> = some.map(|index| self.entry(index)).collect();
            if entries.is_empty() {
                return Ok(());
            }
            system.append_many(self.log, &entries)?;
        }
    }

    /// Reads all of it, and compares it with what has to be there: `count` entries.
    pub(crate) fn verify(&self, system: &dyn System, count: u64) -> Result<()> {
        let name = format!("segment {}", self.number);
        let mut index = 0;
        system.read(self.log, &mut |found| {
            if found != self.entry(index) {
                return Err(format!("{name}: entry {index} is not what was written").into());
            }
            index += 1;
            Ok(())
        })?;
        let counted = system.count(self.log)?;
        if index != count || counted != count {
            let message =
                format!("{name}: {count} entries were written, {index} read, {counted} counted");
            return Err(message.into());
        }
        Ok(())
    }
}

/// A writer of one log that times its appends, and knows what has to be there.
pub(crate) struct Writer {
    appender: Box<dyn Appender>,
    made: Made,
    written: u64,
}

/// When a round ends: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) times: u64,
    pub(crate) time: Duration,
}

impl Writer {
    /// A writer that goes on where the log ends.
    pub(crate) fn new(system: &dyn System, made: Made) -> Result<Self> {
        Ok(Self {
            written: system.count(made.log)?,
            appender: system.appender(made.log)?,
            made,
        })
    }

    /// How many entries the log holds.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Appends the next entry, and returns how long that took. Making the entry is not counted.
    pub(crate) fn append(&mut self) -> Result<Duration> {
        let entry = self.made.entry(self.written);
        let start = Instant::now();
        self.appender.append(&entry)?;
        let took = start.elapsed();
        self.written += 1;
        Ok(took)
    }

    /// Appends until the limit, and returns the times.
    pub(crate) fn run(&mut self, limit: Limit) -> Result<Vec<Duration>> {
        limit.repeat(|| self.append())
    }

    /// Ends the writer, and reads back all that was written.
    pub(crate) fn verify(self, system: &dyn System) -> Result<()> {
        drop(self.appender);
        self.made.verify(system, self.written)
    }
}

impl Limit {
    /// Does it again and again until the limit, and returns the times that each says it took.
    pub(crate) fn repeat(
        self,
        mut each: impl FnMut() -> Result<Duration>,
    ) -> Result<Vec<Duration>> {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..self.times {
            times.push(each()?);
            if start.elapsed() > self.time {
                break;
            }
        }
        Ok(times)
    }
}
