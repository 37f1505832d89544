"""Keys as they are told: to people, to programs and to editors."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import attrs
import pytest

from jp_firmware.config.key import Key, Reload, Role, declared, keys_of
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.told.explain import UnknownKey, all_keys, as_json, below, facts, known, meant
from jp_firmware.config.told.json_schema import json_schema
from jp_firmware.config.told.reference import reference

ROOT = Path(__file__).parents[3]


def test_every_key_is_explained_in_sentences() -> None:
    for one in all_keys():
        assert one.key.text.endswith("."), one.name
        assert one.key.text[0].isupper() or one.key.text.startswith("modbus"), one.name


def test_numbers_say_their_unit_in_their_name() -> None:
    units = {"_w": "W", "_a": "A", "_v": "V", "_s": "s", "_c": "°C", "_a_per_s": "A/s"}
    for one in all_keys():
        if one.type in (int, float) or one.type == float | None:
            endings = [end for end in units if one.path[-1].endswith(end)]
            if endings:
                assert one.key.unit == units[max(endings, key=len)], one.name


def test_a_default_is_allowed_by_its_own_key() -> None:
    for one in all_keys():
        if one.key.validator and one.default not in (attrs.NOTHING, None):
            one.key.validator(None, None, one.default)


def test_an_item_of_a_list_is_found_by_any_name() -> None:
    assert known("connectors.2.weight") is known("connectors.*.weight")
    assert known("wires.can0.bitrate").key.unit == "bit/s"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("maxPowerPerGunKM", "maxPowerPerGunKM is connectors.*.max_power_w here (in W)"),
        ("connectors.1.maxPowerPerGunKW", "is connectors.*.max_power_w here (in W)"),
        ("Vehicle connection timeout", "is authorize.plug_timeout_s here (in s)"),
        ("HeartbeatInterval", "is ocpp.heartbeat_interval_s here (in s)"),
        ("site.limit-w", "did you mean site.limit_w?"),
        ("limitW", "did you mean site.limit_w or feeders.*.limit_w?"),
        ("site.limit_kw", "did you mean site.limit_w (in W)?"),
        ("chains.A.share_kw", "did you mean chains.*.share_w (in W)?"),
    ],
)
def test_a_key_of_others_is_answered_with_ours(theirs: str, ours: str) -> None:
    with pytest.raises(UnknownKey) as told:
        known(theirs)

    assert ours in str(told.value)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("max_power_w", "connectors.*.max_power_w"),
        ("site.limt_w", "site.limit_w"),
        ("limit_w", "site.limit_w"),
        ("connectors.2.wieght", "connectors.*.weight"),
    ],
)
def test_a_wrong_key_is_answered_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(UnknownKey, match="did you mean") as told:
        known(wrong)
    assert nearest in str(told.value)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("site.limit_kw", "site.limit_w"),
        ("connectors.2.max_power_kw", "connectors.*.max_power_w"),
        ("process.guard_deadline_ms", "process.guard_deadline_s"),
        ("maxPowerPerGunKM", "connectors.*.max_power_w"),
        ("limit_kw", None),
        ("watchdog_ms", None),
        ("not a key", None),
        ("", None),
    ],
)
def test_what_is_surely_meant_is_explained(theirs: str, ours: str | None) -> None:
    found = meant(theirs)
    assert (found.name if found else None) == ours


def test_below_a_table_are_its_keys() -> None:
    assert [one.name for one in below("site")][:2] == ["site", "site.limit_w"]
    assert below("") == all_keys()


def test_facts_tell_the_unit_and_what_a_change_takes() -> None:
    told = dict(facts(known("site.limit_w")))
    assert told["type"] == "number, 0 to 10,000,000, in W"
    assert told["default"] == "must be given"
    assert told["a change"].startswith("live: ")
    assert "never shown" in dict(facts(known("backend.password")))["secret"]


def test_a_key_is_json() -> None:
    told = json.loads(json.dumps([as_json(one) for one in all_keys()]))
    limit = next(one for one in told if one["key"] == "site.limit_w")
    assert (limit["low"], limit["high"], limit["unit"], limit["required"]) == (0, 10_000_000, "W", True)


def test_a_field_that_nobody_explained_is_no_key() -> None:
    with pytest.raises(TypeError, match="needs one Key"):

        @attrs.frozen(field_transformer=declared)
        class Table:
            silent: int


def test_roles_may_what_those_before_them_may() -> None:
    assert Role.MANUFACTURER.may(Role.OPERATOR)
    assert Role.INSTALLER.may(Role.INSTALLER)
    assert not Role.OPERATOR.may(Role.INSTALLER)


def test_the_reference_in_the_documents_is_the_one_of_the_program() -> None:
    assert (ROOT / "docs/configuration.md").read_text() == reference(), (
        "write it again: ./jp config reference > docs/configuration.md"
    )


def test_the_reference_has_every_key_once() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    leaves = [one for one in keys_of(Cabinet) if len(one.path) > 1]
    assert len(rows) == len(leaves)


def test_the_schema_of_editors_is_as_strict_as_the_program() -> None:
    schema = json_schema()
    weight = schema["properties"]["connectors"]["items"]["properties"]["weight"]
    assert (weight["minimum"], weight["maximum"], weight["default"]) == (0.01, 100, 1.0)
    assert schema["required"] == ["charger", "site"]
    assert not schema["additionalProperties"]


@pytest.mark.parametrize("cabinet", ["demo", "matrix"])
def test_the_schema_of_editors_knows_all_keys_of_our_cabinets(cabinet: str) -> None:
    def unknown(data: object, schema: dict[str, object]) -> list[str]:
        if isinstance(data, list):
            return [name for item in data for name in unknown(item, schema["items"])]  # type: ignore[arg-type]
        if isinstance(data, dict):
            properties: dict[str, dict[str, object]] = schema["properties"]  # type: ignore[assignment]
            return [
                name
                for key, value in data.items()
                for name in ([key] if key not in properties else unknown(value, properties[key]))
            ]
        return []

    data = tomllib.loads((ROOT / f"profiles/cabinets/{cabinet}.toml").read_text())
    assert unknown(data, json_schema()) == []


def test_every_class_of_change_has_keys() -> None:
    assert {one.key.reload for one in all_keys()} == set(Reload)


def test_keys_are_immutable() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Key("Text.").text = "other"  # type: ignore[misc]
