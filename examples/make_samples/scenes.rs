//! The conversations: small jobs of a coding agent on projects that do not exist.

use serde_json::json;

use super::script::Segment;

const PROMPT: &str = "You are a coding agent. You work in the folder of the project with the tools \
                      Read, Edit, Search and Shell. Run the tests before you say that something works.";

/// Monday, 2 March 2026, 08:00 UTC, in milliseconds since the Unix epoch.
const MONDAY: u64 = 1_772_438_400_000;
const HOUR: u64 = 3_600_000;

pub(crate) fn all() -> Vec<Segment> {
    let mut segments = vec![
        flaky_test(),
        traceback(),
        broken_pipe(),
        broken_link(),
        nightly(),
    ];
    segments.extend(migration());
    segments.extend(long_job());
    segments
}

fn flaky_test() -> Segment {
    let mut s = Segment::start(MONDAY, PROMPT).traced();
    s.user("The test `refills_after_a_second` fails about once in twenty runs. Find out why.")
        .think("A test about time that fails now and then: probably it sleeps and compares with the real clock.")
        .tool("Search", &json!({"pattern": "refills_after_a_second"}), "1 match in 1 file", "tests/bucket.rs:41: fn refills_after_a_second() {")
        .tool("Read", &json!({"path": "tests/bucket.rs", "from": 36, "to": 58}), "23 lines", BUCKET_TEST)
        .tool("Read", &json!({"path": "src/bucket.rs"}), "31 lines", BUCKET)
        .say("The test sleeps for 1,000 ms and then expects exactly 10 tokens. `refill` rounds the elapsed time \
              down to whole milliseconds and drops the rest, so a sleep that wakes up late can give 11, and two \
              short sleeps can give 9. The remainder has to be carried over, and the test should pass its own clock.")
        .done();
    s.user("Good. Carry the remainder over, and give the bucket a clock that the test can turn.")
        .tool("Edit", &json!({"path": "src/bucket.rs", "replace": "self.last = now;", "with": "self.last += whole * self.period;"}), "1 replacement", "")
        .tool("Edit", &json!({"path": "src/bucket.rs", "replace": "Instant::now()", "with": "self.clock.now()"}), "2 replacements", "")
        .tool("Edit", &json!({"path": "tests/bucket.rs", "replace": "thread::sleep(Duration::from_secs(1));", "with": "clock.advance(Duration::from_secs(1));"}), "1 replacement", "")
        .tool("Shell", &json!({"command": "for i in $(seq 200); do cargo test -q --test bucket || break; done"}), "exit 0", "running 6 tests\n......\ntest result: ok. 6 passed; 0 failed\n(200 runs)")
        .say("Done: the remainder stays in `last`, and `Bucket::with_clock` takes the clock. 200 runs of the test, no failure.")
        .done();
    s
}

const BUCKET_TEST: &str = "#[test]
fn refills_after_a_second() {
    let bucket = Bucket::new(10, Duration::from_millis(100));
    while bucket.take() {}
    thread::sleep(Duration::from_secs(1));
    let mut taken = 0;
    while bucket.take() {
        taken += 1;
    }
    assert_eq!(taken, 10);
}
";

const BUCKET: &str = "/// A token bucket: `capacity` tokens, one more every `period`.
pub struct Bucket {
    capacity: u32,
    period: Duration,
    state: Mutex<State>,
}

impl Bucket {
    pub fn take(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.refill(Instant::now(), self);
        match state.tokens.checked_sub(1) {
            Some(left) => {
                state.tokens = left;
                true
            }
            None => false,
        }
    }
}

impl State {
    fn refill(&mut self, now: Instant, bucket: &Bucket) {
        let whole = (now - self.last).as_millis() / bucket.period.as_millis();
        self.tokens = bucket.capacity.min(self.tokens + whole as u32);
        if whole > 0 {
            self.last = now;
        }
    }
}
";

