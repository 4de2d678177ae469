//! One log: its calls are made in the order in which JavaScript made them.

use napi::Env;
use napi::bindgen_prelude::{Buffer, Either, Object, ToNapiValue, Uint32Array};
use napi_derive::napi;
use sessiondb::aio::{AsyncArchive, AsyncLog};
use sessiondb::archive::{LogSnapshot, RawEntries};
use sessiondb::{Durability, Entry, Log, RawJson, SegmentId, SessionId, StoreError};

use crate::error::Failure;
use crate::info::Receipt;
use crate::number::{count, optional_count, out, segment};
use crate::settle::{Abort, promise};

/// An entry as JavaScript has it: JSON as text, or as the bytes of it.
pub(crate) type Given = Either<String, Buffer>;

/// The same as bytes of this side, which JavaScript cannot change any more.
pub(crate) enum Text {
    Str(String),
    Bytes(Vec<u8>),
}

/// Takes entries over.
pub(crate) fn texts(entries: Vec<Given>) -> Vec<Text> {
    let text = |given: Given| match given {
        Either::A(text) => Text::Str(text),
        Either::B(buffer) => Text::Bytes(buffer.to_vec()),
    };
    entries.into_iter().map(text).collect()
}

/// Entries that are known to be JSON; they are stored as they are.
pub(crate) fn entries(
    session: SessionId,
    segment: SegmentId,
    texts: Vec<Text>,
) -> Result<Vec<RawJson>, Failure> {
    let entry = |(position, text)| {
        let text = match text {
            Text::Str(text) => Ok(text),
            Text::Bytes(bytes) => String::from_utf8(bytes).map_err(|error| error.to_string()),
        };
        let json = text.and_then(|text| RawJson::new(text).map_err(|error| error.to_string()));
        json.map_err(|message| {
            Failure::from(StoreError::InvalidEntry {
                session,
                segment,
                position,
                message,
            })
        })
    };
    texts.into_iter().enumerate().map(entry).collect()
}

/// Consecutive entries, their bytes one after the other.
#[napi(object)]
pub struct Lines {
    /// The bytes of all.
    pub data: Buffer,
    /// Where each ends.
    pub ends: Uint32Array,
    /// The number of the first one.
    pub first: f64,
    /// The number behind the last one.
    pub next: f64,
}

/// Reads on until so many bytes are there, with at least one entry if there is one.
pub(crate) fn lines(first: u64, entries: RawEntries, most_bytes: usize) -> Result<Lines, Failure> {
    let mut lines = Collector::new(first);
    for entry in entries {
        lines.push(&entry?)?;
        if lines.data.len() >= most_bytes {
            break;
        }
    }
    lines.finish()
}

impl Lines {
    /// Entries that are in memory.
    pub(crate) fn of(entries: &[Entry]) -> Result<Self, Failure> {
        let mut lines = Collector::new(0);
        for entry in entries {
            lines.push(entry)?;
        }
        lines.finish()
    }
}

/// Lines that are being put together.
struct Collector {
    data: Vec<u8>,
    ends: Vec<u32>,
    first: u64,
}

impl Collector {
    fn new(first: u64) -> Self {
        Self {
            data: Vec::new(),
            ends: Vec::new(),
            first,
        }
    }

    fn push(&mut self, entry: &[u8]) -> Result<(), Failure> {
        self.data.extend_from_slice(entry);
        let end = u32::try_from(self.data.len()).map_err(|_| {
            Failure::Invalid(
                "4 GiB of entries were asked for at once; read a part at a time".into(),
            )
        })?;
        self.ends.push(end);
        Ok(())
    }

    fn finish(self) -> Result<Lines, Failure> {
        let next = self.first + self.ends.len() as u64;
        Ok(Lines {
            data: self.data.into(),
            ends: self.ends.into(),
            first: out(self.first)?,
            next: out(next)?,
        })
    }
}

/// One log of a segment.
#[napi]
pub struct NativeLog {
    calls: AsyncArchive,
    log: AsyncLog,
    durability: Option<Durability>,
}

impl NativeLog {
    pub(crate) fn new(calls: AsyncArchive, log: AsyncLog, durability: Option<Durability>) -> Self {
        Self {
            calls,
            log,
            durability,
        }
    }

    /// Makes a call after those that were made on this log before.
    fn call<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
        call: impl FnOnce(Log) -> Result<T, Failure> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let durability = self.durability;
        promise(env, abort, |settle| {
            drop(self.log.call(move |log| {
                let log = log.clone();
                let log = match durability {
                    Some(durability) => log.with_durability(durability),
                    None => log,
                };
                settle.run(|| call(log));
                Ok(())
            }));
        })
    }
}

