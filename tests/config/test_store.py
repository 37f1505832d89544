"""Each mistake in a cabinet's configuration is one line: the file and line, the key, what is wrong and what to do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.store import find, load

# One connector, all of it; the tests bend one thing at a time.
SMALL = """\
[charger]
identity = "JP-1"
[site]
limit_w = 60_000
[backend]
url = "ws://127.0.0.1:9016/ocpp"
[authorize]
local_list = [
    { uid = "04A1B2C3D4E5F6", name = "Service card" },
]
[[wires]]
name = "can0"
kind = "slcan"
port = "jp/can0"
[[wires]]
name = "rs485-0"
kind = "modbus-rtu"
port = "jp/rs485-0"
[[wires]]
name = "plc-wire"
kind = "modbus-tcp"
host = "127.0.0.1"
port = "502"
[[plc_boards]]
id = "plc-1"
wire = "plc-wire"
connectors = [1]
[[readers]]
id = "reader-0"
port = "jp/reader-0"
[[connectors]]
id = 1
[[meters]]
id = "meter-1"
wire = "rs485-0"
unit = 1
connector = 1
profile = "a-meter"
[[modules]]
id = "module-1"
wire = "can0"
address = 0
connector = 1
profile = "a-module"
"""


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in (("meters", "a-meter"), ("modules", "a-module")):
        (tmp_path / "profiles" / kind).mkdir(parents=True)
        (tmp_path / "profiles" / kind / f"{name}.toml").write_text("x = 1\n")
    monkeypatch.setenv("JP_PROFILES", str(tmp_path / "profiles"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cabinet.toml"
    path.write_text(SMALL)
    return path


def mistakes(path: Path, text: str | None = None, *overrides: str) -> list[str]:
    """What `load` has to say, a mistake an item, the file's directory left out."""
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "").split("\n")


