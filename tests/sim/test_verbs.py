"""What can be done to a cabinet, and the one line for what cannot."""

import inspect

import pytest

from jp_firmware.sim import rpc
from jp_firmware.sim.verbs import VerbError, Verbs
from tests.sim.bench import ONE, Bench


class FakeWire:
    """A wire without bytes: it is there or it is not."""

    def __init__(self) -> None:
        self.up = True

    def cut(self) -> None:
        self.up = False

    async def restore(self) -> None:
        self.up = True

    def report(self) -> dict[str, object]:
        return {"up": self.up}


def verbs(bench: Bench) -> Verbs:
    return Verbs(bench.plant, {"can0": FakeWire(), "rs485-0": FakeWire()}, clock=lambda: bench.now_s)


def test_every_verb_of_the_documentation_is_there() -> None:
    table = verbs(Bench()).table

    assert {
        "plug",
        "unplug",
        "swipe",
        "fault",
        "clear",
        "freeze",
        "silence",
        "corrupt",
        "emergency-stop",
        "cut",
        "restore",
        "state",
        "energy",
        "marks",
    } <= set(table)


def test_a_car_is_plugged_in_and_out() -> None:
    bench = Bench()
    do = verbs(bench)

    assert do.plug(1, vehicle="fiat-500e", soc=30, battery_kwh=0.5, leave_at=80)["vehicle"] == "fiat-500e"
    assert bench.car.battery.capacity_wh == 500
    with pytest.raises(VerbError, match="taken by a fiat-500e"):
        do.plug(1)
    assert do.unplug(1) == {"connector": 1, "soc_percent": 30, "by_force": False}
    with pytest.raises(VerbError, match="no car"):
        do.unplug(1)


