"""Names of others: each one known leads to a key that there is, or to a reason; each conversion says what it makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jp_firmware.config.brought.aliases import Alias, alias_hint, aliases, match
from jp_firmware.config.brought.conversions import CONVERSIONS, Outcome
from jp_firmware.config.brought.importing import Row, imported
from jp_firmware.config.examine import examine
from jp_firmware.config.profiles import DATA
from jp_firmware.config.told.explain import find

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()
WITH_METER = DEMO + '\n[site_meter]\nwire = "rs485-0"\nunit = 40\nprofile = "janitza-b23"\n'

TAKEN, SAME, REFUSED = Outcome.TAKEN, Outcome.SAME, Outcome.REFUSED
NEEDS, UNSUPPORTED, DIFFERS = Outcome.NEEDS, Outcome.UNSUPPORTED, Outcome.DIFFERS

# What becomes of a value, 230 V to a phase: the name, the value, what became of it, ours.
TABLE: tuple[tuple[str, Any, Outcome, Any], ...] = (
    ("maxPowerPerGunKW", 60, TAKEN, 60_000),
    ("maxPowerPerGunKM", 60.5, TAKEN, 60_500),
    ("maxPowerPerGunKW", [30, 60, 60, 60], TAKEN, [30_000, 60_000, 60_000, 60_000]),
    ("maxPowerPerGunKW", [30, 60], REFUSED, None),
    ("maxPowerPerGunKW", "60 kW", REFUSED, None),
    ("modulesPerGun", 2, SAME, None),
    ("modulesPerGun", 1, DIFFERS, None),
    ("maxCurrentA", 100, TAKEN, 100),
    ("maxCurrentA", 200, SAME, 200),
    ("ocpp.enabled", True, SAME, None),
    ("ocpp.enabled", False, TAKEN, None),
    ("ocpp.enabled", "perhaps", REFUSED, None),
    ("chargePointId", "jc01", TAKEN, "jc01"),
    ("Charge Point ID", "jc01", TAKEN, "jc01"),
    ("OCPP ChargeBoxIdentity (ChargePointID)", "JC-1", TAKEN, "JC-1"),
    ("ChargeBoxIdentity", 17, REFUSED, None),
    ("WebSockets JSON OCPP URL of the Backend", "wss://cs.example/ocpp", TAKEN, "wss://cs.example/ocpp"),
    ("Central System URL", "wss://cs.example/ocpp", TAKEN, "wss://cs.example/ocpp"),
    ("OCPP Mode", "OCPP-J 1.6", SAME, None),
    ("OCPP Mode", "No OCPP", TAKEN, None),
    ("OCPP Mode", "OCPP-S 1.5", REFUSED, None),
    ("OCPP Version", 1.6, SAME, None),
    ("OCPP Version", "2.0.1", UNSUPPORTED, None),
    ("Sub-protocol", "ocpp1.6", SAME, None),
    ("WebSockets keep-alive interval", 60, TAKEN, 60),
    ("WebSocketPingInterval", "20", SAME, 20),
    ("Backend connection timeout", 60, TAKEN, 60),
    ("HTTP Basic Authentication password", "hush-hush-hush", REFUSED, None),
    ("AuthorizationKey", "hush-hush-hush", REFUSED, None),
    ("SSL strictness as client", "Normal SSL Auth", SAME, None),
    ("SSL strictness as client", "Skip host check", UNSUPPORTED, None),
    ("Restart transaction after power loss", "On", UNSUPPORTED, None),
    ("TCP Watchdog Timeout", 0, SAME, None),
    ("TCP Watchdog Timeout", 10800, UNSUPPORTED, None),
    ("Display backend disconnect as error", False, SAME, None),
    ("Heartbeat", 300, SAME, 300),
    ("HeartbeatInterval", "60", TAKEN, 60),
    ("Meter interval", 120, TAKEN, 120),
    ("MeterValueSampleInterval", 60, SAME, 60),
    ("MeterValuesSampledData", "Energy.Active.Import.Register,SoC", TAKEN, ["Energy.Active.Import.Register", "SoC"]),
    ("MeterValuesAlignedData", ["SoC", 3], REFUSED, None),
    ("ClockAlignedDataInterval", 900, TAKEN, 900),
    ("MinimumStatusDuration", 5, TAKEN, 5),
    ("AuthorizationCacheEnabled", "true", SAME, True),
    ("Enable OCPP whitelist", "Off", TAKEN, False),
    ("Send Authorize for RemoteStart", "On", TAKEN, True),
    ("AuthorizeRemoteTxRequests", False, SAME, False),
    ("TransactionMessageAttempts", 5, TAKEN, 5),
    ("TransactionMessageRetryInterval", 10, TAKEN, 10),
    ("Vehicle connection timeout", 45, TAKEN, 45),
    ("ConnectionTimeOut", "60", SAME, 60),
    ("If in doubt allow charging", "Off", SAME, False),
    ("If in doubt allow charging", "On", TAKEN, True),
    ("If in doubt allow charging", "Immediate Plug-in", REFUSED, None),
    ("AllowOfflineTxForUnknownId", "true", TAKEN, True),
    ("Local Pre Authorize", "On", SAME, True),
    ("LocalPreAuthorize", "false", TAKEN, False),
    ("Local Authorize Offline", "Off", TAKEN, False),
    ("Enable local whitelist (also Enable fixed local list (FLL))", "Off", TAKEN, False),
    ("Enable fixed local list (FLL)", "On", SAME, True),
    ("List of entries in local whitelist", "0A0E9B83:04a1b2c3d4e5f6", TAKEN, ["0A0E9B83", "04a1b2c3d4e5f6"]),
    ("List of entries in local whitelist", "", SAME, []),
    ("List of entries in local whitelist", "0A0E9B83#1", REFUSED, None),
    ("Free Charging", "Off", SAME, None),
    ("Free Charging", "On", UNSUPPORTED, None),
    ("Stop Transaction Mode", "Normal", SAME, None),
    ("ISO 15118 mode", "On (Force)", SAME, None),
    ("ISO 15118 mode", "Off", UNSUPPORTED, None),
    ("Operator Current Limit [A]", 150, TAKEN, 150),
    ("Operator Maximum Charging Current", [100, 100, 150, 150], TAKEN, [100, 100, 150, 150]),
    ("Maximum current [A]", 180, TAKEN, 180),
    ("Power Source Voltage", 230, SAME, None),
    ("Power Source Voltage", "high", REFUSED, None),
    ("Main Distribution Limit (L1/L2/L3) [A]", "100/100/100", TAKEN, 69_000),
    ("Main Distribution Limit (L1/L2/L3) [A]", "100/90/100", TAKEN, 62_100),
    ("Main Distribution Limit", 100, TAKEN, 69_000),
    ("Main Distribution Limit", "100/100", REFUSED, None),
    ("External Load Headroom (L1/L2/L3) [A]", "0/0/0", SAME, 0),
    ("External Load Headroom (L1/L2/L3) [A]", 10, TAKEN, 6_900),
    ("External Load Fallback (L1/L2/L3) [A]", "9999/9999/9999", TAKEN, 6_899_310),
    ("Minimum Current Limit [A]", 7, TAKEN, 4_830),
    ("External Meter Location", "Including EVSE Sub-Distribution", SAME, True),
    ("External Meter Location", "Excluding EVSE Sub-Distribution", TAKEN, False),
    ("External Meter Location", "Elsewhere", REFUSED, None),
    ("Meter configuration (Second)", "Modbus Siemens 7KM2200 (TCP)", TAKEN, "siemens-pac2200"),
    ("Meter configuration (Second)", "Modbus Something", REFUSED, None),
    ("Dynamic Load Management - DLM Master/Slave", "Disabled", SAME, None),
    ("Dynamic Load Management - DLM Master/Slave", "DLM Slave (Master-Fixed-IP)", UNSUPPORTED, None),
    ("External Input 1 Config", "Disable", SAME, None),
)


def row_of(name: str, value: Any, cabinet: str | None = WITH_METER, phase_voltage_v: float | None = 230.0) -> Row:
    (row,) = imported(json.dumps({name: value}), cabinet, phase_voltage_v=phase_voltage_v).rows
    return row


@pytest.mark.parametrize(("name", "value", "outcome", "ours"), TABLE, ids=lambda one: str(one)[:30])
def test_what_becomes_of_a_value(name: str, value: Any, outcome: Outcome, ours: Any) -> None:
    row = row_of(name, value)
    assert (row.outcome, row.to) == (outcome, ours)
    assert row.remarks or outcome in (TAKEN, SAME)


def test_the_table_above_has_each_alias_that_is_taken() -> None:
    here = {found.alias for name, *_ in TABLE if (found := match(name))}
    assert {one.names[0] for one in aliases() if one.taken_as and one not in here} == set()


@pytest.mark.parametrize("alias", [one for one in aliases() if not one.taken_as], ids=lambda one: one.names[0])
def test_what_is_known_and_not_taken_says_why_by_each_of_its_names(alias: Alias) -> None:
    assert alias.reason
    for name in alias.names:
        row = row_of(name, "a value that nobody expects")
        assert (row.outcome, row.remarks) == (UNSUPPORTED, (alias.reason,))
        assert row.warning


@pytest.mark.parametrize("alias", [one for one in aliases() if one.taken_as], ids=lambda one: one.names[0])
def test_what_is_taken_has_a_conversion_and_a_key_that_there_is(alias: Alias) -> None:
    assert alias.taken_as in CONVERSIONS
    assert alias.taken_as == "phase_voltage" or find(alias.key) is not None
    assert (alias.taken_as == "choice") == bool(alias.choices)


def test_every_conversion_is_used() -> None:
    assert {one.taken_as for one in aliases() if one.taken_as} == set(CONVERSIONS)


def test_no_name_means_two_things() -> None:
    for alias in aliases():
        for name in (*alias.names, *alias.misspelt):
            found = match(name)
            assert found is not None, name
            assert found.alias is alias, name


@pytest.mark.parametrize(
    "name",
    [
        "vehicle connection timeout",
        "VehicleConnectionTimeout",
        "vehicle_connection-timeout",
        "settings.authorization.Vehicle Connection Timeout [s]",
    ],
)
def test_capitals_punctuation_brackets_and_the_way_to_a_name_do_not_count(name: str) -> None:
    found = match(name)
    assert found is not None
    assert found.alias.key == "authorize.plug_timeout_s"


@pytest.mark.parametrize("name", ["enabled", "mode", "", ".", "[A]", "timeout", "é"])
def test_a_part_of_a_name_is_no_name(name: str) -> None:
    assert match(name) is None


def test_an_ac_current_without_a_voltage_is_told_to_need_one() -> None:
    row = row_of("Main Distribution Limit", 100, phase_voltage_v=None)
    assert row.outcome is NEEDS
    assert "--phase-voltage" in row.remarks[0]


# --- in the examination of a file ------------------------------------------------------------------------------------


def test_an_unknown_key_that_others_have_is_told_as_ours() -> None:
    text = DEMO.replace("limit_w = 150_000", "limit_w = 150_000\nmaxPowerPerGunKM = 60", 1)
    (finding,) = examine(text).findings
    assert (finding.line, finding.key) == (12, "site.maxPowerPerGunKM")
    assert finding.text == (
        "unknown key; maxPowerPerGunKM is connectors.*.max_power_w here (in W); import it with jp config import"
    )


def test_an_unknown_key_that_is_not_taken_here_is_told_with_the_reason() -> None:
    assert "AC only" in str(alias_hint("phase_rotation_of_the_chargepoint"))


@pytest.mark.parametrize("word", ["limt_w", "plug_timeout_s", "local_pre_authorize"])
def test_what_nobody_else_has_and_our_own_words_have_no_hint(word: str) -> None:
    assert alias_hint(word) is None
