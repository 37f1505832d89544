"""Who may speak when on an RTU line, and whose answer an answer is."""

from __future__ import annotations

import pytest

from jp_firmware.hw.modbus import adu
from jp_firmware.hw.modbus.line import QUIET_S, RtuLine, TcpLine

BAUD = 1_000_000_000  # wire time next to nothing, so that the numbers below are the rules' own
TIMEOUT_S = 0.5


def answer(request: adu.Request, *registers: int) -> bytes:
    return adu.rtu_frame(request.unit, request.answer_head + b"".join(word.to_bytes(2, "big") for word in registers))


def test_after_an_answer_the_next_request_waits_for_the_gap_only() -> None:
    line, request = RtuLine(BAUD), adu.read_holding(1, 0, 1)
    line.begin(request, 10.0, TIMEOUT_S)

    assert line.feed(answer(request, 7), 10.1) is not None
    assert line.clear_at_s(request) == pytest.approx(10.1 + line.gap_s)


def test_the_answer_may_take_its_timeout_on_top_of_the_time_on_the_wire() -> None:
    """At 9600 baud, 8 bytes out and 25 back take 38 ms that are not the device's fault."""
    line = RtuLine(9600)
    line.begin(adu.read_holding(1, 0, 10), 0.0, TIMEOUT_S)

    assert line.give_up_at_s() == pytest.approx(TIMEOUT_S + 33 * 11 / 9600)


def test_while_a_given_up_answer_may_still_come_nobody_speaks() -> None:
    """Two on a half-duplex wire destroy both."""
    line = RtuLine(BAUD)
    line.begin(adu.read_holding(1, 0, 1), 0.0, TIMEOUT_S)
    line.give_up(0.1)

    assert line.clear_at_s(adu.read_holding(2, 0, 1)) == pytest.approx(TIMEOUT_S)


def test_what_could_be_mistaken_waits_twice_as_long() -> None:
    """Same unit, function and length: only time tells the answers apart."""
    line = RtuLine(BAUD)
    line.begin(adu.read_holding(1, 0, 2), 0.0, TIMEOUT_S)
    line.give_up(TIMEOUT_S)

    assert line.clear_at_s(adu.read_holding(1, 100, 2)) == pytest.approx(2 * TIMEOUT_S)
    assert line.clear_at_s(adu.read_holding(1, 0, 2)) == pytest.approx(2 * TIMEOUT_S)
    assert line.clear_at_s(adu.read_holding(1, 100, 3)) == pytest.approx(TIMEOUT_S)
    assert line.clear_at_s(adu.read_input(1, 100, 2)) == pytest.approx(TIMEOUT_S)


def test_a_late_answer_lays_its_ghost() -> None:
    """Once the late answer was heard there is nothing left to wait for but the gap."""
    line, request = RtuLine(BAUD), adu.read_holding(1, 0, 1)
    line.begin(request, 0.0, TIMEOUT_S)
    line.give_up(0.1)

    assert line.feed(answer(request, 7), 0.2) is None
    assert line.clear_at_s(adu.read_holding(1, 9, 1)) == pytest.approx(0.2 + line.gap_s)


def test_a_garbled_answer_is_known_when_the_line_falls_quiet() -> None:
    """Full length, wrong sum: no need to wait for the timeout, and the same may be asked again at once."""
    line, request = RtuLine(BAUD), adu.read_holding(1, 0, 1)
    line.begin(request, 0.0, TIMEOUT_S)
    line.feed(answer(request, 7)[:-1] + b"?", 0.1)

    assert line.give_up_at_s() == pytest.approx(0.1 + QUIET_S)
    assert line.give_up(0.1 + QUIET_S)
    assert line.clear_at_s(request) == pytest.approx(0.1 + QUIET_S)
    assert line.clear_at_s(adu.read_holding(1, 9, 1)) == pytest.approx(2 * TIMEOUT_S)


def test_our_own_echo_is_no_garbled_answer() -> None:
    """An adapter that echoes a long request must not make a slow, short answer look garbled."""
    line, request = RtuLine(BAUD), adu.write_registers(1, 0, [1, 2, 3])
    frame = line.begin(request, 0.0, TIMEOUT_S)
    line.feed(frame, 0.001)

    assert line.give_up_at_s() == pytest.approx(TIMEOUT_S)


def test_a_babbling_line_is_not_clear() -> None:
    line = RtuLine(BAUD)
    line.feed(b"\x00", 5.0)

    assert line.clear_at_s(adu.read_holding(1, 0, 1)) == pytest.approx(5.0 + line.gap_s)


def test_tcp_skips_what_nobody_waits_for_any_more() -> None:
    """The answer to an exchange that was given up never reaches the next, though all but its number agrees."""
    line, first, second = TcpLine(), adu.read_holding(1, 0, 1), adu.read_holding(1, 9, 1)
    line.begin(first, 0.0, TIMEOUT_S)
    line.give_up(0.1)
    line.begin(second, 0.1, TIMEOUT_S)

    assert line.feed(adu.tcp_frame(1, 1, bytes.fromhex("03 02 0000")), 0.2) is None
    assert line.feed(adu.tcp_frame(2, 1, bytes.fromhex("03 02 0009")), 0.3) == bytes.fromhex("03 02 0009")


@pytest.mark.parametrize(("unit", "pdu"), [(2, "03 02 0009"), (1, "04 02 0009"), (1, "03 04 0009 0009"), (1, "84 02")])
def test_tcp_is_out_of_step_when_the_number_fits_and_the_rest_does_not(unit: int, pdu: str) -> None:
    line = TcpLine()
    line.begin(adu.read_holding(1, 9, 1), 0.0, TIMEOUT_S)

    with pytest.raises(adu.FramingError):
        line.feed(adu.tcp_frame(1, unit, bytes.fromhex(pdu)), 0.1)
