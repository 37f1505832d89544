"""`jp test`, `jp lint` and `jp bench` run the project's own tools from its root and tell their verdicts truthfully."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jp_firmware.cli import checks
from jp_firmware.cli import command as cli

PYTHON = sys.executable


def test_test_passes_its_arguments_and_its_status_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jp_firmware", "test", "tests/cli/test_checks.py", "--collect-only", "-q", "-k"]
    found = subprocess.run([*command, "lint"], cwd=tmp_path, capture_output=True, text=True, check=False)
    none = subprocess.run([*command, "no_such_test"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert found.returncode == 0
    assert "test_lint_names_each_check_and_fails_if_any_does" in found.stdout
    assert none.returncode == 5, "pytest's own status for no tests"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout and an environment whose tools find nothing wrong."""
    (tmp_path / "tests" / "bench").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "bin").mkdir()
    for name in ("ruff", "mypy", "lint-imports"):
        write_tool(tmp_path, name, "exit 0")
    monkeypatch.setattr(checks, "checkout", lambda: tmp_path)
    monkeypatch.setattr(checks.sys, "executable", str(tmp_path / "bin" / "python"))
    return tmp_path


def write_tool(root: Path, name: str, body: str) -> None:
    path = root / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_lint_names_each_check_and_fails_if_any_does(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lint"]) == 0
    told = capsys.readouterr().out.split("\n")
    assert [line.partition("  (")[0] for line in told if line] == [
        "ruff check       ok",
        "ruff format      ok",
        "mypy             ok",
        "import contract  ok",
    ]
    write_tool(tools, "mypy", "echo 'a.py:1: error: no'; exit 1")
    assert cli.main(["lint"]) == 1
    told = capsys.readouterr().out.split("\n")

    assert told[2].startswith("mypy             FAILED")
    assert told[3] == "    a.py:1: error: no"
    assert told[4].startswith("import contract  ok")


@pytest.fixture
def bench(tools: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a place for benchmarks, which are run by this interpreter."""
    (tools / "tests" / "__init__.py").touch()
    (tools / "tests" / "bench" / "__init__.py").touch()
    (tools / "tests" / "bench" / "report.py").write_text('"""Only helps."""\n')
    monkeypatch.setattr(checks.sys, "executable", PYTHON)
    return tools / "tests" / "bench"


def write_benchmark(bench: Path, name: str, about: str, body: str) -> None:
    lines = [f'"""{about}\n\nMore."""', "import os, signal, sys", 'if __name__ == "__main__":', f"    {body}", ""]
    (bench / f"{name}.py").write_text("\n".join(lines))


def test_bench_runs_a_program_of_the_checkout_and_names_those_there_are(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", "timing"]) == 1
    assert capsys.readouterr().err == "jp: there is no benchmark 'timing'; there are: none yet\n"
    assert cli.main(["bench"]) == 1
    assert capsys.readouterr().err == "jp: there are no benchmarks yet\n"
    write_benchmark(bench, "timing", "How fast.", "raise SystemExit(3)")
    write_benchmark(bench, "supervision", "What it costs, " + "and again " * 8 + "what.", "raise SystemExit(4)")

    assert cli.main(["bench", "timing"]) == 3
    assert cli.main(["bench", "tuning"]) == 1
    assert capsys.readouterr().err == "jp: there is no benchmark 'tuning'; there are: supervision, timing\n"
    assert cli.main(["bench"]) == 0
    assert capsys.readouterr().out == (
        "supervision  What it costs, and again and again and again and again and again\n"
        "             and again and again and again what.\n"
        "timing       How fast.\n"
    )


@pytest.mark.parametrize(
    "words", [["--quick", "--connectors", "12"], ["--help"], ["-h"], ["--socket", "x", "--version"], ["--", "a"]]
)
def test_bench_passes_all_words_after_the_name_on(
    bench: Path, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    write_benchmark(bench, "timing", "How fast.", "print(*sys.argv[1:], sep='|')")

    assert cli.main(["bench", "timing", *words]) == 0
    assert capfd.readouterr().out == "|".join(words) + "\n"


def test_bench_without_a_name_has_its_own_help(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--help"]) == 0
    assert "jp bench [NAME [OPTIONS OF THE BENCHMARK ...]]" in capsys.readouterr().out


def test_a_call_to_end_is_handed_on_to_the_benchmark_and_its_end_awaited(
    bench: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    waits = "signal.pthread_sigmask(signal.SIG_BLOCK, [15]); os.kill(os.getppid(), 15); signal.sigwait([15])"
    write_benchmark(bench, "timing", "How fast.", f"{waits}; print('tidied'); sys.exit(9)")
    before = signal.getsignal(signal.SIGTERM)

    assert cli.main(["bench", "timing"]) == 9
    assert capfd.readouterr().out == "tidied\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_benchmark_that_a_signal_ended_has_the_status_that_a_shell_gives(bench: Path) -> None:
    write_benchmark(bench, "timing", "How fast.", "os.kill(os.getpid(), signal.SIGKILL)")

    assert cli.main(["bench", "timing"]) == 137


def test_without_a_checkout_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks.jp_firmware, "__file__", str(tmp_path / "jp_firmware" / "__init__.py"))

    assert cli.main(["lint"]) == 1
    assert capsys.readouterr().err == "jp: this needs a checkout with its tests; run ./jp from the root of one\n"
