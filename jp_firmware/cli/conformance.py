"""`jp modules conformance`: whether a module driver, with a profile, does what the firmware relies on; claim by claim.

No charger and no wire: the driver's frames are looked at, and it drives emulated modules under a clock that jumps.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jp_firmware.cli.terminal import Terminal
    from jp_firmware.hw.modules.conformance import Claim, Verdict

_MARGIN = 33  # verdict and name


def conformance(args: argparse.Namespace) -> int:
    """0 if every claim is kept with every profile."""
    from jp_firmware.cli.terminal import as_json, standard_output

    profiles = [args.profile] if args.profile else profiles_of(args.driver)
    verdicts = [examine(args.driver, profile) for profile in profiles]
    terminal = standard_output()
    if args.json:
        terminal.print(as_json([_plain(one) for one in verdicts]))
    else:
        for verdict in verdicts:
            terminal.print(_lines(terminal, verdict))
    return int(not all(one.conformant for one in verdicts))


def examine(name: str, profile_name: str) -> Verdict:
    """All claims on the driver `name` with one profile. Raises `ConfigError`."""
    import logging
    from functools import partial

    import attrs
    import trio
    from trio.testing import MockClock

    from jp_firmware.hw.modules.conformance import Verdict, check_codec
    from jp_firmware.hw.modules.conformance_run import check_behaviour
    from jp_firmware.hw.modules.dbc import DbcDriver
    from jp_firmware.hw.modules.driver import load_driver, load_profile
    from jp_firmware.sim.modules.families import EMULATED
    from jp_firmware.sim.modules.stand_in import StandIn

    logging.getLogger("jp_firmware").addHandler(logging.NullHandler())  # what is broken on purpose is no news
    driver, profile = load_driver(name), load_profile(profile_name)
    if isinstance(driver, DbcDriver):
        driver = attrs.evolve(driver, templates=True)  # no wire is driven here
    claims = check_codec(name, driver, profile)
    if name in EMULATED:
        cabinet_of = partial(StandIn, name, profile_name)
        claims += trio.run(check_behaviour, driver, profile, cabinet_of, clock=MockClock(autojump_threshold=0))
    return Verdict(driver=name, profile=profile_name, claims=claims, tried=name in EMULATED)


def profiles_of(name: str) -> Sequence[str]:
    """The profiles that are meant for a driver: named after it, or, where they name a DBC file, described by that.

    Raises `ConfigError` where there is none.
    """
    from importlib.metadata import entry_points

    from jp_firmware.config import profiles
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.hw.modules.driver import ENTRY_POINTS, load_driver, load_profile

    load_driver(name)
    drivers = entry_points(group=ENTRY_POINTS).names

    def driver_of(profile: str) -> str:
        if "dbc" in load_profile(profile).options:
            return "dbc"
        return max((one for one in drivers if profile.startswith(one)), key=len, default="")

    found = [one for one in profiles.names_of("modules") if driver_of(one) == name]
    if not found:
        raise ConfigError(f"no profile is named after the driver {name}; name one with --profile")
    return found


def _lines(terminal: Terminal, verdict: Verdict) -> list[str]:
    lines = [f"{verdict.driver} with {verdict.profile}"]
    for claim in verdict.claims:
        lines += _claim_lines(terminal, claim)
    held = sum(claim.held for claim in verdict.claims)
    if not verdict.conformant:
        lines.append(terminal.paint(f"NOT CONFORMANT: {len(verdict.claims) - held} of {len(verdict.claims)}", "bad"))
    elif verdict.tried:
        lines.append(terminal.paint(f"conformant: {held} claims", "good"))
    else:
        said = f"conformant as far as its frames go: {held} claims; it has no emulated modules to be tried on"
        lines += textwrap.wrap(said, 80)
    return lines


def _claim_lines(terminal: Terminal, claim: Claim) -> list[str]:
    from jp_firmware.cli.terminal import WIDTH, clean

    first, *rest = textwrap.wrap(claim.says, WIDTH - _MARGIN)
    verdict = terminal.paint("ok   ", "good") if claim.held else terminal.paint("WRONG", "bad")
    lines = [f"  {verdict}  {claim.name:<{_MARGIN - 9}}{first}", *(" " * _MARGIN + line for line in rest)]
    if not claim.held:
        lines += [" " * 9 + terminal.paint(line, "attention") for line in textwrap.wrap(clean(claim.wrong), WIDTH - 9)]
    return lines


def _plain(verdict: Verdict) -> dict[str, Any]:
    import attrs

    claims = [{**attrs.asdict(claim), "held": claim.held} for claim in verdict.claims]
    return {**attrs.asdict(verdict), "claims": claims, "conformant": verdict.conformant}
