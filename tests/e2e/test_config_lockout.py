"""What would lock the charger out of its central system is undone by itself; what is right is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jp_firmware.demo.site import free_tcp_ports, wait_for
from tests.e2e.changing import IDENTITY, OwnFile, own_file, put
from tests.e2e.conftest import assert_no_traceback
from tests.e2e.driving import agree, charge, ended_session, is_online

CONFIRM_S = 10.0


@pytest.fixture(scope="module")
def lockout_site() -> Iterator[OwnFile]:
    with own_file() as site:
        site.csms("only", station=IDENTITY)
        yield site
        assert_no_traceback(site)


def connections(site: OwnFile) -> int:
    """How often the central system was connected to."""
    (station,) = site.csms("stations")
    return int(station["connections"])


def test_a_wrong_address_is_undone_by_itself_while_a_car_charges(lockout_site: OwnFile) -> None:
    site, began = lockout_site, lockout_site.file.read_bytes()
    charge(site, 1)
    before = connections(site)
    with free_tcp_ports(1) as (nobody,):
        answer = site.apply(put("backend.url", f"ws://127.0.0.1:{nobody}/ocpp"), confirm_s=CONFIRM_S)
        assert (answer["result"], answer["waits_for"]) == ("applied", [])
        wait_for(site.settled, "the change to be undone")
    assert site.file.read_bytes() == began
    wait_for(lambda: is_online(site), "the central system to be online")
    assert connections(site) == before + 1, "it was left, and found again"
    wait_for(lambda: any("is undone: nobody confirmed it" in one for one in site.events()), "it to be told")

    assert site.connector(1)["state"] == "charging"
    site.call("connector.stop", connector=1)
    agree(site, ended_session(site, 1))
    site.sim("unplug", connector=1)


def test_a_wrong_identity_is_undone_by_itself(lockout_site: OwnFile) -> None:
    site, began = lockout_site, lockout_site.file.read_bytes()
    answer = site.apply(put("charger.identity", "SOMEBODY-ELSE"), confirm_s=CONFIRM_S)
    assert answer["result"] == "applied"
    wait_for(lambda: "404" in site.backend_reason(), "the central system's refusal", CONFIRM_S)
    wait_for(site.settled, "the change to be undone")
    assert site.file.read_bytes() == began
    wait_for(lambda: is_online(site), "the central system to be online")


def test_a_right_address_that_is_confirmed_stays(lockout_site: OwnFile) -> None:
    site = lockout_site
    url = f"ws://localhost:{site.csms_port}/ocpp"
    answer = site.apply(put("backend.url", url), confirm_s=600)
    wait_for(lambda: site.call("config.get")["change"] is None, "all parts to have it")
    wait_for(lambda: is_online(site), "the central system to be online")
    site.call("config.confirm", version=answer["version"])
    wait_for(site.settled, "it to be for good")
    site.stop("controller")
    site.start_controller()
    assert site.value("backend.url") == url
    wait_for(lambda: is_online(site), "the central system to be online")
    assert site.version() == answer["version"]
