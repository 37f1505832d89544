"""The board that the controller runs on: what its type is said to have, and what is really found on this machine.

The profile tells what to expect. It never stands for what is there: a security chip is one that the kernel shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from jp_firmware.config.profiles import load_profile, path_of
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake, Mistakes, structure

KIND = "boards"
KEY_STORAGE = "file"  # where this version of the program keeps keys and passwords, TPM or none
_CAN = "280"  # ARPHRD_CAN: the type of a CAN interface, include/uapi/linux/if_arp.h


@attrs.frozen(kw_only=True)
class Temperature:
    """The range the maker gives, for people; nothing is limited by it."""

    min_c: float
    max_c: float


@attrs.frozen(kw_only=True)
class BoardProfile:
    """What a type of board has, by its maker's word."""

    name: str
    ram_mib: int
    rs485_ports: int
    can_interfaces: int
    can_fd: bool
    isolated_io: bool
    poe: bool
    tpm: bool
    temperature: Temperature | None = None


@attrs.frozen(kw_only=True)
class Fact:
    """One thing about the board: what its profile says, and what this machine shows; None where it says nothing."""

    what: str
    expected: str | None
    found: str | None


def board_profile(name: str) -> BoardProfile:
    """The profile of a type of board. Raises ConfigError, naming what is wrong in which file."""
    data = load_profile(KIND, name)
    try:
        return structure(data, BoardProfile)
    except Mistakes as wrong:
        one = wrong.mistakes[0]
        raise ConfigError(f"{path_of(KIND, name)}: {'.'.join(map(str, one.path))}: {one.text}") from wrong


# --- what a cabinet may ask of it -----------------------------------------------------------------------------------


def known(cabinet: Cabinet) -> Iterator[Mistake]:
    """Whether there is a profile of that name, and it can be read."""
    if cabinet.board.profile:
        try:
            board_profile(cabinet.board.profile)
        except ConfigError as wrong:
            yield Mistake(("board", "profile"), str(wrong))


def rs485_ports(cabinet: Cabinet) -> Iterator[Mistake]:
    """More serial Modbus wires than the board, with its adapters, has RS-485 ports."""
    yield from _ports(cabinet, "modbus-rtu", "RS-485 port", "added_rs485", lambda board: board.rs485_ports)


def can_interfaces(cabinet: Cabinet) -> Iterator[Mistake]:
    """More CAN wires of the kernel than the board, with its adapters, has. slcan is an adapter by itself."""
    yield from _ports(cabinet, "socketcan", "CAN interface", "added_can", lambda board: board.can_interfaces)


def _ports(cabinet: Cabinet, kind: str, what: str, added: str, own: Callable[[BoardProfile], int]) -> Iterator[Mistake]:
    board = _profile_of(cabinet)
    if board is None:
        return
    has, more = own(board), getattr(cabinet.board, added)
    wires = [(at, wire) for at, wire in enumerate(cabinet.wires) if wire.kind == kind]
    for at, wire in wires[has + more :]:
        ports = f"{has} {what}{'s' * (has != 1)}" + (f" and {more} added" if more else "")
        yield Mistake(
            ("wires", at, "kind"),
            f"{wire.name} is {kind} wire {len(wires)} of {board.name}, which has {ports}; "
            f"if an adapter carries it, write board.{added} = {len(wires) - has}",
        )


def _profile_of(cabinet: Cabinet) -> BoardProfile | None:
    """None where the cabinet tells none; one that cannot be read is the mistake of `known`."""
    try:
        return board_profile(cabinet.board.profile) if cabinet.board.profile else None
    except ConfigError:
        return None


# --- what is really there ------------------------------------------------------------------------------------------


def facts(board: BoardProfile | None, root: Path = Path("/")) -> tuple[Fact, ...]:
    """What the profile says beside what this machine shows below `root`."""
    said: Mapping[str, Any] = attrs.asdict(board) if board else {}
    temperature = board.temperature if board else None
    return (
        Fact(what="board", expected=said.get("name"), found=_first_line(root / "proc/device-tree/model")),
        Fact(what="memory", expected=_mib(said.get("ram_mib")), found=_mib(_memory_mib(root))),
        Fact(what="RS-485 ports", expected=_count(said.get("rs485_ports")), found=None),
        Fact(what="CAN interfaces", expected=_count(said.get("can_interfaces")), found=str(len(_can(root)))),
        Fact(what="CAN-FD", expected=_yes(said.get("can_fd")), found=None),
        Fact(what="isolated I/O", expected=_yes(said.get("isolated_io")), found=None),
        Fact(what="power over Ethernet", expected=_yes(said.get("poe")), found=None),
        Fact(what="TPM", expected=_yes(said.get("tpm")), found=_yes(has_tpm(root))),
        Fact(what="keys are kept in a", expected=None, found=KEY_STORAGE),
        Fact(
            what="surroundings",
            expected=f"{temperature.min_c:g} to {temperature.max_c:g} °C" if temperature else None,
            found=None,
        ),
    )


def has_tpm(root: Path = Path("/")) -> bool:
    """Whether the kernel shows a TPM 2.0."""
    return _first_line(root / "sys/class/tpm/tpm0/tpm_version_major") == "2"


def _can(root: Path) -> list[str]:
    interfaces = (root / "sys/class/net").glob("*")
    return sorted(one.name for one in interfaces if _first_line(one / "type") == _CAN)


def _memory_mib(root: Path) -> int | None:
    words = (_first_line(root / "proc/meminfo") or "").split()  # MemTotal:  2026428 kB
    return int(words[1]) // 1024 if len(words) == 3 and words[0] == "MemTotal:" and words[1].isdigit() else None


def _first_line(path: Path) -> str | None:
    """None where there is no such file, or it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip("\0\n") or None
    except OSError:
        return None


def _mib(value: int | None) -> str | None:
    return None if value is None else f"{value} MiB"


def _count(value: int | None) -> str | None:
    return None if value is None else str(value)


def _yes(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")
