"""The PLC board: heartbeats, interlocks, contactors, lock, and its map. Time is moved by hand."""

import attrs
import pytest

from jp_firmware.hw.plc import blocks, protocol
from jp_firmware.hw.plc.fields import MapError
from jp_firmware.model.connector import Insulation, LockState, PilotState, Stage
from jp_firmware.model.plc import PlcMode
from jp_firmware.sim.free_relay import RelayAlarm
from jp_firmware.sim.outlet import OutletAlarm
from jp_firmware.sim.plc_board import BoardAlarm
from tests.sim.bench import Bench


def test_the_heartbeat_counts_scans() -> None:
    bench = Bench()
    before = bench.board.heartbeat
    bench.advance(0.5)

    assert bench.board.heartbeat - before == 50


def test_contactors_close_for_an_authorized_locked_car_in_a_power_stage() -> None:
    bench = Bench()
    bench.to_cable_check()
    bench.command(close_contactors=True)
    bench.advance(0.5)

    assert not bench.ev.contactors_closed  # stage idle
    bench.command(stage=Stage.CABLE_CHECK)
    took_s = bench.until(lambda: bench.ev.contactors_closed, 1)

    assert took_s < 0.2
    assert bench.board.relays == protocol.relays_closed([1])


@pytest.mark.parametrize("withheld", ["authorized", "close_contactors"])
def test_contactors_do_not_close_without(withheld: str) -> None:
    bench = Bench()
    bench.to_cable_check()
    bench.command(**({"stage": Stage.CABLE_CHECK, "close_contactors": True} | {withheld: False}))
    bench.advance(2)

    assert not bench.ev.contactors_closed


def test_without_a_plug_contactors_never_close() -> None:
    bench = Bench()
    bench.command(stage=Stage.CHARGING, authorized=True, close_contactors=True)
    bench.advance(3)

    assert not bench.ev.contactors_closed


@pytest.mark.parametrize(
    "alarm",
    [
        BoardAlarm.EMERGENCY_STOP,
        BoardAlarm.DOOR,
        BoardAlarm.RCD,
        BoardAlarm.OVER_TEMPERATURE,
        BoardAlarm.MODE_STOP,
        BoardAlarm.MODE_FAULT,
        BoardAlarm.MODE_MAINTENANCE,
    ],
)
def test_a_tripped_input_opens_within_50_ms_and_stays_open_until_the_command_falls(alarm: BoardAlarm) -> None:
    bench = Bench()
    bench.to_charging()
    board = bench.plant.boards["plc-1"]
    board.alarms.add(alarm)
    took_s = bench.until(lambda: not bench.bus.closed, 1)

    assert took_s <= 0.05
    assert bench.bus.current_a == 0
    assert bench.outlet.opened_under_load == 1
    assert bench.board.stops_power
    board.alarms.clear()
    bench.advance(2)

    assert not bench.bus.closed  # close_contactors was never seen 0


def test_a_tripped_spd_is_reported_and_opens_nothing() -> None:
    bench = Bench()
    bench.to_charging()
    bench.plant.boards["plc-1"].alarms.add(BoardAlarm.SPD)
    bench.advance(1)

    assert bench.board.spd_tripped
    assert bench.bus.closed


def test_one_second_without_the_controllers_heartbeat_opens_all_contactors() -> None:
    bench = Bench()
    bench.to_charging()
    bench.controller_lives = False
    bench.advance(0.9)

    assert bench.bus.closed
    bench.advance(0.2)

    assert not bench.bus.closed
    assert bench.outlet.opened_because == "controller lost"
    bench.controller_lives = True
    bench.advance(2)

    assert not bench.bus.closed  # a link that comes back does not put power back


