"""Runs campaigns of a user's own tests: `python3 tests/campaign/cargo.py PROGRAM`.

PROGRAM is `cargo-seedloop` as it was built. In a new project, whose tests know nothing of it: a campaign that
finds a rare failure and a crash, the same in two shards and in any number of processes, killed and gone on
with, and refused where the test is no test of seedloop or was built anew. Takes half a minute. Exits with 1
if anything is not so.
"""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from common import check, run
from project import Project

TESTS = """\
use seedloop::{Result, choose, spawn, yield_now};

async fn drawn(of: u32) -> Result<u32> {
    let tasks = [(); 3].map(|()| spawn(async { Ok(yield_now().await?) }));
    for task in tasks {
        task.await?;
    }
    Ok(choose(of))
}

mod late {
    use super::*;

    #[cfg(feature = "rare")]
    #[seedloop::test(strategy = random)]
    async fn is_rare() -> Result<()> {
        assert_eq!(std::env::var("CARGO_PKG_NAME").as_deref(), Ok("tested"));
        let drawn = drawn(2_000).await?;
        if drawn == 7 {
            std::process::abort();
        }
        assert_ne!(drawn, 9, "nine");
        Ok(())
    }

    #[seedloop::test(strategy = full, runs = 10)]
    async fn tries_all() -> Result<()> {
        drawn(2).await.map(drop)
    }
}

#[test]
fn is_plain() {}
"""

SEEDS = "0..20_000"
# What the tests are built with: without the feature there is none that is rare.
CARGO = ("--offline", "--features", "rare")


class Campaigns:
    """Campaigns of one project, each in a folder of its own."""

    def __init__(self, project: Project, program: Path) -> None:
        self.project = project
        self.program = program
        self.count = 0

    def out(self) -> str:
        self.count += 1
        return f"out-{self.count}"

    def command(self, test: str, out: str, *more: str) -> str:
        told = ["seedloop", "campaign", test, "--seeds", SEEDS, "--out", out, *more]
        return " ".join([str(self.program), *told, "--", *CARGO])

    def run(self, test: str, code: int, *more: str, out: str = "", **variables: str) -> str:
        done = self.project.run(self.command(test, out or self.out(), *more), **variables)
        check(done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout}")
        return done.stdout[done.stdout.find("campaign  "):] if code < 2 else done.stdout


def check_found(campaigns: Campaigns) -> str:
    told = campaigns.run("is_rare", 1)
    check("campaign  tested::late::is_rare, patience 60 s; code " in told, f"another campaign:\n{told}")
    check("seeds     0..20000: 20,000 runs\n" in told, f"other seeds:\n{told}")
    check("failures  2 kinds, in " in told, f"other failures:\n{told}")
    for kind, end in [("panic", 101), ("crash", None)]:
        found = re.search(rf"\n{kind}, in (\d+) runs, .*\n(?:  .*\n)*?  replay: (.*)\n", told)
        check(bool(found), f"no {kind}:\n{told}")
        # One in 2,000 of 20,000 runs; ten and a half standard deviations lie above 40.
        check(1 < int(found[1]) < 40, f"{found[1]} runs are not one in 2,000")
        check(" --offline --features rare -- --exact " in found[2], f"built otherwise: {found[2]}")
        replay = campaigns.project.run(found[2])
        check(replay.returncode == 101, f"it does not replay:\n{replay.stdout}")
        is_crash = "SIGABRT" in replay.stdout
        check(is_crash == (end is None), f"it is another failure:\n{replay.stdout}")
    return told


def check_same(campaigns: Campaigns, told: str) -> None:
    check(campaigns.run("late::is_rare", 1, "--jobs", "1") == told, "1 job differs")
    # What is said to tests, right or wrong, is said to no campaign, but for the jobs.
    told_to_tests = {f"SEEDLOOP_{name}": "x" for name in ("RUNS", "PAGES", "ISOLATED", "SEED", "OTHER")}
    check(campaigns.run("is_rare", 1, SEEDLOOP_JOBS="3", **told_to_tests) == told, "3 jobs differ")
    out = campaigns.out()
    for shard in (1, 0):
        campaigns.run("is_rare", 1, "--shards", "2", "--shard", str(shard), out=out)
    merged = campaigns.project.run(f"{campaigns.program} seedloop merge {out}")
    check(merged.stdout == told, f"two shards are not the whole:\n{merged.stdout}")


def check_killed(campaigns: Campaigns, told: str) -> None:
    out = campaigns.out()
    folder = campaigns.project.folder / out
    command = campaigns.command("is_rare", out, "--jobs", "1").split()
    process = subprocess.Popen(
        command,
        cwd=campaigns.project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=campaigns.project.environment(),
    )
    deadline = time.monotonic() + 60
    while not any('"failure"' in file.read_text() for file in folder.glob("*.jsonl")):
        check(process.poll() is None, "it was over before it could be killed")
        check(time.monotonic() < deadline, "it finds nothing")
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    check(campaigns.run("is_rare", 1, out=out) == told, "a campaign that was killed differs")


def check_refused(campaigns: Campaigns) -> None:
    wrong = campaigns.run("is_plain", 2)
    check("it makes runs if it is a test of '#[seedloop::test]'" in wrong, f"it is not told:\n{wrong}")
    out = campaigns.out()
    wrong = campaigns.run("tries_all", 2, out=out)
    check("name another strategy" in wrong, f"it is not told:\n{wrong}")
    wrong = campaigns.run("tries_all", 2, "--strategy", "random", "--cancel", "pairs", out=out)
    check("say '--cancel random'" in wrong, f"it is not told:\n{wrong}")
    # What was refused has left nothing.
    campaigns.run("tries_all", 0, "--strategy", "random", out=out)
    wrong = campaigns.run("rare", 2)
    check("none of 3 tests is called 'rare'" in wrong, f"it is not told:\n{wrong}")
    out = campaigns.out()
    campaigns.run("is_rare", 1, out=out)
    wrong = campaigns.run("is_rare", 2, "--seed", "5", out=out)
    check("its seed is not set, not 5" in wrong, f"it is not told:\n{wrong}")
    wrong = campaigns.run("is_rare", 2, out=out, SEEDLOOP_PATIENCE="61")
    check("its patience is 60 s, not 61 s" in wrong, f"it is not told:\n{wrong}")
    for name in ("SEEDLOOP_JOBS", "SEEDLOOP_PATIENCE"):
        wrong = campaigns.run("is_rare", 2, out=out, **{name: "x"})
        check(f"{name} is 'x', which is no number from 1 on" in wrong, f"it is not told:\n{wrong}")


def check_all(scratch: Path) -> None:
    program = Path(sys.argv[1]).resolve()
    campaigns = Campaigns(Project(scratch, "tested", TESTS, features="rare = []"), program)
    told = check_found(campaigns)
    check_same(campaigns, told)
    check_killed(campaigns, told)
    check_refused(campaigns)
    print("campaigns of tests find what they are to find, and come to the same")


if __name__ == "__main__":
    sys.exit(run("campaign", check_all))
