//! What this process knows of the archive: a view of the tables, the memtables of the epochs that
//! are not in them, and how it keeps up with what other processes write.

use std::sync::Arc;
use std::time::Instant;

use crate::change::Change;
use crate::engine::commit::feed::{self, Feed};
use crate::engine::commit::sources::Sources;
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::carried::LockTimeout;
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::shared_page::SharedPage;
use crate::engine::file::writer_lock::WriterLock;
use crate::engine::journal::scan::Scan;
use crate::engine::journal::{Position, codec};
use crate::engine::layers::Layers;
use crate::engine::memtable::Memtable;
use crate::engine::model::op::Op;
use crate::engine::tables::{Checkpointed, TablesView};

/// An epoch that no frame is added to any more, and that is not in the tables yet.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) memtable: Arc<Memtable>,
    /// What is in the tables before it is checkpointed, and after.
    pub(crate) from: Checkpointed,
    pub(crate) to: Checkpointed,
}

/// What this process knows.
pub(crate) struct State {
    /// The tables; let go of while the archive is not used, so that the space of what others
    /// replace can be used again.
    tables: Option<Arc<TablesView>>,
    frozen: Option<Arc<Frozen>>,
    open: Arc<Memtable>,
    /// What is in the tables once all epochs before the open one are.
    before_open: Checkpointed,
    /// Where the next frame of the open epoch goes; `None` before the first load.
    at: Option<Position>,
    /// The generation that the shared page told of when all this was read.
    seen: u64,
    used: Instant,
    /// What changed, while somebody follows.
    feed: Option<Feed>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            tables: None,
            frozen: None,
            open: Arc::default(),
            before_open: Checkpointed {
                epoch: 0,
                frames: 0,
                chain: 0,
            },
            at: None,
            seen: 0,
            used: Instant::now(),
            feed: None,
        }
    }

    /// Lets go of everything, so that the next use reads it from the file.
    pub(crate) fn forget(&mut self) {
        let mut feed = self.feed.take();
        if let Some(feed) = &mut feed {
            feed.expect_nothing();
        }
        *self = Self {
            feed,
            ..Self::new()
        };
    }

    /// What changed; `None` while nobody follows.
    pub(crate) fn feed(&mut self) -> &mut Option<Feed> {
        &mut self.feed
    }

    /// Begins to keep what changes.
    pub(crate) fn begin_feed(&mut self, sources: &Sources) -> Outcome<u64> {
        let frames = self.position()?.frame;
        let compactions = sources.file.shared_page()?.compactions;
        let feed = self
            .feed
            .get_or_insert_with(|| Feed::new(frames, compactions));
        Ok(feed.end())
    }

    /// Keeps what the ops of a frame change.
    pub(crate) fn tell(&mut self, frame: u64, told: &[Option<Change>], lengths: &[u64]) {
        if let Some(feed) = &mut self.feed {
            feed.take(frame, feed::all_completed(told, lengths));
        }
    }

    /// Lets go of the tables if they have not been used since `when`; tells when they were.
    pub(crate) fn rest(&mut self, when: Instant) -> Option<Instant> {
        if self.used <= when {
            self.let_go();
        }
        self.tables.as_ref().map(|_| self.used)
    }

    /// Lets go of the tables until they are used again.
    pub(crate) fn let_go(&mut self) {
        self.tables = None;
    }

    /// Everything as of the last refresh.
    pub(crate) fn layers(&mut self) -> Outcome<Layers> {
        self.used = Instant::now();
        let tables = self.tables.as_ref().ok_or_else(not_loaded)?;
        let frozen = self
            .frozen
            .as_ref()
            .map(|frozen| Arc::clone(&frozen.memtable));
        Ok(Layers::new(
            Arc::clone(tables),
            frozen.into_iter().chain([Arc::clone(&self.open)]),
        ))
    }

    fn below_open(&self) -> Outcome<Layers> {
        let tables = self.tables.as_ref().ok_or_else(not_loaded)?;
        let frozen = self
            .frozen
            .as_ref()
            .map(|frozen| Arc::clone(&frozen.memtable));
        Ok(Layers::new(Arc::clone(tables), frozen))
    }

    pub(crate) fn frozen(&self) -> Option<&Arc<Frozen>> {
        self.frozen.as_ref()
    }

    /// Whether the tables hold everything.
    pub(crate) fn is_checkpointed(&self) -> Outcome<bool> {
        Ok(self.frozen.is_none() && self.position()?.offset == 0)
    }

    /// How many frames are not in the tables.
    pub(crate) fn frames_in_journal(&self) -> Outcome<u64> {
        let from = self
            .frozen
            .as_ref()
            .map_or(self.before_open, |frozen| frozen.from);
        Ok(self.position()?.frame - from.frames)
    }

    pub(crate) fn position(&self) -> Outcome<Position> {
        self.at.ok_or_else(not_loaded)
    }

    /// Brings the state up to what the file holds. A writer, who holds the writer lock, also
    /// puts in order what one that died has left.
    pub(crate) fn refresh(&mut self, sources: &Sources, writer: bool) -> Outcome<()> {
        if self.tables.is_none() || self.at.is_none() {
            return self.load(sources, writer);
        }
        if !sources.file.is_shared() {
            return Ok(());
        }
        // The frames first: if no epoch had begun by the time that the shared page is read, none was
        // missed when the frames were.
        self.catch_up(sources)?;
        let shared_page = sources.file.shared_page()?;
        let changed = shared_page.generation != self.seen || shared_page.is_updating();
        if changed && !seeded(Bug::IgnoreGeneration) {
            self.load(sources, writer)?;
        }
        Ok(())
    }

    /// The same for a writer, with the shared page if nobody else has written since this process did.
    pub(crate) fn refresh_to_write(
        &mut self,
        sources: &Sources,
        lock: &WriterLock<'_>,
    ) -> Outcome<()> {
        let is_current = lock.turns > 1
            || lock.current.is_some_and(|shared_page| {
                shared_page.generation == self.seen && !shared_page.is_updating()
            });
        if is_current && self.tables.is_some() && self.at.is_some() {
            return Ok(());
        }
        self.refresh(sources, true)?;
        // Only now: who signs knows all that was written before.
        if sources.file.is_shared() {
            sources.file.sign()?;
        }
        Ok(())
    }

    /// Whether there may be something that the state does not have. Reads no tables.
    pub(crate) fn may_be_behind(&self, sources: &Sources) -> Outcome<bool> {
        let Some(at) = &self.at else { return Ok(true) };
        let storage = sources.file.storage();
        let shared_page = sources.file.shared_page()?;
        Ok(shared_page.generation != self.seen
            || shared_page.is_updating()
            || sources.journal.peek(storage, at)?.is_some())
    }

    /// Reads tables and journal. If that fails it has nothing, since what it has read by then could
    /// be taken for everything, and be checkpointed without the rest.
    pub(crate) fn load(&mut self, sources: &Sources, writer: bool) -> Outcome<()> {
        let loaded = self.load_all(sources, writer);
        if loaded.is_err() && !seeded(Bug::KeepHalfRead) {
            self.forget();
        }
        loaded
    }

    /// Reads tables and journal until no epoch began meanwhile.
    fn load_all(&mut self, sources: &Sources, writer: bool) -> Outcome<()> {
        const ATTEMPTS: u32 = 1000;
        for _ in 0..ATTEMPTS {
            let shared_page = sources.file.shared_page()?;
            self.reload_on(Arc::new(sources.tables()?.view()?));
            self.catch_up_epochs(sources, &shared_page)?;
            // All of the shared page, since a read beside a write may find half of it.
            if sources.file.shared_page()? == shared_page {
                self.seen = shared_page.generation;
                let frames = self.position()?.frame;
                if let Some(feed) = &mut self.feed {
                    feed.reach(frames);
                    feed.note_compactions(shared_page.compactions);
                }
                if writer && shared_page.is_updating() {
                    self.end_update(sources, self.position()?.epoch)?;
                }
                return Ok(());
            }
            // An epoch that was read while others wrote over it may seem to have ended early.
            if !seeded(Bug::KeepOvertaken) {
                self.forget();
            }
        }
        Err(std::io::Error::from(LockTimeout).into())
    }

    /// Puts the memtables on other tables: those that are in them go, and if the open one is among
    /// them, all begins anew.
    fn reload_on(&mut self, tables: Arc<TablesView>) {
        let checkpointed = tables.checkpointed();
        self.tables = Some(tables);
        if self
            .frozen
            .as_ref()
            .is_some_and(|frozen| frozen.to.epoch <= checkpointed.epoch)
        {
            self.frozen = None;
        }
        if self.at.is_none_or(|at| at.epoch <= checkpointed.epoch) {
            self.frozen = None;
            self.open = Arc::default();
            self.before_open = checkpointed;
            let Checkpointed {
                epoch,
                frames,
                chain,
            } = checkpointed;
            self.at = Some(Position::start_of(epoch + 1, frames, chain));
        }
    }

    fn catch_up_epochs(&mut self, sources: &Sources, shared_page: &SharedPage) -> Outcome<()> {
        loop {
            self.catch_up(sources)?;
            let next = self.position()?.next_epoch();
            let storage = sources.file.storage();
            // With two epochs that are not in the tables, there is no place for a third.
            if self.frozen.is_some()
                || (shared_page.epoch != next.epoch
                    && sources.journal.read(storage, &next)?.is_none())
            {
                return Ok(());
            }
            self.freeze()?;
        }
    }

    /// Applies the frames of the open epoch that the state does not have yet.
    fn catch_up(&mut self, sources: &Sources) -> Outcome<()> {
        let mut at = self.position()?;
        let mut below = None;
        let mut frames = Scan::new(sources.journal, sources.file.storage(), at);
        while let Some(payload) = frames.next()? {
            let place = || format!("journal, epoch {}, frame {}", at.epoch, at.frame);
            let ops =
                codec::decode_all(payload).map_err(|message| Fault::damaged(place(), message))?;
            let below = match &below {
                Some(below) => below,
                None => below.insert(self.below_open()?),
            };
            let open = Arc::make_mut(&mut self.open);
            let mut changes = Vec::new();
            for op in ops {
                let outline = self.feed.as_ref().and_then(|_| feed::outline(&op));
                match open.apply(below, op) {
                    Ok(result) => changes.extend(feed::completed(outline, result)),
                    Err(fault) => {
                        self.forget();
                        return Err(match fault {
                            Fault::Store(err) => Fault::damaged(place(), err.to_string()),
                            fault => fault,
                        });
                    }
                }
            }
            if let Some(feed) = &mut self.feed {
                feed.take(at.frame, changes);
            }
            at = frames.at();
            self.at = Some(at);
        }
        Ok(())
    }

    /// What ops are about to change, while somebody follows.
    pub(crate) fn outlines(&self, ops: &[Op]) -> Vec<Option<Change>> {
        match &self.feed {
            Some(_) => ops.iter().map(feed::outline).collect(),
            None => Vec::new(),
        }
    }

    /// Applies the ops of this process, all or none, and returns what each leaves.
    pub(crate) fn apply(&mut self, ops: Vec<Op>) -> Outcome<Vec<u64>> {
        let is_frame = !ops.iter().all(Op::is_condition);
        let told = self.outlines(&ops);
        let lengths = self.apply_all(ops)?;
        if let Some(feed) = self.feed.as_mut().filter(|_| is_frame) {
            feed.expect(feed::all_completed(&told, &lengths).collect());
        }
        Ok(lengths)
    }

    fn apply_all(&mut self, mut ops: Vec<Op>) -> Outcome<Vec<u64>> {
        let conditions = ops.iter().take_while(|op| op.is_condition()).count();
        if ops.len() > conditions + 1 {
            let (next, lengths) = self.applied(ops)?;
            self.open = Arc::new(next);
            return Ok(lengths);
        }
        let last = ops.pop_if(|op| !op.is_condition());
        let below = self.below_open()?;
        let mut lengths = Vec::with_capacity(ops.len() + 1);
        for op in ops {
            if let Op::Expect(condition) = op {
                self.open.expect(&below, &condition)?;
                lengths.push(0);
            }
        }
        let Some(op) = last else {
            return Ok(lengths);
        };
        // One op refuses before it changes anything.
        let applied = Arc::make_mut(&mut self.open).apply(&below, op);
        if matches!(&applied, Err(fault) if !matches!(fault, Fault::Store(_))) {
            self.forget();
        }
        lengths.push(applied?);
        Ok(lengths)
    }

    /// The open memtable with the ops applied.
    pub(crate) fn applied(&self, ops: Vec<Op>) -> Outcome<(Memtable, Vec<u64>)> {
        let below = self.below_open()?;
        let mut next = Memtable::clone(&self.open);
        let lengths = ops
            .into_iter()
            .map(|op| next.apply(&below, op))
            .collect::<Outcome<_>>()?;
        Ok((next, lengths))
    }

    /// Takes note that a frame of this process stands in the journal.
    pub(crate) fn advance(&mut self, behind: Position) {
        self.used = Instant::now();
        if let (Some(feed), Some(at)) = (&mut self.feed, self.at) {
            feed.confirm(at.frame);
        }
        self.at = Some(behind);
    }

    /// What checkpointing the open epoch leads from, and to.
    pub(crate) fn span_of_open(&self) -> Outcome<(Checkpointed, Checkpointed)> {
        let Position {
            epoch,
            frame,
            chain,
            ..
        } = self.position()?;
        Ok((
            self.before_open,
            Checkpointed {
                epoch,
                frames: frame,
                chain,
            },
        ))
    }

    /// Ends the open epoch. The next one begins in the other half, which must be free.
    pub(crate) fn freeze(&mut self) -> Outcome<()> {
        let (from, to) = self.span_of_open()?;
        let memtable = std::mem::take(&mut self.open);
        self.frozen = Some(Arc::new(Frozen { memtable, from, to }));
        self.before_open = to;
        self.at = Some(self.position()?.next_epoch());
        Ok(())
    }

    /// Tells other processes that something is under way which they cannot see in the journal.
    pub(crate) fn begin_update(&mut self, sources: &Sources) -> Outcome<()> {
        let epoch = self.position()?.epoch;
        self.note(sources, self.seen | 1, epoch)
    }

    /// Tells other processes to look again, and which epoch is open.
    pub(crate) fn end_update(&mut self, sources: &Sources, epoch: u64) -> Outcome<()> {
        self.note(sources, (self.seen | 1).wrapping_add(1), epoch)
    }

    fn note(&mut self, sources: &Sources, generation: u64, epoch: u64) -> Outcome<()> {
        SharedPage::set_generation(sources.file.storage(), generation, epoch)?;
        self.seen = generation;
        Ok(())
    }
}

fn not_loaded() -> Fault {
    Fault::damaged("archive", "its state was used before it was read")
}
