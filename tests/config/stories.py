"""What is under way when the power is cut: a way to begin, and what is done then."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jp_firmware.config.kept.commit import Disk, Removal, Write, commit
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.pending import WaitingChange
from jp_firmware.config.kept.versions import Origin

OLD = {"one.toml": b"old one\n" * 50, "two.toml": b"old two\n" * 50, "gone.toml": b"old three\n", "made.toml": None}
NEW = {"one.toml": b"new one\n" * 60, "two.toml": b"new two\n" * 60, "gone.toml": None, "made.toml": b"made\n" * 20}

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

OLD_TEXT = "[site]\nlimit_w = 150_000 # of the contract\n"
NEW_TEXT = "[site]\nlimit_w = 120_000 # of the contract\n"
OLD_SECRETS = {"backend.password": "old-password"}
NEW_SECRETS = {"backend.password": "new-password"}
WAITING = WaitingChange(
    number=4,
    base=2,
    text=NEW_TEXT,
    is_text=True,
    secrets=NEW_SECRETS,
    who="bob",
    why="less",
    origin=Origin("rollback", 1),
    confirm_s=None,
)


# --- files -----------------------------------------------------------------------------------------------------------


def place(directory: Path, name: str) -> Path:
    """Some of the files are in another directory than the record."""
    return directory / ("elsewhere" if name == "two.toml" else "state") / name


def with_old_files(directory: Path) -> None:
    for name, content in OLD.items():
        place(directory, name).parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            place(directory, name).write_bytes(content)


def replace_files(directory: Path, disk: Disk) -> None:
    commit(
        directory / "state",
        [
            Removal(place(directory, name)) if content is None else Write(place(directory, name), content)
            for name, content in NEW.items()
        ],
        disk,
    )


def files_in(directory: Path) -> dict[str, bytes | None]:
    paths = {name: place(directory, name) for name in OLD}
    return {name: path.read_bytes() if path.exists() else None for name, path in paths.items()}


files = (replace_files, with_old_files)


# --- configurations --------------------------------------------------------------------------------------------------


def open_store(directory: Path, disk: Disk | None = None) -> ConfigStore:
    return ConfigStore.open(directory / "cabinet.toml", directory / "state", disk=disk or Disk(), now=lambda: AT)


def with_old_configuration(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "cabinet.toml").write_text("[site]\nlimit_w = 1\n")
    store = open_store(directory)
    store.commit(OLD_TEXT, OLD_SECRETS, base=1, who="ann", why="first", origin=Origin("terminal"))


def change_configuration(directory: Path, disk: Disk) -> None:
    open_store(directory, disk).commit(
        NEW_TEXT, NEW_SECRETS, base=2, who="bob", why="less", origin=Origin("cli"), confirm_within_s=60.0
    )


configuration = (change_configuration, with_old_configuration)


def with_unconfirmed_configuration(directory: Path) -> None:
    with_old_configuration(directory)
    change_configuration(directory, Disk())


def revert_configuration(directory: Path, disk: Disk) -> None:
    open_store(directory, disk).revert()


def confirm_configuration(directory: Path, disk: Disk) -> None:
    open_store(directory, disk).confirm(3)


def with_waiting_change(directory: Path) -> None:
    with_old_configuration(directory)
    open_store(directory).keep_waiting(WAITING)


def make_waiting_change(directory: Path, disk: Disk) -> None:
    open_store(directory, disk).commit(
        NEW_TEXT, NEW_SECRETS, base=2, who="bob", why="less", origin=Origin("cli"), ends_waiting=True
    )


waiting = (make_waiting_change, with_waiting_change)
revert = (revert_configuration, with_unconfirmed_configuration)
confirm = (confirm_configuration, with_unconfirmed_configuration)
