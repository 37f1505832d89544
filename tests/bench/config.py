"""What a change of the configuration takes: a text examined, a lower limit on the wire, and what others notice of it.

The charger and its emulated cabinet are processes of their own, on one monotonic clock; examining and drafting are also
measured alone, in this process. Times are milliseconds; of what is in the table, `limit_to_wire_ms` is `limit.set` on
the same site at the same time: what `apply_to_wire_ms` takes beyond it is the price of a configuration.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
import trio

from jp_firmware.config.draft import InForce, draft
from jp_firmware.config.examine import examine
from jp_firmware.config.profiles import DATA
from jp_firmware.config.store import of_text
from jp_firmware.config.text.edits import Put
from jp_firmware.console.client import ConsoleClient
from jp_firmware.daemon import SWITCH_S
from jp_firmware.demo.site import Site, wait_for
from tests.bench.delivering import delivering
from tests.bench.limit_to_wire import LOWER_W, SHARE_W, _all_above, _all_lowered
from tests.bench.report import distribution, print_report

CONNECTORS = 4
LINES = 300
TRIALS, QUICK = 100, 10
USUAL_SWITCH_S = 0.005  # Python's own
TICK_S = 0.001
WATCHED_S, QUICK_WATCHED_S = 20.0, 6.0
DEMO = DATA / "profiles/cabinets/demo.toml"

Json = dict[str, Any]


# --- texts, in this process ------------------------------------------------------------------------------------------


def text_of(lines: int) -> str:
    """The example cabinet, made as long by cards that it knows."""
    text = DEMO.read_text()
    cards = "".join(
        f'    {{ uid = "04{number:012X}", name = "Card {number}" }},\n' for number in range(lines - text.count("\n"))
    )
    return text.replace("local_list = [\n", f"local_list = [\n{cards}", 1)


def validate_ms(trials: int) -> list[float]:
    """One text examined with all rules."""
    text = text_of(LINES)
    found = []
    for _ in range(trials):
        begun = time.perf_counter()
        assert examine(text).cabinet is not None
        found.append((time.perf_counter() - begun) * 1000)
    return found


def loop_late_ms(drafts: int, switch_s: float) -> list[float]:
    """How late a loop's task is woken while a worker thread makes drafts."""
    text = text_of(LINES)
    in_force = InForce(number=1, text=text, cabinet=of_text(text, DEMO))
    late: list[float] = []

    async def tick() -> None:
        while True:
            due_s = trio.current_time() + TICK_S
            await trio.sleep_until(due_s)
            late.append(max(0.0, trio.current_time() - due_s) * 1000)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            for number in range(drafts):
                one = partial(draft, in_force, edits=[Put("site.limit_w", 100_000.0 + number)])
                await trio.to_thread.run_sync(one)
            nursery.cancel_scope.cancel()

    before_s = sys.getswitchinterval()
    sys.setswitchinterval(switch_s)
    gc.disable()  # the charger collects garbage when it is idle
    try:
        trio.run(run)
    finally:
        gc.enable()
        sys.setswitchinterval(before_s)
    return late


# --- a charger that delivers -----------------------------------------------------------------------------------------


@attrs.define
class Running:
    """A site that delivers on all connectors. No two limits are the same, so that no draft has been made before."""

    site: Site
    console: ConsoleClient
    version: int
    _nudge: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    @property
    def modules(self) -> list[str]:
        return [one.id for one in self.site.cabinet.modules]

    def limit_to_wire_ms(self) -> float:
        """`limit.set`."""
        return self._cut(lambda limit_w: self.console.call("limit.set", site_w=limit_w))

    def apply_to_wire_ms(self, drafted: bool) -> float:
        """`config.apply`; a console has asked what it would be before, or has not."""
        edits = [{"put": "site.limit_w", "value": self._lower_w()}]
        self._wait_for_power()
        if drafted:
            assert self.console.call("config.check", edits=edits)["errors"] == 0
        begun = time.monotonic()
        self._apply(edits)
        taken = self._until_lowered(begun)
        self._apply([{"put": "site.limit_w", "value": SHARE_W * len(self.modules)}])
        return taken

    def _apply(self, edits: list[Json]) -> None:
        """Answers tell the version; the topic may be a moment old."""
        answer = self.console.call("config.apply", edits=edits, base=self.version)
        assert answer["result"] == "applied", answer
        self.version = answer["version"]

    def _cut(self, cut: Callable[[float], Any]) -> float:
        limit_w = self._lower_w()
        self._wait_for_power()
        begun = time.monotonic()
        cut(limit_w)
        taken = self._until_lowered(begun)
        cut(SHARE_W * len(self.modules))
        return taken

    def _lower_w(self) -> float:
        return LOWER_W * len(self.modules) - next(self._nudge)

    def _wait_for_power(self) -> None:
        wait_for(lambda: _all_above(self.site, LOWER_W * 1.5), "power to be back", 30)

    def _until_lowered(self, begun: float) -> float:
        last = wait_for(lambda: _all_lowered(self.site, self.modules, begun), "lower set-points", 10)
        return (last - begun) * 1000

    # --- what others notice ----------------------------------------------------------------------------------------

    def gaps(self, for_s: float, meanwhile: Callable[[], object] = lambda: None) -> dict[str, float]:
        """The longest gap seen in each part that is watched, in shares of its watchdog, but connector 1's own."""
        worst: dict[str, float] = {}
        ends_s = time.monotonic() + for_s
        thread = threading.Thread(target=meanwhile)
        thread.start()
        while time.monotonic() < ends_s or thread.is_alive():
            for path, node in _leaves(self.console.call("tree.get")):
                if node["gap_s"] is not None and node["watchdog_s"] and not _is_of_connector_1(path):
                    worst[path] = max(worst.get(path, 0.0), node["gap_s"] / node["watchdog_s"])
            time.sleep(0.02)
        thread.join()
        return worst

    def apply(self, key: str, value: Any) -> str:
        with ConsoleClient(self.site.console_socket) as console:
            edits = [{"put": key, "value": value}]
            answer = console.call("config.apply", edits=edits, base=self.version, force=True)
            self.version = answer.get("version", self.version)
            return str(answer["result"])


