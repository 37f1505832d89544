"""Every family of modules on real bytes: a cabinet of two of them, a car that charges, and what breaks of them.

One site a family, on an slcan adapter's tty; one session runs through all of its tests. A family that is emulated is
tested: a new one needs a profile in the table, and nothing else.
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


@pytest.fixture(
    scope="module",
    params=[pytest.param(one, marks=pytest.mark.xdist_group(f"family {one}")) for one in sorted(PROFILES)],
)
def family(request: pytest.FixtureRequest) -> str:
    """The driver's name."""
    return str(request.param)


@pytest.fixture(scope="module")
def running(family: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cabinet of that family with a car that charges."""
    path: Path = tmp_path_factory.mktemp("cabinet") / "cabinet.toml"
    path.write_text(CABINET.format(driver=family, profile=PROFILES[family]))
    with Site(cabinet_name=str(path), settings=PATIENT, sim_arguments=BRISK) as site:
        site.start_sim()
        site.start_controller()
        site.wait_state(1, "available")
        plug(site, 1, soc=30.0)
        site.wait_state(1, "preparing")
        site.call("connector.start", connector=1, token="TEST-1")
        wait_for(lambda: shares(site) and charges(site), "both modules to share", 30)
        yield site
        assert_no_traceback(site)


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The session goes on in whatever a test does, and both modules share again after it."""
    session = running.connector(1)["session_id"]
    yield running
    for module in (FIRST, SECOND):
        running.sim("clear", device=module)
    wait_no_faults(running)
    wait_for(lambda: shares(running), "both modules to share again", 30)
    assert session == running.connector(1)["session_id"]


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


def test_two_modules_charge_a_car_and_share(site: Site) -> None:
    """The meter sees what both deliver together."""
    wait_for(lambda: shares(site) and charges(site), "both modules to share")
    for name in (FIRST, SECOND):
        assert module(site, name)["on"]
    wait_for(
        lambda: sum(module_currents(site, 1)) == pytest.approx(site.connector(1)["current_a"] or 0, rel=0.1),
        "the connector's current to be that of its modules",
    )
    assert {} == active_faults(site)


def test_a_module_with_two_ranges_is_in_the_one_for_the_car(site: Site, family: str) -> None:
    profile = load_profile(PROFILES[family])
    expected = not 0 < 424 <= profile.low_range_max_voltage_v  # the car's maximum voltage

    assert [expected] * 2 == [module(site, name)["high_range"] for name in (FIRST, SECOND)]


def test_a_fault_bit_is_shown_with_its_code_and_the_other_module_goes_on(site: Site) -> None:
    site.sim("fault", device=FIRST, alarm="over-temperature")
    fault = wait_fault(site, "PM-03", FIRST)

    assert fault["detail"]
    wait_for(lambda: module(site, FIRST)["current_a"] == 0 and charges(site), "the session to go on with one")
    assert module(site, SECOND)["current_a"] > 5


def test_a_module_that_falls_silent_is_told_and_the_other_goes_on(site: Site) -> None:
    site.sim("silence", device=SECOND)
    wait_fault(site, "PM-01", SECOND)

    wait_for(lambda: charges(site) and module(site, FIRST)["current_a"] > 5, "the session to go on with one")


def test_a_module_is_restarted_and_shares_again(site: Site) -> None:
    told = site.call("tree.restart", path=f"wires/can0/{FIRST}", reason="a test")
    assert "accepted" == told["result"]
    wait_for(lambda: not shares(site), "it to be off")
    wait_for(lambda: shares(site) and charges(site), "both modules to share again", 30)


def test_the_end_of_the_session_switches_both_off(running: Site) -> None:
    """The last: the session that ran through all tests ends in order."""
    running.call("connector.stop", connector=1)
    wait_for(lambda: is_dead(running, 1), "power to be gone", 10)
    for name in (FIRST, SECOND):
        wait_for(lambda name=name: not module(running, name)["on"], f"{name} to be off")
    session = ended_session(running, 1)
    assert "local stop" == session["reason"]
    assert session["energy_wh"] > 0
    assert {} == active_faults(running)
