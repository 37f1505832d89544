"""`jp test`, `jp lint` and `jp bench`: the project's own checks, run from the root of a checkout."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import jp_firmware
from jp_firmware.cli.terminal import WIDTH, Terminal

_LINTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check")),
    ("ruff format", ("ruff", "format", "--check")),
    ("mypy", ("mypy",)),
    ("import contract", ("lint-imports",)),
)


ENDED = 128  # a shell's exit status for a program that a signal ended: this and the signal's number


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

    Three at a time unless told otherwise: the end-to-end tests mostly wait for cars and modules. Each process is given
    one test after another, or one of them would be given most of those that wait, which stand together.
    """
    parallel = [] if any(one.startswith("-n") for one in arguments) else ["-n", "3", "--maxschedchunk", "1"]
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
    """The benchmark tests/bench/`name`.py with `arguments`, as a program of its own; its exit status."""
    root = checkout()
    known = benchmarks(root)
    if name not in known:
        raise ChecksError(f"there is no benchmark {name!r}; there are: {', '.join(known) or 'none yet'}")
    return _run([sys.executable, "-m", f"tests.bench.{name}", *arguments], root)


def list_benchmarks(terminal: Terminal) -> int:
    """Names the benchmarks there are, and what each measures."""
    found = benchmarks(checkout())
    if not found:
        raise ChecksError("there are no benchmarks yet")
    margin = max(map(len, found)) + 2
    for name, about in found.items():
        terminal.print(textwrap.wrap(f"{name:<{margin}}{about}", WIDTH, subsequent_indent=" " * margin))
    return 0


def benchmarks(root: Path) -> dict[str, str]:
    """The benchmarks of a checkout by name, with the first line of what each says of itself.

    They are what can be run beside them; what only helps them is left out.
    """
    found = {}
    for path in sorted((root / "tests" / "bench").glob("[a-z]*.py")):
        text = path.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in text:
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def _run(command: Sequence[str], root: Path) -> int:
    """Runs a program to its end; Ctrl-C reaches it as it reaches us, another call to end is handed on; it is waited
    for, since it may have more to end than itself."""
    interrupted = False
    with (
        subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as running,
        _handed_on_to(running),
    ):
        while True:
            try:
                status = running.wait()
            except KeyboardInterrupt:
                interrupted = True  # the program has been told too, and ends in its own way
            else:
                break
    if interrupted:
        raise KeyboardInterrupt
    return status if status >= 0 else ENDED - status


@contextmanager
def _handed_on_to(running: subprocess.Popen[bytes]) -> Iterator[None]:
    """SIGTERM and SIGHUP to us go on to the program."""
    before = {
        number: signal.signal(number, lambda caught, _: running.send_signal(caught))
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