def _leaves(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Json]]:
    for one in node.get("children", ()):
        path = f"{above}{one['name']}"
        yield from [(path, one)] if not one.get("children") else _leaves(one, f"{path}/")


def _is_of_connector_1(path: str) -> bool:
    """Its own parts; and the board and wires that it shares are the others' as well."""
    return path.rpartition("/")[2] in ("connector-1", "module-1", "meter-1") or path.startswith(("backend", "forecast"))


@contextmanager
def running() -> Iterator[Running]:
    with delivering(CONNECTORS) as site, ConsoleClient(site.console_socket) as console:
        yield Running(site, console, console.call("config.get")["version"])


@contextmanager
def drafting(site: Site) -> Iterator[None]:
    """Meanwhile somebody asks again and again what a change would be."""
    stop = threading.Event()

    def ask() -> None:
        with ConsoleClient(site.console_socket) as console:
            for number in itertools.count():
                if stop.is_set():
                    return
                console.call("config.check", edits=[{"put": "planner.rotate_s", "value": 100.0 + number}])

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def on_a_charger(trials: int, watched_s: float) -> Json:
    results: Json = {}
    with running() as one:
        results["limit_to_wire_ms"] = distribution([one.limit_to_wire_ms() for _ in range(trials)])
        results["apply_to_wire_ms"] = distribution([one.apply_to_wire_ms(drafted=True) for _ in range(trials)])
        results["apply_undrafted_ms"] = distribution([one.apply_to_wire_ms(drafted=False) for _ in range(trials)])
        with drafting(one.site):
            results["limit_while_drafting_ms"] = distribution([one.limit_to_wire_ms() for _ in range(trials)])
        beyond = results["apply_to_wire_ms"]["p99"] - results["limit_to_wire_ms"]["p99"]
        results["apply_beyond_wire_p99_ms"] = round(beyond, 2)
        print("measured the wire", file=sys.stderr)
        changes: tuple[tuple[str, Callable[[], object]], ...] = (
            ("nothing", lambda: None),
            ("connector 1's current", lambda: one.apply("connectors.1.max_current_a", 150.0)),
            ("module-1's address", lambda: one.apply("modules.module-1.address", 40)),
        )
        for name, change in changes:
            gaps = one.gaps(watched_s, change)
            worst = max(gaps, key=gaps.__getitem__)
            results[f"others' worst gap, {name}"] = f"{gaps[worst]:.0%} of its watchdog"
            print(f"{name}: {gaps[worst]:.0%} at {worst}", file=sys.stderr)
        others = [key for key in one.site.status()["connectors"].items() if key[0] != "1"]  # type: ignore[index]
        results["others still charging"] = sum(told["state"] == "charging" for _, told in others)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="jp bench config", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials: a look, not a measurement")
    quick = parser.parse_args().quick
    trials = QUICK if quick else TRIALS
    results: Json = {"validate_ms": distribution(validate_ms(trials))}
    for name, switch_s in (("python's", USUAL_SWITCH_S), ("ours", SWITCH_S)):
        results[f"loop_late_ms, switch interval {name}"] = distribution(loop_late_ms(trials, switch_s))
    print("measured texts", file=sys.stderr)
    results |= on_a_charger(trials, QUICK_WATCHED_S if quick else WATCHED_S)
    print_report(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
