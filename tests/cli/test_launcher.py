"""The launcher of a checkout: what it says when it cannot make its environment, and when it need not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A Python 3.11 whose distribution has split off the venv module, as Debian's has.
WITHOUT_VENV = """#!/bin/sh
case "$2" in
  *version_info\\ \\<*) exit 0 ;;
  *ensurepip*) exit 1 ;;
  *print*) echo 3.11 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout as far as the launcher looks at it."""
    shutil.copy(ROOT / "jp", tmp_path / "jp")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def launch(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "jp"), "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_python_without_venv_is_told_with_the_package_to_install(checkout: Path) -> None:
    python = checkout / "python-without-venv"
    python.write_text(WITHOUT_VENV)
    python.chmod(0o755)
    done = launch(checkout, PATH=os.environ["PATH"], JP_PYTHON=str(python))

    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "python3.11-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_machine_without_python_3_11_is_told(checkout: Path) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "rm", "flock"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    done = launch(checkout, PATH=str(tools))

    assert done.returncode == 1
    assert "3.11" in done.stderr
    assert "JP_PYTHON" in done.stderr


def test_an_environment_that_fits_the_lock_is_used_as_it_is(checkout: Path) -> None:
    """No network, no installation: the stamp is compared, and the command runs."""
    fake = checkout / ".venv" / "bin"
    fake.mkdir(parents=True)
    (fake / "python").write_text('#!/bin/sh\necho "ran $*"\n')
    (fake / "python").chmod(0o755)
    shutil.copy(checkout / "requirements.lock", checkout / ".venv" / ".jp-lock")
    shutil.copy(checkout / "pyproject.toml", checkout / ".venv" / ".jp-project")
    done = launch(checkout, PATH=os.environ["PATH"])

    assert done.stdout.strip() == "ran -m jp_firmware --version"


def test_a_project_that_has_changed_is_installed_anew_into_the_same_environment(checkout: Path) -> None:
    """A new driver is an entry point: without it nobody would find the driver. Nothing is fetched for it."""
    fake = checkout / ".venv" / "bin"
    fake.mkdir(parents=True)
    (fake / "python").write_text('#!/bin/sh\necho "ran $*"\n')
    (fake / "python").chmod(0o755)
    shutil.copy(checkout / "requirements.lock", checkout / ".venv" / ".jp-lock")
    first, second = launch(checkout, PATH=os.environ["PATH"]), launch(checkout, PATH=os.environ["PATH"])

    assert ["install" in line for line in first.stdout.splitlines()] == [True, False]
    assert "--no-deps" in first.stdout
    assert second.stdout.strip() == "ran -m jp_firmware --version"
