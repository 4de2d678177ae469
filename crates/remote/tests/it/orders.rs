//! Two calls at one remote, in every order in which their requests can be done, and with every death of the first: the code itself,
//! searched through as a model is.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sessiondb::{Archive, SegmentId, SessionId};
use sessiondb_remote::{GcOptions, PullOptions, Remote, RemoteError, gc, pull, push};

use crate::gate::{Gate, Order, run_in};
use crate::history::{clean, history, pull_from, push_to, remote, settle};
use crate::unreliable::Bucket;

const SESSION: SessionId = SessionId::from_u128(1);
const OTHER: SessionId = SessionId::from_u128(2);
const SEGMENT: SegmentId = SegmentId::from_u128(3);

type Call<'c> = Pin<Box<dyn Future<Output = Result<(), RemoteError>> + 'c>>;

fn pushing<'c>(archive: &'c Archive, remote: &'c Remote) -> Call<'c> {
    Box::pin(async { push(archive, remote, None).await.map(drop) })
}

fn pulling<'c>(archive: &'c Archive, remote: &'c Remote) -> Call<'c> {
    let options = PullOptions::new();
    Box::pin(async move { pull(archive, remote, &options, None).await.map(drop) })
}

fn cleaning(remote: &Remote, options: GcOptions) -> Call<'_> {
    Box::pin(async move { gc(remote, &options).await.map(drop) })
}

/// A remote with two calls under way, which see it through gates of their own.
struct Two {
    gates: [Arc<Gate>; 2],
    remotes: [Remote; 2],
}

impl Two {
    /// What is there is as old as that.
    fn new(bucket: &Bucket, age: Duration) -> Self {
        let gates = [(); 2].map(|()| Arc::new(Gate::new(bucket, age)));
        let remotes = gates.clone().map(|gate| remote(gate));
        Self { gates, remotes }
    }

