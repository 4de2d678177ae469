//! A row of the scoreboard while it is filled in, and the numbers that its cases are drawn from.

use std::panic::Location;
use std::sync::Once;
use std::time::Instant;

/// Whether the deep form was asked for.
pub(super) fn deep() -> bool {
    std::env::var_os("SCOREBOARD").is_some_and(|form| form == "deep")
}

/// One of two budgets.
pub(super) fn by_form<T>(quick: T, deep_form: T) -> T {
    if deep() { deep_form } else { quick }
}

/// The seed of all rows.
pub(super) fn seed() -> u64 {
    match std::env::var("SCOREBOARD_SEED") {
        Ok(seed) => seed.parse().expect("SCOREBOARD_SEED is a number"),
        Err(_) => 20_260_731,
    }
}

/// Counts cases and what broke the claim.
pub(super) struct Row {
    name: &'static str,
    seed: u64,
    start: Instant,
    cases: u64,
    violations: u64,
    first: Vec<String>,
    within: String,
}

impl Row {
    pub(super) fn new(name: &'static str) -> Self {
        hush_redb();
        Self {
            name,
            seed: seed(),
            start: Instant::now(),
            cases: 0,
            violations: 0,
            first: Vec::new(),
            within: String::new(),
        }
    }

    pub(super) fn cases(&self) -> u64 {
        self.cases
    }

    /// Says what the cases to come belong to.
    pub(super) fn within(&mut self, within: String) {
        self.within = within;
    }

    pub(super) fn violations(&self) -> u64 {
        self.violations
    }

    /// Takes one case down; `Err` says how it broke the claim, with all that is needed to see it
    /// again: seed, crash point, mask.
    pub(super) fn case(&mut self, outcome: Result<(), String>) {
        self.cases += 1;
        if let Err(violation) = outcome {
            self.violations += 1;
            if self.first.len() < 5 {
                let within = &self.within;
                self.first.push(format!("{within}: {violation}"));
            }
        }
    }

    /// Takes down the cases of a part of the row that was filled in beside this one.
    pub(super) fn absorb(&mut self, part: Self) {
        self.cases += part.cases;
        self.violations += part.violations;
        self.first.extend(part.first);
    }

    /// Prints the line, and fails if the claim was broken or fewer cases were tried than wanted.
    pub(super) fn finish(self, at_least: u64) {
        let Self {
            name,
            seed,
            start,
            cases,
            violations,
            first,
            ..
        } = self;
        println!(
            "{name} cases={cases} violations={violations} seed={seed} seconds={:.1}",
            start.elapsed().as_secs_f64()
        );
        assert!(
            violations == 0,
            "{name}: {violations} violations, the first:\n{}",
            first.join("\n")
        );
        assert!(cases >= at_least, "{name}: {cases} cases, not {at_least}");
    }
}

/// Panics of redb on damaged pages are caught, and would fill the terminal.
fn hush_redb() {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let in_redb = |place: &Location<'_>| place.file().replace('\\', "/").contains("/redb-");
            if !panic.location().is_some_and(in_redb) {
                told(panic);
            }
        }));
    });
}

/// Numbers drawn from a seed.
#[derive(Debug, Clone)]
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    /// Forked, since the numbers of seeds side by side are alike.
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed).fork())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0.u64(..limit)
    }

    pub(super) fn index(&mut self, len: usize) -> usize {
        self.0.usize(..len)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
