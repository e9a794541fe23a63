"""The tests on every line of ansible-core that we support, each with the Pythons that it takes: `make matrix`.

    make matrix ARGS="--core 2.21 --python 3.13 --only unit"

What hangs on the line alone is played with one Python, what hangs on Python alone with one line (`--every`: with each).
Each pair has a virtual environment of its own in build/matrix. A Python that is not on the machine is named at the end;
it fails the run only if `--python` asked for it.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "matrix"

LINES = {"2.19": ("3.11", "3.12", "3.13"), "2.20": ("3.12", "3.13", "3.14"), "2.21": ("3.12", "3.13", "3.14")}
"""Each line of ansible-core, and the Pythons that a controller of it takes."""
_REGION = ("tests/unit/localregion", "tests/unit/crud", "tests/conformance", "tests/integration/types")
_PARALLEL = ("-n", "auto", "--dist=loadfile")
STEPS = {
    "unit": ("tests/unit", *(f"--ignore={folder}" for folder in _REGION), *_PARALLEL),
    "modules": ("tests/integration/modules", *_PARALLEL),
    "region": (*_REGION, *_PARALLEL),
    "sanity": ("tests/lint", "-m", "sanity", "--whole"),
}
"""What runs, and pytest's arguments for it. The region, and the engine without Ansible (types), are `region`."""
ONCE = {"modules": "core", "region": "python", "sanity": "core"}
"""Steps that are played once for each line or Python, whatever the other is."""


@dataclass(frozen=True)
class Pair:
    """A line of ansible-core with a Python."""

    core: str
    python: str

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"ansible-core {self.core} on Python {self.python}"

    @property
    def folder(self) -> Path:
        """Its virtual environment."""
        return FOLDER / f"core-{self.core}-python-{self.python}"


@functools.cache
def interpreter(version: str) -> Path | None:
    """A Python of this version: the running one, one on PATH, or one that pyenv or uv installed."""
    home = Path.home()
    candidates = [
        Path(sys.executable).resolve(),
        *(Path(folder, f"python{version}") for folder in os.environ.get("PATH", "").split(os.pathsep) if folder),
        *sorted(home.glob(f".pyenv/versions/{version}.*/bin/python{version}")),
        *sorted(home.glob(f".local/share/uv/python/cpython-{version}.*/bin/python{version}")),
    ]
    question = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        # pyenv's shims are there for versions that are not switched on as well: only asking tells.
        if os.access(candidate, os.X_OK):
            asked = subprocess.run([candidate, "-c", question], capture_output=True, text=True)
            if asked.returncode == 0 and asked.stdout.strip() == version:
                return candidate
    return None


def requirements(core: str) -> list[str]:
    """What the environment of a line needs: everything that pyproject.toml names, and that ansible-core."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    named = dict.fromkeys((*project["dependencies"], *optional["site"], *optional["test"]))
    return [*(entry for entry in named if not entry.startswith("ansible-core")), f"ansible-core~={core}.0"]


def prepare(pair: Pair, python: Path) -> None:
    """Make the pair's environment, unless it is there with what is required today."""
    wanted = "\n".join(requirements(pair.core))
    stamp = pair.folder / "requirements"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not stamp.exists():
        shutil.rmtree(pair.folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", pair.folder], check=True)
    constraints = (ROOT / "requirements" / "constraints.txt").read_text().splitlines()
    pins = pair.folder / "constraints.txt"
    pins.write_text("\n".join(line for line in constraints if not line.startswith("ansible-core=")))
    # The SDK has thousands of modules; those that the tests import are compiled when they do.
    pip = [str(pair.folder / "bin" / "pip"), "--disable-pip-version-check", "--quiet", "install", "--no-compile"]
    subprocess.run([*pip, "-c", str(pins), *requirements(pair.core)], check=True, stdin=subprocess.DEVNULL)
    subprocess.run([*pip, "--no-deps", "-e", str(ROOT)], check=True, stdin=subprocess.DEVNULL)
    stamp.write_text(wanted)


def play(pair: Pair, steps: Sequence[str], further: Sequence[str]) -> Iterator[tuple[str, bool, float]]:
    """Run the steps; each one's name, whether it passed, and its seconds."""
    environment = os.environ | {
        "PATH": f"{pair.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(pair.folder),
    }
    for step in steps:
        began = time.monotonic()
        command = [str(pair.folder / "bin" / "pytest"), "-q", *STEPS[step], *further]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
        yield step, done.returncode == 0, time.monotonic() - began


def main() -> int:
    """Run the pairs that were asked for; print a line for each step at the end."""
    parser = argparse.ArgumentParser(prog="make matrix", description="tests on each line of ansible-core")
    parser.add_argument("--core", action="append", choices=LINES, help="only this line")
    parser.add_argument("--python", action="append", help="only this Python")
    parser.add_argument("--only", action="append", choices=STEPS, help="only this step")
    parser.add_argument("--every", action="store_true", help="every step with each pair")
    options, further = parser.parse_known_args()
    lines: list[str] = []
    played: set[tuple[str, str]] = set()
    failed = False
    for core in options.core or LINES:
        for python in LINES[core]:
            if options.python and python not in options.python:
                continue
            pair = Pair(core, python)
            if (found := interpreter(python)) is None:
                lines.append(f"{pair.name}: not run, there is no Python {python} on this machine")
                failed |= bool(options.python)
                continue
            print(f"== {pair.name}", flush=True)
            prepare(pair, found)
            of = {} if options.every else ONCE
            wanted = {(step, getattr(pair, of.get(step, "name"))) for step in options.only or STEPS} - played
            played |= wanted
            steps = [step for step in STEPS if step in dict(wanted)]
            for step, passed, seconds in play(pair, steps, further):
                lines.append(f"{pair.name}: {step} {'passed' if passed else 'FAILED'} in {seconds:.0f} s")
                failed |= not passed
    print("\n".join(("", *lines)) if lines else "no line of ansible-core takes that Python")
    return 1 if failed or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
