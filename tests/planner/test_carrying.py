"""What contactors cannot carry is given by nobody: whoever delivers, no sum behind a contactor is too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.planner.carrying import Carried, carried, contactor_limit
from jp_firmware.planner.topology import Carrier, Carrying, Relay

ONE = ConnectorId(1)
NEAR, FAR, OTHER = (Relay(PlcId("plc-1"), number) for number in (3, 4, 5))
A, B, C = (ModuleId(f"module-{number}") for number in (1, 2, 3))
OVER = {A: (NEAR,), B: (FAR, NEAR)}  # C is wired to the connector


def carrying(**carries_a: float) -> Carrying:
    relays = {"near": NEAR, "far": FAR, "other": OTHER}
    return Carrying(carriers={relays[key]: Carrier(f"tie {key}", most_a) for key, most_a in carries_a.items()})


def test_contactors_that_are_large_enough_hold_nobody_back() -> None:
    gives_a = {A: 75.0, B: 75.0, C: 75.0}

    assert carried(gives_a, OVER, carrying(near=150, far=75, other=1), ONE) == Carried()
    assert carried(gives_a, OVER, Carrying(), ONE) == Carried(), "nor does one that nobody knows"


def test_those_behind_one_share_what_it_carries_and_the_others_give_all() -> None:
    held = carried({A: 100.0, B: 50.0, C: 80.0}, OVER, carrying(near=120), ONE)

    assert held.caps_a == pytest.approx({A: 80, B: 40})
    assert held.total_a == pytest.approx(200)
    assert held.tightest == Carrier("tie near", 120)


def test_the_tightest_on_the_way_counts() -> None:
    held = carried({A: 100.0, B: 100.0}, OVER, carrying(near=160, far=30), ONE)

    assert held.caps_a == pytest.approx({A: 80, B: 30})
    assert held.tightest == Carrier("tie far", 30)


def test_one_that_carries_all_that_the_connector_takes_holds_nobody_back() -> None:
    terms = Carrying(carriers={NEAR: Carrier("tie near", 125)}, connector_a={ONE: 125.0})

    assert carried({A: 100.0, B: 100.0}, OVER, terms, ONE) == Carried()
    assert carried({A: 100.0, B: 100.0}, OVER, terms, ConnectorId(2)).total_a == pytest.approx(125)


@given(
    gives_a=st.fixed_dictionaries({one: st.floats(0, 300) for one in (A, B, C)}),
    most_a=st.fixed_dictionaries({one: st.floats(1, 300) for one in ("near", "far")}),
)
def test_no_sum_behind_a_contactor_is_too_large(gives_a: dict[ModuleId, float], most_a: dict[str, float]) -> None:
    caps_a = carried(gives_a, OVER, carrying(**most_a), ONE).caps_a
    most = {one: min(gives_a[one], caps_a.get(one, gives_a[one])) for one in gives_a}

    assert most[A] + most[B] <= max(most_a["near"], 0) + 1e-6
    assert most[B] <= most_a["far"] + 1e-6
    assert most[C] == gives_a[C]


def test_the_limit_names_the_contactor_and_what_it_carries() -> None:
    limit = contactor_limit("connector-1", carried({A: 100.0, C: 80.0}, OVER, carrying(near=60), ONE), 400.0)

    assert limit is not None
    assert ("tie near", "connector-1", 56_000, "carries 60 A") == (
        limit.owner,
        limit.scope,
        limit.value_w,
        limit.reason,
    )
    assert contactor_limit("connector-1", Carried(), 400.0) is None
