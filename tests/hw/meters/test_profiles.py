"""Every meter profile that ships: it loads, and it explains the frames that were measured on real meters."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.config.profiles import names_of
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.meters.driver import load_driver
from jp_firmware.hw.meters.profile import MeterProfile, Vector, load
from jp_firmware.hw.modbus import adu
from jp_firmware.hw.modbus.register_map import Read

PROFILES = {name: load(name) for name in names_of("meters")}
VECTORS = [(profile, vector) for profile in PROFILES.values() for vector in profile.vectors]


def test_the_default_meter_ships_with_measured_frames() -> None:
    assert len(PROFILES["acrel-djsf1352-rn"].vectors) == 3


@pytest.mark.parametrize(("profile", "vector"), VECTORS, ids=lambda case: getattr(case, "request", None))
def test_measured_frames_mean_what_the_profile_says(profile: MeterProfile, vector: Vector) -> None:
    """The request we would send is the measured one, and the measured answer decodes to the measured values."""
    sent, heard = bytes.fromhex(vector.request), bytes.fromhex(vector.answer)
    address, count = int.from_bytes(sent[2:4]), int.from_bytes(sent[4:6])
    request = adu.read_holding(sent[0], address, count)
    assert adu.rtu_frame(request.unit, request.pdu) == sent

    pdu = adu.RtuSearch(request).feed(heard)
    assert pdu is not None
    words = request.answer(pdu).registers
    assert profile.map.decode(Read(3, address, count, tuple(vector.values)), words) == vector.values


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_a_cycle_takes_few_requests(profile: MeterProfile) -> None:
    assert len(profile.map.plan()) <= 3


def test_the_driver_is_found_by_the_name_of_the_configuration() -> None:
    assert load_driver("register-map").name == "register-map"


def test_an_unknown_driver_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no meter driver 'x' is installed; there are: .*register-map"):
        load_driver("x")


GOOD = """
name = "x"
max_voltage_v = 1
max_current_a = 1
max_power_w = 1
[registers]
voltage_v = { address = 0 }
current_a = { address = 1 }
import_wh = { address = 2 }
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("import_wh = { address = 2 }", ""), "registers.import_wh is missing"),
        (("address = 2", "address = 2, poll = false"), "registers.import_wh is missing or not polled"),
        (("address = 2", "adress = 2"), "adress"),
        (("address = 2", 'address = 2, type = "u24"'), "u24"),
        (("max_power_w = 1", ""), "max_power_w: is missing"),
        (('name = "x"', 'name = "x"\nword_order = "CDAB"'), "CDAB"),
        (('name = "x"', 'name = "x"\nmax_registers = 126'), "126"),
    ],
)
def test_a_wrong_profile_is_told_in_one_line_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], says: str
) -> None:
    (tmp_path / "meters").mkdir()
    (tmp_path / "meters" / "mine.toml").write_text(GOOD.replace(*change))
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))

    with pytest.raises(ConfigError) as raised:
        load("mine")

    assert says in str(raised.value)
    assert "mine.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_profile_of_ones_own_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meters").mkdir()
    (tmp_path / "meters" / "mine.toml").write_text(GOOD)
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))

    assert load("mine").registers["import_wh"].address == 2
