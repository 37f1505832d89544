"""The map: both sides of the link agree, unknown is never zero, and the documentation says what the code does."""

from __future__ import annotations

import enum
import math
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.hw.modbus.adu import MAX_READ, MAX_READ_WRITE
from jp_firmware.hw.plc import blocks, protocol
from jp_firmware.hw.plc.fields import Block, Field, Kind, MapError
from jp_firmware.model.connector import EvCommand, EvStatus
from jp_firmware.model.plc import RELAYS, PlcIdentity, PlcMode, PlcStatus

DOCUMENT = (Path(__file__).parents[3] / "docs" / "plc-link.md").read_text(encoding="utf-8")
BLOCKS = (
    blocks.IDENTITY,
    blocks.STATUS_COMMON,
    blocks.STATUS_CONNECTOR,
    blocks.COMMAND_COMMON,
    blocks.COMMAND_CONNECTOR,
)
BOTH_COUNTS = pytest.mark.parametrize("connectors", [1, 2])
texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=16)
flags = st.booleans()


def values_of(block: Block) -> st.SearchStrategy[dict[str, Any]]:
    """Everything a block can say, in the steps it can say it."""
    return st.fixed_dictionaries({name: what for field in block.fields for name, what in strategies(field)})


def strategies(field: Field) -> list[tuple[str, st.SearchStrategy[Any]]]:
    if field.kind is Kind.BITS:
        return [(name, flags) for name in field.bits]
    if field.kind is Kind.ENUM:
        return [(field.name, st.sampled_from(list(field.words)))]
    if field.kind is Kind.TEXT:
        return [(field.name, texts)]
    low, high = {Kind.U16: (0, 0xFFFF), Kind.I16: (-0x8000, 0x7FFF), Kind.U32: (0, 0xFFFF_FFFF)}[field.kind]
    counts = st.integers(low, high - 1 if field.optional else high)
    number = counts if field.whole else counts.map(lambda count: count / field.per_unit)
    return [(field.name, st.none() | number if field.optional else number)]


def made(kind: type, values: dict[str, Any]) -> Any:
    relays = tuple(values.pop(f"relay_{n}") for n in range(1, RELAYS + 1)) if "relay_1" in values else None
    return kind(**values, **({"relays": relays} if relays else {}))


statuses = values_of(blocks.STATUS_COMMON).map(lambda values: made(PlcStatus, values))
ev_statuses = values_of(blocks.STATUS_CONNECTOR).map(lambda values: made(EvStatus, values))
ev_commands = values_of(blocks.COMMAND_CONNECTOR).map(lambda values: made(EvCommand, values))
commands = st.builds(
    protocol.Commands,
    heartbeat=st.integers(0, 0xFFFF),
    relays=st.tuples(*[flags] * RELAYS),
    connectors=st.lists(ev_commands, min_size=1, max_size=2).map(tuple),
)
identities = st.builds(
    PlcIdentity,
    map_version=st.integers(0, 0xFFFF),
    vendor=texts,
    model=texts,
    serial=texts,
    firmware=texts,
    connectors=st.integers(0, 0xFFFF),
)


@given(statuses, st.lists(ev_statuses, min_size=1, max_size=2))
@settings(max_examples=80, deadline=None)
def test_the_controller_reads_the_status_the_board_meant(board: PlcStatus, connectors: list[EvStatus]) -> None:
    registers = protocol.encode_status(board, connectors)

    assert all(0 <= word <= 0xFFFF for word in registers)
    assert protocol.decode_status(registers, len(connectors)) == (board, tuple(connectors))


@given(commands)
@settings(max_examples=80, deadline=None)
def test_the_board_reads_the_commands_the_controller_meant(meant: protocol.Commands) -> None:
    registers = protocol.encode_commands(meant)

    assert all(0 <= word <= 0xFFFF for word in registers)
    assert protocol.decode_commands(registers, len(meant.connectors)) == meant


@given(identities)
@settings(max_examples=40, deadline=None)
def test_the_controller_reads_who_the_board_is(identity: PlcIdentity) -> None:
    assert protocol.decode_identity(protocol.encode_identity(identity)) == identity


@given(st.lists(st.integers(0, 0xFFFF), max_size=90), st.integers(1, 2))
@settings(max_examples=80, deadline=None)
def test_any_registers_give_a_status_or_a_map_error(registers: list[int], connectors: int) -> None:
    for decode in (protocol.decode_status, protocol.decode_commands):
        for words in (registers, (registers + [0] * 90)[: protocol.status_size(connectors)]):
            try:
                decode(words, connectors)
            except MapError:
                continue