@pytest.mark.parametrize(
    ("verb", "arguments", "says"),
    [
        ("plug", {"connector": 7}, "1, 2"),
        ("plug", {"connector": 1, "vehicle": "cart"}, "fiat-500e"),
        ("plug", {"connector": 1, "soc": 90, "leave_at": 80}, "leave_at"),
        ("plug", {"connector": 1, "battery_kwh": 0}, "battery_kwh"),
        ("swipe", {"uid": "XYZ"}, "hexadecimal"),
        ("swipe", {"uid": "04A1B2C3", "reader": "reader-9"}, "reader-0"),
        ("fault", {"device": "module-9"}, "module-1"),
        ("fault", {"device": "module-1", "alarm": "rust"}, "over-temperature"),
        ("fault", {"device": "reader-0"}, "silence"),
        ("silence", {"device": "connector-1"}, "plc-1"),
        ("emergency_stop", {"action": "press", "board": "plc-9"}, "plc-1"),
        ("emergency_stop", {"action": "kick"}, "kick"),
        ("cut", {"wire": "can9"}, "can0"),
        ("plug_temperature", {"connector": 1, "celsius": 80, "contact": 3}, "DC-"),
        ("plug_temperature", {"connector": 1, "celsius": float("nan")}, "500"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_what_there_is(verb: str, arguments: dict[str, object], says: str) -> None:
    with pytest.raises(VerbError, match=says) as refusal:
        getattr(verbs(Bench()), verb)(**arguments)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("device", ["module-1", "meter-1", "plc-1", "connector-1"])
def test_every_fault_of_every_device_can_be_raised_and_cleared(device: str) -> None:
    bench = Bench()
    do = verbs(bench)
    for alarm in do._device(device).alarms:
        do.fault(device, alarm)
        bench.advance(0.02)
        do.clear(device)
    bench.advance(0.02)
    state = do.state()
    group = {"module": "modules", "meter": "meters", "plc": "plc_boards", "connector": "connectors"}
    kind, _, name = device.partition("-")

    assert state[group[kind]][name if kind == "connector" else device]["alarms"] == []  # type: ignore[index]


def test_a_plug_is_as_hot_as_it_is_told_to_be_or_its_sensor_is_broken() -> None:
    bench = Bench()
    do = verbs(bench)
    do.plug_temperature(1, 84.5)
    assert do.plug_temperature(1, 61, contact=2) == {"connector": 1, "plug_temperatures_c": [84.5, 61]}
    bench.advance(0.02)
    assert bench.ev.plug_temperatures_c == (84.5, 61)

    do.fault("connector-1", "temperature-sensor")
    bench.advance(0.02)
    assert bench.ev.plug_temperatures_c == (None, None)


def test_the_emergency_stop_of_a_cabinet_reaches_every_board() -> None:
    bench = Bench()
    do = verbs(bench)
    do.emergency_stop("press")
    bench.advance(0.02)

    assert bench.board.emergency_stop
    do.emergency_stop("release")
    bench.advance(0.02)

    assert not bench.board.emergency_stop


def test_misbehaviour_marks_the_last_answer_before_it() -> None:
    bench = Bench()
    do = verbs(bench)
    bench.plant.nodes["module-1"].last_answer_at_s = 99.5
    do.silence("module-1")
    marks = [(mark.what, mark.value) for mark in bench.plant.marks.since() if mark.device == "module-1"]

    assert marks == [("last answer", 99.5), ("silent", None)]
    do.clear("module-1")
    assert bench.plant.nodes["module-1"].misbehaviour.name == "ok"


async def test_cutting_a_wire_marks_the_last_answers_of_its_devices() -> None:
    bench = Bench()
    do = verbs(bench)
    do.cut("rs485-0")

    assert [mark.device for mark in bench.plant.marks.since() if mark.what == "last answer"] == ["meter-1", "meter-2"]
    assert do.state()["wires"]["rs485-0"] == {"up": False}  # type: ignore[index]
    await do.restore("rs485-0")
    assert do.state()["wires"]["rs485-0"] == {"up": True}  # type: ignore[index]


def test_energy_agrees_between_modules_meter_and_car() -> None:
    bench = Bench()
    bench.to_charging()
    bench.advance(5)
    one = verbs(bench).energy()["connectors"]["1"]  # type: ignore[index]

    assert one["modules_wh"] == pytest.approx(one["meter_wh"], rel=1e-9)
    assert one["cars_wh"] == pytest.approx(one["meter_wh"], rel=1e-6)
    assert one["meter_register_wh"] - one["meter_start_wh"] == int(one["meter_wh"])
    bench.outlet.unplug()
    after = verbs(bench).energy()["connectors"]["1"]  # type: ignore[index]

    assert after["cars_wh"] == pytest.approx(one["cars_wh"])


def test_state_is_plain_json_with_and_without_a_car() -> None:
    bench = Bench()
    do = verbs(bench)
    rpc.encode_result(1, do.state())
    bench.to_charging()
    state = do.state()
    rpc.encode_result(1, state)

    assert state["connectors"][str(ONE)]["car"]["phase"] == "charging"  # type: ignore[index]


def test_a_call_is_bound_by_name_and_by_position_with_its_types_checked() -> None:
    do = verbs(Bench())

    assert rpc.bind(do.plug, rpc.Call(1, "plug", {"connector": 1, "soc": 20})) == {"connector": 1, "soc": 20.0}
    assert rpc.bind(do.plug, rpc.Call(1, "plug", [1, "fiat-500e"])) == {"connector": 1, "vehicle": "fiat-500e"}
    for params in ({"connector": "1"}, {"connector": True}, {}, {"connector": 1, "colour": "red"}, [1, 2]):
        with pytest.raises(rpc.RpcError) as refusal:
            rpc.bind(do.plug, rpc.Call(1, "plug", params))
        assert refusal.value.code == rpc.INVALID_PARAMS


def test_every_verb_can_be_bound_from_the_control_port() -> None:
    """Each parameter has a type the port knows how to check."""
    for name, verb in verbs(Bench()).table.items():
        for parameter in inspect.signature(verb).parameters.values():
            assert parameter.annotation != parameter.empty, (name, parameter)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", rpc.PARSE_ERROR),
        (b"\xff\xfe", rpc.PARSE_ERROR),
        (b"[]", rpc.INVALID_REQUEST),
        (b'{"method": "state"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "state", "params": "x"}', rpc.INVALID_REQUEST),
    ],
)
def test_what_is_no_request_has_its_own_error(line: bytes, code: int) -> None:
    with pytest.raises(rpc.RpcError) as refusal:
        rpc.decode_call(line)
    assert refusal.value.code == code
