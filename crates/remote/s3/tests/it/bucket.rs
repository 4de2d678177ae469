//! The bucket behind the server: s3s-fs, in a folder, with lists of few keys a page.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output,
    PutObjectInput, PutObjectOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tempfile::TempDir;

/// So few that lists of the tests have several pages.
const PAGE: i32 = 5;

/// One bucket, `bucket`.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    folder: Arc<TempDir>,
    files: Arc<FileSystem>,
    pages: Arc<AtomicU64>,
}

impl Bucket {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        Self {
            files: Arc::new(FileSystem::new(folder.path()).unwrap()),
            folder: Arc::new(folder),
            pages: Arc::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        files_below(&self.folder.path().join("bucket"))
    }

    /// How many pages were asked for that were not the first of their list.
    pub(crate) fn later_pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

#[async_trait::async_trait]
impl S3 for Bucket {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.files.put_object(request).await
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.files.get_object(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.files.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.files.delete_objects(request).await
    }

    async fn list_objects_v2(
        &self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = &mut request.input;
        input.max_keys = Some(PAGE);
        let is_later = input.continuation_token.is_some();
        self.pages.fetch_add(u64::from(is_later), Ordering::Relaxed);
        self.files.list_objects_v2(request).await
    }
}
