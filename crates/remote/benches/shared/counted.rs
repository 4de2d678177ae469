//! A store that counts what is asked of it, as a bucket would bill it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use serde::{Deserialize, Serialize};

/// A request for a list is answered with so many names.
const PAGE: usize = 1_000;

/// Requests by kind, and bytes of objects. Names in lists are not counted.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) puts: u64,
    pub(crate) gets: u64,
    pub(crate) lists: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// A store that counts what is asked of it. Ranges of one object that are near each other are one request, as they are at a
/// bucket. Deletions are free, and not counted.
#[derive(Debug)]
pub(crate) struct Counted {
    store: Arc<dyn ObjectStore>,
    counts: Arc<Mutex<Counts>>,
}

impl Counted {
    pub(crate) fn new(store: impl ObjectStore) -> Self {
        Self {
            store: Arc::new(store),
            counts: Arc::default(),
        }
    }

    /// What was asked since this was called last.
    pub(crate) fn take(&self) -> Counts {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut counts)
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let bytes = payload.content_length() as u64;
        self.count(|counts| {
            counts.puts += 1;
            counts.sent += bytes;
        });
        self.store.put_opts(location, payload, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let got = self.store.get_opts(location, options).await?;
        self.count(|counts| {
            counts.gets += 1;
            if !is_head {
                counts.received += got.range.end - got.range.start;
            }
        });
        Ok(got)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(|counts| counts.lists += 1);
        let counts = Arc::clone(&self.counts);
        let listed = self.store.list(prefix).enumerate();
        let listed = listed.map(move |(number, meta)| {
            if number > 0 && number % PAGE == 0 {
                counts.lock().unwrap_or_else(PoisonError::into_inner).lists += 1;
            }
            meta
        });
        listed.boxed()
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}