def test_what_the_car_has_not_said_is_none_and_never_zero() -> None:
    """An empty status survives the link with every None in place, and no register of an optional field is zero."""
    registers = protocol.encode_status(PlcStatus(), [EvStatus()])

    assert protocol.decode_status(registers, 1)[1] == (EvStatus(),)
    for field in blocks.STATUS_CONNECTOR.fields:
        if field.optional:
            assert registers[blocks.STATUS_COMMON.size + field.offset] != 0, field.name


@BOTH_COUNTS
def test_a_status_never_written_is_no_status(connectors: int) -> None:
    with pytest.raises(MapError, match="mode"):
        protocol.decode_status([0] * protocol.status_size(connectors), connectors)


@BOTH_COUNTS
def test_a_command_block_of_zeros_is_the_safe_one(connectors: int) -> None:
    decoded = protocol.decode_commands([0] * protocol.command_size(connectors), connectors)

    assert decoded == protocol.Commands(connectors=(EvCommand(),) * connectors)
    assert not any(command.close_contactors or command.authorized for command in decoded.connectors)


@BOTH_COUNTS
def test_an_undefined_stage_is_refused_as_a_whole(connectors: int) -> None:
    registers = protocol.encode_commands(protocol.Commands(connectors=(EvCommand(),) * connectors))
    registers[blocks.COMMAND_COMMON.size] = 9

    with pytest.raises(MapError, match="stage"):
        protocol.decode_commands(registers, connectors)


@BOTH_COUNTS
def test_one_exchange_carries_everything(connectors: int) -> None:
    """Status and commands fit one request of function 23."""
    assert protocol.status_size(connectors) <= MAX_READ
    assert protocol.command_size(connectors) <= MAX_READ_WRITE


def test_numbers_out_of_range_are_saturated_and_never_become_unknown() -> None:
    status = EvStatus(target_voltage_v=1e9, target_current_a=-1e9, max_power_w=1e12, soc_percent=-3.0)
    (read,) = protocol.decode_status(protocol.encode_status(PlcStatus(mode=PlcMode.RUN), [status]), 1)[1]

    assert read.target_voltage_v == 6553.4
    assert read.target_current_a == -3276.8
    assert read.max_power_w == 0xFFFF_FFFE
    assert read.soc_percent == 0.0


@pytest.mark.parametrize("name", ["offered_voltage_v", "offered_power_w", "present_current_a"])
def test_a_command_that_is_no_number_is_refused(name: str) -> None:
    with pytest.raises(MapError, match=name):
        protocol.encode_commands(protocol.Commands(connectors=(EvCommand(**{name: math.nan}),)))


def test_the_heartbeat_wraps() -> None:
    registers = protocol.encode_commands(protocol.Commands(heartbeat=0x10000 + 3, connectors=(EvCommand(),)))

    assert protocol.decode_commands(registers, 1).heartbeat == 3


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_fields_lie_within_their_block_and_do_not_overlap(block: Block) -> None:
    used = [field.offset + at for field in block.fields for at in range(field.registers)]

    assert len(used) == len(set(used))
    assert max(used) < block.size


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (blocks.IDENTITY, PlcIdentity),
        (blocks.STATUS_COMMON, PlcStatus),
        (blocks.STATUS_CONNECTOR, EvStatus),
        (blocks.COMMAND_CONNECTOR, EvCommand),
    ],
)
def test_the_map_carries_every_field_of_the_model(block: Block, kind: type) -> None:
    """A field added to the model cannot be forgotten on the wire."""
    carried = {name for field in block.fields for name in (field.bits or (field.name,))}
    carried = {"relays" if name.startswith("relay_") else name for name in carried} - {"magic"}

    assert carried == {field.name for field in attrs.fields(kind)}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_every_member_of_an_enumeration_has_its_own_number(block: Block) -> None:
    for field in block.fields:
        if field.kind is Kind.ENUM:
            members: type[enum.Enum] = type(next(iter(field.words)))
            assert set(field.words) == set(members), field.name
            assert len(set(field.words.values())) == len(members), field.name


# --- versions ------------------------------------------------------------------------------------------------------

