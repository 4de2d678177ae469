//! `append --ack` as a process that is fed, stopped and killed while it works.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many lines are on their way to a writer at once, so that it never waits for more.
pub(super) const AHEAD: u64 = 4;
/// No test waits for longer than this: only a hanging process takes so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How many bytes each line has more than it needs: by its number.
pub(super) type Pad = fn(u64) -> usize;
/// What to do with a line that has just been acknowledged, and the length that it left.
pub(super) type Seen = Box<dyn FnMut(&str, u64) + Send>;

pub(super) fn unseen() -> Seen {
    Box::new(|_, _| {})
}

pub(super) fn line(name: u64, n: u64, pad: Pad) -> String {
    format!("[{name},{n},\"{}\"]", "x".repeat(pad(n)))
}

/// Writer and number of a line.
pub(super) fn numbers(line: &str) -> (u64, u64) {
    let mut fields = line.trim_start_matches('[').split(',');
    let mut next = || fields.next()?.parse().ok();
    next()
        .zip(next())
        .unwrap_or_else(|| panic!("not a line that was sent: {line:.100}"))
}

/// `append --ack` at work, fed by a thread.
pub(super) struct Writer {
    pub(super) name: u64,
    pub(super) child: Child,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Set to have it wait for more input; unset once all that it was sent is acknowledged.
    hold: Arc<AtomicBool>,
    feeder: JoinHandle<Vec<u64>>,
}

/// What a writer that has ended had said.
pub(super) struct Told {
    /// The acknowledgements: of its first line, its second, and so on.
    pub(super) lengths: Vec<u64>,
    pub(super) code: Option<i32>,
    pub(super) stderr: String,
}

impl Writer {
    pub(super) fn start(name: u64, mut child: Child, pad: Pad, seen: Seen) -> Self {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let hold = Arc::new(AtomicBool::new(false));
        let feeder = Feeder {
            name,
            pad,
            input: Some(child.stdin.take().expect("a pipe")),
            output: BufReader::new(child.stdout.take().expect("a pipe")),
            acknowledged: Arc::clone(&acknowledged),
            stop: Arc::clone(&stop),
            hold: Arc::clone(&hold),
            lengths: Vec::new(),
            seen,
        };
        Self {
            name,
            child,
            acknowledged,
            stop,
            hold,
            feeder: std::thread::spawn(move || feeder.run()),
        }
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    pub(super) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid()]).status();
        assert!(sent.expect("kill runs").success(), "kill {signal}");
    }

    /// Waits until `lines` more have been acknowledged; tells whether they were, or it ended.
    pub(super) fn goes_on(&mut self, lines: u64) -> bool {
        let (from, start) = (self.acknowledged(), Instant::now());
        while self.acknowledged() < from + lines {
            if self.child.try_wait().expect("a status").is_some() {
                return false;
            }
            assert!(start.elapsed() < PATIENCE, "writer {} hangs", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Has it wait for more input, with all that it was sent acknowledged.
    pub(super) fn hold(&self) {
        self.hold.store(true, Ordering::SeqCst);
        let start = Instant::now();
        while self.hold.load(Ordering::SeqCst) {
            assert!(start.elapsed() < PATIENCE, "writer {} hangs", self.name);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn kill(mut self, told: &mut BTreeMap<u64, Told>) {
        self.child.kill().expect("it had not been waited for");
        self.stop.store(true, Ordering::SeqCst);
        self.end(told);
    }

    pub(super) fn finish(self, told: &mut BTreeMap<u64, Told>) {
        self.stop.store(true, Ordering::SeqCst);
        let name = self.name;
        self.end(told);
        let ended = &told[&name];
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }

    pub(super) fn end(mut self, told: &mut BTreeMap<u64, Told>) {
        let lengths = self.feeder.join().expect("the feeder ends well");
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("a pipe");
        pipe.read_to_string(&mut stderr).expect("UTF-8");
        let code = self.child.wait().expect("it ends").code();
        let ended = Told {
            lengths,
            code,
            stderr,
        };
        told.insert(self.name, ended);
    }
}

struct Feeder {
    name: u64,
    pad: Pad,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    hold: Arc<AtomicBool>,
    lengths: Vec<u64>,
    seen: Seen,
}

impl Feeder {
    /// Until it is told to stop and all is acknowledged, or the process ends.
    fn run(mut self) -> Vec<u64> {
        let mut sent = 0;
        loop {
            let done = self.lengths.len() as u64;
            let stop = self.stop.load(Ordering::SeqCst);
            let hold = self.hold.load(Ordering::SeqCst);
            if stop {
                self.input = None;
            } else if hold && sent == done {
                self.hold.store(false, Ordering::SeqCst);
                while !self.stop.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                continue;
            } else if !hold {
                self.send_ahead(done, &mut sent);
            }
            let mut length = String::new();
            let read = self.output.read_line(&mut length);
            // Of a line that a kill cut off nobody knows what it said.
            if read.is_err() || !length.ends_with('\n') {
                return self.lengths;
            }
            let length = length.trim().parse().expect("a length");
            (self.seen)(&line(self.name, done, self.pad), length);
            self.lengths.push(length);
            self.acknowledged.store(done + 1, Ordering::SeqCst);
        }
    }

    fn send_ahead(&mut self, done: u64, sent: &mut u64) {
        while *sent < done + AHEAD {
            let line = line(self.name, *sent, self.pad);
            let input = self.input.as_mut().expect("open until the end");
            if writeln!(input, "{line}").is_err() {
                // The process has ended, as reading from it will show.
                return;
            }
            *sent += 1;
        }
    }
}

/// Moments drawn from a seed that is printed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        eprintln!("seed {seed}");
        Self(seed)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(super) fn pause(&mut self) {
        std::thread::sleep(Duration::from_micros(self.below(20_000)));
    }
}
