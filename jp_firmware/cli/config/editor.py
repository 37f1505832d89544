"""`jp config edit`: the configuration in the editor of whoever sits there, until it is applied or given up."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from jp_firmware.cli import asking
from jp_firmware.cli.acting import CommandError
from jp_firmware.cli.charger_socket import connect
from jp_firmware.cli.config import applying
from jp_firmware.cli.config.applying import APPLIED, TOPIC, WAITING, Proposal
from jp_firmware.cli.config.plan_lines import plan_lines
from jp_firmware.cli.terminal import standard_output

FALLBACK = "vi"  # POSIX has it


def edit(args: argparse.Namespace) -> int:
    """Edits, checks, plans, asks and applies; the exit status. What was written is kept where it is not applied."""
    if not asking.is_attended():
        raise CommandError("editing needs a terminal; use jp config show --text and jp config apply FILE")
    with connect(args) as client:
        version = client.call(f"{TOPIC}.get")["version"]
        text = client.call("config.show", version=version)["text"]
    directory = Path(tempfile.mkdtemp(prefix="jp-config-"))
    path = directory / "cabinet.toml"
    path.write_text(text, encoding="utf-8", newline="")
    keeps = True
    try:
        status = _until_good(args, path, text, version)
        keeps = status not in (APPLIED, WAITING)
    finally:
        if not keeps or _read(path) == text:
            shutil.rmtree(directory)
        else:
            print(f"what was written is kept in {path}")
    return status


def _until_good(args: argparse.Namespace, path: Path, now: str, version: int) -> int:
    terminal = standard_output()
    while True:
        _open(path)
        proposal = Proposal(what={"text": _read(path)}, base=version, file=str(path))
        if proposal.what["text"] == now:
            terminal.print(["Nothing changes."])
            return APPLIED
        plan = applying.planned(args, proposal)
        if plan["base"] != version:  # what others did meanwhile is not undone by what was read before
            return applying.apply(args, proposal, plan)
        terminal.print(plan_lines(terminal, plan, file=proposal.file, force=args.force))
        if plan["errors"]:
            if asking.choice("Edit again? [Y/n] ") in ("n", "no"):
                raise CommandError("nothing was done")
            continue
        match asking.choice("Apply it? [y]es, [e]dit again, [N]o: "):
            case "y" | "yes":
                return applying.apply(args, proposal, plan)
            case "e" | "edit":
                continue
        raise CommandError("nothing was done")


def _open(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or FALLBACK
    try:
        status = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except (OSError, ValueError) as error:  # a ValueError is a quote that nobody closes
        why = getattr(error, "strerror", None) or error
        raise CommandError(f"the editor {editor!r} cannot be started ({why}); set EDITOR") from error
    if status:
        raise CommandError(f"the editor {editor!r} ended with status {status}; nothing was done")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: cannot be read any more ({error}); nothing was done") from error