def test_a_heartbeat_that_does_not_move_is_no_heartbeat() -> None:
    bench = Bench()
    bench.to_charging()
    bench.controller_lives = False
    board = bench.plant.boards["plc-1"]
    blocks = tuple(bench.commands.values())
    for _ in range(12):
        board.write(protocol.encode_commands(protocol.Commands(heartbeat=7, connectors=blocks)), bench.now_s)
        bench.advance(0.1)

    assert not bench.bus.closed


def test_the_first_heartbeat_is_no_movement_yet() -> None:
    bench = Bench(controller_lives=False)
    board = bench.plant.boards["plc-1"]
    blocks = tuple(bench.commands.values())
    for heartbeat, alive in ((5, False), (5, False), (6, True)):
        board.write(protocol.encode_commands(protocol.Commands(heartbeat=heartbeat, connectors=blocks)), bench.now_s)
        bench.advance(0.01)

        assert board.controller_alive is alive


def test_a_frozen_board_says_nothing_new_and_its_safety_unit_still_opens() -> None:
    bench = Bench()
    bench.to_charging()
    board = bench.plant.boards["plc-1"]
    board.misbehaviour.frozen = True
    before = board.read()
    bench.advance(0.5)

    assert board.read() == before
    assert bench.bus.closed
    bench.advance(0.7)

    assert board.read() == before
    assert not bench.bus.closed


def test_a_welded_contactor_stays_closed_and_its_feedback_says_so() -> None:
    bench = Bench()
    bench.to_charging()
    bench.outlet.alarms.add(OutletAlarm.WELDED_CONTACTOR)
    bench.off()
    bench.command(close_contactors=False, stage=Stage.IDLE)
    bench.advance(2)

    assert bench.ev.contactors_closed
    assert bench.board.relays[0] is False
    bench.outlet.alarms.clear()
    bench.advance(0.1)

    assert not bench.ev.contactors_closed


def test_unplugging_under_load_ends_the_current_at_once_and_is_counted() -> None:
    bench = Bench()
    bench.to_charging()
    bench.outlet.unplug()

    assert bench.bus.current_a == 0
    assert bench.outlet.opened_under_load == 1
    bench.advance(0.1)

    assert bench.ev.pilot is PilotState.A
    assert not bench.ev.contactors_closed


def test_a_car_in_state_b_asks_to_stop_at_once_and_opens_the_contactors_after_a_second() -> None:
    bench = Bench()
    bench.to_charging()
    bench.off()
    bench.command(stop=True)
    bench.until(lambda: bench.ev.pilot is PilotState.B, 1)

    assert bench.ev.stop_request
    assert bench.ev.contactors_closed
    bench.advance(0.9)

    assert bench.ev.contactors_closed
    bench.advance(0.2)

    assert not bench.ev.contactors_closed


def test_a_hot_plug_is_reported_at_once_and_opens_after_five_seconds() -> None:
    bench = Bench()
    bench.to_charging()
    bench.outlet.alarms.add(OutletAlarm.OVER_TEMPERATURE)
    bench.advance(0.05)

    assert bench.ev.over_temperature
    bench.advance(4.8)

    assert bench.bus.closed
    bench.advance(0.3)

    assert not bench.bus.closed


@pytest.mark.parametrize("alarm", [OutletAlarm.PILOT_SHORT, OutletAlarm.PROXIMITY, OutletAlarm.LOCK])
def test_a_plug_that_is_not_safe_opens_this_connector(alarm: OutletAlarm) -> None:
    bench = Bench()
    bench.to_charging()
    bench.outlet.alarms.add(alarm)
    bench.advance(0.1)

    assert not bench.bus.closed


def test_the_verdict_comes_half_a_second_after_a_steady_test_voltage() -> None:
    bench = Bench()
    bench.to_closed()
    bench.advance(2)

    assert bench.ev.insulation is Insulation.UNTESTED  # no voltage yet
    bench.output(450, 2)
    bench.until(lambda: bench.bus.voltage_v > 449, 1)

    assert bench.ev.insulation is Insulation.TESTING
    took_s = bench.until(lambda: bench.ev.insulation is Insulation.VALID, 1)

    assert took_s == pytest.approx(0.5, abs=0.05)
    assert bench.ev.insulation_ohm is not None


