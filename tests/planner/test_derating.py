"""A hot plug: a straight line between two temperatures, cuts at once, rises late, nothing where nobody watches."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import EvStatus
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.planner.derating import PLAY_K, Derating, Heat, is_news, plug_limit

PLUG = Connector(id=ConnectorId(1), derate_from_c=80, derate_to_c=90)


def plug(one_c: float | None, two_c: float | None = None) -> EvStatus:
    return EvStatus(plug_temperature_1_c=one_c, plug_temperature_2_c=two_c)


def shares(*temperatures_c: float) -> list[float]:
    derating = Derating()
    return [round(derating.look(plug(one), PLUG).share, 6) for one in temperatures_c]


@pytest.mark.parametrize(
    ("celsius", "share"),
    [(-30, 1), (79.9, 1), (80, 1), (82.5, 0.75), (85, 0.5), (89.9, 0.01), (90, 0), (130, 0)],
)
def test_power_follows_a_straight_line_down(celsius: float, share: float) -> None:
    assert shares(celsius) == [share]


def test_the_hotter_contact_decides() -> None:
    assert Derating().look(plug(40, 82.4), PLUG) == Heat(
        share=pytest.approx(0.76), reason="82.4 °C at the plug; full power below 80 °C"
    )


def test_a_cut_is_immediate_and_a_rise_waits_for_a_cooler_plug() -> None:
    assert shares(84, 86, 84.5, 83, 82.5, 78, 77) == [0.6, 0.4, 0.4, 0.4, 0.45, 0.9, 1.0]


def test_what_is_held_down_by_a_plug_that_cools_says_when_it_ends() -> None:
    derating = Derating()
    derating.look(plug(84), PLUG)

    assert derating.look(plug(79), PLUG).reason == "79.0 °C at the plug; full power again below 77 °C"


@given(st.lists(st.floats(60, 110), min_size=1, max_size=60))
def test_noise_within_the_play_moves_power_once_at_most(noise_c: list[float]) -> None:
    """The power is never above the line's, never below the line at the play's distance, and noise does not move it."""
    derating = Derating()
    for celsius in noise_c:
        share = derating.look(plug(celsius), PLUG).share
        assert line(celsius + PLAY_K) - 1e-9 <= share <= line(celsius) + 1e-9
    _, *settled = [derating.look(plug(noise_c[-1] + step), PLUG).share for step in (1.4, -1.4, 0.7, -1.0, 1.3)]
    assert len(set(settled)) == 1


def line(celsius: float) -> float:
    return min(1.0, max(0.0, (90 - celsius) / 10))


# --- what is lost ----------------------------------------------------------------------------------------------------


def test_a_plug_without_sensors_is_never_derated() -> None:
    assert Derating().look(plug(None), PLUG) == Heat()


@pytest.mark.parametrize("gone", [plug(None, 41.0), plug(-99.0, 41.0)], ids=["unknown", "impossible"])
def test_a_contact_that_nobody_watches_any_more_carries_nothing(gone: EvStatus) -> None:
    derating = Derating()
    derating.look(plug(45.2, 41.0), PLUG)
    heat = derating.look(gone, PLUG)

    assert heat.share == 0.0
    assert heat.reason == "no temperature from the plug (DC+, last 45.2 °C)"
    assert derating.look(plug(45.0, 41.0), PLUG) == Heat(), "and it is back when it is"


@pytest.mark.parametrize(
    ("last_c", "other_c", "share"),
    [(45, 41, 0.25), (84, 41, 0.25), (88, 41, 0.2), (45, 89, 0.1), (90, 41, 0.0)],
    ids=["cool", "warm", "hot when it was lost", "the other is hot", "too hot when it was lost"],
)
def test_a_site_may_charge_on_with_less_while_a_sensor_is_lost(last_c: float, other_c: float, share: float) -> None:
    bold = Connector(id=ConnectorId(1), max_current_a=200, temperature_lost_current_a=50)
    derating = Derating()
    derating.look(plug(last_c, 41.0), bold)
    heat = derating.look(plug(None, other_c), bold)

    assert heat.share == pytest.approx(share)
    assert heat.reason == f"no temperature from the plug (DC+, last {last_c:.1f} °C)"


def test_more_than_the_plug_carries_is_all_that_it_carries() -> None:
    bold = Connector(id=ConnectorId(1), max_current_a=200, temperature_lost_current_a=300)

    assert Derating().look(plug(20.0, -200.0), bold).share == 1.0


def test_a_sensor_that_never_said_anything_possible_is_lost_too() -> None:
    assert Derating().look(plug(20.0, -200.0), PLUG).lost == "DC-, never"


@pytest.mark.parametrize(
    ("ev", "lost"),
    [(plug(None), "DC+, never and DC-, never"), (plug(41.0), "DC-, never"), (plug(41.0, 40.0), "")],
    ids=["none", "one", "both"],
)
def test_sensors_that_are_said_to_be_fitted_are_expected_before_they_told_anything(ev: EvStatus, lost: str) -> None:
    heat = Derating().look(ev, attrs.evolve(PLUG, temperature_sensors="fitted"))

    assert (heat.lost, heat.share) == (lost, 0.0 if lost else 1.0)


def test_a_contact_that_told_in_a_life_before_this_one_is_expected_to_go_on() -> None:
    derating = Derating(watched=frozenset({"DC-"}))

    assert derating.look(plug(41.0, None), PLUG).lost == "DC-, not since the start"
    assert derating.look(plug(41.0, 40.0), PLUG) == Heat()
    assert derating.watched == {"DC+", "DC-"}


def test_a_plug_without_sensors_loses_none_and_is_forgotten_to_have_had_any() -> None:
    none = attrs.evolve(PLUG, temperature_sensors="none")
    derating = Derating(watched=frozenset({"DC-"}))
    derating.look(plug(45.2, 41.0), PLUG)

    assert derating.look(plug(None), none) == derating.look(plug(-99.0, None), none) == Heat()
    assert derating.watched == frozenset()
    assert derating.look(plug(None), PLUG) == Heat(), "it is found out anew"
    assert derating.look(plug(85.0), none).share == 0.5, "what is told all the same is heeded"


# --- the limit -------------------------------------------------------------------------------------------------------


def limit(share: float, full_w: float = 80_000, expires_at_s: float = 10.5) -> Limit:
    return plug_limit("connector-1", Heat(share=share, reason="hot"), full_w, expires_at_s)


def test_the_limit_names_its_owner_its_reason_and_its_end_and_falls_to_nothing() -> None:
    one = limit(0.76)

    assert ("plug temperature", "connector-1", 60_800, "hot") == (one.owner, one.scope, one.value_w, one.reason)
    assert (60_800, 0) == (one.value_at(10.4), one.value_at(10.5))


@pytest.mark.parametrize(
    ("share", "full_w", "expires_at_s", "news"),
    [
        pytest.param(0.5, 80_000, 10.55, False, id="nothing has changed"),
        pytest.param(0.499, 80_000, 10.55, True, id="any cut"),
        pytest.param(0.5, 80_500, 10.55, False, id="a voltage that moves"),
        pytest.param(0.52, 80_000, 10.55, True, id="a rise that is worth it"),
        pytest.param(0.5, 80_000, 10.8, True, id="half of its time is over"),
    ],
)
def test_a_plan_is_made_for_what_is_worth_one(share: float, full_w: float, expires_at_s: float, news: bool) -> None:
    now_s = expires_at_s - 0.5

    assert is_news(limit(share, full_w, expires_at_s), limit(0.5), now_s) is news
