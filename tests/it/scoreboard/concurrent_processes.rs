//! R9: several processes on one archive at the same time, some of them killed and replaced, and
//! several engines in one process. What they saw of each log can be explained by one order.

/// Who makes the calls of a client.
mod peer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use redb::backends::FileBackend;
use sessiondb::testing::{self, Bug, Opening};
use sessiondb::{Archive, Durability};

pub(super) use self::peer::serve;
use self::peer::{Order, Peer, Service, make};
use super::linearizable::{Answer, Call, Event, check};
use super::row::{Dice, Row, by_form, seed};
use crate::scratch::Scratch;

const LOGS: usize = 2;
/// The client of the reads at the end.
const LAST_CLIENT: usize = 63;
/// In whose name the calls are put down that were cut off by a kill.
const CUT_OFF_CLIENTS: std::ops::Range<usize> = 16..56;

/// What the clients of one history share.
#[derive(Default)]
struct Common {
    clock: AtomicU64,
    entries: AtomicU64,
    /// The length of each log as somebody saw it last.
    lens: [AtomicU64; LOGS],
}

impl Common {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn see(&self, log: usize, answer: &Answer) {
        let len = match answer {
            Answer::Appended { len, .. } | Answer::Conflict(len) | Answer::Len(len) => *len,
            _ => return,
        };
        self.lens[log].store(len, Ordering::SeqCst);
    }
}

/// One who makes calls, one after the other.
struct Client<'c> {
    number: usize,
    peer: Peer,
    dice: Dice,
    common: &'c Common,
    plan: &'c Plan,
}

/// The calls of a client, each with the log that it was on.
type Calls = Vec<(usize, Event)>;

impl Client<'_> {
    fn run(mut self, calls: usize) -> Result<Calls, String> {
        let mut events = Vec::with_capacity(calls);
        while events.len() < calls {
            let order = self.draw();
            let kill = self.plan.kill_one_in > 0 && self.dice.one_in(self.plan.kill_one_in);
            let pause = Duration::from_micros(self.dice.below(400));
            let called = self.common.now();
            let reply = if kill {
                self.peer.make_and_die(&order, pause)
            } else {
                self.peer.make(&order)
            };
            let returned = self.common.now();
            let answer = match reply {
                Some(Err(_)) if self.plan.forgiving => {
                    self.peer.start_again();
                    None
                }
                Some(reply) => Some(reply?),
                None if kill => None,
                None => return Err(format!("client {} ended by itself", self.number)),
            };
            if let Some(answer) = &answer {
                self.common.see(order.log, answer);
            }
            if kill {
                self.peer.start_again();
            }
            events.push((
                order.log,
                Event {
                    client: self.number,
                    call: order.call,
                    answer,
                    called,
                    returned,
                },
            ));
            if self.dice.one_in(self.plan.rest_one_in) {
                // Long enough for the process to let go of the tables.
                std::thread::sleep(Duration::from_millis(250));
            }
        }
        Ok(events)
    }

    fn draw(&mut self) -> Order {
        let dice = &mut self.dice;
        let log = dice.index(LOGS);
        let len = self.common.lens[log].load(Ordering::SeqCst);
        let kind = if self.peer.reads_only() {
            dice.below(50)
        } else if len > 80 && dice.one_in(3) {
            99
        } else {
            dice.below(100)
        };
        let call = match kind {
            0..18 => Call::Len,
            18..30 => Call::ReadFrom(0),
            30..36 => Call::ReadFrom(len.saturating_sub(dice.below(4))),
            36..50 if self.peer.reads_only() => Call::ReadFrom(dice.below(len + 1)),
            36..92 => {
                let count = if dice.one_in(4) { 3 } else { 1 };
                let first = self.common.entries.fetch_add(count, Ordering::SeqCst);
                let expected = dice
                    .one_in(4)
                    .then(|| (len + dice.below(2)).saturating_sub(dice.below(2)));
                Call::Append {
                    entries: (first..first + count).collect(),
                    expected,
                }
            }
            _ => Call::Truncate(dice.below(len + 2)),
        };
        // The largest need more than half of the shortest journal.
        let pad_bytes = match dice.below(40) {
            0 => 9000,
            1..8 => dice.below(2500),
            _ => dice.below(60),
        };
        Order {
            log,
            call,
            pad_bytes: usize::try_from(pad_bytes).expect("small"),
        }
    }
}

