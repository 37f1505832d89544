"""`jp test`, `jp lint` and `jp bench`: the project's own checks, run from the root of a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jp_firmware
from jp_firmware.cli_terminal import Terminal

_LINTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check")),
    ("ruff format", ("ruff", "format", "--check")),
    ("mypy", ("mypy",)),
    ("import contract", ("lint-imports",)),
)


class ChecksError(Exception):
    """A check cannot be run: what is missing, and what there is, in one line."""


def checkout() -> Path:
    """The root of the checkout. Raises ChecksError where there is none."""
    root = Path(jp_firmware.__file__).parents[1]
    if not (root / "tests").is_dir() or not (root / "pyproject.toml").is_file():
        raise ChecksError("this needs a checkout with its tests; run ./jp from the root of one")
    return root


def run_tests(arguments: Sequence[str]) -> int:
    """pytest over tests/, or over what `arguments` say; its exit status.

    Three at a time unless told otherwise: the end-to-end tests mostly wait for cars and modules.
    """
    parallel = [] if any(one.startswith("-n") for one in arguments) else ["-n", "3", "--dist", "loadgroup"]
    return _run([sys.executable, "-m", "pytest", *parallel, *arguments], checkout())


def run_lint(terminal: Terminal) -> int:
    """All lints, each named with its verdict, and what it found; 1 if any of them found something."""
    root, failed = checkout(), False
    for name, command in _LINTS:
        started_s = time.monotonic()
        tool = Path(sys.executable).with_name(command[0])
        done = subprocess.run(
            [str(tool), *command[1:]],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        verdict = terminal.paint("ok", "good") if done.returncode == 0 else terminal.paint("FAILED", "bad")
        terminal.print([f"{name:<16} {verdict}  ({time.monotonic() - started_s:.1f} s)"])
        if done.returncode:
            failed = True
            terminal.print(["    " + line for line in done.stdout.rstrip().split("\n")])
    return int(failed)


def run_bench(name: str, arguments: Sequence[str]) -> int:
    """The benchmark tests/bench/`name`.py, as a program of its own; its exit status."""
    root = checkout()
    known = bench_names(root)
    if name not in known:
        raise ChecksError(f"there is no benchmark {name!r}; there are: {', '.join(known) or 'none yet'}")
    return _run([sys.executable, "-m", f"tests.bench.{name}", *arguments], root)


def bench_names(root: Path) -> list[str]:
    """The benchmarks of a checkout: what can be run beside them, what only helps them left out."""
    files = (root / "tests" / "bench").glob("[a-z]*.py")
    return sorted(path.stem for path in files if '__name__ == "__main__"' in path.read_text(encoding="utf-8"))


def _run(command: Sequence[str], root: Path) -> int:
    """Runs a program to its end; Ctrl-C reaches it as it reaches us, and it is waited for."""
    interrupted = False
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as running:
        while True:
            try:
                status = running.wait()
            except KeyboardInterrupt:
                interrupted = True  # the program has been told too, and ends in its own way
            else:
                break
    if interrupted:
        raise KeyboardInterrupt
    return status
