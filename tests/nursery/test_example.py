"""The example of docs/supervision.md is a program: it runs as it says, and nothing of it outlives a cancellation."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.testing import Scenario, cancel_at_every_step, nothing_left

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "supervised.py"


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supervised_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # attrs looks its classes' module up
    spec.loader.exec_module(module)
    return module


async def test_the_example_does_what_it_says(autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]) -> None:
    parts = await example().main()

    assert parts.log[0] == "kettle/line/thermometer: watchdog", "frozen: it answered, and did not feed"
    assert "kettle/line: stopped" in parts.log, "the operator's restart"
    assert parts.log[-4:] == [
        "kettle/thermostat: stopped",
        "kettle/line/thermometer: stopped",
        "kettle/line/port: stopped",
        "kettle/line: stopped",
    ], "the end: in reverse order"
    assert not parts.kettle.heating
    assert "ended watchdog" in capsys.readouterr().out


def test_it_runs_as_a_program_that_imports_nothing_else_of_the_charger() -> None:
    code = (
        f"import runpy; runpy.run_path({str(EXAMPLE)!r}); import sys\n"
        "print(sorted({m.split('.')[1] for m in sys.modules if m.startswith('jp_firmware.')}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['nursery']"


def test_cancelled_at_any_step_the_kettle_is_cold_and_no_task_is_left() -> None:
    module = example()

    def scenario() -> Scenario:
        parts = module.Parts(module.Kettle())

        async def run() -> None:
            with nothing_left(lambda: ["heater"] if parts.kettle.heating else []), trio.move_on_after(0.6):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(parts.kettle.live)
                    await module.tree_of(parts).run()

        def check() -> None:
            assert not parts.kettle.heating

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, seeds=range(2)) > 2 * 30


def test_the_page_shows_the_tree_of_the_example() -> None:
    """What is quoted on the page is what runs: the same parts with the same terms."""
    page = (EXAMPLE.parents[1] / "supervision.md").read_text(encoding="utf-8")
    quoted = page.split("```python")[1].split("```")[0]
    code = EXAMPLE.read_text(encoding="utf-8")

    for term in (
        'name="port", run=parts.line',
        "watchdog_s=0.5, backoff=Backoff(first_s=0.2, cap_s=1.0)",
        "safe=parts.heater_safe",
    ):
        assert term in quoted
        assert term in code