def test_an_insulation_fault_while_charging_opens_the_contactors() -> None:
    bench = Bench()
    bench.to_charging()
    bench.outlet.alarms.add(OutletAlarm.INSULATION)
    bench.advance(0.1)

    assert not bench.bus.closed
    assert bench.ev.insulation is Insulation.FAULT


def test_the_plug_is_never_unlocked_under_voltage() -> None:
    bench = Bench()
    bench.to_closed()
    bench.output(450, 2)
    bench.advance(1)
    bench.command(authorized=False, unlock=True, close_contactors=False, stage=Stage.IDLE)
    seen: list[tuple[LockState, float]] = []
    for _ in range(200):
        bench.advance(0.01)
        seen.append((bench.ev.lock, bench.bus.cable_v))

    assert all(cable_v < 60 for lock, cable_v in seen if lock is not LockState.LOCKED)
    assert seen[-1][0] is LockState.UNLOCKED


def test_free_relays_follow_the_controller_and_fall_when_it_is_lost() -> None:
    bench = Bench()
    board = bench.plant.boards["plc-1"]
    blocks = tuple(bench.commands.values())
    bench.controller_lives = False
    for heartbeat in (1, 2):
        commands = protocol.Commands(
            heartbeat=heartbeat, relays=protocol.relays_closed([1, 2, 3, 16]), connectors=blocks
        )
        board.write(protocol.encode_commands(commands), bench.now_s)
    bench.advance(0.1)

    assert bench.board.relays == protocol.relays_closed([3, 16])
    bench.advance(1.0)

    assert bench.board.relays == protocol.relays_closed([])


def relays(bench: Bench, closed: list[int]) -> None:
    """The controller asks for these free relays, and stays alive."""
    for _ in range(5):
        bench._heartbeat += 1
        commands = protocol.Commands(
            heartbeat=bench._heartbeat, relays=protocol.relays_closed(closed), connectors=tuple(bench.commands.values())
        )
        bench.plant.boards["plc-1"].write(protocol.encode_commands(commands), bench.now_s)
        bench.advance(0.03)


def test_a_free_relay_that_fell_open_by_itself_closes_only_after_it_was_seen_0() -> None:
    bench = Bench()
    bench.controller_lives = False
    relays(bench, [5])
    assert bench.board.relays == protocol.relays_closed([5])
    bench.advance(1.1)
    relays(bench, [5])
    assert bench.board.relays == protocol.relays_closed([]), "a link that comes back puts nothing back"
    relays(bench, [])
    relays(bench, [5])

    assert bench.board.relays == protocol.relays_closed([5])


@pytest.mark.parametrize(
    ("alarm", "after_close", "after_open"),
    [
        (RelayAlarm.WELDED, (True, True), (True, True)),
        (RelayAlarm.STUCK_OPEN, (False, False), (False, False)),
        (RelayAlarm.FEEDBACK_CLOSED, (True, True), (False, True)),
        (RelayAlarm.FEEDBACK_OPEN, (True, False), (False, False)),
    ],
)
def test_a_relay_breaks_in_four_ways(
    alarm: RelayAlarm, after_close: tuple[bool, bool], after_open: tuple[bool, bool]
) -> None:
    """Contact and feedback, after it was told to close and after it was told to open."""
    bench = Bench()
    bench.controller_lives = False
    relay = bench.plant.boards["plc-1"].relays[7]
    relay.alarms.add(alarm)

    relays(bench, [7])
    assert (relay.closed, bench.board.relays[6]) == after_close
    relays(bench, [])
    assert (relay.closed, bench.board.relays[6]) == after_open


