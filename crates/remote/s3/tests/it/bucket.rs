//! The bucket behind the server, in memory: objects whole or by range, lists page by page. What s3s-fs keeps on a disk has names
//! that are too long for one, since it writes those of manifests in base64.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use s3s::dto::{
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput,
    PutObjectOutput, StreamingBlob, Timestamp,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

/// So few that lists of the tests have several pages.
const PAGE: usize = 5;

/// One bucket, `bucket`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
    pages: Arc<Mutex<u64>>,
}

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    modified: SystemTime,
}

impl Bucket {
    pub(crate) fn len(&self) -> usize {
        self.objects.lock().unwrap().len()
    }

    /// How many pages were asked for that were not the first of their list.
    pub(crate) fn later_pages(&self) -> u64 {
        *self.pages.lock().unwrap()
    }

    fn find(&self, bucket: &str, key: &str) -> S3Result<Object> {
        exists(bucket)?;
        let object = self.objects.lock().unwrap().get(key).cloned();
        object.ok_or_else(|| s3_error!(NoSuchKey))
    }
}

fn exists(bucket: &str) -> S3Result<()> {
    match bucket {
        "bucket" => Ok(()),
        _ => Err(s3_error!(
            NoSuchBucket,
            "The specified bucket does not exist."
        )),
    }
}

impl Object {
    fn e_tag(&self) -> ETag {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        ETag::Strong(format!("{:016x}", hasher.finish()))
    }

    fn len(&self) -> i64 {
        i64::try_from(self.bytes.len()).unwrap()
    }
}

#[async_trait::async_trait]
impl S3 for Bucket {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        exists(&input.bucket)?;
        let mut bytes = Vec::new();
        let mut body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.map_err(|_| s3_error!(IncompleteBody))?);
        }
        if input
            .content_length
            .is_some_and(|len| len != i64::try_from(bytes.len()).unwrap())
        {
            return Err(s3_error!(IncompleteBody));
        }
        let object = Object {
            bytes: bytes.into(),
            modified: SystemTime::now(),
        };
        let output = PutObjectOutput {
            e_tag: Some(object.e_tag()),
            ..Default::default()
        };
        self.objects.lock().unwrap().insert(input.key, object);
        Ok(S3Response::new(output))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.find(&input.bucket, &input.key)?;
        let (mut bytes, mut content_range) = (object.bytes.clone(), None);
        if let Some(range) = input.range {
            let range = range.check(bytes.len() as u64)?;
            content_range = Some(format!(
                "bytes {}-{}/{}",
                range.start,
                range.end - 1,
                bytes.len()
            ));
            let at = |place: u64| usize::try_from(place).unwrap();
            bytes = bytes.slice(at(range.start)..at(range.end));
        }
        let content_length = i64::try_from(bytes.len()).unwrap();
        // In several chunks, as from a disk.
        let chunks: Vec<_> = bytes.chunks(50_000).map(Bytes::copy_from_slice).collect();
        let body = stream::iter(chunks).map(Ok::<_, std::io::Error>);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(body.into_stream())),
            content_length: Some(content_length),
            content_range,
            e_tag: Some(object.e_tag()),
            last_modified: Some(Timestamp::from(object.modified)),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.find(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(object.len()),
            e_tag: Some(object.e_tag()),
            last_modified: Some(Timestamp::from(object.modified)),
            ..Default::default()
        }))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        exists(&input.bucket)?;
        let mut objects = self.objects.lock().unwrap();
        let deleted = input.delete.objects.into_iter().map(|object| {
            objects.remove(&object.key);
            DeletedObject {
                key: Some(object.key),
                ..Default::default()
            }
        });
        let deleted = Some(deleted.collect());
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        exists(&input.bucket)?;
        let prefix = input.prefix.unwrap_or_default();
        let after = input.continuation_token.or(input.start_after);
        *self.pages.lock().unwrap() += u64::from(after.is_some());
        let begin = Bound::Excluded(after.as_deref().unwrap_or(""));
        let objects = self.objects.lock().unwrap();
        let listed = objects
            .range::<str, _>((begin, Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(&prefix));
        let mut contents: Vec<_> = listed
            .take(PAGE + 1)
            .map(|(key, object)| s3s::dto::Object {
                key: Some(key.clone()),
                size: Some(object.len()),
                e_tag: Some(object.e_tag()),
                last_modified: Some(Timestamp::from(object.modified)),
                ..Default::default()
            })
            .collect();
        let is_truncated = contents.len() > PAGE;
        contents.truncate(PAGE);
        let last = contents.last().and_then(|object| object.key.clone());
        Ok(S3Response::new(ListObjectsV2Output {
            is_truncated: Some(is_truncated),
            next_continuation_token: last.filter(|_| is_truncated),
            contents: Some(contents),
            ..Default::default()
        }))
    }
}
