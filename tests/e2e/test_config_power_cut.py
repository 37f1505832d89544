"""The charger is killed in the middle of a change: it starts with the old configuration or the new, never a mixture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.demo.site import START_S, wait_for
from tests.e2e.changing import Json, OwnFile, own_file, put
from tests.e2e.conftest import all_available, assert_no_traceback
from tests.e2e.driving import agree, charge, ended_session, is_dead, queued, transaction_of

SITE, METER, GUARD = "site.limit_w", "meters.meter-3.watchdog_s", "process.guard_deadline_s"
OLD: Json = {SITE: 150_000.0, METER: 5.0, GUARD: 5.0}
NEW: Json = {SITE: 120_000.0, METER: 6.0, GUARD: 4.0}
NOWHERE = 50
CONFIRM_S = 600.0  # nobody confirms, and the test has all the time it needs until then
MODULE_GONE = put("modules.module-3.address", NOWHERE)  # nobody answers there: the part stays down for long


@pytest.fixture(scope="module")
def one_site() -> Iterator[OwnFile]:
    with own_file() as site:
        yield site
        assert_no_traceback(site)


@pytest.fixture
def cut_site(one_site: OwnFile) -> Iterator[OwnFile]:
    """With a car that charges, and the old values in force."""
    site = one_site
    wait_for(lambda: all_available(site), "all connectors to be available")
    if in_force(site) != OLD:
        site.apply(*(put(key, value) for key, value in OLD.items()), confirm_s=0)
        wait_for(lambda: site.settled() and in_force(site) == OLD, "the old values")
        wait_for(lambda: all_available(site), "all connectors to be available")
    charge(site, 1)
    wait_for(lambda: (site.connector(1)["energy_wh"] or 0) > 3, "energy, by which a session is told from the last one")
    yield site
    site.sim("unplug", connector=1)


def in_force(site: OwnFile) -> Json | None:
    try:
        return {key: site.value(key) for key in OLD}
    except ConsoleError:
        return None


def asked(site: OwnFile, *edits: Json, **terms: object) -> threading.Thread:
    """The change is asked for, by somebody who sees the charger die."""

    def ask() -> None:
        try:
            site.apply(*edits, **terms)
        except ConsoleError:
            return  # as is meant

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def cut_when(site: OwnFile, moment: Callable[[], object], thread: threading.Thread | None = None) -> None:
    """Kills the charger at this moment, and starts it anew."""
    give_up_s = time.monotonic() + START_S
    while not moment():
        assert time.monotonic() < give_up_s, "the moment did not come"
        time.sleep(0.001)
    site.kill("controller")
    if thread:
        thread.join()
    wait_for(lambda: is_dead(site, 1), "the board to open on its own")
    site.start_controller()


def accounted_for(site: OwnFile, reason: str = "reboot") -> None:
    session = ended_session(site, 1)
    assert session["reason"] == reason
    agree(site, session)
    assert site.csms("orphans") == []


def is_undone(site: OwnFile, began: bytes) -> None:
    assert in_force(site) == OLD
    assert site.file.read_bytes() == began
    assert site.settled()
    told = "is undone: the controller ended before it was confirmed"
    wait_for(lambda: any(told in one for one in site.events()), "it to be told")
    assert site.call("config.history")[0]["origin"].startswith("revert")


def test_right_after_the_commit_with_a_part_about_to_be_stopped(cut_site: OwnFile) -> None:
    site, began = cut_site, cut_site.file.read_bytes()
    # To be confirmed, so that it is not for good already when a busy machine has the test look.
    thread = asked(site, put(SITE, NEW[SITE]), put(METER, NEW[METER]), confirm_s=CONFIRM_S)
    cut_when(site, lambda: (site.kept / "unconfirmed.json").exists(), thread)
    is_undone(site, began)
    accounted_for(site)


def test_while_a_part_is_down(cut_site: OwnFile) -> None:
    site, began = cut_site, cut_site.file.read_bytes()
    thread = asked(site, put(SITE, NEW[SITE]), MODULE_GONE)

    def is_under_way() -> bool:
        change = site.call("config.get")["change"]
        return bool(change) and any(
            step["path"].endswith("module-3") and step["state"] == "under way" for step in change["steps"]
        )

    cut_when(site, is_under_way, thread)
    is_undone(site, began)
    assert site.value("modules.module-3.address") != NOWHERE
    accounted_for(site)


def test_while_a_version_waits_to_be_confirmed(cut_site: OwnFile) -> None:
    site, began = cut_site, cut_site.file.read_bytes()
    answer = site.apply(put(SITE, NEW[SITE]), put(METER, NEW[METER]), confirm_s=CONFIRM_S)
    assert answer["result"] == "applied"
    cut_when(site, lambda: True)
    is_undone(site, began)
    accounted_for(site)


def test_while_all_parts_start_anew(cut_site: OwnFile) -> None:
    """Its sessions have ended in order by then."""
    site, began = cut_site, cut_site.file.read_bytes()
    answer = site.apply(put(SITE, NEW[SITE]), put(GUARD, NEW[GUARD]), force=True)
    assert answer["result"] == "applied"
    cut_when(site, lambda: not site.console_socket.exists())
    is_undone(site, began)
    accounted_for(site)


def test_after_all_parts_have_started_anew(cut_site: OwnFile) -> None:
    site = cut_site
    site.apply(put(SITE, NEW[SITE]), put(GUARD, NEW[GUARD]), force=True)
    wait_for(lambda: in_force(site) not in (None, OLD) and site.settled(), "the next life")
    # A message that is cut off on its way is told twice, and is another test's. The central system has heard it first:
    # a life that has just begun does not know yet what is queued.
    transaction_of(site, ended_session(site, 1))
    wait_for(lambda: queued(site) == 0, "the answer to it")
    cut_when(site, lambda: True)
    assert in_force(site) == {**OLD, SITE: NEW[SITE], GUARD: NEW[GUARD]}
    accounted_for(site)


@pytest.mark.parametrize("after_ms", [0, 10, 30, 60, 120])
def test_some_time_after_a_live_change_was_asked_for(cut_site: OwnFile, after_ms: int) -> None:
    """A limit of the site and of the chargers' name: both old or both new, as the file has it."""
    site, before = cut_site, cut_site.version()
    name = f"Named after {after_ms} ms"
    thread = asked(site, put(SITE, NEW[SITE]), put("charger.name", name), confirm_s=0)
    at_s = time.monotonic() + after_ms / 1000
    cut_when(site, lambda: time.monotonic() >= at_s, thread)
    found = (site.value(SITE), site.value("charger.name") == name)
    assert found in ((OLD[SITE], False), (NEW[SITE], True))
    assert (site.version() > before) == found[1]
    assert (name in site.file.read_text()) == found[1]
    assert site.settled()
    accounted_for(site)
