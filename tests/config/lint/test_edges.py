"""Where the rules' lines run: what is just allowed, what breaks a rule in another way, and numbers held together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config import store
from jp_firmware.config.examine import examine
from jp_firmware.config.lint import central, hardware, ratings, ratings_of
from jp_firmware.config.lint.reach import reached_from
from jp_firmware.config.lint.table import EXPLAINED
from jp_firmware.config.schema import Charger
from jp_firmware.hw.modules import driver, findings
from jp_firmware.hw.plc import protocol
from jp_firmware.model.plc import PlcIdentity
from jp_firmware.ocpp.v16.boot import boot_notification
from jp_firmware.planner.wiring import topology_of

GOOD = (Path(__file__).parent / "RULE-01/good.toml").read_text()
TWO = (Path(__file__).parent / "RULE-19/good.toml").read_text()
EXAMPLES = ("demo", "matrix", "ring")


def told(text: str) -> list[tuple[str, str]]:
    """The rules that a text breaks, with what is told of each."""
    return [(one.rule, one.text) for one in examine(text).findings]


def rules(text: str, password: str = "") -> list[str]:
    secrets = {"backend.password": password} if password else None
    return [one.rule for one in examine(text, secrets=secrets).findings]


def called(url: str) -> str:
    assert "wss://cpo.example/ocpp" in GOOD
    return GOOD.replace("wss://cpo.example/ocpp", url)


# --- the central system ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "broken"),
    [
        ("wss://cpo.example/ocpp/jp-1", ["RULE-63"]),  # in another case: called as /ocpp/jp-1/JP-1
        ("wss://cpo.example/ocpp/JP-1/", ["RULE-63"]),
        ("wss://cpo.example/JP-1/ocpp", []),
        ("ws://8.8.8.8/ocpp", ["RULE-64"]),
        ("ws://192.168.1.9/ocpp", []),
        ("ws://[fd00::7]/ocpp", []),
        ("ws://csms/ocpp", []),
        ("ws://csms.lan/ocpp", []),
        ("ws://csms.local/ocpp", ["RULE-65"]),
        ("ws://127.0.0.9/ocpp", ["RULE-65"]),
        ("ws://[::1]:9016/ocpp", ["RULE-65"]),
        ("ws://0.0.0.0/ocpp", ["RULE-65"]),
        ("wss://cpo.example", ["RULE-66"]),
        ("http://cpo.example/ocpp", ["RULE-62"]),
        ("wss://user:hush@cpo.example/ocpp", ["RULE-62"]),
        ("wss://cpo.example:99999/ocpp", ["RULE-62"]),
        ("wss://cpo.example:/ocpp", ["RULE-62"]),
        (" wss://cpo.example/ocpp", ["RULE-62"]),
        ("wss://cpo.example/oc pp", ["RULE-62"]),
        ("wss://cpo.example/büro", ["RULE-62"]),
        ("wss://cpo.example/<id>", ["RULE-62"]),
        ("wss://https://cpo.example/ocpp", ["RULE-62"]),
        ("wss://cpo..example/ocpp", ["RULE-62"]),  # the resolver raises UnicodeError
        ("wss://10.0.0.300/ocpp", ["RULE-62"]),
        ("wss://cpo_1.example./ocpp?token=a%20b", []),
        ("wss://[2001:db8::7]:8443/ocpp", []),
        ("wss://cpo.example:443/ocpp", []),
        ("ws://cpo.example:80/ocpp", ["RULE-64"]),
        ("ws://10.0.0.3:443/ocpp", ["RULE-71"]),
        ("wss://10.0.0.3:80/ocpp", ["RULE-71"]),
    ],
)
def test_an_url_breaks_its_rule(url: str, broken: list[str]) -> None:
    assert rules(called(url), password="hush") == broken


def test_what_is_to_be_written_instead_can_be_called() -> None:
    ((_, text),) = told(called("wss://cpo.example/ocpp/JP-1"))

    assert text.endswith('write "wss://cpo.example/ocpp"')


def test_a_password_in_an_url_is_told_to_nobody() -> None:
    for url in ("http://me:hush@cpo.example/ocpp", "wss://me:hush@cpo.example/ocpp", "wss://me:hush@cpo..example/o"):
        assert all("hush" not in text for _, text in told(called(url)))


@pytest.mark.parametrize("port", ["/dev/jp/can0", "./jp/can0", "jp//can0", "jp/x/../can0"])
def test_a_port_is_one_in_any_spelling(port: str) -> None:
    assert rules(GOOD.replace('port = "jp/rs485-0"', f'port = "{port}"')) == ["RULE-02"]


def test_without_connectors_nothing_is_said_of_limits() -> None:
    found = rules('[charger]\nidentity = "JP-1"\n[site]\nlimit_w = 60_000\n[backend]\nurl = "wss://cpo.example/o"\n')
    assert found == ["RULE-08"]


def test_without_a_password_nothing_is_sent_in_clear() -> None:
    assert rules(called("ws://cpo.example/ocpp")) == []


def test_a_colon_is_for_identities_without_a_password() -> None:
    text = GOOD.replace('"JP-1"', '"JP:1"')

    assert rules(text) == []
    assert rules(text, password="hush") == ["RULE-60"]


@pytest.mark.parametrize(("ping_s", "broken"), [(0, ["RULE-68"]), (1, []), (30, []), (31, ["RULE-68"])])
def test_pings_come_before_a_connection_is_cut(ping_s: float, broken: list[str]) -> None:
    assert rules(GOOD.replace("[backend]", f"[backend]\nping_interval_s = {ping_s}")) == broken


def test_lengths_are_those_that_the_central_system_is_told() -> None:
    longest = {key: "x" * (most + 1) for key, most in central.LENGTHS.items()}
    sent = boot_notification(Charger(identity="JP-1", **longest))

    assert {len(sent[key]) for key in ("chargePointVendor", "chargePointModel")} == {20}
    assert len(sent["chargePointSerialNumber"]) == central.LENGTHS["serial"]


def test_nobody_can_ask_where_there_is_neither_a_reader_nor_a_central_system() -> None:
    text = (Path(__file__).parent / "RULE-52/good.toml").read_text()
    reader = text[text.index("[[readers]]") : text.index("[[connectors]]")]

    assert [("RULE-52", True)] == [(rule, "no way to ask" in said) for rule, said in told(text.replace(reader, ""))]


# --- power -----------------------------------------------------------------------------------------------------------


def groups(*lines: str) -> str:
    return TWO + "\n".join(lines) + "\n"


def chain(name: str, connectors: list[int], cap_w: int, more: str = "") -> str:
    return f'[[chains]]\nname = "{name}"\nconnectors = {connectors}\ncap_w = {cap_w}\n{more}'


def feeder(name: str, connectors: list[int], limit_w: int) -> str:
    return f'[[feeders]]\nname = "{name}"\nconnectors = {connectors}\nlimit_w = {limit_w}\n'


def test_limits_at_the_grid_are_compared_by_what_they_leave() -> None:
    """60 kW at the grid are 54 kW at the connectors: a feeder of 60 kW leaves as much, a chain of 55 kW is above."""
    text = groups(chain("A", [1, 2], 55_000)).replace("[site]", "[site]\nefficiency = 0.9")

    assert rules(text) == ["RULE-27"]
    assert rules(text.replace("55000", "54000")) == []
    assert rules(groups(feeder("F", [1, 2], 60_000)).replace("[site]", "[site]\nefficiency = 0.9")) == []


def test_the_closest_limit_above_is_named() -> None:
    text = groups(chain("A", [1], 50_000), chain("B", [2], 20_000), feeder("F", [1], 40_000))

    assert [(rule, "feeder F" in said) for rule, said in told(text)] == [("RULE-27", True)]


def test_of_two_limits_for_the_same_connectors_the_lower_is_counted_and_named() -> None:
    text = groups(chain("A", [1], 40_000), feeder("F", [1], 25_000), chain("B", [2], 30_000))

    assert [said for rule, said in told(text) if rule == "RULE-28"] == [
        "60000 W are never drawn at site: what is below it (chain B, feeder F) may carry 55000 W together; "
        "lower it, or correct the others"
    ]


def test_a_connector_that_says_no_limit_has_none_that_could_be_compared() -> None:
    assert rules(groups(chain("A", [1], 30_000), chain("B", [2], 30_000))) == []


def test_a_site_that_is_switched_off_breaks_no_order() -> None:
    assert rules(groups(chain("A", [1, 2], 30_000, "share_w = 20000")).replace("60_000", "0")) == []


def test_a_reserve_is_taken_off_what_can_be_guaranteed() -> None:
    shares = (chain("A", [1], 30_000, "share_w = 30000\n"), chain("B", [2], 30_000, "share_w = 30000\n"))

    assert rules(groups(*shares)) == []
    assert rules(groups(*shares, "[planner]\nreserve_w = 1")) == ["RULE-26"]


def test_a_site_with_less_than_the_useful_minimum_is_told() -> None:
    assert rules(GOOD.replace("60_000", "4_999")) == ["RULE-30"]
    assert rules(GOOD.replace("60_000", "5_000")) == []


def test_numbers_are_told_in_full() -> None:
    text = groups(chain("A", [1, 2], 1_500_000)).replace("60_000", "1_250_000")

    assert [said for rule, said in told(text) if rule == "RULE-27"] == [
        "chain A may carry 1500000 W, but site lets no more than 1250000 W through to it; "
        "lower it, or correct the other"
    ]


# --- devices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_modules_reach_what_the_planner_gives_them(name: str) -> None:
    cabinet = store.load(store.find(name))
    profiles = {one.id: driver.load_profile(one.profile).rating for one in cabinet.modules}
    topology = topology_of(cabinet, profiles)

    assert {key: [one.id for one in modules] for key, modules in reached_from(cabinet).items()} == {
        connector.id: [one.id for one in cabinet.modules if connector.id in topology.reach_of(one.id)]
        for connector in cabinet.connectors
    }


def test_numbers_are_those_of_the_devices() -> None:
    def board(minor: int) -> PlcIdentity:
        version = protocol.map_version(hardware.MAP_MAJOR, minor)
        return PlcIdentity(map_version=version, vendor="", model="", serial="", firmware="", connectors=1)

    assert ratings.BOARD_OPENS_S == protocol.CONTROLLER_LOST_S
    assert hardware.MAP_MAJOR == protocol.MAP_MAJOR
    for minor in range(protocol.MAP_MINOR + 1):
        found = hardware.FoundBoard(id="plc-1", map_major=1, map_minor=minor, connectors=1)  # type: ignore[arg-type]
        assert found.last_relay == max(protocol.free_relays(board(minor)))
    assert ratings_of.SILENT_OFF_S == driver.ModuleProfile.__attrs_attrs__.silent_off_s.default  # type: ignore[attr-defined]
    assert hardware.TOLERANCE == findings.TOLERANCE


def test_what_was_not_looked_for_is_not_missed() -> None:
    assert hardware.against_hardware(store.load(store.find("ring")), hardware.Hardware()) == []


NAMES = tuple(
    f'"{name}"' for name in ("can0", "rs485-0", "plc-1", "plc-2", "module-2", "meter-1", "bridge", "ring", "nowhere")
)
NUMBERS = ("connector = 1", "connector = 2", "connector = 9")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_names_that_lead_elsewhere_break_rules_and_nothing_else(data: st.DataObject) -> None:
    text = store.find(data.draw(st.sampled_from(EXAMPLES))).read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        words = data.draw(st.sampled_from((NAMES, NUMBERS)))
        old, new = data.draw(st.sampled_from(words)), data.draw(st.sampled_from(words))
        parts = text.split(old)
        at = data.draw(st.integers(1, len(parts)))
        text = old.join(parts[:at]) + (new + old.join(parts[at:]) if parts[at:] else "")

    assert all(one.rule in EXPLAINED for one in examine(text).findings)
