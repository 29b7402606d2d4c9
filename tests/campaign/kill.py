"""Kills a campaign again and again: `python3 tests/campaign/kill.py [PROGRAM [NAME [SEEDS]]]`.

What merge makes of it, in text and in its file, has to be what it makes of a campaign that nobody
disturbed:

- of one that was killed with SIGKILL at 50 random moments and started again each time; every other time
  only the main process is killed, and its workers have to notice;
- of one whose file was cut off at a random byte and that was started again, 20 times;
- of shards, some of them killed, that ran in any order and lie in any number of folders, merged in any
  order and in any grouping.

The moments are drawn from `--random`, which is printed. `--kills` and `--cuts` say how often, and `--takes`
how long a campaign is that nobody disturbs, in seconds; all in all that are some 50 times as many. What
stands behind `--` goes to each campaign. Exits with 1 if anything is not so.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from common import check, run

ROOT = Path(__file__).resolve().parents[2]
# Within what time the workers of a main process that was killed have to notice.
NOTICE_S = 10
TIMEOUT_S = 600
# What would tell a process of a shard, and is none of ours.
OF_ENGINES = ("SEEDLOOP_", "SLURM_", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX")


@dataclass(frozen=True)
class Merged:
    """What merge makes of folders."""

    code: int
    text: str
    file: bytes


class Campaign:
    """A campaign of one range, with the folder in which all of it happens."""

    def __init__(self, arguments: argparse.Namespace, seeds: str, scratch: Path) -> None:
        self.program = arguments.program.resolve()
        self.name = arguments.name
        self.options = arguments.options
        self.seeds = seeds
        self.scratch = scratch
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(OF_ENGINES)}

    def folder(self, name: str) -> Path:
        """Makes a new, empty folder."""
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def start(self, folder: Path, shard: int = 0, shards: int = 1) -> subprocess.Popen[bytes]:
        """Starts a shard in a process group of its own; what it prints goes into a file."""
        arguments = [str(self.program), "campaign", self.name, "--seeds", self.seeds]
        arguments += ["--out", str(folder), "--shards", str(shards), "--shard", str(shard), *self.options]
        # Some lines of progress in each campaign, though it takes a second: else a kill loses all of it.
        arguments += ["--progress-ms", "50"]
        with open(self.scratch / "printed", "ab") as printed:
            return subprocess.Popen(
                arguments,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )

    def run(self, folder: Path, shard: int = 0, shards: int = 1) -> None:
        """Runs a shard until it ends by itself."""
        (self.scratch / "printed").unlink(missing_ok=True)
        process = self.start(folder, shard, shards)
        try:
            self.check_end(process.wait(TIMEOUT_S))
        finally:
            end(process)

    def check_end(self, code: int) -> None:
        printed = (self.scratch / "printed").read_text(errors="replace")
        check(code in (0, 1), f"exit code {code}:\n{printed[-2000:]}")

    def merge(self, *paths: Path, out: Path | None = None) -> Merged:
        """Merges what lies in folders or files."""
        out = out or self.scratch / "merged.jsonl"
        out.unlink(missing_ok=True)
        done = subprocess.run(
            [str(self.program), "merge", *map(str, paths), "--out", str(out)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
        )
        is_merged = done.returncode in (0, 1, 4) and out.exists()
        check(is_merged, f"merge: exit code {done.returncode}:\n{done.stderr}")
        check_sums(out.read_bytes())
        return Merged(done.returncode, done.stdout, out.read_bytes())


def check_sums(text: bytes) -> None:
    """Each line ends with the checksum of what stands before it, as the document says."""
    for number, line in enumerate(text.splitlines(), 1):
        rest, _, crc = line.rpartition(b',"crc":"')
        expected = b'%08x"}' % zlib.crc32(rest)
        check(crc == expected, f"line {number} ends with {crc!r} and not with {expected!r}")


def members(group: int) -> list[int]:
    """Returns the processes of a group that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # State, parent, group: a zombie has ended.
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(folder.name))
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills all that was started with a process."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def kill_main(process: subprocess.Popen[bytes]) -> None:
    """Kills the main process alone, and waits until its workers have noticed."""
    process.kill()
    process.wait()
    deadline = time.monotonic() + NOTICE_S
    while left := members(process.pid):
        check(time.monotonic() < deadline, f"{left} go on without the process that started them")
        time.sleep(0.01)