/// What a history is made of.
struct Plan {
    seed: u64,
    calls: usize,
    /// One in how many calls ends with a kill; 0 is none.
    kill_one_in: u64,
    rest_one_in: u64,
    /// Whether errors are left aside, and only the order is looked at.
    forgiving: bool,
}

/// Has all peers make calls at the same time, and looks for an order that explains what they
/// saw. Returns how many calls were made, and how many of them were cut off.
fn run_together(path: &Path, peers: Vec<Peer>, plan: &Plan) -> Result<(u64, u64), String> {
    let common = Common::default();
    let each = plan.calls.div_ceil(peers.len());
    let mut dice = Dice::new(plan.seed);
    let outcomes: Vec<Result<Calls, String>> = std::thread::scope(|scope| {
        let clients = (0..).zip(peers).map(|(number, peer)| Client {
            number,
            peer,
            dice: Dice::new(dice.next()),
            common: &common,
            plan,
        });
        let threads: Vec<_> = clients
            .map(|client| scope.spawn(move || client.run(each)))
            .collect();
        let joined = threads.into_iter().map(ScopedJoinHandle::join);
        joined.map(|calls| calls.expect("a client")).collect()
    });
    let mut calls = Vec::new();
    for outcome in outcomes {
        calls.extend(outcome?);
    }
    let cut_off = settle_by_next_write(&mut calls);
    let made = calls.len() as u64;
    match read_at_the_end(path, &common) {
        Err(_) if plan.forgiving => {}
        read => calls.extend(read?),
    }
    for log in 0..LOGS {
        let history = calls.iter().filter(|(on, _)| *on == log);
        let history: Vec<Event> = history.map(|(_, event)| event.clone()).collect();
        check(&history).map_err(|violation| format!("log {log}: {violation}"))?;
    }
    Ok((made, cut_off))
}

/// What a killed process was at may show only once the next writer has settled it: by the time
/// that a write has returned which began after the kill. Returns how many there were.
fn settle_by_next_write(calls: &mut Calls) -> u64 {
    let write = |event: &Event| {
        let writes = matches!(event.call, Call::Append { .. } | Call::Truncate(_));
        writes && !matches!(event.answer, None | Some(Answer::Refused(_)))
    };
    let mut writes: Vec<(u64, u64)> = calls
        .iter()
        .filter(|(_, event)| write(event))
        .map(|(_, event)| (event.called, event.returned))
        .collect();
    writes.sort_unstable();
    let mut cut_off = 0;
    for (_, event) in calls {
        if event.answer.is_some() {
            continue;
        }
        let after = writes.partition_point(|(called, _)| *called < event.returned);
        let settled = writes[after..].iter().map(|(_, returned)| *returned).min();
        event.returned = settled.unwrap_or(u64::MAX);
        // The process in its place goes on meanwhile.
        event.client = CUT_OFF_CLIENTS.start + cut_off % CUT_OFF_CLIENTS.len();
        cut_off += 1;
    }
    cut_off as u64
}

/// The reads of a process that comes when all others are gone.
fn read_at_the_end(path: &Path, common: &Common) -> Result<Calls, String> {
    let archive = Archive::open(path).map_err(|err| err.to_string())?;
    let report = archive.check(None).map_err(|err| err.to_string())?;
    if !report.is_clean() {
        return Err(format!("check finds {:?}", report.problems));
    }
    let mut calls = Vec::new();
    for log in 0..LOGS {
        let order = Order {
            log,
            call: Call::ReadFrom(0),
            pad_bytes: 0,
        };
        let called = common.now();
        let answer = Some(make(&archive, &order)?);
        let event = Event {
            client: LAST_CLIENT,
            call: order.call,
            answer,
            called,
            returned: common.now(),
        };
        calls.push((log, event));
    }
    Ok(calls)
}

