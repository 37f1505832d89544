"""Restarting a part of the charger while it runs: what depends on it is told first, and ended in order first.

The tree itself restarts anything with the same safety as after a fault. What is added here is courtesy: a session that
cannot outlive the restart ends as if somebody had stopped it, so that no contactor opens under load for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import trio

from jp_firmware.charging.view import Ending
from jp_firmware.charging.waiting import until
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import StopReason
from jp_firmware.nursery.supervisor import RestartRefused, UnknownPath

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]

ENDING_S = 12.0  # ours, as at the end of the process: closing a session takes less
ANSWER_S = 0.2  # ours: for the answer to reach whoever asked, before the console itself is restarted
CONSOLES, JOURNAL = "consoles", "journal"


@attrs.frozen
class Effect:
    """What a restart takes along. Paths are those of the tree, connectors those with a session now."""

    restarts: tuple[str, ...]
    ends: tuple[ConnectorId, ...]  # cannot go on without it
    reduces: tuple[ConnectorId, ...]  # go on with fewer modules

    @property
    def text(self) -> str:
        """For a person; "" if nobody notices."""
        ends = f"ends the session on {_connectors(self.ends)}" if self.ends else ""
        reduces = f"takes modules from the session on {_connectors(self.reduces)}" if self.reduces else ""
        return ", ".join(filter(None, (ends, reduces)))


@attrs.define(eq=False)
class Restarts:
    """Restarts parts of one charger. `run` belongs beside the tree."""

    _controller: Controller
    _nursery: trio.Nursery | None = attrs.field(init=False, default=None)

    async def run(self) -> None:
        """Carries restarts out that must wait for sessions to end; until cancelled."""
        async with trio.open_nursery() as self._nursery:
            await trio.sleep_forever()

    def effect(self, path: str) -> Effect:
        """What restarting `path` would take along. Raises UnknownPath or RestartRefused."""
        restarts = self._controller.tree.restarted_with(path)
        ends, reduces = [], []
        for key, runner in self._controller.charger.runners.items():
            if runner.in_session:
                if self._cannot_go_on(key, restarts):
                    ends.append(key)
                elif self._modules(key) & self._lost(restarts):
                    reduces.append(key)
        return Effect(tuple(restarts), tuple(ends), tuple(reduces))

    def ask(self, path: str, reason: str, meanwhile: Callable[[], None] | None = None) -> Effect:
        """Restarts `path`, once the sessions that depend on it have ended. Returns at once, with what it takes along.

        `meanwhile` is called while it is down, and must not raise. Raises UnknownPath or RestartRefused.
        """
        effect = self.effect(path)
        if not effect.ends and not any(one.startswith(f"{CONSOLES}/") for one in effect.restarts):
            self._controller.tree.restart(path, reason, meanwhile)
        elif self._nursery is None:
            raise RestartRefused("the charger is not running")
        else:
            self._nursery.start_soon(self._in_order, path, reason, effect, meanwhile)
        return effect

    async def _in_order(self, path: str, reason: str, effect: Effect, meanwhile: Callable[[], None] | None) -> None:
        runners = [self._controller.charger.runners[one] for one in effect.ends]
        for runner in runners:
            runner.end(Ending(StopReason.LOCAL, f"{path} is restarted"))
        with trio.move_on_after(ENDING_S):
            await until(lambda: not any(one.in_session for one in runners), *(one.report for one in runners))
        if not runners:
            await trio.sleep(ANSWER_S)
        try:
            self._controller.tree.restart(path, reason, meanwhile)
        except (RestartRefused, UnknownPath) as error:  # it has changed meanwhile
            self._controller.note("operator", "console", f"restart {path}: {error}")

    def _cannot_go_on(self, connector: ConnectorId, restarts: list[str]) -> bool:
        cabinet = self._controller.cabinet
        needs: set[str] = {one.id for one in cabinet.meters if one.connector == connector}
        needs |= {one.id for one in cabinet.plc_boards if connector in one.connectors}
        modules = self._modules(connector)
        return (
            JOURNAL in restarts
            or f"connectors/connector-{connector}" in restarts
            or bool(needs & _names(restarts))
            or (bool(modules) and modules <= self._lost(restarts))
        )

    def _lost(self, restarts: list[str]) -> set[str]:
        """What is restarted, and the modules that hang over relays of a board that is: it opens them."""
        names, switching = _names(restarts), self._controller.plant.switching
        boards = [one.id for one in self._controller.cabinet.plc_boards if one.id in names]
        return names.union(switching.depending_on(boards) if switching else ())

    def _modules(self, connector: ConnectorId) -> set[str]:
        return {module.id for module in self._controller.plant.stages[connector].members}


def _names(paths: list[str]) -> set[str]:
    return {one.rpartition("/")[2] for one in paths}


def _connectors(ids: tuple[ConnectorId, ...]) -> str:
    word = "connector" if len(ids) == 1 else "connectors"
    return f"{word} {', '.join(map(str, ids))}"
