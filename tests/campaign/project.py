"""A new project with tests of seedloop, outside of the repository."""

import os
import shutil
import subprocess
from pathlib import Path

from common import check

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600

MANIFEST = """\
[package]
name = "NAME"
version = "0.1.0"
edition = "2024"

[features]
FEATURES

[dev-dependencies]
seedloop = { path = "ROOT/sim" }
"""


class Project:
    """A new project, outside of the repository."""

    def __init__(self, folder: Path, name: str, tests: str, features: str = "") -> None:
        """Makes the package `name`, with these tests as its target of the same name, and features."""
        self.folder = folder
        (folder / "src").mkdir()
        (folder / "tests").mkdir()
        manifest = MANIFEST.replace("ROOT", str(ROOT)).replace("NAME", name).replace("FEATURES", features)
        (folder / "Cargo.toml").write_text(manifest)
        (folder / "src/lib.rs").write_text("")
        (folder / f"tests/{name}.rs").write_text(tests)
        # With what the repository was built with: the newest would have to be fetched.
        shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
        built = self.run("cargo test --offline --no-run || cargo test --no-run")
        check(built.returncode == 0, f"it is not built:\n{built.stdout}")

    def environment(self) -> dict[str, str]:
        """That of this process, without what is said to other tests."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SEEDLOOP_", "NEXTEST")) and name != "CARGO_TARGET_DIR"
        }

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        told = " ".join([f"{name}={value}" for name, value in variables.items()] + [command])
        print(told, flush=True)
        environment = self.environment()
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