    /// No call may fail, whatever the other one does, unless it dies. Returns whether the first has not.
    fn run(&self, calls: [Call<'_>; 2], order: &mut Order) -> bool {
        let [first, second] = run_in(order, &self.gates, calls);
        second.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        match first {
            Err(error) if error.to_string().ends_with("it has died") => false,
            first => {
                first.unwrap_or_else(|error| panic!("{order:?}: {error}"));
                true
            }
        }
    }
}

/// Goes through all orders, each in a world of its own.
fn in_every_order(what: &str, mut world: impl FnMut(&mut Order)) {
    let (mut order, mut orders, mut requests) = (Order::default(), 0, 0);
    loop {
        world(&mut order);
        orders += 1;
        requests = requests.max(order.requests());
        if !order.advance() {
            break;
        }
    }
    println!("{what}: {orders} orders, of {requests} requests");
    assert!(orders >= 20, "{what}: {orders} orders");
}

/// The file of an archive that has pushed, and what it has put.
fn pushed_file(folder: &Path) -> (std::path::PathBuf, Bucket) {
    let (path, bucket) = (folder.join("first.sessiondb"), Bucket::default());
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(SESSION, SEGMENT);
    log.append_many(["a", "b"]).unwrap();
    push_to(&bucket, &archive);
    archive.close().unwrap();
    (path, bucket)
}

#[test]
fn two_copies_push() {
    let folder = tempfile::tempdir().unwrap();
    let (first, pushed) = pushed_file(folder.path());
    in_every_order("two copies of one archive push", |order| {
        let bucket = pushed.copy();
        let copies = ["one", "two"].map(|name| {
            let path = folder.path().join(name);
            std::fs::copy(&first, &path).unwrap();
            let archive = Archive::open(path).unwrap();
            archive.log(SESSION, SEGMENT).append(name).unwrap();
            archive
        });
        let two = Two::new(&bucket, Duration::ZERO);
        let [one, other] = &two.remotes;
        let lives = two.run(
            [pushing(&copies[0], one), pushing(&copies[1], other)],
            order,
        );
        let reader = Archive::in_memory().unwrap();
        pull_from(&bucket, &reader);
        let logs = history(&reader)[&SESSION].len();
        assert!(logs == 2 || logs == 1 && !lives, "{order:?}");
        for copy in &copies {
            copy.log(SESSION, SEGMENT).append("more").unwrap();
        }
        let writers = copies.each_ref().map(|copy| push_to(&bucket, copy).writer);
        assert_ne!(writers[0], writers[1], "{order:?}");
        pull_from(&bucket, &reader);
        let logs = &history(&reader)[&SESSION];
        let lens: Vec<_> = logs.iter().map(|(_, lines)| lines.len()).collect();
        assert_eq!(lens, [4, 4], "{order:?}");
    });
}

#[test]
fn two_archives_push() {
    in_every_order("two archives push the same session", |order| {
        let bucket = Bucket::default();
        let archives = ["one", "two"].map(|name| {
            let archive = Archive::in_memory().unwrap();
            let log = archive.log(SESSION, SEGMENT);
            log.append_many(["a", name]).unwrap();
            archive
        });
        let two = Two::new(&bucket, Duration::ZERO);
        let [one, other] = &two.remotes;
        two.run(
            [pushing(&archives[0], one), pushing(&archives[1], other)],
            order,
        );
        settle(&bucket, &archives);
        let histories = archives.each_ref().map(history);
        assert_eq!(histories[0], histories[1], "{order:?}");
        assert_eq!(histories[0][&SESSION].len(), 2, "{order:?}");
    });
}

#[test]
fn one_pushes_and_another_one_pulls() {
    in_every_order("one pushes, another one pulls", |order| {
        let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
        let log = archive.log(SESSION, SEGMENT);
        log.append_many(["a", "b"]).unwrap();
        push_to(&bucket, &archive);
        let before = history(&archive);
        log.append("c").unwrap();
        archive.log(OTHER, SEGMENT).append("d").unwrap();
        let after = history(&archive);
        let (reader, two) = (
            Archive::in_memory().unwrap(),
            Two::new(&bucket, Duration::ZERO),
        );
        let [one, other] = &two.remotes;
        two.run([pushing(&archive, one), pulling(&reader, other)], order);
        let read = history(&reader);
        assert!(read == before || read == after, "{order:?}: {read:?}");
        push_to(&bucket, &archive);
        pull_from(&bucket, &reader);
        assert_eq!(history(&reader), after, "{order:?}");
    });
}

/// An archive whose remote has what `gc` deletes: a manifest that was followed, and a pack that nobody names.
fn with_waste() -> (Bucket, Archive) {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    archive.log(SESSION, SEGMENT).append("a").unwrap();
    archive.log(OTHER, SEGMENT).append("gone").unwrap();
    push_to(&bucket, &archive);
    archive.forget_session(OTHER).unwrap();
    push_to(&bucket, &archive);
    (bucket, archive)
}

#[test]
fn one_pushes_while_another_one_cleans() {
    let week = Duration::from_secs(8 * 24 * 3600);
    in_every_order("one pushes, another one runs gc", |order| {
        let (bucket, archive) = with_waste();
        let there = bucket.len();
        archive.log(SESSION, SEGMENT).append("b").unwrap();
        let two = Two::new(&bucket, week);
        let [one, other] = &two.remotes;
        let calls = [pushing(&archive, one), cleaning(other, GcOptions::new())];
        if two.run(calls, order) {
            // Of four objects that were there two have gone, and two have come.
            assert_eq!((there, bucket.len()), (4, 4), "{order:?}");
        } else {
            push_to(&bucket, &archive);
        }
        let reader = Archive::in_memory().unwrap();
        pull_from(&bucket, &reader);
        assert_eq!(history(&reader), history(&archive), "{order:?}");
        assert!(push_to(&bucket, &archive).is_unchanged(), "{order:?}");
        assert_eq!(clean(&bucket).manifests, 1, "{order:?}");
    });
}

#[test]
fn one_cleans_while_another_one_pulls() {
    in_every_order("one runs gc with no grace, another one pulls", |order| {
        let (bucket, archive) = with_waste();
        let (reader, two) = (
            Archive::in_memory().unwrap(),
            Two::new(&bucket, Duration::ZERO),
        );
        let [one, other] = &two.remotes;
        let now = GcOptions::new().grace(Duration::ZERO);
        two.run([cleaning(one, now), pulling(&reader, other)], order);
        assert_eq!(history(&reader), history(&archive), "{order:?}");
        assert!(push_to(&bucket, &archive).is_unchanged(), "{order:?}");
        assert_eq!(clean(&bucket).manifests, 1, "{order:?}");
    });
}
