"""Runs the scripts in deploy/ with a program that ends as it is told: `python3 tests/deploy/scripts.py`.

Each exit code is to be taken for what it is, and the signal that comes before the limit of time is to be
heard whenever it comes. `scontrol`, `sleep` and `parallel` are made up; tests/campaign has the real engines.
Takes some seconds.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TIMEOUT_S = 60
SHARDS = 2

# Ends with what stands in the line of `codes` whose number is that of the attempt. `wait` is a shard that
# runs until it is told to end.
PROGRAM = r"""#!/bin/bash
echo "$*" >>"$SCRATCH/calls"
[[ $1 == campaign ]] || exit 7
code=$(sed -n "$(grep -c campaign "$SCRATCH/calls")p" "$SCRATCH/codes")
case $code in
wait) exec tail -f /dev/null ;;
kill) kill -KILL $$ ;;
esac
exit "$code"
"""
# Notes how long it was to be, and takes a moment: with a number in `asleep`, so many seconds.
SLEEP = r"""#!/bin/bash
echo "$1" >>"$SCRATCH/pauses"
exec /bin/sleep "$(cat "$SCRATCH/asleep" 2>/dev/null || echo 0.01)"
"""
SCONTROL = r"""#!/bin/bash
echo "$*" >>"$SCRATCH/requeues"
"""
# As far as deploy/parallel.sh asks for it: a call with each of the words behind `:::`.
PARALLEL = r"""#!/bin/bash
while [[ $1 != --line-buffer ]]; do shift; done
shift
words=()
while [[ $1 != ::: ]]; do words+=("$1"); shift; done
shift
for index; do "${words[@]/#\{\}/$index}" || exit; done
"""


class Wrong(Exception):
    """A file is not as it has to be."""


def check(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


class Scratch:
    """A folder with the programs that are made up, and what they note."""

    def __init__(self, codes: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="seedloop-scripts-"))
        tools = (("program", PROGRAM), ("sleep", SLEEP), ("scontrol", SCONTROL), ("parallel", PARALLEL))
        for name, text in tools:
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        (self.folder / "codes").write_text("\n".join(codes) + "\n")
        own = ("SEEDLOOP_", "SLURM_", "PARALLEL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        path = f"{self.folder}:{os.environ['PATH']}"
        self.environment = kept | {"PATH": path, "SCRATCH": str(self.folder), "SEEDLOOP_SHARDS": str(SHARDS)}

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def noted(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def start(self, script: str, **variables: str) -> subprocess.Popen[str]:
        arguments = [str(self.folder / "program"), "tea", "0..9", "DIR", "--jobs", "1"]
        return subprocess.Popen(
            [str(DEPLOY / script), *arguments],
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, name: str, text: str) -> None:
        """Waits until something is noted."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.noted(name):
            check(time.monotonic() < deadline, f"waited in vain for '{text}' in {name}")
            time.sleep(0.01)


TASK = {"SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "1"}
CALL = "campaign tea --seeds 0..9 --out DIR --jobs 1"


def check_codes() -> None:
    """What the attempts end with, what the task ends with, and how long it waits between them."""
    for codes, code, pauses in (
        (["0"], 0, []),
        (["1"], 1, []),
        (["2"], 2, []),
        (["101"], 101, []),
        (["kill", "3", "0"], 0, ["2", "60"]),
        (["4", "kill", "1"], 1, ["60", "2"]),
        (["3", "2"], 2, ["60"]),
        (["3", "4", "3", "0"], 3, ["60", "60"]),
        (["kill", "kill", "kill", "0"], 137, ["2", "2"]),
    ):
        with Scratch(codes) as scratch:
            process = scratch.start("slurm.sh", **TASK)
            said, _ = process.communicate(timeout=TIMEOUT_S)
            what = f"slurm.sh with {codes}: "
            check(process.returncode == code, f"{what}exit code {process.returncode}, not {code}:\n{said}")
            check(scratch.noted("pauses") == pauses, f"{what}waits {scratch.noted('pauses')}")
            check(scratch.noted("calls") == [CALL] * (len(pauses) + 1), f"{what}{scratch.noted('calls')}")
            check(scratch.noted("requeues") == [], f"{what}it is put back")


def check_limit() -> None:
    """The signal may come while the shard runs, and while the next attempt waits."""
    for codes, file, text in ((["wait"], "calls", CALL), (["3", "0"], "pauses", "60")):
        with Scratch(codes) as scratch:
            (scratch.folder / "asleep").write_text("1")
            process = scratch.start("slurm.sh", **TASK)
            scratch.until(file, text)
            # The program runs a moment before the script knows of it.
            time.sleep(0.3)
            process.send_signal(signal.SIGUSR1)
            said, _ = process.communicate(timeout=TIMEOUT_S)
            what = f"slurm.sh with {codes} and USR1: "
            check(scratch.noted("requeues") == ["requeue 40_1"], f"{what}it is not put back:\n{said}")
            check(scratch.noted("calls") == [CALL], f"{what}it is started once more:\n{said}")
            code = 143 if codes == ["wait"] else 3
            check(process.returncode == code, f"{what}exit code {process.returncode}:\n{said}")


def check_parallel() -> None:
    """The same of the shards one after the other, and how many starts there are; merge ends with 7."""
    for codes, code, pauses, starts in (
        (["0", "1"], 7, [], 2),
        (["kill", "3", "1", "4", "0"], 7, ["2", "60", "60"], 5),
        (["2"], 2, [], 1),
        (["3", "4", "kill"], 137, ["60", "60"], 3),
    ):
        with Scratch(codes) as scratch:
            process = scratch.start("parallel.sh")
            said, _ = process.communicate(timeout=TIMEOUT_S)
            what = f"parallel.sh with {codes}: "
            check(process.returncode == code, f"{what}exit code {process.returncode}, not {code}:\n{said}")
            check(scratch.noted("pauses") == pauses, f"{what}waits {scratch.noted('pauses')}")
            merges = ["merge DIR"] if code == 7 else []
            check(scratch.noted("calls") == [CALL] * starts + merges, f"{what}{scratch.noted('calls')}")


def check_scripts() -> None:
    check_codes()
    check_limit()
    check_parallel()
    print("slurm.sh and parallel.sh: each exit code and the limit of time are taken for what they are")


if __name__ == "__main__":
    try:
        check_scripts()
    except Wrong as wrong:
        print(f"error: {wrong}")
        sys.exit(1)