/// An archive with the shortest journal, so that it begins anew all the time.
fn new_archive(scratch: &Scratch) -> PathBuf {
    let path = scratch.fresh();
    testing::create_file(&path, 16 << 10).expect("an archive is made");
    path
}

/// Four processes: two that sync, one that does not, and one that only reads.
fn processes(path: &Path, bug: Option<usize>) -> Vec<Peer> {
    let service = |synced, read_only| Service {
        path: path.to_owned(),
        synced,
        read_only,
        bug,
    };
    [(true, false), (false, false), (false, false), (false, true)]
        .map(|(synced, read_only)| Peer::child(service(synced, read_only)))
        .into()
}

/// Three engines in this process, two with a thread of their own, two clients on each.
fn engines(path: &Path) -> Vec<Peer> {
    (0..3)
        .flat_map(|number| {
            let file = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path);
            let storage = FileBackend::new(file.expect("the archive is there")).expect("a file");
            let opening = Opening {
                read_only: false,
                shared: true,
                durability: Durability::Written,
                lock_timeout: Duration::from_secs(30),
                background: number > 0,
            };
            let archive =
                testing::open(std::sync::Arc::new(storage), opening).expect("the archive opens");
            [Peer::Local(archive.clone()), Peer::Local(archive)]
        })
        .collect()
}

/// Whether the order that R9 looks for is missing where processes have the bug, whatever errors
/// they run into.
pub(super) fn catches(bug: Bug) -> bool {
    let number = Bug::ALL.iter().position(|other| *other == bug);
    (0..20).any(|round| {
        let scratch = Scratch::new();
        let path = new_archive(&scratch);
        let plan = Plan {
            seed: seed().wrapping_add(round),
            calls: 400,
            kill_one_in: 0,
            rest_one_in: 1 << 40,
            forgiving: true,
        };
        match run_together(&path, processes(&path, number), &plan) {
            Ok(_) => false,
            Err(violation) => {
                let first: String = violation.chars().take(250).collect();
                println!("R9: {bug:?} found in history {round}: {first}");
                true
            }
        }
    })
}

#[test]
fn processes_that_work_together_see_one_order() {
    let (histories, calls) = by_form((2, 1000), (50, 6000));
    let mut row = Row::new("R9");
    let (mut made, mut cut_off) = (0, 0);
    for number in 0..histories {
        let scratch = Scratch::new();
        let path = new_archive(&scratch);
        let plan = Plan {
            seed: seed().wrapping_add(number),
            calls,
            kill_one_in: 120,
            rest_one_in: by_form(400, 2000),
            forgiving: false,
        };
        let outcome = run_together(&path, processes(&path, None), &plan);
        if let Ok((more, cut)) = outcome {
            made += more;
            cut_off += cut;
        }
        row.case(
            outcome
                .map(drop)
                .map_err(|violation| format!("seed {}, history {number}: {violation}", seed())),
        );
    }
    println!("R9: {made} calls of several processes, {cut_off} of them cut off by a kill");
    assert!(cut_off > 0, "nobody was killed in a call");
    row.finish(histories);
}

#[test]
fn engines_in_one_process_see_one_order() {
    let (histories, calls) = by_form((2, 1000), (20, 6000));
    let mut row = Row::new("R9, engines in one process");
    for number in 0..histories {
        let scratch = Scratch::new();
        let path = new_archive(&scratch);
        let plan = Plan {
            seed: seed().wrapping_add(number),
            calls,
            kill_one_in: 0,
            rest_one_in: by_form(400, 2000),
            forgiving: false,
        };
        let outcome = run_together(&path, engines(&path), &plan);
        row.case(
            outcome
                .map(drop)
                .map_err(|violation| format!("seed {}, history {number}: {violation}", seed())),
        );
    }
    row.finish(histories);
}
