//! The first listing of what many machines push, one with a cache that is full, and a search for a rare word.
//!
//! `cargo bench -p sessiondb-remote --bench listing -- [MACHINES [SESSIONS [FOLDER or URL]]]`: at a folder that ends with it, at
//! one that stays, or at a remote. Requests are counted at a folder alone.

#![expect(clippy::print_stdout, reason = "it is what a measurement is for")]

mod shared;

use std::error::Error;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Instant;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use sessiondb::Archive;
use sessiondb::archive::Words;
use sessiondb_remote::{Cache, Remote, RemoteError, RemoteSession, listing, push};
use tokio::runtime::Runtime;

use self::shared::counted::Counted;
use self::shared::machine::{RARE, machine_of};

fn main() -> Result<(), Box<dyn Error>> {
    let mut given = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let machines: u64 = given.next().map_or(Ok(100), |word| word.parse())?;
    let sessions: u64 = given.next().map_or(Ok(1_000), |word| word.parse())?;
    let folder = tempfile::tempdir()?;
    let (remote, told) = match given.next() {
        Some(url) if url.contains("://") => (Remote::open(&url)?, Told(None)),
        Some(shared) => folder_of(FilePath::new(&shared))?,
        None => folder_of(&folder.path().join("shared"))?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begun = Instant::now();
    for machine in 0..machines {
        runtime.block_on(push(&machine_of(machine, sessions)?, &remote, None))?;
    }
    told.tell("pushes", begun);
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
        told.tell(what, begun);
        assert_eq!(listing.sessions().len() as u64, machines * sessions);
    }
    for what in ["first search", "search again"] {
        search(&runtime, &cached, what, &told)?;
    }
    Ok(())
}

fn folder_of(folder: &FilePath) -> Result<(Remote, Told), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let store = Arc::new(Counted::new(LocalFileSystem::new_with_prefix(folder)?));
    let remote = Remote::new(store.clone(), Path::default(), "file:///shared");
    Ok((remote, Told(Some(store))))
}

fn search(runtime: &Runtime, remote: &Remote, what: &str, told: &Told) -> Result<(), RemoteError> {
    let begun = Instant::now();
    let (found, fetched) = runtime.block_on(async {
        let listing = listing(remote).await?;
        let all = listing.sessions().iter().map(RemoteSession::id);
        let found = listing.with_words(remote, &Words::of(RARE), all).await?;
        let archive = Archive::in_memory()?;
        let sessions = found.sessions.iter().copied();
        let fetched = listing.fetch(remote, &archive, sessions, None).await?;
        Ok::<_, RemoteError>((found, fetched))
    })?;
    told.tell(what, begun);
    println!(
        "{:24} {} of {} blocks, {} bytes of filters, {} of blocks",
        "", found.blocks, found.all_blocks, found.filter_bytes, fetched.received_bytes
    );
    Ok(())
}

/// Tells what was measured, with the requests where these are counted.
struct Told(Option<Arc<Counted>>);

impl Told {
    fn tell(&self, what: &str, begun: Instant) {
        let seconds = begun.elapsed().as_secs_f64();
        let Some(counts) = self.0.as_ref().map(|counted| counted.take()) else {
            println!("{what:24} {seconds:7.3} s");
            return;
        };
        let requests = counts.puts + counts.gets + counts.lists;
        let bytes = counts.sent + counts.received;
        println!("{what:24} {seconds:7.3} s  {requests:6} requests  {bytes:11} bytes");
    }
}
