"""Every family of modules on real bytes: a cabinet of two of them, a car that charges, and what breaks of them.

Each test has a site of its own, with the modules on an slcan adapter's tty. A family that is emulated is tested: a new
one needs a profile in the table, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jp_firmware.demo.site import Site, wait_for
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.sim.modules.families import EMULATED
from tests.e2e.conftest import BRISK, PATIENT, assert_no_traceback
from tests.e2e.driving import active_faults, ended_session, is_dead, module_currents, plug, wait_fault, wait_no_faults
from tests.unhurried import PROGRAM

PROFILES = {
    "dbc": "lianming-v2",
    "huawei": "huawei-r100040gx",
    "infypower": "infypower-reg1k0100g",
    "infypower-beg": "infypower-beg1k075g",
    "maxwell": "maxwell-mxr100040",
    "tonhe": "tonhe-th30f10025c7",
    "uugreenpower": "uugreenpower-ur100030",
}

FIRST, SECOND = "module-1", "module-2"
CAR_V = 424.0  # the most it bears
SHARE = 0.15  # how far their currents may be apart, as a part of the larger one

CABINET = """
[charger]
identity = "JP-{driver}"
[site]
limit_w = 100_000
[[wires]]
name = "can0"
kind = "slcan"
port = "jp/can0"
[[wires]]
name = "meters"
kind = "modbus-tcp"
host = "127.0.0.1"
port = "1"
[[wires]]
name = "plc-1-wire"
kind = "modbus-tcp"
host = "127.0.0.1"
port = "2"
[[plc_boards]]
id = "plc-1"
wire = "plc-1-wire"
connectors = [1]
[[connectors]]
id = 1
[[meters]]
id = "meter-1"
wire = "meters"
unit = 1
connector = 1
[[modules]]
id = "module-1"
wire = "can0"
address = 1
connector = 1
driver = "{driver}"
profile = "{profile}"
[[modules]]
id = "module-2"
wire = "can0"
address = 2
connector = 1
driver = "{driver}"
profile = "{profile}"
"""


def test_every_emulated_family_has_its_turn() -> None:
    assert set(EMULATED) == set(PROFILES)


@pytest.fixture(params=sorted(PROFILES))
def family(request: pytest.FixtureRequest) -> str:
    """The driver's name."""
    return str(request.param)


@pytest.fixture
def site(family: str, tmp_path: Path) -> Iterator[Site]:
    """A cabinet of that family, and a car that charges with both modules. Its session ends in order after the test."""
    path = tmp_path / "cabinet.toml"
    path.write_text(CABINET.format(driver=family, profile=PROFILES[family]))
    with Site(cabinet_name=str(path), settings=PATIENT, sim_arguments=BRISK, program=PROGRAM) as site:
        site.start_sim()
        site.start_controller()
        site.wait_state(1, "available")
        plug(site, 1, soc=30.0)
        site.wait_state(1, "preparing")
        site.call("connector.start", connector=1, token="TEST-1")
        wait_for(lambda: shares(site) and charges(site), "both modules to share")
        yield site
        assert_no_traceback(site)


def shares(site: Site) -> bool:
    """Both deliver, and by no more than `SHARE` apart."""
    currents = module_currents(site, 1)
    return min(currents) > 5 and max(currents) - min(currents) <= SHARE * max(currents)


def charges(site: Site) -> bool:
    connector = site.connector(1)
    return connector["state"] == "charging" and (connector["power_w"] or 0) > 1000


def module(site: Site, name: str) -> dict[str, Any]:
    found: dict[str, Any] = site.sim("state")["modules"][name]
    return found


def ends_in_order(site: Site) -> None:
    """It was one session, from its start to now; both modules are off, and nothing is wrong."""
    site.call("connector.stop", connector=1)
    wait_for(lambda: is_dead(site, 1), "power to be gone")
    wait_for(lambda: not any(module(site, name)["on"] for name in (FIRST, SECOND)), "both modules to be off")
    session = ended_session(site, 1)
    assert "local stop" == session["reason"]
    assert 1 == len(site.sessions())
    assert {} == active_faults(site)


def test_two_share_a_car_in_its_range_and_a_fault_of_one_is_shown_with_its_code(site: Site, family: str) -> None:
    wait_for(
        lambda: sum(module_currents(site, 1)) == pytest.approx(site.connector(1)["current_a"] or 0, rel=0.1),
        "the connector's current to be that of its modules",
    )
    low_v = load_profile(PROFILES[family]).low_range_max_voltage_v
    in_high = not CAR_V <= low_v  # also where there is one range only
    assert [in_high] * 2 == [module(site, name)["high_range"] for name in (FIRST, SECOND)]
    assert {} == active_faults(site)

    site.sim("fault", device=FIRST, alarm="over-temperature")
    fault = wait_fault(site, "PM-03", FIRST)
    assert fault["detail"]
    wait_for(lambda: module(site, FIRST)["current_a"] == 0 and charges(site), "the session to go on with one")
    assert module(site, SECOND)["current_a"] > 5
    site.sim("clear", device=FIRST)
    wait_no_faults(site)
    wait_for(lambda: shares(site), "both modules to share again")
    ends_in_order(site)


def test_one_that_falls_silent_or_is_restarted_costs_power_and_no_session(site: Site) -> None:
    site.sim("silence", device=SECOND)
    wait_fault(site, "PM-01", SECOND)
    wait_for(lambda: charges(site) and module(site, FIRST)["current_a"] > 5, "the session to go on with one")

    site.sim("clear", device=SECOND)
    told = site.call("tree.restart", path=f"wires/can0/{SECOND}", reason="a test")
    assert "accepted" == told["result"]
    wait_no_faults(site)
    wait_for(lambda: shares(site) and charges(site), "both modules to share again")
    ends_in_order(site)
