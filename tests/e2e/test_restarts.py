"""An operator restarts parts of a charger at work: one module, one board's wire, one connector."""

from __future__ import annotations

from typing import Any

import pytest

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.demo.site import Site, wait_for
from tests.e2e.driving import agree, charge, ended_session, is_dead


def node(site: Site, path: str) -> dict[str, Any]:
    found: dict[str, Any] = site.call("tree.get")
    for name in path.split("/"):
        found = next(one for one in found["children"] if one["name"] == name)
    return found


def wait_restarted(site: Site, path: str, before: int) -> None:
    wait_for(
        lambda: node(site, path)["restarts"] == before + 1 and node(site, path)["state"] == "up",
        f"{path} to have been restarted",
    )


def charges_still(site: Site, connector: int) -> bool:
    return site.connector(connector)["state"] == "charging" and (site.connector(connector)["power_w"] or 0) > 1000


def test_a_module_is_restarted_while_its_session_goes_on(site: Site) -> None:
    charge(site, 1)
    session = site.connector(1)["session_id"]
    before = node(site, "wires/can0/module-1")["restarts"]
    told = site.call("tree.restart", path="wires/can0/module-1", reason="a test")

    assert (told["result"], told["ends"], told["reduces"]) == ("accepted", [], [1])
    wait_restarted(site, "wires/can0/module-1", before)
    assert charges_still(site, 1)
    assert site.connector(1)["session_id"] == session
    whats = [one["what"] for one in site.call("tree.history", path="wires/can0/module-1")]
    assert whats[-4:] == ["restart asked", "ended", "started", "ready"]


def test_a_boards_wire_is_restarted_only_with_a_yes_and_its_sessions_end_in_order_first(site: Site) -> None:
    charge(site, 1, 3)
    before = node(site, "wires/plc-1-wire")["restarts"]
    told = site.call("tree.restart", path="wires/plc-1-wire")
    assert (told["result"], told["ends"]) == ("unconfirmed", [1])
    assert charges_still(site, 1)

    assert site.call("tree.restart", path="wires/plc-1-wire", yes=True)["result"] == "accepted"
    session = ended_session(site, 1)
    assert (session["reason"], session["detail"]) == ("local stop", "wires/plc-1-wire is restarted")
    assert is_dead(site, 1)
    agree(site, session)
    wait_restarted(site, "wires/plc-1-wire", before)
    assert charges_still(site, 3), "the other board's"
    site.sim("unplug", connector=1)
    site.wait_state(1, "available")
    charge(site, 1)


def test_the_console_that_asks_is_restarted_and_answers(site: Site) -> None:
    before = node(site, "consoles/socket")["restarts"]
    assert site.call("tree.restart", path="consoles/socket")["result"] == "accepted"
    wait_for(lambda: _restarts(site, "consoles/socket") == before + 1, "the console to be back")


def _restarts(site: Site, path: str) -> int | None:
    try:
        return int(node(site, path)["restarts"])
    except ConsoleError:
        return None  # not back yet


def test_a_path_that_is_none_is_refused_with_the_nearest(site: Site) -> None:
    with pytest.raises(ConsoleError, match="did you mean wires/plc-1-wire"):
        site.call("tree.restart", path="plc-1-wire")
