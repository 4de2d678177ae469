//! A way to a bucket on which each request waits until it is let through, and the orders in which that can be done, with every
//! moment at which the first of the callers can die.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::oneshot;

use crate::unreliable::Bucket;

/// The way of one call.
pub(crate) struct Gate {
    bucket: Bucket,
    waiting: Mutex<VecDeque<oneshot::Sender<Fate>>>,
    is_dead: AtomicBool,
    /// What was there before, and by how much it is older than the store says.
    old: Arc<HashSet<Path>>,
    age: Duration,
}

impl Gate {
    /// What is there now is as old as that.
    pub(crate) fn new(bucket: &Bucket, age: Duration) -> Self {
        let old = crate::history::run(bucket.keys()).into_iter();
        Self {
            bucket: bucket.clone(),
            waiting: Mutex::default(),
            is_dead: AtomicBool::new(false),
            old: Arc::new(old.map(Path::from).collect()),
            age,
        }
    }

    /// What tells how it goes once it is its turn.
    fn turn(&self) -> oneshot::Receiver<Fate> {
        let (let_through, turn) = oneshot::channel();
        if self.is_dead.load(Ordering::Relaxed) {
            let_through.send(Fate::Dies).unwrap();
        } else {
            self.waiting.lock().unwrap().push_back(let_through);
        }
        turn
    }

    /// A request in its turn.
    async fn in_turn<T>(&self, request: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let fate = self.turn().await.unwrap();
        if fate == Fate::Dies {
            return Err(dead());
        }
        let done = request.await;
        if fate == Fate::Done {
            done
        } else {
            Err(dead())
        }
    }

    fn is_waiting(&self) -> bool {
        !self.waiting.lock().unwrap().is_empty()
    }

    /// The one that has waited for longest. Who dies has no other request after it.
    fn let_one_through(&self, fate: Fate) {
        let mut waiting = self.waiting.lock().unwrap();
        waiting.pop_front().unwrap().send(fate).unwrap();
        if fate != Fate::Done {
            self.is_dead.store(true, Ordering::Relaxed);
            for other in waiting.drain(..) {
                other.send(Fate::Dies).unwrap();
            }
        }
    }
}

/// How a request goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Done,
    /// Its caller dies before it is done.
    Dies,
    /// Its caller dies before it hears that it was done.
    DoneAndDies,
}

fn dead() -> Error {
    Error::Generic {
        store: "gate",
        source: "it has died".into(),
    }
}

/// What happens at each step: which of so many things that can.
#[derive(Default)]
pub(crate) struct Order {
    steps: Vec<(usize, usize)>,
    at: usize,
}

impl Order {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.steps.len() {
            self.steps.push((0, of));
        }
        let (chosen, was_of) = self.steps[self.at];
        assert_eq!(
            was_of, of,
            "{self:?}: the calls went another way than before"
        );
        self.at += 1;
        chosen
    }

    /// Goes over to the next order; `false` if that was the last.
    pub(crate) fn advance(&mut self) -> bool {
        assert_eq!(self.at, self.steps.len());
        let Some(last) = self.steps.iter().rposition(|(step, of)| step + 1 < *of) else {
            return false;
        };
        self.steps.truncate(last + 1);
        self.steps[last].0 += 1;
        self.at = 0;
        true
    }

    pub(crate) fn requests(&self) -> usize {
        self.steps.len()
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps
            .iter()
            .try_for_each(|(step, _)| write!(f, "{step}"))
    }
}

/// Runs calls to their end, with their requests in that order. The first may die before or after each of its requests.
pub(crate) fn run_in<T, const N: usize>(
    order: &mut Order,
    gates: &[Arc<Gate>; N],
    mut calls: [Pin<Box<dyn Future<Output = T> + '_>>; N],
) -> [T; N] {
    let mut done: [Option<T>; N] = std::array::from_fn(|_| None);
    // Nobody sleeps: whoever can go on is asked again below.
    let mut context = Context::from_waker(Waker::noop());
    loop {
        for (call, done) in calls.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(came) = call.as_mut().poll(&mut context)
            {
                *done = Some(came);
            }
        }
        let can: Vec<_> = gates.iter().filter(|gate| gate.is_waiting()).collect();
        if can.is_empty() {
            return done.map(Option::unwrap);
        }
        let dying = if gates[0].is_waiting() { 2 } else { 0 };
        let chosen = order.choose(can.len() + dying);
        match can.get(chosen) {
            Some(gate) => gate.let_one_through(Fate::Done),
            None if chosen == can.len() => gates[0].let_one_through(Fate::Dies),
            None => gates[0].let_one_through(Fate::DoneAndDies),
        }
    }
}

fn not_asked_for() -> Error {
    Error::NotImplemented {
        operation: "what no call does".to_owned(),
        implementer: "the gate".to_owned(),
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

#[async_trait]
impl ObjectStore for Gate {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let put = self.bucket.store.put_opts(location, payload, options);
        self.in_turn(put).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.in_turn(self.bucket.store.get_opts(location, options))
            .await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.in_turn(self.bucket.store.get_ranges(location, ranges))
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (turn, store) = (self.turn(), Arc::clone(&self.bucket.store));
        let deleted = async move {
            match turn.await.unwrap() {
                Fate::Dies => stream::once(async { Err(dead()) }).boxed(),
                Fate::DoneAndDies => store.delete_stream(locations).map(|_| Err(dead())).boxed(),
                Fate::Done => store.delete_stream(locations),
            }
        };
        stream::once(deleted).flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (turn, store, prefix) = (self.turn(), Arc::clone(&self.bucket.store), prefix.cloned());
        let (old, age) = (Arc::clone(&self.old), self.age);
        let listed = async move {
            match turn.await.unwrap() {
                Fate::Done => store.list(prefix.as_ref()),
                _ => stream::once(async { Err(dead()) }).boxed(),
            }
        };
        let listed = stream::once(listed).flatten();
        let aged = listed.map(move |meta| {
            let mut meta = meta?;
            if old.contains(&meta.location) {
                meta.last_modified -= age;
            }
            Ok(meta)
        });
        aged.boxed()
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(not_asked_for())
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(not_asked_for())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_asked_for())
    }
}
