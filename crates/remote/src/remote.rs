//! A remote: whole objects and parts of them, written and read. What is read whole is verified by
//! its name. Every byte goes through here, so that this is where a client can encrypt.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::cache::{Cache, Item, Kept};
use crate::cause;
use crate::error::RemoteError;
use crate::hash::Hex;
use crate::settings::Settings;
use crate::url;

/// A bucket with a prefix, a folder, or memory, in which archives share their history.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use sessiondb_remote::Remote;
///
/// let url = url::Url::from_directory_path(dir.path()).unwrap();
/// assert_eq!(Remote::open(url.as_str())?.name(), url.as_str().trim_end_matches('/'));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    name: String,
    kept: Option<Arc<Kept>>,
}

/// An object as a list tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Behind the prefix of the remote.
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) modified_ms: i64,
}

impl Remote {
    /// The remote behind a URL: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or
    /// `az://container/prefix`. What else a bucket needs, such as endpoint, region and credentials, is taken from the
    /// environment variables of its provider, as `docs/remote.md` lists them. No request is made yet.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Url`].
    pub fn open(url: &str) -> Result<Self, RemoteError> {
        let (store, prefix, name) = url::open(url, &Settings::from_env())?;
        Ok(Self::new(store, prefix, name))
    }

    /// The same with these in place of the environment variables: name and value of each.
    ///
    /// ```
    /// # #[cfg(feature = "aws")] {
    /// use sessiondb_remote::Remote;
    ///
    /// let settings = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    /// let remote = Remote::open_with("s3://bucket/team", settings)?;
    /// assert_eq!(remote.name(), "s3://bucket/team");
    /// # }
    /// # Ok::<(), sessiondb_remote::RemoteError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RemoteError::Url`].
    pub fn open_with<N: Into<String>, V: Into<String>>(
        url: &str,
        settings: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, RemoteError> {
        let (store, prefix, name) = url::open(url, &settings.into_iter().collect())?;
        Ok(Self::new(store, prefix, name))
    }

    /// The same to read what is there: a folder that is not there is an error, and is not made.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Url`].
    pub fn open_to_read(url: &str) -> Result<Self, RemoteError> {
        let parsed = ::url::Url::parse(url).ok();
        let parsed = parsed.filter(|url| url.scheme() == "file");
        if let Some(parsed) = parsed
            && parsed.to_file_path().is_ok_and(|folder| !folder.is_dir())
        {
            return Err(RemoteError::Url {
                url: format!("file://{}", parsed.path()),
                cause: "there is no such folder; `sessiondb push` makes it".to_owned(),
            });
        }
        Self::open(url)
    }

    /// A store that is open already, and where in it. An archive knows the remote again by its name.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            store,
            prefix,
            name,
            kept: None,
        }
    }

    /// The same with a cache for what is read. [`check`](crate::check) and [`gc`](crate::gc) are about what is at the remote
    /// itself: hand them one without.
    #[must_use]
    pub fn with_cache(self, cache: &Cache) -> Self {
        let kept = Some(Arc::new(cache.of(&self.name)));
        Self { kept, ..self }
    }

    pub(crate) fn kept(&self) -> Option<&Kept> {
        self.kept.as_deref()
    }

    /// One that ends with this program.
    pub fn in_memory(name: &str) -> Self {
        Self::new(Arc::new(InMemory::new()), Path::default(), name)
    }

    /// By which it is known: the URL, without anything that is secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), RemoteError> {
        let put = self.store.put(&self.path(key), bytes.into()).await;
        put.map(drop).map_err(|error| self.error(key, &error))
    }

    /// A whole object, which must have that hash. One that has not is read once more, since what was cut
    /// on its way is no damage.
    pub(crate) async fn get<const N: usize>(
        &self,
        key: &str,
        sum: &Hex<N>,
    ) -> Result<Bytes, RemoteError> {
        let is_whole = |bytes: &Bytes| (Hex::of(bytes) == *sum).then(|| bytes.clone());
        let item = Item::Object(sum.shorter());
        if let Some(bytes) = self.kept().and_then(|kept| kept.get(item, is_whole)) {
            return Ok(bytes);
        }
        let path = self.path(key);
        for _ in 0..2 {
            let got = async { self.store.get(&path).await?.bytes().await };
            let bytes = got.await.map_err(|error| self.error(key, &error))?;
            if Hex::of(&bytes) == *sum {
                if let Some(kept) = self.kept() {
                    kept.put(item, &bytes);
                }
                return Ok(bytes);
            }
        }
        Err(self.damaged(key, "its bytes do not have the hash that its name says"))
    }

    /// Parts of an object, which the caller verifies.
    pub(crate) async fn get_ranges(
        &self,
        key: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, RemoteError> {
        let got = self.store.get_ranges(&self.path(key), ranges).await;
        got.map_err(|error| self.error(key, &error))
    }

    /// When an object was put, or `None` if it is not there.
    pub(crate) async fn modified_ms(&self, key: &str) -> Result<Option<i64>, RemoteError> {
        match self.store.head(&self.path(key)).await {
            Ok(meta) => Ok(Some(meta.last_modified.timestamp_millis())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(key, &error)),
        }
    }

    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<Listed>, RemoteError> {
        let skip = self.prefix.as_ref().len() + usize::from(!self.prefix.as_ref().is_empty());
        let path = self.path(folder);
        let listed = again(async || {
            let listed = self.store.list(Some(&path)).map_ok(|meta| Listed {
                key: meta.location.as_ref().get(skip..).unwrap_or("").to_owned(),
                bytes: meta.size,
                modified_ms: meta.last_modified.timestamp_millis(),
            });
            listed.try_collect().await
        });
        let listed: Result<Vec<_>, _> = listed.await;
        match listed {
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            listed => listed.map_err(|error| self.error(folder, &error)),
        }
    }

    /// Deletes an object; one that is not there is no error.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), RemoteError> {
        let path = self.path(key);
        match again(async || self.store.delete(&path).await).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error(key, &error)),
        }
    }

    pub(crate) fn damaged(&self, key: &str, cause: &str) -> RemoteError {
        RemoteError::Damaged {
            at: self.at(key),
            cause: cause.to_owned(),
        }
    }

    fn error(&self, key: &str, error: &object_store::Error) -> RemoteError {
        let at = self.at(key);
        if matches!(error, object_store::Error::NotFound { .. }) && !cause::is_without_bucket(error)
        {
            return RemoteError::Missing { at };
        }
        let cause = cause::told(error);
        RemoteError::Refused { at, cause }
    }

    fn at(&self, key: &str) -> String {
        format!("{}/{key}", self.name)
    }

    fn path(&self, key: &str) -> Path {
        let parts = key.split('/').map(object_store::path::PathPart::from);
        self.prefix.parts().chain(parts).collect()
    }
}

/// Asks once more, twice at most, where the answer was cut on its way: `object_store` does so for objects alone.
async fn again<T>(
    call: impl AsyncFn() -> Result<T, object_store::Error>,
) -> Result<T, object_store::Error> {
    for _ in 0..2 {
        match call().await {
            Err(error) if cause::is_cut(&error) => {}
            done => return done,
        }
    }
    call().await
}
