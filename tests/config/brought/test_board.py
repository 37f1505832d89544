"""Boards: what a type is said to have, what a cabinet may ask of it, and what is really found."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.config.brought.board import board_profile, facts, has_tpm
from jp_firmware.config.examine import Finding, Severity, examine
from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import ConfigError

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()


def of_board(board: str, text: str = DEMO) -> list[Finding]:
    found = examine(f"{text}\n[board]\n{board}\n").findings
    return [one for one in found if one.rule in ("RULE-75", "RULE-76", "RULE-77")]


@pytest.mark.parametrize(
    ("name", "ram_mib", "rs485", "can_fd", "isolated", "tpm", "range_c"),
    [
        ("std", 2048, 1, False, False, False, (-10, 55)),
        ("pro", 4096, 2, True, False, False, None),
        ("xtreme", 8192, 2, True, True, True, (-40, 70)),
    ],
)
def test_each_variant_has_what_its_maker_says(
    name: str, ram_mib: int, rs485: int, can_fd: bool, isolated: bool, tpm: bool, range_c: tuple[float, float] | None
) -> None:
    board = board_profile(name)
    assert (board.ram_mib, board.rs485_ports, board.can_fd) == (ram_mib, rs485, can_fd)
    assert (board.isolated_io, board.tpm) == (isolated, tpm)
    assert (board.temperature and (board.temperature.min_c, board.temperature.max_c)) == range_c


def test_a_board_that_is_not_told_is_compared_with_nothing() -> None:
    assert of_board("") == []


def test_a_board_that_nobody_has_described_is_an_error_with_the_nearest() -> None:
    (finding,) = of_board('profile = "extreme"')
    assert (finding.rule, finding.severity, finding.key) == ("RULE-75", Severity.ERROR, "board.profile")
    assert "did you mean 'xtreme'?" in finding.text


def test_a_profile_with_a_mistake_says_file_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards/own.toml").write_text('name = "OWN"\nram_mib = "two"\n')
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    with pytest.raises(ConfigError, match=r'own\.toml: ram_mib: "two" is not a whole number'):
        board_profile("own")


def test_more_serial_wires_than_ports_are_told_at_the_wire_that_is_too_many() -> None:
    (finding,) = of_board('profile = "std"')
    assert (finding.rule, finding.severity, finding.key) == ("RULE-76", Severity.WARNING, "wires.plc-1-wire.kind")
    assert finding.text.startswith("plc-1-wire is modbus-rtu wire 2 of STD, which has 1 RS-485 port; ")


@pytest.mark.parametrize("board", ['profile = "std"\nadded_rs485 = 1', 'profile = "pro"', 'profile = "xtreme"'])
def test_enough_ports_of_the_board_and_of_adapters_are_enough(board: str) -> None:
    assert of_board(board) == []


def test_can_interfaces_of_the_kernel_are_counted_and_serial_adapters_are_not() -> None:
    second = '[[wires]]\nname = "can1"\nkind = "{kind}"\nport = "jp/can1"\n'
    kernel = DEMO.replace('kind = "slcan"\nport = "jp/can0"', 'kind = "socketcan"\nport = "can0"')
    assert kernel != DEMO

    (finding,) = of_board('profile = "pro"', kernel + second.format(kind="socketcan"))
    assert (finding.rule, finding.key) == ("RULE-77", "wires.can1.kind")
    assert "write board.added_can = 1" in finding.text
    assert of_board('profile = "pro"\nadded_can = 1', kernel + second.format(kind="socketcan")) == []
    assert of_board('profile = "pro"', kernel + second.format(kind="slcan")) == []


# --- what is found -------------------------------------------------------------------------------------------------


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_a_tpm_is_one_that_the_kernel_shows_whatever_the_profile_expects(tmp_path: Path) -> None:
    told = {one.what: one for one in facts(board_profile("xtreme"), tmp_path)}
    assert (told["TPM"].expected, told["TPM"].found) == ("yes", "no")

    write(tmp_path, "sys/class/tpm/tpm0/tpm_version_major", "2\n")
    assert has_tpm(tmp_path)
    told = {one.what: one for one in facts(board_profile("std"), tmp_path)}
    assert (told["TPM"].expected, told["TPM"].found) == ("no", "yes")


def test_keys_are_told_to_be_in_a_file_even_where_a_tpm_is(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/tpm/tpm0/tpm_version_major", "2\n")
    told = {one.what: one.found for one in facts(board_profile("xtreme"), tmp_path)}
    assert told["keys are kept in a"] == "file"


def test_memory_model_and_can_interfaces_are_read_from_the_machine(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemTotal:        2026428 kB\nMemFree: 1 kB\n")
    write(tmp_path, "proc/device-tree/model", "JP controller STD\0")
    write(tmp_path, "sys/class/net/can0/type", "280\n")
    write(tmp_path, "sys/class/net/eth0/type", "1\n")
    told = {one.what: one.found for one in facts(None, tmp_path)}
    assert (told["memory"], told["board"], told["CAN interfaces"]) == ("1978 MiB", "JP controller STD", "1")


def test_a_machine_that_shows_nothing_is_told_so(tmp_path: Path) -> None:
    told = {one.what: one.found for one in facts(None, tmp_path)}
    assert (told["memory"], told["board"], told["CAN interfaces"]) == (None, None, "0")
