"""The register: one fault for one code at one source, latches that hold, and nobody who can keep it from being told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.charging.ports import FaultSink, FaultView
from jp_firmware.faults.register import RECENT, FaultRegister
from jp_firmware.model.faults import Fault, FaultKind, Severity

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KINDS = {
    code: FaultKind(code=code, title=title, severity=severity, remedy="Look.", latched=latched)
    for code, title, severity, latched in [
        ("CON-01", "Welded", Severity.DANGER, True),
        ("MTR-01", "Meter silent", Severity.STOP, False),
        ("PM-01", "Module silent", Severity.DEGRADE, False),
    ]
}


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class Heard:
    def __init__(self) -> None:
        self.changes: list[tuple[str, str, str]] = []
        self.rings = 0

    def on_change(self, fault: Fault, what: str) -> None:
        self.changes.append((fault.code, fault.source, what))

    def ring(self) -> None:
        self.rings += 1


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def register(heard: Heard) -> FaultRegister:
    one = FaultRegister(KINDS, now=Clock(), on_change=heard.on_change)
    one.subscribe(heard.ring)
    return one


def test_it_is_what_charging_needs(register: FaultRegister) -> None:
    sink: FaultSink = register
    view: FaultView = register
    sink.raise_("PM-01", "module-3", "no answer for 2.1 s")
    [fault] = view.active_at(frozenset({"module-3", "can0"}))

    assert (fault.code, fault.source, fault.detail) == ("PM-01", "module-3", "no answer for 2.1 s")
    assert fault.raised_at == NOON + timedelta(seconds=1)
    assert view.active_at(frozenset({"module-4"})) == ()


def test_raising_again_changes_nothing_but_the_detail(register: FaultRegister, heard: Heard) -> None:
    register.raise_("MTR-01", "meter-1", "no answer for 5 s")
    register.raise_("MTR-01", "meter-1", "no answer for 6 s")
    register.raise_("MTR-01", "meter-1")
    [fault] = register.active

    assert (fault.detail, fault.count) == ("no answer for 6 s", 1)
    assert fault.raised_at == NOON + timedelta(seconds=1)
    assert heard.changes == [("MTR-01", "meter-1", "raised")]
    assert heard.rings == 1


def test_a_fault_goes_with_its_cause_and_counts_when_it_comes_again(register: FaultRegister, heard: Heard) -> None:
    for _ in range(2):
        register.raise_("MTR-01", "meter-1")
        register.clear("MTR-01", "meter-1")
    register.raise_("MTR-01", "meter-1")
    register.raise_("MTR-01", "meter-2")

    assert [(fault.source, fault.count) for fault in register.active] == [("meter-1", 3), ("meter-2", 1)]
    assert [fault.count for fault in register.recent] == [2, 1]
    assert all(fault.cleared_at is not None and not fault.active for fault in register.recent)
    assert [what for _, _, what in heard.changes] == ["raised", "cleared", "raised", "cleared", "raised", "raised"]


def test_a_latched_fault_outlives_its_cause_until_it_is_released(register: FaultRegister, heard: Heard) -> None:
    register.raise_("CON-01", "connector-1")
    assert not register.release("CON-01", "connector-1"), "its cause is present"

    register.clear("CON-01", "connector-1")
    [fault] = register.active
    assert not fault.cause_present

    assert register.release("CON-01", "connector-1")
    assert register.active == ()
    assert not register.release("CON-01", "connector-1"), "there is none any more"
    assert [what for _, _, what in heard.changes] == ["raised", "cleared"]
    assert heard.rings == 3, "that only the latch holds it is a change too"


def test_a_latched_fault_whose_cause_comes_back_is_a_new_occurrence_that_nobody_has_seen(
    register: FaultRegister, heard: Heard
) -> None:
    register.raise_("CON-01", "connector-1")
    assert register.acknowledge("CON-01", "connector-1")
    register.clear("CON-01", "connector-1")
    register.raise_("CON-01", "connector-1", "again")
    [fault] = register.active

    assert (fault.count, fault.cause_present, fault.acknowledged_at) == (2, True, None)
    assert [what for _, _, what in heard.changes] == ["raised", "acknowledged", "raised"]


def test_acknowledging_clears_nothing_and_happens_once(register: FaultRegister, heard: Heard) -> None:
    register.raise_("PM-01", "module-1")
    assert register.acknowledge("PM-01", "module-1")
    assert register.acknowledge("PM-01", "module-1")
    [fault] = register.active

    assert fault.acknowledged_at == NOON + timedelta(seconds=2)
    assert [what for _, _, what in heard.changes] == ["raised", "acknowledged"]
    assert not register.acknowledge("PM-01", "module-2")


def test_clearing_what_is_not_there_is_nothing(register: FaultRegister, heard: Heard) -> None:
    register.clear("PM-01", "module-1")

    assert (heard.changes, heard.rings, register.recent) == ([], 0, ())


@pytest.mark.parametrize("verb", ["raise_", "clear"])
def test_an_unknown_code_is_a_mistake_in_the_program(register: FaultRegister, verb: str) -> None:
    with pytest.raises(KeyError, match="no fault 'XX-99' in the catalogue"):
        getattr(register, verb)("XX-99", "module-1")


def test_an_operators_unknown_code_is_just_not_there(register: FaultRegister) -> None:
    assert not register.acknowledge("XX-99", "module-1")
    assert not register.release("XX-99", "module-1")


def test_active_faults_are_worst_first_then_in_order_of_time(register: FaultRegister) -> None:
    register.raise_("PM-01", "module-2")
    register.raise_("MTR-01", "meter-1")
    register.raise_("PM-01", "module-1")
    register.raise_("CON-01", "connector-1")

    assert [fault.source for fault in register.active] == ["connector-1", "meter-1", "module-2", "module-1"]


def test_only_the_latest_are_recent_newest_first(register: FaultRegister) -> None:
    for number in range(RECENT + 5):
        register.raise_("PM-01", f"module-{number}")
        register.clear("PM-01", f"module-{number}")

    assert len(register.recent) == RECENT
    assert register.recent[0].source == f"module-{RECENT + 4}"


def test_a_listener_that_fails_keeps_nobody_from_being_told(heard: Heard) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a bug")

    register = FaultRegister(KINDS, on_change=fails)
    register.subscribe(fails)
    register.subscribe(heard.ring)
    register.raise_("CON-01", "connector-1")

    assert heard.rings == 1
    assert len(register.active) == 1


def test_a_listener_sees_the_fault_it_is_told_of_and_can_leave(register: FaultRegister) -> None:
    seen: list[int] = []
    leave = register.subscribe(lambda: seen.append(len(register.active)))
    register.raise_("PM-01", "module-1")
    leave()
    register.raise_("PM-01", "module-2")

    assert seen == [1]


def test_the_snapshot_is_the_consoles_topic(register: FaultRegister) -> None:
    register.raise_("MTR-01", "meter-1", "gone")
    register.clear("MTR-01", "meter-1")
    register.raise_("CON-01", "connector-1", "feedback closed")
    register.acknowledge("CON-01", "connector-1")
    picture = json.loads(json.dumps(register.snapshot(), allow_nan=False))

    assert picture["active"] == [
        {
            "code": "CON-01",
            "source": "connector-1",
            "title": "Welded",
            "severity": 1,
            "detail": "feedback closed",
            "remedy": "Look.",
            "raised_at": "2026-11-20T12:00:03.000+00:00",
            "acknowledged_at": "2026-11-20T12:00:04.000+00:00",
            "cause_present": True,
            "count": 1,
        }
    ]
    [recent] = picture["recent"]
    assert recent.keys() == picture["active"][0].keys() | {"cleared_at"}
    assert recent["cleared_at"] == "2026-11-20T12:00:02.000+00:00"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["raise_", "clear", "acknowledge", "release"]),
            st.sampled_from(sorted(KINDS)),
            st.sampled_from(["a", "b"]),
        ),
        max_size=40,
    )
)
def test_whatever_happens_a_present_cause_is_always_active_and_only_latches_hold_what_is_gone(
    acts: list[tuple[str, str, str]],
) -> None:
    register = FaultRegister(KINDS, now=Clock())
    present: set[tuple[str, str]] = set()
    for verb, code, source in acts:
        getattr(register, verb)(code, source)
        present = present | {(code, source)} if verb == "raise_" else present
        present = present - {(code, source)} if verb == "clear" else present

        active = {(fault.code, fault.source): fault for fault in register.active}
        assert present <= active.keys()
        for key, fault in active.items():
            assert fault.cause_present == (key in present)
            assert fault.kind.latched or fault.cause_present
