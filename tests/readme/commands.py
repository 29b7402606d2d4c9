"""Does what README.md says, command by command: `python3 tests/readme/commands.py`.

A comment before each block of the page, which readers don't see, says what it is:

    <!-- in: a new folder -->              commands, in a folder in which `seedloop` is the repository
    <!-- in: the same folder -->           commands, where the last ones have left off
    <!-- in: the repository -->            commands, at the top of the repository
    <!-- in: .., and fails -->             the same, and each of them fails
    <!-- in: .., as the step "NAME" -->    commands that .ci/run does in that step, with --locked
    <!-- file: PATH -->                    the text of a file, in the folder of the commands
    <!-- replaces: HEAD -->                the text of the function that begins with HEAD, in that file
    <!-- printed -->                       what the last commands have printed, among else

Every block of commands has one, and every command stands in a block. `--keep FOLDER` leaves what was made
in FOLDER, to be looked at; `--first` ends with the first text that was printed. Exits with 1 if anything is
not as it is said.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```([^\n]*)\n(.*?)```$", re.DOTALL | re.MULTILINE)
# Spans of text that look like commands stand in no block, so nothing would try them.
COMMAND = re.compile(r"`((?:cargo|just|SEEDLOOP_\w+=|python3|npm|git) [^`]*)`")
# What a program of cargo's is told to be here: words alone, and no command to try.
NAMED_ONLY = {"cargo doc --open -p seedloop"}
TIMEOUT_S = 900


class Wrong(Exception):
    """The page says something that is not so."""


def check(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


class Reader:
    """Goes through the blocks of a page, and keeps where it is."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.folder = ROOT
        self.file: Path | None = None
        self.printed = ""
        self.count = 0

    def read(self, page: str, first: bool) -> None:
        for match in BLOCK.finditer(page):
            mark, language, text = match[1] or "", match[2], match[3]
            word, _, rest = mark.partition(": ")
            if word == "in":
                self.run(rest, language, text)
            elif word == "file":
                self.file = self.folder / rest
                self.file.write_text(text)
            elif word == "replaces":
                self.replace(rest, text)
            elif word == "printed":
                check(text in self.printed, f"not what is printed:\n{text}\nbut:\n{self.printed}")
                if first:
                    return
            else:
                check(language != "sh", f"commands without a word of where to run them:\n{text}")

    def run(self, where: str, language: str, text: str) -> None:
        check(language == "sh", f"no commands, but {language}:\n{text}")
        where, fails = cut(where, ", and fails")
        where, _, step = where.partition(", as the step ")
        commands = [line.partition("  #")[0].strip() for line in text.splitlines() if line.strip()]
        check(bool(commands), "an empty block of commands")
        if step:
            ci = (ROOT / ".ci/run").read_text()
            for command in commands:
                check(f"step {step} {command} --locked\n" in ci, f"{command} is no step {step}")
                print(f"{command}\n    is the step {step} of .ci/run", flush=True)
            return
        self.enter(where)
        for command in commands:
            self.run_one(command, fails)

    def enter(self, where: str) -> None:
        if where == "a new folder":
            self.folder = self.scratch
            (self.folder / "seedloop").symlink_to(ROOT)
        elif where == "the repository":
            self.folder = ROOT
            # Where cargo builds elsewhere, nobody has made it.
            (ROOT / "target").mkdir(exist_ok=True)
        else:
            check(where == "the same folder", f"'{where}' is no place that is known")

    def run_one(self, command: str, fails: bool) -> None:
        print(command, flush=True)
        folder, is_cd = cut(command, "cd ", at_end=False)
        if is_cd:
            self.folder = self.folder / folder
            check(self.folder.is_dir(), f"there is no folder {folder}")
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        self.count += 1
        self.printed = done.stdout
        check((done.returncode != 0) == fails, f"exit code {done.returncode}:\n{done.stdout}")

    def environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        # The repository's own folder for what is built is no place for that of somebody else.
        if self.folder != ROOT:
            environment.pop("CARGO_TARGET_DIR", None)
        for name in list(environment):
            if name.startswith("SEEDLOOP_"):
                del environment[name]
        return environment

    def replace(self, head: str, text: str) -> None:
        check(self.file is not None, "there is no file to replace something in")
        lines = self.file.read_text().splitlines(keepends=True)
        begin = next((n for n, line in enumerate(lines) if head in line), None)
        check(begin is not None, f"'{head}' is not in the file")
        end = lines.index("    }\n", begin)
        while lines[begin - 1].lstrip().startswith("///"):
            begin -= 1
        lines[begin : end + 1] = [text]
        self.file.write_text("".join(lines))


def cut(text: str, part: str, at_end: bool = True) -> tuple[str, bool]:
    """Returns the text without a part at its end or start, and whether it was there."""
    rest = text.removesuffix(part) if at_end else text.removeprefix(part)
    return rest, rest != text


def commands_in_text(page: str) -> list[str]:
    """Returns what looks like a command outside of all blocks."""
    text = BLOCK.sub("", page)
    blocks = "".join(match[3] for match in BLOCK.finditer(page) if match[2] == "sh")
    found = (match[1] for match in COMMAND.finditer(text))
    return [command for command in found if command not in NAMED_ONLY and command not in blocks]


def main() -> int:
    parser = argparse.ArgumentParser(description="Does what README.md says.")
    parser.add_argument("--keep", type=Path, help="leaves what was made in this folder, which it makes")
    parser.add_argument("--first", action="store_true", help="ends with the first text that was printed")
    parser.add_argument("--page", type=Path, default=ROOT / "README.md")
    arguments = parser.parse_args()
    page = arguments.page.read_text()
    scratch = arguments.keep or Path(tempfile.mkdtemp(prefix="seedloop-readme-"))
    try:
        # cargo would make the new project a member of the workspace.
        check(ROOT not in scratch.resolve().parents, f"{scratch} is inside of the repository")
        scratch.mkdir(parents=True, exist_ok=True)
        check(not any(scratch.iterdir()), f"{scratch} is not empty")
        left = commands_in_text(page)
        check(not left, f"no block tries these: {left}")
        reader = Reader(scratch.resolve())
        reader.read(page, arguments.first)
        check(reader.count > 0, "no command was found")
        print(f"{reader.count} commands do what the page says")
        return 0
    except Wrong as wrong:
        print(f"{arguments.page.name}: {wrong}")
        return 1
    finally:
        if not arguments.keep:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