def bend(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


def test_a_right_file_gives_its_cabinet(file: Path) -> None:
    cabinet = load(file)

    assert isinstance(cabinet, Cabinet)
    assert cabinet.site.limit_w == 60_000.0
    assert cabinet.wire("plc-wire").host == "127.0.0.1"
    assert cabinet.modules[0].driver == "infypower"


def test_the_example_cabinet_is_right() -> None:
    cabinet = load(DATA / "profiles" / "cabinets" / "demo.toml")

    assert (2, 4, 8) == (len(cabinet.plc_boards), len(cabinet.connectors), len(cabinet.modules))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # one key: unknown, missing, wrong type, out of range
        ("limit_w", "limit_kw", "cabinet.toml:4: site.limit_kw: unknown key; did you mean limit_w?"),
        ("limit_w", "limit_kw", "cabinet.toml:3: site.limit_w: is missing; add it"),
        ("[site]", "[sight]", "cabinet.toml:3: sight: unknown key; did you mean site?"),
        ("60_000", '"lots"', 'cabinet.toml:4: site.limit_w: "lots" is not a number'),
        ("60_000", "true", "cabinet.toml:4: site.limit_w: true is not a number"),
        ("60_000", "nan", "cabinet.toml:4: site.limit_w: nan is out of range; allowed: 0 to 10,000,000"),
        ("60_000", "-1", "cabinet.toml:4: site.limit_w: -1 is out of range; allowed: 0 to 10,000,000"),
        ("unit = 1\n", "unit = 248\n", "cabinet.toml:36: meters.meter-1.unit: 248 is out of range; allowed: 1 to 247"),
        ("address = 0", "address = 1.5", "cabinet.toml:42: modules.module-1.address: 1.5 is not a whole number"),
        ('kind = "slcan"', 'kind = "can"', "cabinet.toml:13: wires.can0.kind: 'can' is not allowed; allowed: slcan"),
        ('port = "502"', "port = 502", 'cabinet.toml:23: wires.plc-wire.port: 502 is not a text (write it in "…")'),
        (
            "[authorize]",
            "[authorize]\nlocal_pre_authorize = 1",
            "authorize.local_pre_authorize: 1 is not true or false",
        ),
        ("[1]", "1", "cabinet.toml:27: plc_boards.plc-1.connectors: 1 is not a list"),
        ("[1]", '["1"]', 'cabinet.toml:27: plc_boards.plc-1.connectors.0: "1" is not a whole number'),
        ("[[connectors]]", "[connectors]", "cabinet.toml:31: connectors: a table is not a list of tables"),
        (
            "Service card",
            'Service card", stat = "x',
            "authorize.local_list.04A1B2C3D4E5F6.stat: unknown key; did you mean",
        ),
        # wires
        ('wire = "can0"', 'wire = "can1"', 'modules.module-1.wire: there is no wire "can1"; did you mean can0?'),
        ('wire = "can0"', 'wire = "rs485-0"', '"rs485-0" is a modbus-rtu wire; a module needs slcan or socketcan'),
        ('wire = "rs485-0"', 'wire = "can0"', '"can0" is a slcan wire; this needs modbus-rtu or modbus-tcp'),
        ('wire = "plc-wire"', 'wire = "can0"', "needs modbus-rtu or modbus-tcp, never the modules' CAN bus"),
        ('wire = "plc-wire"', 'wire = "rs485-0"', '"rs485-0" also carries meter-1; give the board a wire of its own'),
        ('host = "127.0.0.1"\n', "", "wires.plc-wire.host: is missing; a modbus-tcp wire needs the host's name"),
        ('port = "502"', 'port = "70000"', 'wires.plc-wire.port: "70000" is no TCP port; allowed: "1" to "65535"'),
        ('port = "jp/can0"', 'port = ""', "wires.can0.port: is empty; name the tty below the device directory"),
        ('port = "jp/can0"', 'port = "x"\nhost = "y"', "wires.can0.host: means nothing to a slcan wire; remove it"),
        ('port = "jp/can0"', 'port = "jp/rs485-0"', 'wires.rs485-0.port: "jp/rs485-0" is used twice; a port carries'),
        ("jp/reader-0", "jp/can0", 'readers.reader-0.port: "jp/can0" is used twice; a port carries one wire'),
        # names
        ('name = "can0"', 'name = "can 0"', 'wires.can 0.name: "can 0" is no name; use letters, digits, "-" and "_"'),
        ('id = "reader-0"', 'id = "connector-1"', '"connector-1" is the name of a connector itself; choose another'),
        ('id = "reader-0"', 'id = "meter-1"', '"meter-1" is used twice; give each wire and device a name of its own'),
        # connectors
        (
            'connector = 1\nprofile = "a-module',
            'connector = 7\nprofile = "a-module',
            "there is no connector 7; known: 1",
        ),
        (
            'connector = 1\nprofile = "a-module',
            'connector = 7\nprofile = "a-module',
            "connectors.1: has no power module; ",
        ),
        ('connector = 1\nprofile = "a-meter', 'connector = 7\nprofile = "a-meter', "connectors.1: has no meter; write"),
        ("connectors = [1]", "connectors = []", "plc_boards.plc-1.connectors: is empty; name the connectors"),
        ("connectors = [1]", "connectors = []", "connectors.1: has no PLC board; name 1 in one board's connectors"),
        ("connectors = [1]", "connectors = [1, 1]", "plc_boards.plc-1.connectors.1: 1 is named twice; remove one"),
        ("[[meters]]", "[[connectors]]\nid = 1\n[[meters]]", "connectors.1.id: 1 is used twice; the number is painted"),
        (
            'port = "jp/reader-0"',
            'port = "x"\nconnectors = [3]',
            "readers.reader-0.connectors.0: there is no connector 3",
        ),
        (
            "[[meters]]",
            "derate_from_c = 90\n[[meters]]",
            "connectors.1.derate_to_c: 90 is not above derate_from_c (90); raise it or lower the other",
        ),
        (
            "[[meters]]",
            "cable_max_current_a = 0\n[[meters]]",
            "connectors.1.cable_max_current_a: 0 is out of range; allowed: 1 to 3,000",
        ),
        # the rest
        ("ws://127", "http://127", "backend.url: is no address of a central system; write ws://HOST/PATH"),
        ("9016", "nine", "backend.url: "),
        ("ws://127", "ws://user:secret@127", "backend.url: must not hold the password; write it in backend.password"),
        ('"JP-1"', '"JP 1/2"', 'charger.identity: "JP 1/2" cannot stand in a URL; use 1 to 48 letters'),
        ("[backend]", "[backend]\nretry_first_s = 500", "backend.retry_cap_s: 120 is below retry_first_s (500); raise"),
        ('"a-module"', '"a-moddule"', "there is no profile 'a-moddule' among the modules; did you mean 'a-module'?"),
        ('"a-meter"', '"../a-meter"', "there is no profile '../a-meter' among the meters; did you mean 'a-meter'?"),
        ('"a-meter"', '"a-meter"\ndriver = "magic"', 'meters.meter-1.driver: there is no driver "magic"; known: '),
        ("04A1B2C3D4E5F6", "", 'authorize.local_list..uid: "" has 0 characters; allowed: 1 to 20'),
    ],
)
def test_a_mistake_is_told_in_one_line(file: Path, old: str, new: str, told: str) -> None:
    found = mistakes(file, bend(old, new))

    assert any(told in line for line in found), found
    assert all(re.match(r"cabinet\.toml:\d+: [^:]+: .+", line) for line in found), found


