# Short names for one-line cargo commands. Nothing depends on this file.

# Lists the names.
default:
    @just --list --unsorted

# Runs the tests; takes part of a name, and what else cargo test takes.
test *args:
    cargo test {{ args }}

# Runs one scenario and prints its transcript.
run name *args:
    cargo run -- run {{ name }} {{ args }}

# Runs one scenario and draws it step by step; `--events` prints every event of its loop.
trace name *args:
    cargo run -- trace {{ name }} {{ args }}

# Draws one scenario as a page: `just page philosophers-3 --case CASE`.
page name *args:
    cargo run -- trace {{ name }} --html target/{{ name }}.html {{ args }}

# Looks at the page in a real browser (needs node and chromium).
page-test:
    cargo build --bin seedloop
    npm ci --prefix tests/page
    node tests/page/page.test.js target/debug/seedloop

# Does what the README says, command by command, in a new project.
readme:
    python3 tests/readme/commands.py

# Shows that each time that nextest runs the tests they explore other seeds (needs cargo-nextest).
nextest-seeds:
    python3 tests/campaign/nextest.py

# Runs campaigns of tests in a new project.
campaigns-of-tests:
    cargo build -p seedloop-cli --bin cargo-seedloop
    python3 tests/campaign/cargo.py target/debug/cargo-seedloop

# Kills a campaign again and again; takes what tests/campaign/kill.py takes behind the name.
kill-campaign name="bluetooth" *args:
    cargo build --release --bin seedloop
    python3 tests/campaign/kill.py target/release/seedloop {{ name }} {{ args }}

# Runs a campaign with Slurm and GNU parallel, which are set up for it (needs root, slurm-wlm, munge
# and parallel).
engines name="bluetooth":
    cargo build --release --bin seedloop
    tests/campaign/slurm.sh target/release/seedloop {{ name }}
    tests/campaign/parallel.sh target/release/seedloop {{ name }}

# Takes the README's picture anew: the page of the failure that its first test finds. In a folder
# outside of the repository, as the project of somebody else.
picture folder:
    npm ci --prefix tests/page
    python3 tests/readme/commands.py --first --keep {{ folder }}
    node tests/page/picture.js {{ folder }}/tickets/target/seedloop/*.html docs/report.png

# Checks the licences of what is built, as CI does (needs cargo-deny).
licences:
    cargo deny --locked check licenses bans sources

# Runs every scenario.
all:
    cargo run -- run --all

# Compares n fresh random programs with CPython 3.13, which has to be there.
conformance n *args:
    cargo run --release --example conformance -- compare {{ n }} {{ args }}

# Puts one-line mutations of the library to the recorded corpus or a test: new ones, or `all` (hours).
mutations *args:
    cargo run --example mutations {{ args }}

# Counts anew how many schedules each known bug takes (some minutes).
known-bugs:
    cargo run --release --example known-bugs > tests/explore/known_bugs.txt
    cargo run --release --example known-bugs -- safe-stack >> tests/explore/known_bugs.txt

# Puts each corrected twin of a known bug to n schedules.
twins n:
    cargo run --release --example known-bugs -- twins {{ n }}

# Prints how soon each mistake of the job queue is found (some minutes).
job-queue:
    cargo run --release --example job-queue

# Measures: `just bench` lists what, as `compare`, `instructions` or `gate`; benches/README.md says how.
bench *args:
    cargo run --quiet --release --manifest-path benches/Cargo.toml --package driver -- {{ args }}

# Checks format and lints, as CI does.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo fmt --manifest-path benches/Cargo.toml --all --check
    cargo clippy --manifest-path benches/Cargo.toml --workspace --all-targets -- -D warnings

# Builds the documentation and opens it.
doc:
    cargo doc --workspace --no-deps --open

# Runs the tests of one night: `just night 100000`.
night runs *args:
    SEEDLOOP_RUNS={{ runs }} cargo nextest run --profile night {{ args }}

# Walks through changed snapshots (needs cargo-insta).
review:
    cargo insta review

# Does all that CI does; the working tree must be clean.
ci:
    .ci/run
