"""Vehicles: what ships is attributed and well-formed; curves are monotone between their points."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.profiles import path_of
from jp_firmware.sim import vehicle

ATTRIBUTION = "Open EV Data (https://github.com/KilowattApp/open-ev-data)"


def test_there_is_a_small_selection_of_brands_with_400_and_800_volts() -> None:
    cars = [vehicle.load(name) for name in vehicle.names()]

    assert len(cars) >= 8
    assert len({car.brand for car in cars}) >= 8
    assert {car.nominal_voltage_v for car in cars} == {400, 800}


@pytest.mark.parametrize("name", vehicle.names())
def test_each_vehicle_carries_the_attribution_of_its_data(name: str) -> None:
    assert ATTRIBUTION in vehicle.load(name).attribution
    assert ATTRIBUTION in path_of("vehicles", name).read_text(encoding="utf-8").split("[curve]")[0].split("\n\n")[0]


def test_the_directory_says_where_its_data_comes_from() -> None:
    assert ATTRIBUTION in (path_of("vehicles", "fiat-500e").parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", vehicle.names())
@settings(max_examples=20, deadline=None)
@given(soc=st.floats(-10, 110))
def test_power_never_leaves_the_values_of_its_neighbouring_points(name: str, soc: float) -> None:
    car = vehicle.load(name)
    inside = min(max(soc, 0.0), 100.0)
    left, right = next(
        (a, b) for a, b in itertools.pairwise(zip(car.soc_percent, car.power_w, strict=True)) if a[0] <= inside <= b[0]
    )

    assert min(left[1], right[1]) - 1e-6 <= car.power_at(soc) <= max(left[1], right[1]) + 1e-6


@pytest.mark.parametrize("name", vehicle.names())
def test_curves_pass_through_their_points(name: str) -> None:
    car = vehicle.load(name)

    assert [car.power_at(soc) for soc in car.soc_percent] == pytest.approx(list(car.power_w))


@pytest.mark.parametrize("name", vehicle.names())
def test_no_car_is_charged_above_the_voltage_it_names(name: str) -> None:
    car = vehicle.load(name)
    for soc in range(0, 101, 5):
        pack = vehicle.Battery(
            nominal_voltage_v=car.nominal_voltage_v,
            resistance_ohm=car.resistance_ohm,
            capacity_wh=1000 * car.battery_kwh,
            soc_percent=soc,
        )
        current_a = min(car.power_at(soc) / pack.open_circuit_v, car.max_current_a)

        assert pack.open_circuit_v + car.resistance_ohm * current_a < car.max_voltage_v


def test_an_unknown_vehicle_is_answered_with_a_name_that_exists() -> None:
    with pytest.raises(vehicle.VehicleError, match="volkswagen-id3"):
        vehicle.load("volkswagen-id-3")


def test_a_broken_profile_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vehicles").mkdir()
    good = path_of("vehicles", "fiat-500e").read_text(encoding="utf-8")
    (tmp_path / "vehicles" / "odd.toml").write_text(good.replace("soc_percent = [0,", "soc_percent = [5,"), "utf-8")
    (tmp_path / "vehicles" / "poor.toml").write_text(good.replace("max_voltage_v", "max_volts"), "utf-8")
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    with pytest.raises(vehicle.VehicleError, match="0 to 100"):
        vehicle.load("odd")
    with pytest.raises(vehicle.VehicleError, match="max_voltage_v") as poor:
        vehicle.load("poor")
    assert "\n" not in str(poor.value)
