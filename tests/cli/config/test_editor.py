"""`jp config edit`: what was written is applied, edited again, or kept; never lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from jp_firmware.cli.config import applying
from jp_firmware.cli.config import editor as edit_command
from tests.cli.configured import DEMO, Configured, Jp, types


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An editor that does what sed is told, one script after the other."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("VISUAL", raising=False)

    def does(*scripts: str) -> None:
        for number, one in enumerate(scripts):
            (tmp_path / f"script-{number}").write_text(one)
        program = tmp_path / "editor"
        program.write_text(
            f'#!/bin/sh\ncd {tmp_path}\nfirst=$(ls script-* | head -1)\nsed -i -f "$first" "$1"\nrm "$first"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("EDITOR", str(program))

    return does


def test_what_was_edited_is_planned_and_applied(
    configured: Configured, jp: Jp, terminal: TextIO, editor: Callable[..., None], tmp_path: Path
) -> None:
    editor("s/150_000/80_000/")
    types(terminal, "y")
    status, out, _ = jp("edit", "--why", "by hand")

    assert status == 0
    assert "  site.limit_w  150_000 -> 80_000 W\n" in out
    assert configured.now.text == DEMO.replace("= 150_000", "= 80_000").replace("150_000", "80_000")
    assert configured.now.why == "by hand"
    assert not list(tmp_path.glob("jp-config-*")), "nothing is left behind"


def test_a_mistake_is_edited_again(
    configured: Configured, jp: Jp, terminal: TextIO, editor: Callable[..., None]
) -> None:
    editor("s/150_000/much/", "s/much/70_000/", "s/70_000/60_000/")
    types(terminal, "", "e", "y")
    status, out, err = jp("edit")

    assert status == 0
    assert "cabinet.toml:11:11: error: " in out.replace("\n", "")
    assert "Edit again? [Y/n] " in err
    assert "limit_w = 60_000" in configured.now.text


def test_what_is_not_applied_is_kept(
    configured: Configured, jp: Jp, terminal: TextIO, editor: Callable[..., None], tmp_path: Path
) -> None:
    editor("s/150_000/80_000/")
    types(terminal, "n")
    status, out, err = jp("edit")

    (kept,) = tmp_path.glob("jp-config-*/cabinet.toml")
    assert (status, err) == (1, "Apply it? [y]es, [e]dit again, [N]o: jp: nothing was done\n")
    assert f"what was written is kept in {kept}" in out.replace("\n", "")
    assert "80_000" in kept.read_text()
    assert configured.called == []


def test_what_others_did_while_the_editor_was_open_is_not_undone(
    configured: Configured, jp: Jp, terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(path: Path) -> None:
        configured.add(DEMO.replace("Demo charger", "Yard"), "ben")
        path.write_text(DEMO.replace("150_000", "80_000"))

    monkeypatch.setattr(edit_command, "_open", slowly)
    status, out, _ = jp("edit")

    assert status == applying.OUTDATED
    assert '-name = "Demo charger"\n+name = "Yard"\n' in out
    assert "what was written is kept in" in out
    assert configured.now.who == "ben"


def test_nothing_edited_nothing_done(
    configured: Configured, jp: Jp, terminal: TextIO, editor: Callable[..., None], tmp_path: Path
) -> None:
    editor("")

    assert jp("edit")[:2] == (0, "Nothing changes.\n")
    assert not list(tmp_path.glob("jp-config-*"))


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("absent-editor", "cannot be started"),
        ("false", "ended with status 1"),
        ("vi '", "cannot be started (No closing quotation); set EDITOR"),
    ],
)
def test_an_editor_that_does_not_work_is_told(
    configured: Configured,
    jp: Jp,
    terminal: TextIO,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    why: str,
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", program)
    status, _, err = jp("edit")

    assert status == 1
    assert why in err
    assert configured.called == []


def test_editing_needs_a_terminal(configured: Configured, jp: Jp) -> None:
    assert "editing needs a terminal" in jp("edit")[2]
