"""The central system limits power by charging profiles: from its console to the modules, and back when they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jp_firmware.demo.site import Site, wait_for
from tests.e2e.driving import charge, ended_session, is_online, lose_the_backend

MOST_W = 30_000
ABOVE_W = 45_000  # what a car of these tests draws of its 60 kW without a limit


def ask(site: Site, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = site.csms("call", station=site.cabinet.charger.identity, action=action, payload=payload)
    return answer


def set_profile(site: Site, connector: int, limit_w: float, **more: Any) -> None:
    purpose = "ChargePointMaxProfile" if connector == 0 else "TxDefaultProfile"
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_w}]}
    profile = {
        "chargingProfileId": 7,
        "stackLevel": 2,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"startSchedule": datetime.now(UTC).isoformat(), **schedule},
        **more,
    }
    payload = {"connectorId": connector, "csChargingProfiles": profile}
    assert ask(site, "SetChargingProfile", payload) == {"status": "Accepted"}


@pytest.fixture
def profiled(site: Site) -> Iterator[Site]:
    """The site, and no profile left on it afterwards."""
    yield site
    site.csms("accept")
    wait_for(lambda: is_online(site), "the central system to be online")
    ask(site, "ClearChargingProfile", {})


def power_w(site: Site, *connectors: int) -> float:
    """What truly flows, by the emulation's own knowledge."""
    state = site.sim("state")["connectors"]
    return float(sum(state[str(one)]["power_w"] for one in connectors))


def sentence(site: Site, connector: int) -> str:
    (told,) = site.call("plan.why", connector=connector)
    return str(told["sentence"])


def central_limits(site: Site) -> list[tuple[str, float]]:
    return [(one["scope"], one["value_w"]) for one in site.call("planner.get")["limits"] if "central" in one["owner"]]


def test_a_profile_limits_its_connector_and_its_end_gives_the_power_back(profiled: Site) -> None:
    charge(profiled, 1, 2, above_w=ABOVE_W)
    set_profile(profiled, 1, MOST_W)

    # Accepted means that the set-points are out; the current follows at the pace of the modules.
    wait_for(lambda: 0 < power_w(profiled, 1) < 1.05 * MOST_W, "connector 1 to come down")
    assert "the central system (profile 7, stack level 2) limits it to 30 kW" in sentence(profiled, 1)
    assert power_w(profiled, 2) > ABOVE_W
    ends = datetime.now(UTC) + timedelta(seconds=5)
    set_profile(profiled, 1, MOST_W, validTo=ends.isoformat())  # takes the place of the one of the same id
    wait_for(lambda: power_w(profiled, 1) > ABOVE_W, "connector 1 to come up again")
    assert datetime.now(UTC) >= ends
    assert central_limits(profiled) == []


def test_the_stations_profile_is_shared_and_clearing_it_gives_the_power_back(profiled: Site) -> None:
    charge(profiled, 1, 2, above_w=ABOVE_W)
    set_profile(profiled, 0, 40_000)
    wait_for(lambda: power_w(profiled, 1, 2) < 1.05 * 40_000, "both to come down")
    assert "limits it and connector 2 together to 40 kW" in sentence(profiled, 1)
    assert ask(profiled, "ClearChargingProfile", {"id": 7}) == {"status": "Accepted"}

    wait_for(lambda: power_w(profiled, 1) > ABOVE_W, "the power to be back")


def test_a_limit_of_nothing_pauses_a_session_and_does_not_end_it(profiled: Site) -> None:
    charge(profiled, 2, above_w=ABOVE_W)
    set_profile(profiled, 2, 0)
    profiled.wait_state(2, "suspended by EVSE")
    wait_for(lambda: power_w(profiled, 2) < 500, "the current to be gone")
    ask(profiled, "ClearChargingProfile", {})

    wait_for(lambda: power_w(profiled, 2) > ABOVE_W, "the session to go on")
    assert profiled.connector(2)["state"] == "charging"


def test_a_transactions_profile_holds_without_the_central_system_and_is_gone_with_its_transaction(
    profiled: Site,
) -> None:
    charge(profiled, 1, above_w=ABOVE_W)
    set_profile(profiled, 1, MOST_W, chargingProfilePurpose="TxProfile")
    lose_the_backend(profiled)
    wait_for(lambda: power_w(profiled, 1) < 1.05 * MOST_W, "connector 1 to come down")
    assert central_limits(profiled) == [("connector-1", MOST_W)]
    profiled.call("connector.stop", connector=1)
    ended_session(profiled, 1)

    wait_for(lambda: central_limits(profiled) == [], "the profile to be gone")
    profiled.csms("accept")


def test_profiles_are_in_force_again_before_a_killed_controller_lets_power_flow(own_site: Site) -> None:
    set_profile(own_site, 1, MOST_W)
    own_site.csms("refuse")
    own_site.kill("controller")
    own_site.start_controller()
    own_site.wait_state(1, "available")
    assert central_limits(own_site) == [("connector-1", MOST_W)]
    charge(own_site, 1, above_w=MOST_W - 5_000)

    assert power_w(own_site, 1) < 1.05 * MOST_W
