"""The meter: its register map, its whole Wh, and what freezing it does."""

import struct

import pytest

from tests.sim.bench import Bench


def float_at(registers: list[int], address: int) -> float:
    return float(struct.unpack(">f", struct.pack(">2H", *registers[address : address + 2]))[0])


def test_floats_and_mantissas_tell_the_same() -> None:
    bench = Bench()
    bench.to_charging()
    registers = bench.plant.meters["meter-1"].registers()

    assert float_at(registers, 50) == pytest.approx(bench.bus.voltage_v, abs=0.03)
    assert float_at(registers, 52) == pytest.approx(120, abs=0.01)
    assert float_at(registers, 54) == pytest.approx(bench.bus.voltage_v * 0.12, abs=0.05)  # kW
    assert registers[0] * 10 ** (registers[1] - 3) == pytest.approx(bench.bus.voltage_v, abs=1)
    assert registers[2] * 10 ** (registers[3] - 3) == pytest.approx(120, abs=0.1)
    assert registers[8] * 10 ** (registers[9] - 3) == pytest.approx(bench.bus.voltage_v * 120, abs=100)


def test_the_register_counts_whole_watt_hours_from_a_start_that_is_not_zero() -> None:
    bench = Bench()
    meter = bench.plant.meters["meter-1"]
    registers = meter.registers()

    assert registers[12] << 16 | registers[13] == meter.start_wh == 12_345
    bench.to_charging()
    bench.advance(10)
    registers = meter.registers()

    assert registers[12] << 16 | registers[13] == 12_345 + int(meter.energy_wh)
    assert meter.energy_wh > 100


def test_each_meter_starts_elsewhere() -> None:
    assert [meter.start_wh for meter in Bench().plant.meters.values()] == [12_345, 13_345]


def test_a_live_meter_never_reads_exactly_the_same_twice() -> None:
    meter = Bench().plant.meters["meter-1"]

    assert len({tuple(meter.registers()) for _ in range(5)}) == 5


def test_a_frozen_meter_repeats_itself_and_has_missed_nothing_afterwards() -> None:
    bench = Bench()
    bench.to_charging()
    meter = bench.plant.meters["meter-1"]
    before = meter.registers()
    meter.misbehaviour.frozen = True
    bench.advance(10)

    assert meter.registers() == before
    meter.misbehaviour.clear()
    registers = meter.registers()

    assert registers[12] << 16 | registers[13] == 12_345 + int(sum(one.energy_wh for one in bench.bus.modules))
