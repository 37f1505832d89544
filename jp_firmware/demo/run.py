"""`jp demo`: starts a site, drives a day at it, opens the terminal or prints progress, and ends with the account."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

from jp_firmware.config.profiles import names_of
from jp_firmware.console.protocol import ConsoleError
from jp_firmware.csms.failure import CsmsError
from jp_firmware.demo.day import Day
from jp_firmware.demo.power_account import PowerAccount
from jp_firmware.demo.sampler import Sampler
from jp_firmware.demo.scenario import Scenario
from jp_firmware.demo.site import Site, SiteError, wait_for
from jp_firmware.demo.summary import Summary, collect
from jp_firmware.sim.control import ControlError

STEP_S = 0.25
SAMPLE_REST_S = 0.02
PROGRESS_S = 5.0
END_S = 40.0  # ours: patience with sessions that end in order, and with the last message to the central system


def run(*, scenario: Scenario, headless: bool, for_s: float | None) -> int:
    """Exit status 0 when all energy adds up and no limit was exceeded, 1 otherwise, 130 after Ctrl-C.

    Without a terminal it is headless, and ends after the scenario's own time unless told otherwise.
    """
    headless = headless or not (sys.stdin.isatty() and sys.stdout.isatty())
    if headless and for_s is None:
        for_s = scenario.for_s
    for hang_up in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(hang_up, _interrupt)
    say = _say if headless else lambda _: None
    try:
        with Site(scenario.cabinet, sim_arguments=scenario.sim_arguments) as site:
            return _day(site, scenario, say, headless=headless, for_s=for_s)
    except (SiteError, ConsoleError, ControlError, CsmsError) as error:
        print(f"jp demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("jp demo: interrupted; everything is stopped", file=sys.stderr)
        return 130


def _day(site: Site, scenario: Scenario, say: Callable[[str], None], *, headless: bool, for_s: float | None) -> int:
    print("starting the emulated cabinet, the central system and the controller", flush=True)
    site.start_all()
    wait_for(lambda: _all_available(site), "all connectors to be available")
    day = Day(site, scenario, names_of("vehicles"), say)
    console = None if headless else _open_console(site)
    started_s = time.monotonic()
    progress_s = 0.0
    try:
        while not _over(elapsed_s := time.monotonic() - started_s, for_s, console):
            day.step(elapsed_s, for_s)
            if headless and elapsed_s >= progress_s:
                progress_s += PROGRESS_S
                say(_progress(site, elapsed_s))
            _rest(day.sampler)
    finally:
        if console and console.poll() is None:
            console.terminate()
            console.wait()
    return _account(site, day)


def _account(site: Site, day: Day) -> int:
    print("the day is over: sessions end, the last messages go out", flush=True)
    day.end()
    wait_for(lambda: _quiet(site), "the last session to be accounted for", END_S)
    summary = collect(site)
    for line in summary.lines():
        print(line)
    power = PowerAccount.of(site, day.sampler, summary.meter_wh) if day.sampler else None
    for line in power.lines() if power else ():
        print(line)
    return _verdict(summary, power)


def _rest(sampler: Sampler | None) -> None:
    """Until the next look; samples are taken meanwhile."""
    until_s = time.monotonic() + STEP_S
    while sampler and time.monotonic() < until_s:
        sampler.step()
        time.sleep(SAMPLE_REST_S)
    time.sleep(max(0.0, until_s - time.monotonic()))


def _verdict(summary: Summary, power: PowerAccount | None) -> int:
    disagreements = summary.disagreements() + (power.disagreements() if power else [])
    for line in disagreements:
        print(f"jp demo: {line}", file=sys.stderr)
    if not summary.rows:
        print("jp demo: no session ran; look at jp tree, or give it more time with --for", file=sys.stderr)
    return 1 if disagreements or not summary.rows else 0


def _open_console(site: Site) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "jp_firmware", "--socket", str(site.console_socket), "console"])


def _over(elapsed_s: float, for_s: float | None, console: subprocess.Popen[bytes] | None) -> bool:
    return (for_s is not None and elapsed_s >= for_s) or (console is not None and console.poll() is not None)


def _all_available(site: Site) -> bool:
    status = site.status()
    return status is not None and all(one["state"] == "available" for one in status["connectors"].values())


def _quiet(site: Site) -> bool:
    status = site.status()
    return (
        status is not None
        and status["backend"]["queued"] == 0
        and all(one["session_id"] is None for one in status["connectors"].values())
    )


def _progress(site: Site, elapsed_s: float) -> str:
    status = site.status()
    if status is None:
        return f"{elapsed_s:4.0f} s  the controller does not answer"
    site_power = status["site"]
    connectors = "  ".join(_short(number, one) for number, one in status["connectors"].items())
    measured_w = site_power["measured_w"]
    power = f"{measured_w / 1000:5.1f}" if measured_w is not None else "  ---"
    return f"{elapsed_s:4.0f} s  {power} of {site_power['limit_w'] / 1000:.0f} kW  {connectors}"


def _short(number: str, connector: dict[str, object]) -> str:
    power_w, energy_wh = connector["power_w"], connector["energy_wh"]
    power = f" {power_w / 1000:.1f} kW" if isinstance(power_w, int) and power_w > 100 else ""
    energy = f" {energy_wh} Wh" if energy_wh is not None else ""
    return f"{number}:{connector['state']}{power}{energy}"


def _say(text: str) -> None:
    print(text, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
