//! A desktop app: two windows and an agent share one archive in one process, and nothing blocks its event
//! loop. The app is killed in the middle of its work and started again; nothing that was acknowledged
//! is lost.
//!
//! `cargo run --release --features tokio --example desktop`

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use sessiondb::aio::AsyncArchive;
use sessiondb::archive::ChangeKind;
use sessiondb::{Archive, SegmentId, SessionId, StoreError, new_session_id};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The one conversation of this app.
const SESSION: SessionId = SessionId::from_u128(1);
const SEGMENT: SegmentId = SegmentId::from_u128(2);
/// How long it is.
const TURNS: u64 = 1_000;

fn main() -> Result<()> {
    match std::env::args().nth(1) {
        Some(path) => tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?
            .block_on(app(Path::new(&path))),
        None => supervise(),
    }
}

/// Starts the app, kills it while it works, and starts it again.
fn supervise() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("sessiondb-desktop-{}", new_session_id()));
    std::fs::create_dir(&folder)?;
    let path = folder.join("app.sessiondb");
    let mut acknowledged = 0;
    for start in 1..=3 {
        let mut app = Command::new(std::env::current_exe()?)
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(app.stdout.take().ok_or("its output is piped")?);
        for line in said.lines() {
            let line = line?;
            println!("app {start}: {line}");
            if let Some(count) = line.strip_prefix("acknowledged ") {
                acknowledged = count.parse()?;
                // As the user, the system or a crash might, and without a word to the app.
                if start < 3 && acknowledged >= start * 300 {
                    app.kill()?;
                    break;
                }
            }
        }
        app.wait()?;
        let there = Archive::open(&path)?.log(SESSION, SEGMENT).len()?;
        println!("it ended; {acknowledged} entries had been acknowledged, {there} are there");
        if there < acknowledged {
            return Err("an acknowledged entry is lost".into());
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The app: all of it on one thread, with an event loop.
async fn app(path: &Path) -> Result<()> {
    let archive = AsyncArchive::open(Archive::options(), path).await?;
    // The app ends with its agent; what the windows were at is dropped.
    tokio::select! {
        ended = list(&archive) => ended?,
        ended = viewer(&archive) => ended?,
        ended = agent(&archive) => ended?,
    }
    let closed = archive.close().await?;
    println!("closed, journal empty: {}", closed.is_journal_empty);
    Ok(())
}

/// The agent appends turn by turn, each acknowledged when it is on the disk.
async fn agent(archive: &AsyncArchive) -> std::result::Result<(), StoreError> {
    let log = archive.log(SESSION, SEGMENT);
    for turn in log.len().await?..TURNS {
        let entry = json!({"kind": "message", "turn": turn, "text": "hello ".repeat(20)});
        let receipt = log.append(&entry).await?;
        if receipt.len % 100 == 0 {
            println!("acknowledged {}", receipt.len);
        }
    }
    Ok(())
}

/// A window with the list of sessions, read again twice a second.
async fn list(archive: &AsyncArchive) -> std::result::Result<(), StoreError> {
    loop {
        let sessions = archive
            .call(|archive| {
                archive
                    .sessions()?
                    .try_fold(0, |n, session| session.map(|_| n + 1))
            })
            .await?;
        println!("list: {sessions} sessions");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A window that shows what is added, as it is added.
async fn viewer(archive: &AsyncArchive) -> std::result::Result<(), StoreError> {
    let mut changes = archive.changes().await?;
    let log = archive.log(SESSION, SEGMENT);
    // Begin to follow, then read: nothing falls in between.
    let mut shown = log.len().await?;
    while let Some(change) = changes.next().await.transpose()? {
        match change.kind {
            ChangeKind::Append if change.segment == Some(SEGMENT) => {
                shown = shown.max(change.range.end);
            }
            ChangeKind::Gap => shown = log.len().await?,
            _ => {}
        }
        if shown.is_multiple_of(100) {
            println!("viewer: {shown} entries");
        }
    }
    Ok(())
}