fn traceback() -> Segment {
    let mut s = Segment::start(MONDAY + 3 * HOUR, PROMPT);
    s.user_with_paste("The report dies on the new export:\n", TRACEBACK)
        .tool("Read", &json!({"path": "report/load.py"}), "18 lines", LOAD)
        .tool("Shell", &json!({"command": "head -c 120 data/export.csv | xxd | head -3"}), "exit 0",
              "00000000: efbb bf64 6174 653b 616d 6f75 6e74 3b63  ...date;amount;c\n00000010: 7572 7265 6e63 790a 3230 3236 2d30 322d  urrency.2026-02-\n")
        .say("The export begins with a byte order mark, so the first column is called `\\ufeffdate`, and `row[\"date\"]` \
              is not found. Opening the file as `utf-8-sig` takes the mark off and reads files without one as before.")
        .tool("Edit", &json!({"path": "report/load.py", "replace": "encoding=\"utf-8\"", "with": "encoding=\"utf-8-sig\""}), "1 replacement", "")
        .tool("Shell", &json!({"command": "python -m pytest -q"}), "exit 0", "...............                                    [100%]\n15 passed in 0.41s\n")
        .done();
    s.user("Add a test with such a file, umlauts and the euro sign: „Größe“, „10 €“.")
        .tool("Edit", &json!({"path": "tests/test_load.py", "append": "def test_byte_order_mark(tmp_path):\n    file = tmp_path / \"export.csv\"\n    file.write_text(\"\\ufeffdate;Größe;amount\\n2026-02-01;groß;10 €\\n\", encoding=\"utf-8\")\n    assert load(file)[0][\"amount\"] == \"10 €\"\n"}), "4 lines added", "")
        .tool("Shell", &json!({"command": "python -m pytest -q"}), "exit 0", "................                                   [100%]\n16 passed in 0.44s\n")
        .say("The test is in `tests/test_load.py` and fails without the change: KeyError: 'date'. 🎉 16 passed.")
        .extension("memory.extract", &json!({"processed_through_entry": 19, "notes": ["exports may begin with a byte order mark"]}))
        .done();
    s
}