#[napi]
impl NativeLog {
    /// Appends entries as one change, if the log has the length that is expected.
    #[napi(ts_return_type = "Promise<Receipt>")]
    pub fn append<'env>(
        &self,
        env: &'env Env,
        given: Vec<Given>,
        expected_len: Option<f64>,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let expected = optional_count("the expected length", expected_len)?;
        let texts = texts(given);
        self.call(env, abort, move |log| {
            let entries = entries(log.session_id(), log.segment_id(), texts)?;
            let receipt = match expected {
                Some(len) => log.append_at(len, &entries)?,
                None => log.append_many(&entries)?,
            };
            Receipt::of(&receipt)
        })
    }

    /// The same for one entry.
    #[napi(ts_return_type = "Promise<Receipt>")]
    pub fn append_one<'env>(
        &self,
        env: &'env Env,
        given: Given,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.append(env, vec![given], None, abort)
    }

    /// Puts entries in the place of all that there are.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn replace<'env>(
        &self,
        env: &'env Env,
        given: Vec<Given>,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let texts = texts(given);
        self.call(env, abort, move |log| {
            let entries = entries(log.session_id(), log.segment_id(), texts)?;
            Ok(log.replace(&entries)?)
        })
    }

    /// How many entries there are.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn len<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        self.call(env, abort, |log| out(log.len()?))
    }

    /// Whether it is there.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn exists<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, |log| Ok(log.exists()?))
    }

    /// The entries of a range, all of them.
    #[napi(ts_return_type = "Promise<Lines>")]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        from: f64,
        to: Option<f64>,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let (from, to) = (count("from", from)?, optional_count("to", to)?);
        self.call(env, abort, move |log| {
            let entries = match to {
                Some(to) => log.read(from..to.max(from))?,
                None => log.read(from..)?,
            };
            lines(from, entries, usize::MAX)
        })
    }

    /// The last entries.
    #[napi(ts_return_type = "Promise<Lines>")]
    pub fn last<'env>(
        &self,
        env: &'env Env,
        most: f64,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let most = count("the number of entries", most)?;
        self.call(env, abort, move |log| {
            let now = log.snapshot()?;
            let first = now.len()?.saturating_sub(most);
            lines(first, now.last(most)?, usize::MAX)
        })
    }

    /// The log as it is now, to be read a part at a time.
    #[napi(ts_return_type = "Promise<NativeReader>")]
    pub fn reader<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let calls = self.calls.clone();
        self.call(env, abort, move |log| {
            Ok(NativeReader::new(calls, log.snapshot()?))
        })
    }

    /// Takes the entries from number `len` on away.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn truncate<'env>(
        &self,
        env: &'env Env,
        len: f64,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let len = count("the length", len)?;
        self.call(env, abort, move |log| Ok(log.truncate(len)?))
    }

    /// Puts tombstones in the place of entries.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn erase<'env>(
        &self,
        env: &'env Env,
        from: f64,
        to: f64,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let (from, to) = (count("from", from)?, count("to", to)?);
        self.call(env, abort, move |log| out(log.erase(from..to)?))
    }

    /// Takes the log away; tells whether it was there.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, |log| Ok(log.delete()?))
    }

    /// Makes a segment that shares the first entries.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn branch<'env>(
        &self,
        env: &'env Env,
        len: f64,
        target: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let (len, target) = (count("the length", len)?, segment(&target)?);
        self.call(env, abort, move |log| {
            Ok(log.branch(len, target).map(drop)?)
        })
    }
}

/// A log as of one moment, read a part at a time.
#[napi]
pub struct NativeReader {
    calls: AsyncArchive,
    log: Option<LogSnapshot>,
}

impl NativeReader {
    pub(crate) fn new(calls: AsyncArchive, log: LogSnapshot) -> Self {
        Self {
            calls,
            log: Some(log),
        }
    }
}

#[napi]
impl NativeReader {
    /// How many entries there are.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn len<'env>(&self, env: &'env Env, abort: Option<&Abort>) -> napi::Result<Object<'env>> {
        let log = self.log.clone();
        promise(env, abort, |settle| {
            drop(self.calls.call(move |_| {
                settle.run(|| out(log.ok_or(Failure::Closed)?.len()?));
                Ok(())
            }));
        })
    }

    /// The entries from a number on, before another, until there are so many bytes.
    #[napi(ts_return_type = "Promise<Lines>")]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        from: f64,
        to: Option<f64>,
        most_bytes: f64,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let (from, to) = (count("from", from)?, optional_count("to", to)?);
        let most = count("the number of bytes", most_bytes)?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let log = self.log.clone();
        promise(env, abort, |settle| {
            drop(self.calls.call(move |_| {
                settle.run(|| {
                    let log = log.ok_or(Failure::Closed)?;
                    let entries = match to {
                        Some(to) => log.read(from..to.max(from))?,
                        None => log.read(from..)?,
                    };
                    lines(from, entries, most)
                });
                Ok(())
            }));
        })
    }

    /// Lets go of it.
    #[napi]
    pub fn close(&mut self) {
        self.log = None;
    }
}
