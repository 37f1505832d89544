"""A file with mistakes, and nobody there to correct it: the charger works with what was in force, and says so."""

from __future__ import annotations

from jp_firmware.demo.site import wait_for
from tests.e2e.changing import own_file, put
from tests.e2e.conftest import all_available, assert_no_traceback
from tests.e2e.driving import active_faults, charge, wait_fault


def test_a_charger_whose_file_was_spoilt_charges_and_names_the_line() -> None:
    with own_file() as site:
        site.stop("controller")
        good = site.file.read_text()
        spoilt = good.replace("limit_w = ", "limit_kw = ", 1)
        site.file.write_text(spoilt)
        site.start_controller()
        fault = wait_fault(site, "CTL-06", "configuration")
        line = spoilt[: spoilt.index("limit_kw")].count("\n") + 1
        assert f"cabinet.toml:{line}: site.limit_kw" in fault["detail"]
        wait_for(lambda: all_available(site), "all connectors to be available")
        charge(site, 1)
        assert site.file.read_text() == spoilt

        answer = site.apply(put("site.limit_w", 140_000))
        assert answer["result"] == "applied"
        wait_for(lambda: ("CTL-06", "configuration") not in active_faults(site), "the fault to clear")
        assert site.file.read_text() == good.replace("150_000", "140_000")
        assert (site.kept / "aside.toml").read_text() == spoilt
        assert_no_traceback(site)
