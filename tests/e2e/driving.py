"""What a driver, an installer and a vandal do to a site, and how their traces are looked at."""

from __future__ import annotations

import contextlib
from typing import Any

from jp_firmware.console.protocol import CallFailed
from jp_firmware.demo.site import Site, SiteError, wait_for
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
        wait_power(site, connector, above_w)


def wait_power(site: Site, connector: int, above_w: int) -> None:
    """Waits for more power than that. A session that ends instead is told at once, with the reason."""

    def delivers() -> bool:
        seen = site.connector(connector)
        if seen["state"] in ("finishing", "faulted", "unavailable"):
            raise SiteError(f"connector {connector} delivers nothing: {seen['stage_text']}, {seen['faults']}")
        return (seen["power_w"] or 0) > above_w

    wait_for(delivers, f"power on connector {connector}")


def ended_session(site: Site, connector: int) -> dict[str, Any]:
    """Waits for the end of the connector's newest session and returns it."""

    def newest() -> dict[str, Any] | None:
        mine = [one for one in site.sessions() if one["connector"] == connector]
        return mine[-1] if mine and mine[-1]["stopped_at"] else None

    return wait_for(newest, f"the session on connector {connector} to be accounted for")


def transaction_of(site: Site, session: dict[str, Any]) -> dict[str, Any]:
    """Waits until the central system has heard the stop of a session, and returns what it knows of it."""

    def told() -> dict[str, Any] | None:
        for one in transactions_of(site, session):
            if one["stops"]:
                return one
        return None

    return wait_for(told, "the central system to hear the stop")


def transactions_of(site: Site, session: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in site.csms("transactions") if is_of(one, session)]


def active_faults(site: Site) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["code"], one["source"]): one for one in site.call("faults.get")["active"]}


def wait_fault(site: Site, code: str, source: str) -> dict[str, Any]:
    """Waits for a fault; it must come with a remedy."""
    fault = wait_for(lambda: active_faults(site).get((code, source)), f"{code} at {source}")
    assert fault["remedy"]
    return fault


def wait_no_faults(site: Site) -> None:
    """Waits until nothing is wrong any more; without a restart of anything."""
    wait_for(lambda: not active_faults(site), lambda: f"all faults to clear, still {list(active_faults(site))}")


def is_online(site: Site) -> bool:
    """Whether the charger and its central system speak with each other."""
    status = site.status()
    return status is not None and status["backend"]["state"] == "online"


def queued(site: Site) -> int | None:
    """How many messages wait for the central system; None while the charger does not answer."""
    status = site.status()
    return status["backend"]["queued"] if status else None


def lose_the_backend(site: Site) -> None:
    """The central system plays dead, until it is told to `accept`; returns when the charger knows."""
    site.csms("refuse")
    wait_for(lambda: not is_online(site), "the link to be lost")


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
    for parts in (site.cabinet.modules, site.cabinet.meters, site.cabinet.plc_boards):
        for device in parts:
            site.sim("clear", device=device.id)
    for wire in site.cabinet.wires:
        site.sim("restore", wire=wire.name)
    site.csms("accept")
    for connector in site.cabinet.connectors:
        with contextlib.suppress(CallFailed):  # nothing was running there
            site.call("connector.stop", connector=connector.id)
    wait_for(lambda: all(is_dead(site, one.id) for one in site.cabinet.connectors), "power to be gone")
    for connector in site.cabinet.connectors:
        with contextlib.suppress(ControlError):  # no car there
            site.sim("unplug", connector=connector.id)
    with contextlib.suppress(CallFailed):  # most tests leave no limit behind
        site.call("limit.lift", scope="site")
    for connector in site.cabinet.connectors:
        site.wait_state(connector.id, "available")
    wait_for(lambda: is_online(site), "the central system to be online")
