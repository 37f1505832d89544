"""Each thing that breaks ends in a fault with a remedy and a truthful session; the others charge on; all comes back."""

from __future__ import annotations

import pytest

from jp_firmware.demo.site import Site, wait_for
from tests.e2e.driving import (
    active_faults,
    agree,
    charge,
    ended_session,
    is_dead,
    wait_fault,
    wait_no_faults,
)


def charges_still(site: Site, connector: int) -> bool:
    return site.connector(connector)["state"] == "charging" and (site.connector(connector)["power_w"] or 0) > 1000


def test_an_emergency_stop_ends_its_boards_sessions_and_no_other(site: Site) -> None:
    charge(site, 1, 3)
    site.sim("emergency-stop", action="press", board="plc-1")
    wait_fault(site, "SAF-01", "plc-1")
    session = ended_session(site, 1)

    assert session["reason"] == "emergency stop"
    assert is_dead(site, 1)
    assert charges_still(site, 3)
    agree(site, session)
    assert site.connector(1)["state"] == "faulted"
    site.sim("emergency-stop", action="release", board="plc-1")
    wait_no_faults(site)
    site.sim("unplug", connector=1)
    site.wait_state(1, "available")


def test_a_frozen_meter_is_found_while_power_flows_and_ends_only_its_own_session(site: Site) -> None:
    charge(site, 1, 2)
    site.sim("freeze", device="meter-1")
    wait_fault(site, "MTR-03", "meter-1")
    session = ended_session(site, 1)

    assert session["reason"] == "fault"
    assert "MTR-03" in session["detail"]
    assert is_dead(site, 1)
    assert charges_still(site, 2)
    site.sim("clear", device="meter-1")
    site.sim("unplug", connector=1)
    site.wait_state(1, "available")
    charge(site, 1)
    wait_no_faults(site)


@pytest.mark.parametrize("verb", ["silence", "corrupt"])
def test_a_meter_that_cannot_be_read_ends_only_its_own_session(site: Site, verb: str) -> None:
    charge(site, 2, 4)
    site.sim(verb, device="meter-4")
    wait_fault(site, "MTR-01", "meter-4")
    session = ended_session(site, 4)

    assert session["reason"] == "fault"
    assert "MTR-01" in session["detail"]
    assert is_dead(site, 4)
    assert charges_still(site, 2)
    agree(site, session)
    site.sim("clear", device="meter-4")
    wait_no_faults(site)
    site.sim("unplug", connector=4)
    site.wait_state(4, "available")


@pytest.mark.parametrize("verb", ["silence", "freeze", "corrupt"])
def test_a_plc_board_that_is_lost_ends_its_own_sessions(site: Site, verb: str) -> None:
    """A frozen heartbeat is no sign of life, however well the board answers."""
    charge(site, 1, 3)
    site.sim(verb, device="plc-2")
    wait_fault(site, "PLC-01", "plc-2")
    session = ended_session(site, 3)

    assert session["reason"] == "fault"
    wait_for(lambda: max(abs(one["current_a"]) for one in modules_of(site, 3)) < 1, "modules to be off")
    assert charges_still(site, 1)
    site.sim("clear", device="plc-2")
    wait_no_faults(site)
    wait_for(lambda: is_dead(site, 3), "contactors to be open")
    site.sim("unplug", connector=3)
    site.wait_state(3, "available")


def modules_of(site: Site, connector: int) -> list[dict[str, float]]:
    state = site.sim("state")["modules"]
    return [state[one.id] for one in site.cabinet.modules if one.connector == connector]


def test_the_can_adapter_unplugged_ends_every_session_and_comes_back_without_a_restart(site: Site) -> None:
    charge(site, 1, 4)
    site.sim("cut", wire="can0")
    wait_fault(site, "PM-14", "can0")
    sessions = [ended_session(site, connector) for connector in (1, 4)]

    assert [one["reason"] for one in sessions] == ["fault", "fault"]
    wait_for(lambda: is_dead(site, 1) and is_dead(site, 4), "power to be gone")
    for session in sessions:
        agree(site, session)
    site.sim("restore", wire="can0")
    wait_no_faults(site)
    for connector in (1, 4):
        site.sim("unplug", connector=connector)
        site.wait_state(connector, "available")
    charge(site, 1)


def test_one_module_that_fails_costs_power_and_no_session(site: Site) -> None:
    charge(site, 2)
    site.sim("fault", device="module-3", alarm="over-temperature")
    wait_fault(site, "PM-03", "module-3")

    assert charges_still(site, 2)
    site.sim("clear", device="module-3")
    wait_no_faults(site)
    assert charges_still(site, 2)


def test_a_lower_site_limit_is_kept_and_a_higher_one_is_used(site: Site) -> None:
    charge(site, 1, 2, 3)
    wait_for(lambda: true_power_w(site) > 80_000, "power to rise")
    site.call("limit.set", site_w=60_000)
    wait_for(lambda: sum(shares(site, 1, 2, 3)) <= 60_000 + 1, "lower shares")
    wait_for(lambda: true_power_w(site) < 60_500, "power to follow the limit")

    wait_for(lambda: max(shares(site, 1, 2, 3)) - min(shares(site, 1, 2, 3)) < 1000, "equal shares")
    assert site.connector(1)["limited_by"] == "operator"
    site.call("limit.lift", scope="site")
    wait_for(lambda: true_power_w(site) > 80_000, "power to rise again")


def shares(site: Site, *connectors: int) -> list[float]:
    status = site.status()
    assert status is not None
    return [status["connectors"][str(one)]["assigned_w"] for one in connectors]


def true_power_w(site: Site) -> float:
    return float(sum(one["power_w"] for one in site.sim("state")["connectors"].values()))


def test_a_session_by_card_ends_by_the_same_card_and_all_accounts_agree(site: Site) -> None:
    site.sim("plug", connector=2, vehicle="volkswagen-id3", soc=30.0, battery_kwh=20.0)
    site.wait_state(2, "preparing")
    site.sim("swipe", uid="04A1B2C3D4E5F6")
    wait_for(lambda: (site.connector(2)["energy_wh"] or 0) > 100, "some energy")
    site.sim("swipe", uid="04A1B2C3D4E5F6")
    session = ended_session(site, 2)

    assert session["reason"] == "local stop"
    agree(site, session)
    truth = site.sim("energy")["connectors"]["2"]
    assert session["meter_stop_wh"] == truth["meter_register_wh"]
    assert not active_faults(site)


def test_a_blocked_card_is_refused_and_starts_nothing(site: Site) -> None:
    site.sim("plug", connector=2, vehicle="volkswagen-id3", soc=30.0, battery_kwh=20.0)
    site.wait_state(2, "preparing")
    site.sim("swipe", uid="04DEADBEEF0102")
    wait_for(lambda: site.connector(2)["authorization"], "a verdict")

    assert site.connector(2)["authorization"] == "blocked by local list"
    assert site.connector(2)["state"] == "preparing"
