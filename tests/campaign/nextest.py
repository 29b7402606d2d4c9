"""Shows that each time that nextest runs a test it explores other seeds: `python3 tests/campaign/nextest.py`.

In a new project, with cargo-nextest as it is: nothing in the tests knows of it. `--stress-count` moves the
seed of each test on by one each time; `--partition` changes which tests run, and no seed. Needs
cargo-nextest; takes half a minute. Exits with 1 if anything is not so.
"""

import re
import sys
import tempfile
from pathlib import Path

from common import check, run
from project import Project

# What `order` and `other` write tells in which order their tasks went, run by run. `rare` fails in one of
# 720 orders, which its 40 runs seldom have.
TESTS = """\
use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;
use std::rc::Rc;

use seedloop::{Result, spawn, yield_now};

async fn order_of_six() -> Result<String> {
    let order = Rc::new(RefCell::new(String::new()));
    let tasks: Vec<_> = ('a'..='f')
        .map(|name| {
            let order = order.clone();
            spawn(async move {
                yield_now().await?;
                order.borrow_mut().push(name);
                Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(order.take())
}

async fn written(test: &str) -> Result<()> {
    let order = order_of_six().await?;
    let folder = std::env::var("ORDERS").expect("a folder");
    let time = std::env::var("NEXTEST_STRESS_CURRENT").unwrap_or("none".to_owned());
    let file = format!("{folder}/{test}-{time}");
    let mut file = OpenOptions::new().append(true).create(true).open(file).expect("a file");
    writeln!(file, "{order}").expect("it is written");
    Ok(())
}

#[seedloop::test(runs = 20, strategy = "random")]
async fn order() -> Result<()> {
    written("order").await
}

#[seedloop::test(runs = 20, strategy = "random")]
async fn other() -> Result<()> {
    written("other").await
}

#[seedloop::test(runs = 40, strategy = "random")]
async fn rare() -> Result<()> {
    assert_ne!(order_of_six().await?, "fcbeda");
    Ok(())
}
"""


def orders(project: Project, command: str, **variables: str) -> dict[str, list[str]]:
    """Returns the orders that each test and time had, as `order-0`."""
    with tempfile.TemporaryDirectory(prefix="seedloop-orders-") as folder:
        done = project.run(command, ORDERS=folder, SEEDLOOP_PAGES="off", **variables)
        check(done.returncode == 0, f"exit code {done.returncode}:\n{done.stdout}")
        return {file.name: file.read_text().split() for file in Path(folder).iterdir()}


def check_stress(project: Project) -> None:
    nextest = "cargo nextest run --offline -E 'not test(rare)'"
    plain = orders(project, "cargo test --offline -- --skip rare")
    once = orders(project, nextest)
    check(sorted(once) == ["order-none", "other-none"], f"not those tests: {sorted(once)}")
    check(once == plain, "nextest explores other seeds than cargo test")

    times = orders(project, f"{nextest} --stress-count 3")
    expected = [f"{test}-{time}" for test in ("order", "other") for time in range(3)]
    check(sorted(times) == expected, f"not those times: {sorted(times)}")
    check(times["order-0"] == once["order-none"], "the first time explores other seeds than one run")
    for test in ("order", "other"):
        distinct = {tuple(times[f"{test}-{time}"]) for time in range(3)}
        check(len(distinct) == 3, f"two times of {test} explore the same")
    seen = {order for time in range(3) for order in times[f"order-{time}"]}
    most = max(len(set(times[f"order-{time}"])) for time in range(3))
    print(f"    {len(seen)} orders in three times, at most {most} in one of them")
    check(len(seen) > 2 * most, "three times see hardly more than one")

    for time in (1, 2):
        given = orders(project, "cargo test --offline order", SEEDLOOP_SEED=str(time))
        check(given["order-none"] == times[f"order-{time}"], f"time {time} is not seed {time}")
    moved = orders(project, f"{nextest} --stress-count 2", SEEDLOOP_SEED="1")
    for time in (0, 1):
        here, there = moved[f"order-{time}"], times[f"order-{time + 1}"]
        check(here == there, f"time {time} from seed 1 is not seed {time + 1}")


def check_partition(project: Project) -> None:
    """Each part has other tests, with the seeds that they have anyway."""
    nextest = "cargo nextest run --offline -E 'not test(rare)' --partition"
    whole = orders(project, "cargo test --offline -- --skip rare")
    for kind in ("slice", "hash"):
        parts = [orders(project, f"{nextest} {kind}:{part}/2 --no-tests pass") for part in (1, 2)]
        check(not parts[0].keys() & parts[1].keys(), f"two parts of {kind} have one test")
        check(parts[0] | parts[1] == whole, f"the parts of {kind} are not the whole")


def check_failure(project: Project) -> None:
    """What a later time finds is replayed by its command alone."""
    nextest = "cargo nextest run --offline -E 'test(rare)'"
    quiet = {"SEEDLOOP_PAGES": "off"}
    once = project.run(nextest, **quiet)
    check(once.returncode == 0, f"seed 0 finds it already:\n{once.stdout}")
    found = project.run(f"{nextest} --stress-count 100", **quiet)
    check(found.returncode == 100, f"exit code {found.returncode}:\n{found.stdout}")
    seed = re.search(r"found in run \d+ \(random, seed (\d+)\)", found.stdout)
    check(bool(seed and int(seed[1]) > 0), f"no seed of a later time:\n{found.stdout}")
    print(f"    found with seed {seed[1]}")
    replay = re.search(r"replay: +(SEEDLOOP_CASE=.*)", found.stdout)
    check(bool(replay), f"no command that replays it:\n{found.stdout}")
    again = project.run(replay[1].replace("cargo test", "cargo test --offline"), **quiet)
    check(again.returncode == 101, f"the replay has exit code {again.returncode}:\n{again.stdout}")
    check('right: "fcbeda"' in again.stdout, f"the replay is another failure:\n{again.stdout}")
    # It was noted beside the test, so each time finds it now.
    noted = project.run(f"{nextest} --stress-count 1", **quiet)
    check('right: "fcbeda"' in noted.stdout, f"what was found is not replayed:\n{noted.stdout}")


def check_all(scratch: Path) -> None:
    project = Project(scratch, "stressed", TESTS)
    check_stress(project)
    check_partition(project)
    check_failure(project)
    print("each time that nextest runs the tests they explore other seeds")


if __name__ == "__main__":
    sys.exit(run("nextest", check_all))
