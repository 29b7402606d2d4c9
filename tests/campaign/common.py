"""What the tests in Python have in common."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


class Wrong(Exception):
    """Something is not as it is said."""


def check(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def run(name: str, test: Callable[[Path], None]) -> int:
    """Runs a test in a folder of its own, which is removed; returns how the process is to end."""
    scratch = Path(tempfile.mkdtemp(prefix=f"seedloop-{name}-"))
    try:
        test(scratch)
        return 0
    except Wrong as wrong:
        print(f"error: {wrong}")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
