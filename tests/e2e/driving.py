"""What a driver, an installer and a vandal do to a site, and how their traces are looked at."""

from __future__ import annotations

import contextlib
from typing import Any

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.demo.site import Site, wait_for
from jp_firmware.demo.summary import is_of
from jp_firmware.sim.control import ControlError

TAG = "04A1B2C3D4E5F6"


def plug(site: Site, connector: int, **car: Any) -> None:
    """A car with more battery than any test has time for, unless told otherwise."""
    site.sim("plug", connector=connector, **({"vehicle": "volkswagen-id3", "soc": 20.0, "battery_kwh": 20.0} | car))


def charge(site: Site, *connectors: int, above_w: int = 5000) -> None:
    """Plugs in and starts; returns when all of them deliver."""
    for connector in connectors:
        plug(site, connector)
        site.wait_state(connector, "preparing")
        site.call("connector.start", connector=connector, token=f"TEST-{connector}")
    for connector in connectors:
        wait_for(
            lambda n=connector: (site.connector(n)["power_w"] or 0) > above_w, f"power on connector {connector}", 30
        )


def ended_session(site: Site, connector: int, within_s: float = 20.0) -> dict[str, Any]:
    """Waits for the end of the connector's newest session and returns it."""

    def newest() -> dict[str, Any] | None:
        mine = [one for one in site.sessions() if one["connector"] == connector]
        return mine[-1] if mine and mine[-1]["stopped_at"] else None

    return wait_for(newest, f"the session on connector {connector} to be accounted for", within_s)


def transaction_of(site: Site, session: dict[str, Any], within_s: float = 20.0) -> dict[str, Any]:
    """Waits until the central system has heard the stop of a session, and returns what it knows of it."""

    def told() -> dict[str, Any] | None:
        for one in transactions_of(site, session):
            if one["stops"]:
                return one
        return None

    return wait_for(told, "the central system to hear the stop", within_s)


def transactions_of(site: Site, session: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in site.csms("transactions") if is_of(one, session)]


def active_faults(site: Site) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["code"], one["source"]): one for one in site.call("faults.get")["active"]}


def wait_fault(site: Site, code: str, source: str, within_s: float = 15.0) -> dict[str, Any]:
    """Waits for a fault; it must come with a remedy."""
    fault = wait_for(lambda: active_faults(site).get((code, source)), f"{code} at {source}", within_s)
    assert fault["remedy"]
    return fault


def wait_no_faults(site: Site, within_s: float = 30.0) -> None:
    """Waits until nothing is wrong any more; without a restart of anything."""
    wait_for(lambda: not active_faults(site), f"all faults to clear, still {list(active_faults(site))}", within_s)


def module_currents(site: Site, connector: int) -> list[float]:
    """What the emulated modules of a connector truly deliver."""
    mine = [one.id for one in site.cabinet.modules if one.connector == connector]
    return [site.sim("state")["modules"][name]["current_a"] for name in mine]


def is_dead(site: Site, connector: int) -> bool:
    """No current, contactors open: by the emulation's own knowledge, not by what devices say."""
    state = site.sim("state")["connectors"][str(connector)]
    return abs(state["current_a"]) < 1 and not state["contactors_closed"]


def agree(site: Site, session: dict[str, Any]) -> None:
    """One start, one stop, and the same energy to the Wh at the meter's register and at the central system."""
    transaction = transaction_of(site, session)
    assert transaction["starts"] == 1
    assert transaction["stops"] == 1
    assert transaction["energy_wh"] == session["energy_wh"]
    assert transaction["meter_stop_wh"] == session["meter_stop_wh"]


def tidy(site: Site) -> None:
    """Repairs everything, sends all cars away, and waits until every connector is available again."""
    site.sim("emergency-stop", action="release")
    for device in (*site.cabinet.modules, *site.cabinet.meters, *site.cabinet.plc_boards):
        site.sim("clear", device=device.id)
    for wire in site.cabinet.wires:
        site.sim("restore", wire=wire.name)
    site.csms("accept")
    for connector in site.cabinet.connectors:
        try:
            site.call("connector.stop", connector=connector.id)
        except ConsoleError:
            continue  # nothing was running there
    wait_for(lambda: all(is_dead(site, one.id) for one in site.cabinet.connectors), "power to be gone", 20)
    for connector in site.cabinet.connectors:
        try:
            site.sim("unplug", connector=connector.id)
        except ControlError:
            continue  # no car there
    with contextlib.suppress(ConsoleError):  # most tests leave no limit behind
        site.call("limit.lift", scope="site")
    for connector in site.cabinet.connectors:
        site.wait_state(connector.id, "available", within_s=30)
    wait_for(lambda: site.status()["backend"]["state"] == "online", "the central system to be online", 30)  # type: ignore[index]