@dataclass
class Kills:
    """How often a campaign was killed."""

    all: int = 0
    main_only: int = 0

    def disturb(self, process: subprocess.Popen[bytes], after_s: float) -> int | None:
        """Kills a process after a while; returns its exit code if it has ended before."""
        try:
            try:
                return process.wait(after_s)
            except subprocess.TimeoutExpired:
                pass
            self.all += 1
            if self.all % 2:
                end(process)
            else:
                self.main_only += 1
                kill_main(process)
            return None
        finally:
            end(process)


def check_same(merged: Merged, expected: Merged, what: str) -> None:
    for part in ("code", "text", "file"):
        here, there = getattr(merged, part), getattr(expected, part)
        check(here == there, f"{what}: merge has another {part}:\n{here!r}\nbut undisturbed:\n{there!r}")


def check_killed(campaign: Campaign, expected: Merged, takes_s: float, kills_max: int) -> None:
    """Kills and starts again; each time that one gets to its end, all is compared, and begins anew."""
    kills = Kills()
    compared = 0
    folder = campaign.folder("killed")
    while True:
        # Soon after the start as well as late: each start loses little, so that most get somewhere.
        longest = random.choice([0.05, takes_s / 5, takes_s])
        code = None
        if kills.all < kills_max:
            code = kills.disturb(campaign.start(folder), random.uniform(0, longest))
        else:
            campaign.run(folder)
            code = 0
        if code is None:
            continue
        campaign.check_end(code)
        check_same(campaign.merge(folder), expected, f"after {kills.all} kills")
        compared += 1
        if kills.all >= kills_max:
            break
        folder = campaign.folder("killed")
    print(
        f"killed {kills.all} times, {kills.main_only} of them only the main process: "
        f"{compared} campaigns came to their end, each the same as undisturbed",
        flush=True,
    )


def check_cut(campaign: Campaign, whole: Path, expected: Merged, cuts: int) -> None:
    """A process can be killed at any byte that it writes."""
    (file,) = whole.glob("shard-*.jsonl")
    text = file.read_bytes()
    lines = [match.end() for match in re.finditer(b"\n", text)]
    for cut in range(cuts):
        # Around the ends of lines, too, where whole lines differ from broken ones.
        at = random.choice(lines) + random.randint(-1, 1) if cut % 3 == 0 else random.randrange(len(text))
        folder = campaign.folder("cut")
        (folder / file.name).write_bytes(text[: max(at, 0)])
        campaign.run(folder)
        check_same(campaign.merge(folder), expected, f"cut off at byte {at} of {len(text)}")
    print(f"cut off at {cuts} bytes of {len(text)}, and always the same", flush=True)


def run_shards(campaign: Campaign, shards: int, takes_s: float, kills: Kills) -> list[Path]:
    """Runs the shards of a campaign in any order, in any folders, each killed once or not at all."""
    folders = [campaign.folder(f"of-{shards}-{n}") for n in range(random.randint(1, 3))]
    order = random.sample(range(shards), shards)
    for shard in order:
        folder = random.choice(folders)
        if random.random() < 0.5:
            kills.disturb(campaign.start(folder, shard, shards), random.uniform(0, takes_s / shards))
        campaign.run(folder, shard, shards)
    return [folder for folder in folders if any(folder.iterdir())]


