"""The whole site in words."""

from __future__ import annotations

from jp_firmware.model.power import Plan
from jp_firmware.planner.forecast import Arrivals, Arriving, Outlook, forecast
from jp_firmware.planner.headroom import headroom
from jp_firmware.planner.planner import compute
from jp_firmware.planner.site_words import site_sentence
from tests.planner.scenes import KW, limit, rules, wants

SEEN = Arrivals.of({(17, 0): 4}, 1, 60 * KW)


def told(plan: Plan, cars: list[Outlook] | None = None, known: Arrivals = SEEN) -> str:
    ahead = None if cars is None else forecast(cars)
    return site_sentence(plan, headroom(plan), ahead, known)


def test_what_is_used_and_what_is_free() -> None:
    plan = compute([wants(1, 50)], [limit("site", 100)], Plan(), 0.0)

    assert "50 kW of 100 kW are in use or assigned (50%); 50 kW are free." == told(plan)


def test_what_is_short_and_what_is_kept() -> None:
    plan = compute([wants(1, 150)], [limit("site", 100)], Plan(), 0.0, rules(reserve_w=20 * KW))

    assert (
        "80 kW of 100 kW are in use or assigned (80%), and 20 kW are kept in reserve; all of it is given out. "
        "Cars ask for 70 kW more than they may have."
    ) == told(plan)


def test_what_is_too_much_is_on_its_way_down() -> None:
    plan = compute([wants(1, 50, measured_w=50 * KW)], [limit("site", 40)], Plan(), 0.0)

    assert "50 kW of 40 kW are in use or assigned (125%): 10 kW too much; power is on its way down." in told(plan)
    assert "The site may draw nothing." in told(compute([wants(1, 50)], [], Plan(), 0.0))


def test_what_is_ahead() -> None:
    plan = compute([wants(1, 100)], [limit("site", 100)], Plan(), 0.0)
    known, unsure = Outlook(power_w=100 * KW, soc_percent=20), Outlook(power_w=60 * KW, soc_percent=60)

    assert told(plan, [known]).endswith("In the next 15 minutes cars will want 100 kW.")
    assert "cars will want 160 kW: 60 kW more than the limit leaves" in told(plan, [known, unsure])
    assert told(plan, []).endswith("In the next 15 minutes no car will want power.")
    assert told(plan, [known], Arrivals()).endswith("not known yet, since no whole week has been seen.")


def test_who_is_to_be_expected() -> None:
    plan = compute([wants(1, 10)], [limit("site", 100)], Plan(), 0.0)
    ahead = forecast([], Arriving(count=1.0, power_w=60 * KW), places=3)
    sentence = site_sentence(plan, headroom(plan), ahead, SEEN)

    assert "cars will want 60 kW, in one case of ten more than 136.9 kW: 36.9 kW more than the limit leaves" in sentence
    assert sentence.endswith("; 1.0 cars are expected to come, going by the last week, 60 kW each.")