BOARD = PlcIdentity(
    map_version=protocol.map_version(), vendor="JP", model="x", serial="1", firmware="1.0", connectors=2
)


def test_a_newer_minor_version_is_accepted() -> None:
    newer = attrs.evolve(BOARD, map_version=protocol.map_version(minor=protocol.MAP_MINOR + 7))

    assert protocol.refusal(BOARD, 2) == ""
    assert protocol.refusal(newer, 2) == ""


@pytest.mark.parametrize(("major", "who"), [(0, "update the board"), (2, "update the controller")])
def test_another_major_version_is_refused_and_says_who_is_behind(major: int, who: str) -> None:
    other = attrs.evolve(BOARD, map_version=protocol.map_version(major=major))

    assert who in protocol.refusal(other, 2)


def test_another_number_of_connectors_is_refused() -> None:
    assert protocol.refusal(BOARD, 1) == "board serves 2 connectors, the configuration names 1"


def test_a_device_that_is_no_board_is_refused() -> None:
    with pytest.raises(MapError, match="no board of the JP PLC link"):
        protocol.decode_identity([0] * blocks.IDENTITY.size)


NEW_IN_1_2 = {"target_age_ms", "plug_temperature_1_c", "plug_temperature_2_c"}


@given(statuses, ev_statuses, st.integers(0, protocol.MAP_MINOR + 3))
@settings(max_examples=80, deadline=None)
def test_what_a_boards_map_does_not_have_is_unknown_and_all_else_as_it_was_meant(
    board: PlcStatus, connector: EvStatus, minor: int
) -> None:
    registers = protocol.encode_status(board, [connector], minor)
    (read,) = protocol.decode_status(registers, 1, minor)[1]

    expected = connector if minor >= 2 else attrs.evolve(connector, **dict.fromkeys(NEW_IN_1_2))
    assert expected == read


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("rubbish", [0, 250, 0xFFFF])
def test_registers_that_were_reserved_say_nothing(minor: int, rubbish: int) -> None:
    """0 is what the map asked of them: neither a demand of this moment nor a plug at 0 degrees."""
    registers = protocol.encode_status(PlcStatus(), [EvStatus()], minor)
    assert registers[-3:] == [0, 0, 0]
    registers[-3:] = [rubbish] * 3
    (read,) = protocol.decode_status(registers, 1, minor)[1]

    assert read == EvStatus()


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_only_a_field_that_can_be_unknown_comes_with_a_later_version(block: Block) -> None:
    later = {field.name for field in block.fields if field.since}

    assert all(field.optional for field in block.fields if field.since)
    assert later == (NEW_IN_1_2 if block is blocks.STATUS_CONNECTOR else set())


def test_an_age_beyond_its_register_is_old_and_not_unknown() -> None:
    status = EvStatus(target_age_ms=1e7, plug_temperature_1_c=1e5, plug_temperature_2_c=-40.3)
    registers = protocol.encode_status(PlcStatus(), [status])
    (read,) = protocol.decode_status(registers, 1)[1]

    assert (0xFFFE, 3276.6, -40.3) == (read.target_age_ms, read.plug_temperature_1_c, read.plug_temperature_2_c)
    assert [0xFFFE, 0x7FFE, 0x10000 - 403] == registers[-3:]


# --- the document --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_the_document_has_the_blocks_table(block: Block) -> None:
    assert block.table() in DOCUMENT


def test_the_document_has_the_numbers_of_the_code() -> None:
    assert f"map version **{protocol.MAP_MAJOR}.{protocol.MAP_MINOR}**" in DOCUMENT
    two = protocol.command_size(2)
    for line in (
        f"| identification | 0x{protocol.IDENTITY_ADDRESS:04X} | {blocks.IDENTITY.size} |",
        f"| status | 0x{protocol.STATUS_ADDRESS:04X} | {blocks.STATUS_COMMON.size} common, then "
        f"{blocks.STATUS_CONNECTOR.size} a connector ({protocol.status_size(2)} with two) |",
        f"| command | 0x{protocol.COMMAND_ADDRESS:04X} | {blocks.COMMAND_COMMON.size} common, then "
        f"{blocks.COMMAND_CONNECTOR.size} a connector ({two} with two) |",
        f"**{protocol.CONTROLLER_LOST_S} s**, fixed",
        f"every {protocol.CYCLE_S * 1000:.0f} ms",
    ):
        assert line in DOCUMENT