def test_addresses_are_unique_on_their_wire(file: Path) -> None:
    more = """
[[modules]]
id = "module-2"
wire = "can0"
address = 0
connector = 1
profile = "a-module"
[[meters]]
id = "meter-2"
wire = "rs485-0"
unit = 1
connector = 1
profile = "a-meter"
"""
    assert mistakes(file, SMALL + more) == [
        "cabinet.toml:31: connectors.1: has more than one meter (meter-1, meter-2); write connector = 1 at one meter "
        "[RULE-08]",
        "cabinet.toml:49: modules.module-2.address: 0 is used twice on can0; give each module its own address "
        "[RULE-06]",
        "cabinet.toml:55: meters.meter-2.unit: 1 is used twice on rs485-0; give each meter its own unit [RULE-06]",
    ]


def test_all_mistakes_are_told_together_in_the_order_of_the_file(file: Path) -> None:
    found = mistakes(file, bend("60_000", '"x"').replace('"JP-1"', "5").replace("unit = 1", "unit = 0"))

    assert [line.split(":")[1] for line in found] == ["2", "4", "36"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[charger\n", "cabinet.toml:1:9: expected"),
        ("a = 1\na = 2\n", "cabinet.toml:2:6: this key stands here twice; remove one of them"),
        ("a = 1\nb = [1,\n\n", "cabinet.toml:4: "),
        ("", "cabinet.toml:1: charger: is missing; add it"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(file: Path, text: str, told: str) -> None:
    assert mistakes(file, text)[0].startswith(told)


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path / "absent.toml") == [
        "absent.toml: cannot be read (No such file or directory); check the name and its permissions"
    ]
    (tmp_path / "latin.toml").write_bytes(b"a = 1\nb = '\xe4'\n")
    assert mistakes(tmp_path / "latin.toml") == ["latin.toml:2: not UTF-8 text; save the file as UTF-8"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of nested data."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, inner in items:
        yield value, key
        yield from places(inner)


odd_values = st.recursive(
    st.integers() | st.floats() | st.booleans() | st.text("a.-/:[]0 \n", max_size=5) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab.-", min_size=1, max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_whatever_stands_at_a_key_gives_a_cabinet_or_one_line_a_mistake(tmp_path: Path, data: st.DataObject) -> None:
    bent = tomllib.loads(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(bent))))
        container[key] = data.draw(odd_values)
    path = tmp_path / "cabinet.toml"
    path.write_text(tomlkit.dumps(bent))
    try:
        load(path)
    except ConfigError as exc:
        for line in str(exc).split("\n"):
            assert re.match(rf"{re.escape(str(path))}:\d+: [^:].*: .+", line)


# --- overrides -----------------------------------------------------------------------------------------------------


def test_overrides_reach_every_key_and_the_last_one_wins(file: Path) -> None:
    cabinet = load(
        file,
        [
            "site.limit_w=1",
            "site.limit_w = 100_000",
            "wires.can0.port=jp/other",
            "wires.plc-wire.port=15022",
            'charger.name="Bay = 4"',
            "charger.serial=0001",
            "plc_boards.plc-1.connectors=[1]",
            "connectors.1.max_current_a=125.5",
            "authorize.local_list.04A1B2C3D4E5F6.status=blocked",
            "authorize.local_pre_authorize=false",
            "backend.url=",
        ],
    )

    assert cabinet.site.limit_w == 100_000
    assert cabinet.wire("can0").port == "jp/other"
    assert cabinet.wire("plc-wire").port == "15022"
    assert (cabinet.charger.name, cabinet.charger.serial) == ("Bay = 4", "0001")
    assert cabinet.connectors[0].max_current_a == 125.5
    assert cabinet.authorize.local_list[0].status == "blocked"
    assert not cabinet.authorize.local_pre_authorize
    assert cabinet.backend.url == ""


def test_an_override_may_fill_a_table_that_the_file_leaves_out(file: Path) -> None:
    file.write_text(bend('[backend]\nurl = "ws://127.0.0.1:9016/ocpp"\n', ""))

    assert load(file, ["backend.url=wss://example.org/ocpp"]).backend.url == "wss://example.org/ocpp"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("site", "--set site: write key.path=value, as in --set site.limit_w=100000"),
        ("=5", "--set =5: write key.path=value"),
        ("site..limit_w=5", "--set site..limit_w=5: write key.path=value"),
        ("site.limit=5", "--set site.limit=5: unknown key limit; did you mean limit_w?"),
        ("sight.limit_w=5", "--set sight.limit_w=5: unknown key sight; did you mean site?"),
        ("wires.can1.port=x", "--set wires.can1.port=x: there is no can1 in this list; did you mean can0?"),
        ("connectors.9.weight=2", "--set connectors.9.weight=2: there is no 9 in this list; known: 1"),
        ("connectors.1.weight.deep=5", "--set connectors.1.weight.deep=5: deep does not exist; the key ends before it"),
        ("site.limit_w.deep=5", "--set site.limit_w.deep=5: limit_w holds a value, no keys"),
        ("site.limit_w=5\ny = 1", "--set site.limit_w=5"),
        ("plc_boards.plc-1.connectors=[1", "--set plc_boards.plc-1.connectors=[1: the value is not TOML"),
        ("site.limit_w=lots", '--set site.limit_w=lots: site.limit_w: "lots" is not a number'),
        ("site.limit_w=-5", "--set site.limit_w=-5: site.limit_w: -5 is out of range; allowed: 0 to 10,000,000"),
        ("site={}", "--set site={}: site.limit_w: is missing; add it"),
        ("modules.module-1.wire=rs485-0", "--set modules.module-1.wire=rs485-0: modules.module-1.wire: "),
    ],
)
def test_a_wrong_override_is_told_as_such(file: Path, override: str, told: str) -> None:
    assert mistakes(file, None, override)[0].startswith(told)


def test_a_cabinet_is_found_by_its_path_or_by_its_name(file: Path) -> None:
    assert find(file) == file
    assert find("demo") == DATA / "profiles" / "cabinets" / "demo.toml"
    assert find("absent.toml") == Path("absent.toml")
    with pytest.raises(ConfigError, match="there is no profile 'deno' among the cabinets; did you mean 'demo'"):
        find("deno")


def test_a_directory_of_its_name_hides_no_cabinet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find("demo") == DATA / "profiles" / "cabinets" / "demo.toml"