def check_shards(campaign: Campaign, expected: Merged, takes_s: float) -> None:
    kills = Kills()
    groupings = 0
    for shards in (2, 3, 8):
        plain = campaign.folder("plain")
        for shard in range(shards):
            campaign.run(plain, shard, shards)
        undisturbed = campaign.merge(plain)
        check(undisturbed.text == expected.text, f"{shards} shards: another text:\n{undisturbed.text}")
        check(undisturbed.code == expected.code, f"{shards} shards: exit code {undisturbed.code}")
        folders = run_shards(campaign, shards, takes_s, kills)
        for order in range(3):
            random.shuffle(folders)
            what = f"{shards} shards in {len(folders)} folders"
            check_same(campaign.merge(*folders), undisturbed, what)
            check_grouped(campaign, plain, undisturbed, f"{what}, grouping {order}")
            groupings += 1
    print(f"2, 3 and 8 shards in any order, {kills.all} kills: the same in {groupings} groupings", flush=True)


def check_grouped(campaign: Campaign, plain: Path, expected: Merged, what: str) -> None:
    """Merges some shards, then others, some of them twice, and then what came of that."""
    files = sorted(plain.glob("shard-*.jsonl"))
    random.shuffle(files)
    parts = []
    merged = campaign.folder("merged")
    while files:
        group, files = files[: (size := random.randint(1, len(files)))], files[size:]
        part = campaign.folder(f"group-{len(parts)}")
        for file in group:
            shutil.copy(file, part)
        if parts and random.random() < 0.5:
            # A shard that is in two groups counts once.
            shutil.copy(next(parts[0].iterdir()), part)
        parts.append(part)
    outs = []
    for number, part in enumerate(parts):
        outs.append(merged / f"merged-{number}.jsonl")
        campaign.merge(part, out=outs[-1])
    random.shuffle(outs)
    check_same(campaign.merge(*outs), expected, what)
    check_same(campaign.merge(plain, *outs), expected, f"{what}, with the shards themselves")


def measured_range(arguments: argparse.Namespace, scratch: Path) -> str:
    """Returns a range that takes as long as it is to take."""
    count = 2_000
    while True:
        campaign = Campaign(arguments, f"0..{count}", scratch)
        begin = time.monotonic()
        campaign.run(campaign.folder("measured"))
        took = time.monotonic() - begin
        if took >= arguments.takes / 4:
            return f"0..{int(count * arguments.takes / took)}"
        count *= 4


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Kills a campaign again and again.", epilog="What stands behind -- goes to each campaign."
    )
    parser.add_argument("program", type=Path, nargs="?", default=ROOT / "target/release/seedloop")
    parser.add_argument("name", nargs="?", default="bluetooth", help="the scenario")
    parser.add_argument("seeds", nargs="?", help="a range, as 0..1000; measured if not given")
    parser.add_argument("--takes", type=float, default=1.5)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--random", type=int, default=1, help="what the moments are drawn from")
    told = sys.argv[1:]
    end_of_own = told.index("--") if "--" in told else len(told)
    arguments = parser.parse_args(told[:end_of_own])
    arguments.options = told[end_of_own + 1 :]
    return arguments


def check_all(scratch: Path) -> None:
    arguments = read_arguments()
    random.seed(arguments.random)
    seeds = arguments.seeds or measured_range(arguments, scratch)
    campaign = Campaign(arguments, seeds, scratch)
    whole = campaign.folder("whole")
    begin = time.monotonic()
    campaign.run(whole)
    takes_s = time.monotonic() - begin
    print(f"seeds {seeds} of {campaign.name} take {takes_s:.1f} s; random {arguments.random}", flush=True)
    expected = campaign.merge(whole)
    check(expected.code in (0, 1), f"an undisturbed campaign has holes:\n{expected.text}")
    check_killed(campaign, expected, takes_s, arguments.kills)
    check_cut(campaign, whole, expected, arguments.cuts)
    check_shards(campaign, expected, takes_s)


if __name__ == "__main__":
    sys.exit(run("kill", check_all))
