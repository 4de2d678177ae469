# What developers run. `just` lists it.

_default:
    @just --list --unsorted

# All tests
test:
    cargo test --release --workspace --all-features

# The reliability scoreboard; `just scoreboard deep` takes an hour
scoreboard form="quick":
    SCOREBOARD={{form}} cargo test --release --test it scoreboard -- --nocapture

# Which changes to the code that decides what counts no test notices; needs cargo-mutants, takes hours
mutants:
    cargo mutants -f src/engine/model/run.rs -f 'src/engine/journal/*.rs' -f 'src/engine/layers/*.rs' -f 'src/jsonl/*.rs' -f 'src/doctor/*.rs'

# Format, clippy, docs: nothing may be left
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo clippy -- -D warnings
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --all-features

# The public surface beside docs/public-api.txt; `just surface --update` writes that list anew
surface *args:
    tests/surface/run {{args}}

# The archive beside a folder of JSONL files; `just bench --quick` is faster
bench *args:
    cargo bench --bench store -- {{args}}

# This build beside that of another commit, call by call: `just against HEAD~10`
against commit *words:
    benches/against/run {{commit}} {{words}}

# The archive beside JSONL folders, SQLite, LMDB, fjall and redb; `just peers --quick` takes some minutes
peers *args:
    cargo run --release --manifest-path benches/peers/Cargo.toml -- {{args}}

# Sizes beside SQLite, zstd, tar, restic and borg, on sessions that repeat; `just beside --quick` is faster
beside *args:
    benches/beside/run {{args}}

# Searches beside ripgrep, SQLite FTS5 and tantivy; `just search --quick` shows that it runs
search *args:
    cargo run --release --features tantivy --manifest-path benches/search/Cargo.toml -- {{args}}

# Run the fuzz targets on their corpora; `just fuzz-replay 60` fuzzes each for 60 seconds as well
fuzz-replay seconds="0":
    fuzz/replay {{seconds}}

# The command and the tests as Windows programs under wine; `just windows command` is the quick part. Needs root
windows *args:
    tests/windows/run {{args}}

# Archives that share a Garage of three nodes, which are killed meanwhile; builds Garage for half an hour the first time
garage *args:
    tests/garage/run {{args}}

# Whether all compiles for macOS, and for Linux of 32 bits, on ARM and with musl. Needs root
darwin *targets:
    tests/darwin/run {{targets}}

# The program's own help into docs/command.md
command-page:
    UPDATE_DOCS=1 cargo test -p sessiondb-cli --all-features --test it docs::

# Pages of `sessiondb html` in headless Chromium; as root it is installed if it is missing
page *args:
    tests/page/run {{args}}

# The archive format by its page alone, in Python; `just reader SESSIONDB` reads what that build writes as well
reader *args:
    tests/reader/run {{args}}

# The package for Python and its tests; words are those of pytest, as in `just python -k claude`
python *args:
    bindings/python/run {{args}}

# The package for Node and its tests
node:
    bindings/node/run

# Import the sample sessions into an archive and list it
demo:
    cargo run --release -p sessiondb-cli -- -a target/demo.sessiondb import tests/data/sessions --list

# Packs all crates as they would be published, and builds and tests what is in the packages
package:
    tests/package/run

# What publishing would do, all but the upload
publish-dry-run:
    cargo publish --workspace --dry-run --locked

# All that must pass before a change lands
ci:
    .ci/run
