"""How `jp modules` draws what it was told: the inventory by wire, the result of a search, and how far a search is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jp_firmware.cli.terminal import UNKNOWN, WIDTH, Terminal, clean, local_time, number, wrapped

Json = dict[str, Any]

_BAR = 20

_FINDINGS = {"as configured": "good", "missing": "bad", "other family": "bad"}
_STATES = {"on": "good", "silent": "bad", "fault": "bad"}


# --- the inventory ----------------------------------------------------------------------------------------------------


def module_lines(terminal: Terminal, told: Json) -> list[str]:
    """All modules, by wire; what is not as configured below the module it is about."""
    lines: list[str] = []
    for wire, about in told["wires"].items():
        mine = {name: one for name, one in told["modules"].items() if one["wire"] == wire}
        lines += [*([""] if lines else []), _wire_line(wire, mine, about)]
        if mine:
            lines.append(_HEAD)
        for name, one in mine.items():
            lines += _module(terminal, name, one)
        for one in about["unexpected"]:
            text = f"unexpected: {clean(one['family'])} at address {one['address']}{_said(one)}"
            lines += [terminal.paint(line, "attention") for line in wrapped(text, "  ")]
    return lines or ["No CAN wires."]


_HEAD = f"  {'Module':<12}{'Addr':>5}  {'Driver':<14}{'State':<7}{'On':<4}{'V':>7}{'A':>7}  Found"


def _wire_line(wire: str, modules: Json, about: Json) -> str:
    good = sum(one["as_configured"] for one in modules.values())
    searched = f"searched {local_time(about['searched_at'])}" if about["searched_at"] else "never searched"
    if about["searching"]:
        searched = f"being searched, {clean(about['doing'])}"
    return f"{clean(wire, 12)}  {len(modules)} configured, {good} as configured, {searched}"[:WIDTH]


def _module(terminal: Terminal, name: str, one: Json) -> list[str]:
    on = {True: "yes", False: "no"}.get(one["on"], UNKNOWN)
    state = terminal.paint(f"{clean(one['state'], 6):<7}", _STATES.get(one["state"], ""))
    row = (
        f"  {clean(name, 11):<12}{one['address']:>5}  {clean(one['driver'], 13):<14}{state}{on:<4}"
        f"{number(one['voltage_v'], 1):>7}{number(one['current_a'], 1):>7}  "
        f"{terminal.paint(clean(one['finding']), _FINDINGS.get(one['finding'], 'attention'))}"
    )
    lines = [row]
    said = ", ".join(f"{what} {clean(one[what])}" for what in ("serial", "firmware") if one[what])
    if said:
        lines += [terminal.paint(line, "quiet") for line in wrapped(said, " " * 14)]
    if one["detail"]:
        lines += wrapped(clean(one["detail"]), " " * 14)
    if one["finding"] == "replaced":
        lines += wrapped(f"-> jp modules accept {clean(name)}", " " * 14)
    return lines


# --- a search ---------------------------------------------------------------------------------------------------------


def search_lines(terminal: Terminal, result: Json) -> list[str]:
    """What was found on a wire, and what was not."""
    lines = [f"  {'Family':<25}{'Addr':>5}  {'V':>5}{'A':>7}{'kW':>7}  Configured as"] if result["found"] else []
    for one in result["found"]:
        rating = one["rating"] or {}
        known = one["module"] is not None
        row = (
            f"  {clean(one['family'], 24):<25}{one['address']:>5}  {number(rating.get('max_voltage_v')):>5}"
            f"{number(rating.get('max_current_a'), 1):>7}{number(rating.get('max_power_w'), 1, 1000.0):>7}  "
        )
        lines.append(row + terminal.paint(clean(one["module"]) if known else "nothing", "" if known else "attention"))
        if said := _said(one).removeprefix(", "):
            lines += [terminal.paint(line, "quiet") for line in wrapped(said, " " * 4)]
    for name in result["missing"]:
        lines.append(terminal.paint(f"  {clean(name)} is configured here, and was not found", "bad"))
    if not result["found"]:
        lines += _nothing(result)
    return [f"{clean(result['wire'])}: {_count(len(result['found']), 'module')} found", *lines]


def _nothing(result: Json) -> list[str]:
    if result["infypower_talk"]:
        return wrapped("InfyPower modules talk to each other here, but none answered. Is something else sending?", "  ")
    remedy = "Check the modules' supply, CAN-H and CAN-L, 120 Ω at both ends, and the bit rate."
    return wrapped(f"Nobody answered any of the questions. {remedy}", "  ")


def _said(one: Json) -> str:
    """What it told of itself, and how it would be configured."""
    said = [f"{what} {clean(one[what])}" for what in ("serial", "firmware") if one[what]]
    if one["module"] is None:
        drivers = f"driver {clean(one['driver'])}" if one["driver"] else "no driver for it"
        said.append(drivers + (f", profile {clean(one['profile'])}" if one["profile"] else ""))
    return "".join(f", {text}" for text in said)


def _count(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"


class Progress:
    """Shows how far a search is: on a terminal in one line that goes away, else a line for each new thing it does."""

    def __init__(self, terminal: Terminal, wire: str) -> None:
        self._terminal = terminal
        self._wire = wire
        self._last = ""

    def __enter__(self) -> Callable[[Json], None]:
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._last and self._terminal.interactive:
            self._write(f"\r{' ' * (WIDTH - 1)}\r")

    def _tell(self, told: Json) -> None:
        about = told["wires"].get(self._wire) or {}
        if not about.get("searching"):
            return
        doing, found = clean(about["doing"], 40), about["found_so_far"]
        if self._terminal.interactive:
            filled = round(_BAR * about["progress"])
            text = f"{'#' * filled}{'.' * (_BAR - filled)} {doing}, {found} found"
            self._write(f"\r{text[: WIDTH - 1]:<{WIDTH - 1}}")
        elif doing != self._last:
            self._write(f"{doing}\n")
        self._last = doing

    def _write(self, text: str) -> None:
        self._terminal.out.write(text)
        self._terminal.out.flush()
