"""The modules of a running charger over its console: found against configured, on a real line, while a car charges."""

from __future__ import annotations

from jp_firmware.demo.site import Site
from tests.e2e.driving import active_faults, charge


def test_a_wire_is_searched_while_a_car_charges_and_all_modules_are_found(site: Site) -> None:
    charge(site, 1)
    before_w = site.connector(1)["power_w"]
    result = site.call("modules.identify", wire="can0")
    told = site.call("modules.get")

    assert [f"module-{number}" for number in range(1, 9)] == [one["module"] for one in result["found"]]
    assert [] == result["missing"]
    assert all(one["as_configured"] for one in told["modules"].values())
    assert [] == told["wires"]["can0"]["unexpected"]
    assert site.connector(1)["state"] == "charging"
    assert site.connector(1)["power_w"] > 0.8 * before_w
    assert {} == active_faults(site)
