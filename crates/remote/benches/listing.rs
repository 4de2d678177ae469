//! The first listing of a folder that many machines push to, one with a cache that is full, and a search for a rare word.
//!
//! `cargo bench -p sessiondb-remote --bench listing -- [MACHINES [SESSIONS [FOLDER]]]`

#![expect(clippy::print_stdout, reason = "it is what a measurement is for")]

use std::error::Error;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use serde_json::json;
use sessiondb::archive::Words;
use sessiondb::{Archive, new_segment_id, new_session_id};
use sessiondb_remote::{Cache, Remote, RemoteSession, listing, push};

/// The word that one session alone has.
const RARE: &str = "quokka";

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut given = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let machines: u64 = given.next().map_or(Ok(100), |word| word.parse())?;
    let sessions: u64 = given.next().map_or(Ok(1_000), |word| word.parse())?;
    let folder = tempfile::tempdir()?;
    let shared = given
        .next()
        .map_or(folder.path().join("shared"), PathBuf::from);
    std::fs::create_dir_all(&shared)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let store = Arc::new(Counted::new(&shared)?);
    let remote = Remote::new(store.clone(), Path::default(), "file:///shared");
    let begun = Instant::now();
    for machine in 0..machines {
        runtime.block_on(push(&machine_of(machine, sessions)?, &remote, None))?;
    }
    store.tell("pushes", begun);
    let cached = remote
        .clone()
        .with_cache(&Cache::new(folder.path().join("cache")));
    for (what, remote) in [
        ("first listing, no cache", &remote),
        ("first listing", &cached),
        ("listing again", &cached),
    ] {
        let begun = Instant::now();
        let listing = runtime.block_on(listing(remote))?;
        store.tell(what, begun);
        assert_eq!(listing.sessions().len() as u64, machines * sessions);
    }
    for what in ["first search", "search again"] {
        let begun = Instant::now();
        let (found, fetched) = runtime.block_on(async {
            let listing = listing(&cached).await?;
            let all = listing.sessions().iter().map(RemoteSession::id);
            let found = listing.with_words(&cached, &Words::of(RARE), all).await?;
            let archive = Archive::in_memory()?;
            let sessions = found.sessions.iter().copied();
            let fetched = listing.fetch(&cached, &archive, sessions, None).await?;
            Ok::<_, sessiondb_remote::RemoteError>((found, fetched))
        })?;
        store.tell(what, begun);
        println!(
            "{:24} {} of {} blocks, {} bytes of filters, {} of blocks",
            "", found.blocks, found.all_blocks, found.filter_bytes, fetched.received_bytes
        );
    }
    Ok(())
}

/// An archive as a machine has it: sessions of some entries, with what an import notes of each.
fn machine_of(machine: u64, sessions: u64) -> std::result::Result<Archive, Box<dyn Error>> {
    let archive = Archive::in_memory()?;
    let mut batch = archive.batch();
    for number in 0..sessions {
        let (session, segment) = (new_session_id(), new_segment_id());
        let log = archive.log(session, segment);
        let word = if (machine, number) == (0, sessions / 2) {
            RARE
        } else {
            "common"
        };
        for turn in 0..4 {
            batch.append(&log, &json!({
                "type": "user", "uuid": new_segment_id(), "sessionId": session,
                "message": {"role": "user", "content": format!("Fix the {word} test {number} of machine {machine}, turn {turn}")},
            }))?;
        }
        batch.write_note(&format!("session/{session}/summary"), &json!({
            "agent": "claude", "agent_version": "2.0.14", "native_id": session, "title": format!("Fix the test {number}"),
            "title_source": "agent", "first_prompt": format!("Fix the test {number} of machine {machine}, turn 0"),
            "cwd": "/home/ann/src/shop", "git_branch": "main", "repository": null, "models": ["claude-sonnet-4-5"],
            "started_ms": 1_760_000_000_000_u64 + number, "last_activity_ms": 1_760_000_100_000_u64 + number, "turns": 4,
            "messages": 8, "tool_calls": 12, "tokens": {"input": 1200, "cached": 88000, "output": 4100, "reasoning": 0},
            "cost_usd": null, "parent": null, "source_path": format!("/home/ann/.claude/projects/shop/{session}.jsonl"),
            "segment": segment, "entries": 4,
        }))?;
        batch.write_note(&format!("session/{session}/log/{segment}"), &json!({
            "agent": "claude", "path": format!("/home/ann/.claude/projects/shop/{session}.jsonl"), "entries": 4,
            "text": {"byte_order_mark": false, "final_line_end": true, "is_exact": true},
            "fold": {"agent": "claude", "entries": 4, "state": {"turns": 4, "models": ["claude-sonnet-4-5"], "ids": ["msg_01", "msg_02"]}},
        }))?;
    }
    batch.commit()?;
    Ok(archive)
}

/// A folder that counts what is asked of it.
#[derive(Debug)]
struct Counted {
    store: LocalFileSystem,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Counted {
    fn new(folder: &std::path::Path) -> Result<Self> {
        Ok(Self {
            store: LocalFileSystem::new_with_prefix(folder)?,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    fn count(&self, bytes: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn tell(&self, what: &str, begun: Instant) {
        println!(
            "{what:24} {:7.3} s  {:6} requests  {:11} bytes",
            begun.elapsed().as_secs_f64(),
            self.requests.swap(0, Ordering::Relaxed),
            self.bytes.swap(0, Ordering::Relaxed)
        );
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        self.count(payload.content_length() as u64);
        self.store.put_opts(location, payload, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let got = self.store.get_opts(location, options).await?;
        self.count(got.range.end - got.range.start);
        Ok(got)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let got = self.store.get_ranges(location, ranges).await?;
        self.count(got.iter().map(|bytes| bytes.len() as u64).sum());
        Ok(got)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(0);
        self.store.list(prefix)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations).boxed()
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