def test_a_board_of_map_1_0_knows_four_relays() -> None:
    bench = Bench()
    board = bench.plant.boards["plc-1"]
    older = attrs.evolve(board, map_minor=0)

    assert older.identity.map_version == protocol.map_version(minor=0)
    assert list(older.relays) == [3, 4]


@pytest.mark.parametrize(("minor", "said"), [(1, False), (2, True)])
def test_a_board_of_map_1_1_says_nothing_of_age_and_temperature(minor: int, said: bool) -> None:
    bench = Bench()
    bench.to_charging()
    bench.plant.boards["plc-1"].map_minor = minor
    one, _ = protocol.decode_status(bench.plant.boards["plc-1"].read(), 2, minor)[1]

    assert said is (one.target_age_ms is not None)
    assert said is (one.hottest_c is not None)


def test_a_car_asks_four_times_a_second_while_it_charges_and_at_no_other_time() -> None:
    bench = Bench()
    bench.to_cable_check()
    assert bench.ev.target_age_ms is None
    bench = Bench()
    bench.to_charging()
    ages = []
    for _ in range(100):
        bench.advance(0.01)
        ages.append(bench.ev.target_age_ms)
    assert 230 <= max(age for age in ages if age is not None) <= 250

    bench.car.paused = True
    bench.advance(0.02)
    assert bench.ev.target_age_ms is None


def test_a_mute_car_leaves_what_it_said_last_and_its_wires_go_on() -> None:
    bench = Bench()
    bench.to_charging()
    before = bench.ev
    bench.outlet.alarms.add(OutletAlarm.MUTE)
    bench.advance(3.0)

    assert bench.ev.target_age_ms == pytest.approx(3000, abs=260)
    assert (before.target_current_a, before.soc_percent, True) == (
        bench.ev.target_current_a,
        bench.ev.soc_percent,
        bench.ev.ready,
    )
    assert bench.car.battery.soc_percent > (before.soc_percent or 0)
    bench.command(stage=Stage.IDLE, authorized=False, close_contactors=False)
    bench.off()
    bench.advance(1.0)
    assert not bench.ev.contactors_closed
    assert bench.ev.pilot is PilotState.B, "the pilot is a wire of its own"
    assert bench.ev.ready, "and nobody told the board that it is over"

    bench.outlet.alarms.clear()
    bench.advance(0.02)
    assert (False, None) == (bench.ev.ready, bench.ev.target_age_ms)
    bench.outlet.alarms.add(OutletAlarm.MUTE)
    bench.outlet.unplug()
    bench.advance(0.02)
    assert bench.ev.evccid == "", "what the modem knew left with the plug"


def test_the_map_is_read_back_as_it_was_meant() -> None:
    bench = Bench()
    bench.to_charging()
    board = bench.plant.boards["plc-1"]
    status, (one, two) = protocol.decode_status(board.read(), 2)

    assert status.mode is PlcMode.RUN
    assert one.contactors_closed
    assert not two.plugged
    assert protocol.refusal(protocol.decode_identity(protocol.encode_identity(board.identity)), 2) == ""


def test_a_command_block_that_does_not_fit_changes_nothing() -> None:
    bench = Bench()
    bench.to_charging()
    board = bench.plant.boards["plc-1"]
    nonsense = [0] * protocol.command_size(2)
    nonsense[blocks.COMMAND_COMMON.size] = 99  # an undefined stage
    with pytest.raises(MapError):
        board.write(nonsense, bench.now_s)
    bench.advance(0.02)

    assert bench.bus.closed


def test_stop_conditions_name_what_obliges_the_controller() -> None:
    bench = Bench()
    bench.to_charging()
    board = bench.plant.boards["plc-1"]

    assert board.stop_conditions() == frozenset()
    board.alarms.add(BoardAlarm.EMERGENCY_STOP)
    bench.outlet.alarms.add(OutletAlarm.PROXIMITY)
    bench.advance(0.02)

    assert {"board", "connector 1: proximity"} <= board.stop_conditions()
