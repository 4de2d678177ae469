//! A store that fails, delays, cuts, repeats and reorders requests, from a seed; one that ends after so many
//! requests, as if the process had died; and counts.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How it treats the requests of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    /// All are done.
    Good,
    /// One of so many goes wrong, in some way.
    Bad(u64),
    /// After so many it is gone. The last of them is done, or not, and fails.
    Dies { after: u64, is_done: bool },
}

/// A put that arrives later.
type Late = (Path, PutPayload);

/// The bucket that all processes share.
#[derive(Debug, Default, Clone)]
pub(crate) struct Bucket {
    pub(crate) store: Arc<InMemory>,
    late: Arc<Mutex<Vec<Late>>>,
}

/// The way of one process to the bucket.
pub(crate) struct Way {
    bucket: Bucket,
    mood: Mood,
    rng: Mutex<fastrand::Rng>,
    pub(crate) requests: AtomicU64,
    pub(crate) faults: AtomicU64,
    /// The bytes of parts of objects that were read.
    pub(crate) ranged: AtomicU64,
    told: Mutex<Vec<String>>,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Done,
    Fails,
    DoneAndFails,
    Late,
    Cut,
    Twice,
}

impl Bucket {
    pub(crate) fn way(&self, mood: Mood, seed: u64) -> Arc<Way> {
        Arc::new(Way {
            bucket: self.clone(),
            mood,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            ranged: AtomicU64::new(0),
            told: Mutex::default(),
        })
    }

    /// Lets some of the late puts arrive, in any order.
    async fn let_arrive(&self, rng: &mut fastrand::Rng, all: bool) {
        let mut arriving = Vec::new();
        {
            let mut late = self.late.lock().unwrap();
            rng.shuffle(&mut late);
            while !late.is_empty() && (all || rng.u64(..4) == 0) {
                arriving.extend(late.pop());
            }
        }
        for (path, payload) in arriving {
            self.store.put(&path, payload).await.unwrap();
        }
    }

    pub(crate) async fn let_all_arrive(&self) {
        self.let_arrive(&mut fastrand::Rng::with_seed(0), true)
            .await;
    }

    /// One with the same objects, on its own.
    pub(crate) fn copy(&self) -> Self {
        Self {
            store: Arc::new(self.store.fork()),
            late: Arc::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        crate::history::run(self.keys()).len()
    }

    pub(crate) async fn keys(&self) -> Vec<String> {
        let listed = self
            .store
            .list(None)
            .map(|meta| meta.unwrap().location.to_string());
        let mut keys: Vec<_> = listed.collect().await;
        keys.sort();
        keys
    }
}

impl Way {
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Which objects were asked for.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    async fn fate(&self, what: String) -> Fate {
        self.told.lock().unwrap().push(what);
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut rng = self.rng.lock().unwrap().fork();
        self.bucket.let_arrive(&mut rng, false).await;
        let fate = match self.mood {
            Mood::Bad(of) if rng.u64(..of) == 0 => {
                let fates = [
                    Fate::Fails,
                    Fate::DoneAndFails,
                    Fate::Late,
                    Fate::Cut,
                    Fate::Twice,
                ];
                fates[rng.usize(..fates.len())]
            }
            Mood::Good | Mood::Bad(_) => Fate::Done,
            Mood::Dies { after, is_done } => match number.cmp(&after) {
                std::cmp::Ordering::Less => Fate::Done,
                std::cmp::Ordering::Equal if is_done => Fate::DoneAndFails,
                _ => Fate::Fails,
            },
        };
        if fate != Fate::Done {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }

    fn cut(&self, bytes: &Bytes) -> Bytes {
        let len = self.rng.lock().unwrap().usize(..=bytes.len());
        bytes.slice(..len)
    }
}

fn failed() -> Error {
    Error::Generic {
        store: "unreliable",
        source: "503 Slow Down".into(),
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Way({:?})", self.mood)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[async_trait]
impl ObjectStore for Way {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let store = &self.bucket.store;
        let later = || {
            self.bucket
                .late
                .lock()
                .unwrap()
                .push((location.clone(), payload.clone()));
        };
        match self.fate(format!("{location}")).await {
            Fate::Done => store.put_opts(location, payload, options).await,
            Fate::Fails => Err(failed()),
            Fate::DoneAndFails => {
                store.put_opts(location, payload, options).await?;
                Err(failed())
            }
            Fate::Late => {
                later();
                Err(failed())
            }
            Fate::Cut => {
                let cut = self.cut(&payload.into());
                store.put_opts(location, cut.into(), options).await?;
                Err(failed())
            }
            Fate::Twice => {
                later();
                store.put_opts(location, payload, options).await
            }
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let store = &self.bucket.store;
        match self.fate(format!("{location}")).await {
            Fate::Fails | Fate::DoneAndFails | Fate::Late => Err(failed()),
            Fate::Cut if !options.head => {
                let got = store.get_opts(location, options).await?;
                let (meta, range, attributes) =
                    (got.meta.clone(), got.range.clone(), got.attributes.clone());
                let (extensions, bytes) = (got.extensions.clone(), self.cut(&got.bytes().await?));
                let payload = object_store::GetResultPayload::Stream(
                    stream::once(async move { Ok(bytes) }).boxed(),
                );
                Ok(GetResult {
                    payload,
                    meta,
                    range,
                    attributes,
                    extensions,
                })
            }
            _ => store.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let store = &self.bucket.store;
        match self.fate(format!("{location}")).await {
            Fate::Fails | Fate::DoneAndFails | Fate::Late => Err(failed()),
            Fate::Cut => {
                let got = store.get_ranges(location, ranges).await?;
                Ok(got.iter().map(|bytes| self.cut(bytes)).collect())
            }
            _ => {
                let got = store.get_ranges(location, ranges).await?;
                let bytes = got.iter().map(|bytes| bytes.len() as u64).sum();
                self.ranged.fetch_add(bytes, Ordering::Relaxed);
                Ok(got)
            }
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        match self.mood {
            Mood::Dies { after, is_done } if number > after || (number == after && !is_done) => {
                stream::once(async { Err(failed()) }).boxed()
            }
            Mood::Dies { after, .. } if number == after => {
                let deleted = self.bucket.store.delete_stream(locations);
                deleted.map(|_| Err(failed())).boxed()
            }
            _ => self.bucket.store.delete_stream(locations),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = match self.mood {
            Mood::Good => false,
            Mood::Bad(of) => self.rng.lock().unwrap().u64(..of) == 0,
            Mood::Dies { after, .. } => number >= after,
        };
        if fails {
            self.faults.fetch_add(1, Ordering::Relaxed);
            // What a page told of before the next one failed.
            let first = self.bucket.store.list(prefix).take(1);
            return first.chain(stream::once(async { Err(failed()) })).boxed();
        }
        self.bucket.store.list(prefix)
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(failed())
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(failed())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(failed())
    }
}