const TRACEBACK: &str = "Traceback (most recent call last):
  File \"report/__main__.py\", line 12, in <module>
    rows = load(path)
  File \"report/load.py\", line 14, in load
    rows.append({\"date\": parse(row[\"date\"]), \"amount\": row[\"amount\"]})
KeyError: 'date'
";

const LOAD: &str = "import csv
from datetime import date


def parse(text):
    return date.fromisoformat(text)


def load(path):
    rows = []
    with open(path, encoding=\"utf-8\", newline=\"\") as file:
        for row in csv.DictReader(file, delimiter=\";\"):
            rows.append({\"date\": parse(row[\"date\"]), \"amount\": row[\"amount\"]})
    return rows
";

fn broken_pipe() -> Segment {
    let mut s = Segment::start(MONDAY + 5 * HOUR, PROMPT).traced();
    s.user_with_file("`tool list | head -1` prints a panic. It should just stop. ", "src/main.rs")
        .system(r#"{"kind":"file_attachment","path":"src/main.rs","body":"[File: src/main.rs]\nfn main() {\n    for name in names() {\n        println!(\"{name}\");\n    }\n}\n"}"#)
        .say("`println!` panics when the reader of the pipe has gone. I will write to a locked handle and end quietly on `BrokenPipe`.")
        .tool("Edit", &json!({"path": "src/main.rs", "replace": "println!(\"{name}\");", "with": "if writeln!(out, \"{name}\").is_err() {\n            break;\n        }"}), "1 replacement", "")
        .failed("the model's server closed the connection (HTTP 529)");
    s.config(r#"{"max_tokens":4096,"temperature":0.2,"top_p":null,"top_k":null,"stop_sequences":["<END>"],"reasoning":2048}"#)
        .user("Go on.")
        .tool("Shell", &json!({"command": "cargo run -q -- list | head -1; echo ${PIPESTATUS[0]}"}), "exit 0", "alpha\n0\n")
        .say("The first name is printed and the exit code is 0. Other errors of writing are swallowed by this `break` as well; shall I tell them apart?")
        .done();
    s.user("Yes, only the closed pipe is fine.")
        .tool("Edit", &json!({"path": "src/main.rs", "replace": "is_err()", "with": "map_err(|e| e.kind()) == Err(ErrorKind::BrokenPipe)"}), "1 replacement", "")
        .tool("Shell", &json!({"command": "cargo run -q -- list > /dev/full; echo $?"}), "exit 0", "Error: No space left on device (os error 28)\n1\n")
        .say("A full disk is an error again, a closed pipe is not.")
        .done();
    s
}

fn broken_link() -> Segment {
    let mut s = Segment::start(MONDAY + 26 * HOUR, PROMPT);
    s.user("Which links in docs/ point nowhere?")
        .tool("Shell", &json!({"command": "lychee --offline docs/"}), "exit 2", "docs/setup.md:14: docs/configure.md: file not found\n")
        .say("One: `docs/setup.md` line 14 links to `configure.md`, which is now `configuration.md`.")
        .done();
    s.user("Mend it and look through the whole history for when that happened")
        .tool("Edit", &json!({"path": "docs/setup.md", "replace": "configure.md", "with": "configuration.md"}), "1 replacement", "")
        .paused();
    s
}

fn nightly() -> Segment {
    let mut s = Segment::start(MONDAY + 40 * HOUR, PROMPT);
    s.wake("wakeup", "The nightly build has failed: 1 of 214 tests.")
        .system(r#"{"kind":"knowledge","slug":"nightly","body":"The log of the nightly build is in ci/last.log."}"#)
        .tool("Shell", &json!({"command": "grep -n -A2 FAILED ci/last.log"}), "exit 0", "1187:test parse::leap_second ... FAILED\n1188-  left: 23:59:60\n1189- right: 00:00:00\n")
        .say("`parse::leap_second` fails since the time library was updated: it now keeps the 60th second. The test states the old behaviour. I leave the decision to you.")
        .system(r#"{"kind":"task_reminder","source":"task_inactivity","body":"<system-reminder>\nOne task is open: decide about leap seconds.\n</system-reminder>"}"#)
        .done();
    s
}

/// A session whose second segment leaves the first one after its first turn.
fn migration() -> Vec<Segment> {
    let mut first = Segment::start(MONDAY + 50 * HOUR, PROMPT);
    first
        .user("Orders need a column `paid_at`. Write the migration.")
        .tool("Read", &json!({"path": "migrations/0007_orders.sql"}), "8 lines", "CREATE TABLE orders (\n    id INTEGER PRIMARY KEY,\n    total_cents INTEGER NOT NULL,\n    created_at TEXT NOT NULL\n);\n\nCREATE INDEX orders_created_at ON orders (created_at);\n")
        .say("Should old orders get a value, or stay NULL until they are paid?")
        .done();
    let mut second = first.fork(PROMPT).traced();
    first
        .user("They get the date of creation.")
        .tool("Edit", &json!({"path": "migrations/0008_paid_at.sql", "append": "ALTER TABLE orders ADD COLUMN paid_at TEXT;\nUPDATE orders SET paid_at = created_at;\n"}), "2 lines added", "")
        .say("`0008_paid_at.sql` adds the column and fills it from `created_at`.")
        .done();
    second
        .user("They stay NULL.")
        .think("Then no rows change, and the statement alone is the migration. A partial index would serve the query for open orders.")
        .tool("Edit", &json!({"path": "migrations/0008_paid_at.sql", "append": "ALTER TABLE orders ADD COLUMN paid_at TEXT;\nCREATE INDEX orders_open ON orders (created_at) WHERE paid_at IS NULL;\n"}), "2 lines added", "")
        .tool("Shell", &json!({"command": "just migrate && just test"}), "exit 0", "applied 0008_paid_at\n58 tests, 0 failures\n")
        .say("The migration adds the column and an index over the orders that are still open. All 58 tests pass.")
        .done();
    vec![first, second]
}

/// A session that is summed up half-way.
fn long_job() -> Vec<Segment> {
    let mut first = Segment::start(MONDAY + 75 * HOUR, PROMPT);
    let modules = ["auth", "cart", "mail", "search", "stock", "tax"];
    first.user("Replace every `println!` in src/ by the `log` macros, module by module. Tell me after each.").say("I begin with `auth`.").done();
    for module in modules {
        let path = format!("src/{module}.rs");
        first
            .user("next")
            .tool("Search", &json!({"pattern": "println!", "path": path}), "3 matches", &format!("{path}:12: println!(\"{module}: start\");\n{path}:40: println!(\"{module}: {{}} rows\", rows.len());\n{path}:77: eprintln!(\"{module}: {{error}}\");\n"))
            .tool("Edit", &json!({"path": path, "replace": "println!", "with": "log::info!", "all": true}), "2 replacements", "")
            .tool("Edit", &json!({"path": path, "replace": "eprintln!", "with": "log::error!"}), "1 replacement", "")
            .tool("Shell", &json!({"command": format!("cargo check -q && grep -c println {path}")}), "exit 1", "0\n")
            .say(&format!("`{module}`: two messages are `info`, one is `error`; nothing is printed directly any more."))
            .done();
    }
    let mut second = first.compact(
        PROMPT,
        "Summary so far: in src/auth.rs, cart.rs, mail.rs, search.rs, stock.rs and tax.rs all `println!` have \
         become `log::info!` and all `eprintln!` `log::error!`. Left: src/main.rs, which must set up the logger.",
    );
    second
        .user("Now main.")
        .tool("Read", &json!({"path": "src/main.rs"}), "9 lines", "fn main() -> anyhow::Result<()> {\n    let config = Config::load()?;\n    println!(\"listening on {}\", config.address);\n    serve(config)\n}\n")
        .tool("Edit", &json!({"path": "src/main.rs", "replace": "    let config", "with": "    env_logger::init();\n    let config"}), "1 replacement", "")
        .tool("Edit", &json!({"path": "src/main.rs", "replace": "println!", "with": "log::info!"}), "1 replacement", "")
        .tool("Shell", &json!({"command": "cargo test -q"}), "exit 0", "test result: ok. 131 passed; 0 failed\n")
        .say("All of src/ logs now. `RUST_LOG=info` shows what was printed before.")
        .done();
    vec![first, second]
}
