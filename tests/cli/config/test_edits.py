"""Words of the command line become edits of the key's own type and unit, or one line says why not."""

from __future__ import annotations

from typing import Any

import pytest

from jp_firmware.cli.acting import CommandError
from jp_firmware.cli.config.edits import as_edits, edits_of
from jp_firmware.cli.values import SCALES
from jp_firmware.config.key import Known
from jp_firmware.config.text.edits import Add, Put, Remove
from jp_firmware.config.told.explain import all_keys


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("site.limit_w=100000", 100_000),
        ("site.limit_w=100_000", 100_000),
        ("site.limit_w=100kW", 100_000),
        ("site.limit_w = 0.1 mw", 100_000),
        ("site.limit_w=0.5W", 0.5),
        ("backend.retry_first_s=3s", 3),
        ("backend.retry_first_s=1500ms", 1.5),
        ("backend.retry_first_s=2min", 120),
        ("connectors.2.max_current_a=200A", 200),
        ("connectors.2.derate_from_c=70°C", 70),
        ("wires.can0.bitrate=125kbit/s", 125_000),
        ("connectors.2.weight=2.5", 2.5),
        ("connectors.2.tier=2", 2),
        ("modules.module-1.address=0x1f", 31),
        ("charger.name=Yard 2", "Yard 2"),
        ('charger.name="Yard 2"', "Yard 2"),
        ("charger.name=", ""),
        ("charger.serial=007", "007"),
        ("wires.plc-2-wire.port=15022", "15022"),
        ("backend.url=wss://csms.example/ocpp?a=b", "wss://csms.example/ocpp?a=b"),
        ("authorize.local_pre_authorize=false", False),
        ("plc_boards.plc-1.connectors=[1, 2]", [1, 2]),
    ],
)
def test_a_value_is_read_as_its_key_wants_it(text: str, value: Any) -> None:
    (edit,) = edits_of([text])

    assert edit == {"put": text.partition("=")[0].strip(), "value": value}
    assert type(edit["value"]) is type(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("site.limit_w=60s", "does not fit; it is a number in W, or in kW or MW with the unit behind it"),
        ("site.limit_w=much", "does not fit"),
        ("site.limit_w=", "does not fit"),
        ("site.limit_w=1e400000", "does not fit"),
        ("site.limit_w=nan", "does not fit"),
        ("site.limit_w=0x10", "does not fit"),
        pytest.param("site.limit_w=" + "9" * 400, "does not fit", id="9…"),
        ("connectors.2.max_current_a=200kW", "it is a number in A, or in kA"),
        ("connectors.2.weight=2kg", "without a unit"),
        ("connectors.2.tier=1.5", "is not a whole number"),
        ("authorize.local_pre_authorize=yes", "is neither true nor false"),
        ("plc_boards.plc-1.connectors=1", "write [a, b]"),
        ("site.limit_kw=100", "did you mean site.limit_w"),
        ("site=100", "set its keys, as in site.NAME=VALUE"),
        ("connectors=1", "add an item with --add"),
        ("site.limit_w", "write KEY=VALUE"),
        ("=5", "write KEY=VALUE"),
        ("backend.password=hunter2", "use jp config secret backend.password"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(text: str, why: str) -> None:
    with pytest.raises(CommandError) as caught:
        edits_of([text])

    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_goes_goes_before_what_is_set_and_what_comes() -> None:
    edits = edits_of(["site.limit_w=1kW"], ["connectors.4"], ["connectors={ id = 4, max_current_a = 300 }"])

    assert edits == [
        {"remove": "connectors.4"},
        {"put": "site.limit_w", "value": 1000},
        {"add": "connectors", "item": {"id": 4, "max_current_a": 300}},
    ]
    assert as_edits(edits) == (
        Remove("connectors.4"),
        Put("site.limit_w", 1000),
        Add("connectors", {"id": 4, "max_current_a": 300}),
    )


@pytest.mark.parametrize(
    ("added", "why"),
    [
        ("connectors=5", "is not a table"),
        ("connectors={ id = 5", "is not a table"),
        ("connectors={ id = 5 }\nsite = 1", "is not a table"),
        ("site.limit_w=5", "is no list"),
        ("connectors", "write LIST=ITEM"),
    ],
)
def test_what_cannot_be_added_is_told(added: str, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        edits_of([], [], [added])


@pytest.mark.parametrize("unset", ["nonsense", "", "a..b"])
def test_what_cannot_be_taken_away_is_told(unset: str) -> None:
    with pytest.raises(CommandError):
        edits_of([], [unset])


@pytest.mark.parametrize("one", [key for key in all_keys() if key.key.unit], ids=lambda one: one.name)
def test_each_unit_of_the_schema_may_be_written(one: Known) -> None:
    assert SCALES[one.key.unit][one.key.unit] == 1
