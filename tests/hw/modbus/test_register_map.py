"""Register maps: every type and word order there and back, and requests as few as the rules allow."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.modbus.register_map import Read, Register, RegisterMap

WHOLE = {"u16": 16, "u32": 32, "u64": 64}
SIGNED = {"i16": 15, "i32": 31, "i64": 63}
orders = st.sampled_from(["high first", "low first"])


@st.composite
def registers(draw: st.DrawFn) -> tuple[Register, int | float]:
    """A register of any type, and a value that fits it."""
    kind = draw(st.sampled_from([*WHOLE, *SIGNED, "f32", "f64"]))
    if kind in WHOLE:
        value: int | float = draw(st.integers(0, 2 ** WHOLE[kind] - 1))
    elif kind in SIGNED:
        value = draw(st.integers(-(2 ** SIGNED[kind]), 2 ** SIGNED[kind] - 1))
    else:
        value = draw(st.floats(width=32 if kind == "f32" else 64, allow_nan=False))
    return Register(address=draw(st.integers(0, 60_000)), type=kind), value


@given(registers(), orders)
@settings(max_examples=100, deadline=None)
def test_what_is_encoded_is_what_is_decoded(case: tuple[Register, int | float], word_order: str) -> None:
    register, value = case
    if isinstance(value, int) and abs(value) > 2**53:
        value = value // 2**12 * 2**12  # what a float in between can carry

    words = register.encode(value, word_order) if abs(value) < 2**63 else register.encode(2.0**62, word_order)
    decoded = register.decode(words, word_order)

    assert decoded == (value if abs(value) < 2**63 else 2**62)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["u16", "f32", "u64"])), min_size=1, max_size=20), st.data()
)
@settings(max_examples=60, deadline=None)
def test_a_plan_reads_everything_within_the_limits(spots: list[tuple[int, str]], data: st.DataObject) -> None:
    """Each quantity in exactly one request, whole; no request too long, no gap too wide."""
    gap, most = data.draw(st.integers(0, 20)), data.draw(st.integers(4, 125))
    known = {f"r{n}": Register(address=address, type=kind) for n, (address, kind) in enumerate(spots)}
    plan = RegisterMap(registers=known, max_registers=most, max_gap=gap).plan()

    assert sorted(name for read in plan for name in read.names) == sorted(known)
    for read in plan:
        assert read.count <= most
        covered = {address for name in read.names for address in range(*known[name].span)}
        assert min(covered) == read.address
        assert max(covered) == read.address + read.count - 1
        idle = [n for n in range(read.address, read.address + read.count) if n not in covered]
        assert all(set(range(n, n + gap + 1)) & covered for n in idle)


def test_word_orders_lie_as_their_names_say() -> None:
    word_high, word_low = struct.unpack(">HH", struct.pack(">f", 404.5))
    register = Register(address=7, type="f32")

    assert register.decode({7: word_high, 8: word_low}, "high first") == 404.5
    assert register.decode({7: word_low, 8: word_high}, "low first") == 404.5
    assert (
        Register(address=7, type="f32", word_order="low first").decode({7: word_low, 8: word_high}, "high first")
        == 404.5
    )


def test_an_exponent_register_shifts_the_point() -> None:
    """Acrel: 2500 counts with DP 5 are 250 kW."""
    register = Register(address=8, type="i16", exponent_register=9, exponent_zero=3)

    assert register.decode({8: 2500, 9: 5}, "high first") == 250_000
    assert register.decode({8: 0x10000 - 1234, 9: 2}, "high first") == -123.4
    assert register.encode(-123.4, "high first", exponent=-1) == {8: 0x10000 - 1234, 9: 2}


def test_an_exponent_that_is_none_gives_no_number() -> None:
    """A corrupted exponent must not compute a number of 65 000 digits."""
    register = Register(address=8, exponent_register=9, exponent_zero=3)

    assert math.isnan(register.decode({8: 1, 9: 0xFFFF}, "high first"))


def test_scaling_keeps_tenths_what_they_are() -> None:
    assert Register(address=0, type="i16", scale=0.1).decode({0: 333}, "high first") == 33.3
    assert Register(address=0, type="u16", scale=100.0).decode({0: 12}, "high first") == 1200


def test_a_refused_block_is_split_down_to_single_quantities() -> None:
    known = {name: Register(address=2 * n, type="f32") for n, name in enumerate(("a", "b", "c"))}
    the_map = RegisterMap(registers=known)
    (whole,) = the_map.plan()

    assert whole == Read(3, 0, 6, ("a", "b", "c"))
    first, rest = the_map.split(whole)
    assert (first, rest) == (Read(3, 0, 2, ("a",)), Read(3, 2, 4, ("b", "c")))
    assert the_map.split(rest) == (Read(3, 2, 2, ("b",)), Read(3, 4, 2, ("c",)))
    assert the_map.split(first) == ()


def test_functions_are_not_mixed_in_one_request() -> None:
    known = {"a": Register(address=0), "b": Register(address=1, function=4), "c": Register(address=2)}

    assert RegisterMap(registers=known, max_gap=5).plan() == (Read(3, 0, 3, ("a", "c")), Read(4, 1, 1, ("b",)))


def test_what_is_not_polled_is_read_only_when_asked_for() -> None:
    the_map = RegisterMap(registers={"a": Register(address=0), "b": Register(address=1, poll=False)})

    assert [read.names for read in the_map.plan()] == [("a",)]
    assert [read.names for read in the_map.plan(["b"])] == [("b",)]


@pytest.mark.parametrize(("kind", "value"), [("u16", 65_536), ("u16", -1), ("i16", 40_000), ("u32", math.nan)])
def test_a_value_that_does_not_fit_is_refused(kind: str, value: float) -> None:
    with pytest.raises(ValueError):
        Register(address=0, type=kind).encode(value, "high first")
