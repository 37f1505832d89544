"""docs/integrate-a-module.md tells what is so: its commands print that, its examples are files that run."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from trio.testing import MockClock

from jp_firmware.cli import command as cli
from jp_firmware.config import profiles
from jp_firmware.config.lint import templates
from jp_firmware.config.schema import Cabinet, Charger, ConfigError, Module, Site
from jp_firmware.hw.modules import conformance, conformance_run, driver
from jp_firmware.hw.modules.dbc import DRIVER
from jp_firmware.hw.modules.dbc_options import Options
from jp_firmware.hw.modules.driver import Frames, load_driver, load_profile
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.sim.modules import families
from jp_firmware.sim.modules.stand_in import StandIn

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "integrate-a-module.md").read_text(encoding="utf-8")


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """docs/examples/acme_modules.py, as if its package were installed."""
    spec = importlib.util.spec_from_file_location("acme_modules", DOCS / "examples" / "acme_modules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # attrs looks its classes' module up
    spec.loader.exec_module(module)
    monkeypatch.setenv("JP_PROFILES", str(DOCS / "examples"))
    monkeypatch.setitem(families.EMULATED, "acme", module.AcmeNode)
    return module


def printed(*arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        cli.main(arguments)
    return out.getvalue()


# --- pieces of the guide ----------------------------------------------------------------------------------------------


def mistake() -> str:
    """Of a description with a wrong signal in it."""
    profile = load_profile("increase-v1")
    options = {**profile.options, "switch": {**profile.options["switch"], "signal": "Swich"}}
    with pytest.raises(ConfigError) as raised:
        DRIVER.codec(1, attrs.evolve(profile, options=options))
    return str(raised.value)


def template() -> str:
    """What the check of a configuration says of a template."""
    lan = Module(
        id=ModuleId("module-1"), wire="can0", address=1, connector=ConnectorId(1), profile="lan-generickm2-bln"
    )
    [found] = templates.mistakes(Cabinet(charger=Charger(identity="A"), site=Site(limit_w=0), modules=(lan,)))
    return found.text


def example() -> str:
    codec = load_driver("dbc").codec(1, load_profile("increase-v1"))
    return f"# {codec.set_point(100, 90)[0]} {codec.on()[0]} {codec.off()[0]}"


def source(*objects: object) -> str:
    return "\n".join(inspect.getsource(one).rstrip("\n") for one in objects)  # type: ignore[arg-type]


def methods() -> str:
    """The codec's words, in one line each."""
    told = []
    for name, one in vars(driver.ModuleCodec).items():
        if not name.startswith("_"):
            signature = str(inspect.signature(one)).replace("'", "").replace("self, ", "").replace("self", "")
            told.append(f"def {name}{signature}")
    return "\n".join(told)


def claims() -> str:
    rows = [(name, says) for name, says, _ in (*conformance.CLAIMS, *conformance_run.SCENARIOS)]
    return "\n".join(["| claim | |", "|---|---|", *(f"| `{name}` | {says} |" for name, says in rows)])


def wrong(acme: ModuleType, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of ACME's driver if it switches on first."""

    def at_once(self: object, voltage_v: float, current_a: float) -> Frames:
        codec = acme.AcmeCodec(self.address, self.options)  # type: ignore[attr-defined]
        return (*codec.on(), *codec.set_point(voltage_v, current_a))

    hasty = type("Hasty", (acme.AcmeCodec,), {"start": at_once})
    broken = type("HastyDriver", (acme.AcmeDriver,), {"codec": lambda self, address, _: hasty(address, acme.Options())})
    monkeypatch.setattr(driver, "load_driver", lambda name: broken())
    lines = printed("modules", "conformance", "acme", "--profile", "acme-10").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("  WRONG  start "))
    end = next(at for at in range(start + 1, len(lines)) if lines[at].startswith("  ok"))
    return "\n".join(lines[start:end])


# --- what the guide claims --------------------------------------------------------------------------------------------


def test_the_guide_shows_what_the_commands_and_the_code_say() -> None:
    for piece in (
        "$ jp modules conformance dbc --profile increase-v1\n"
        + printed("modules", "conformance", "dbc", "--profile", "increase-v1"),
        mistake(),
        template(),
        example(),
        methods(),
        claims(),
    ):
        assert piece in GUIDE


def test_its_driver_of_code_is_the_example_and_what_is_wrong_is_found(
    acme: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert source(acme.AcmeDriver) in GUIDE
    assert wrong(acme, monkeypatch) in GUIDE


def test_its_description_is_the_one_that_ships() -> None:
    """As data: the guide has comments of its own."""
    _, _, rest = GUIDE.partition("```toml\n[options]\n")
    shown = tomllib.loads("[options]\n" + rest.partition("```")[0])["options"]
    shipped = load_profile("increase-v1").options

    assert shown.pop("alarms")[0] in [dict(one) for one in shipped["alarms"]]
    assert shown["address"].pop("set_by")
    assert shown == {
        key: value if key != "address" else shown["address"] for key, value in shipped.items() if key in shown
    }
    assert {"first": 1, "last": 60}.items() <= shipped["address"].items()
    lines = GUIDE.partition("BO_ ")[2].partition("```")[0]
    assert "BO_ " + lines in profiles.file_of("modules", "increase-v1.dbc").read_text()


def test_it_names_every_key_there_is() -> None:
    for field in attrs.fields(Options):
        assert field.name in GUIDE, field.name


def test_the_example_of_code_is_conformant(acme: ModuleType) -> None:
    claims = conformance.check_codec("acme", acme.DRIVER, load_profile("acme-10"))

    assert [] == [one for one in claims if not one.held]


async def test_and_so_are_its_modules(acme: ModuleType, autojump_clock: MockClock) -> None:
    profile = load_profile("acme-10")
    claims = await conformance_run.check_behaviour(acme.DRIVER, profile, partial(StandIn, "acme", "acme-10"))

    assert [] == [one for one in claims if not one.held]


def test_emulated_modules_of_other_packages_are_found_and_a_broken_one_is_left_out(
    acme: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [
        EntryPoint("acme", "acme_modules:AcmeNode", families.ENTRY_POINTS),
        EntryPoint("gone", "no_such_package:Node", families.ENTRY_POINTS),
    ]
    monkeypatch.setattr(families, "entry_points", lambda group: entries if group == families.ENTRY_POINTS else [])

    assert {"acme": acme.AcmeNode} == families._installed()
    assert "emulated modules gone cannot be loaded" in caplog.text
