"""A signal ends the charger for good, also one that is just ending to begin another life."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from jp_firmware.config import store
from jp_firmware.controller import Controller
from jp_firmware.daemon import _obey_signals

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
WITHIN_S = 60.0


@asynccontextmanager
async def obeying(tmp_path: Path) -> AsyncIterator[tuple[Controller, trio.CancelScope]]:
    """A controller that nothing runs, and the scope that a second signal cancels."""
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    with trio.fail_after(WITHIN_S), trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey_signals, controller, scope)
            await trio.testing.wait_all_tasks_blocked()
            yield controller, scope
            nursery.cancel_scope.cancel()


async def tell(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    await trio.testing.wait_all_tasks_blocked(0.05)


@pytest.mark.parametrize("number", SIGNALS)
async def test_one_signal_ends_in_order(number: signal.Signals, tmp_path: Path) -> None:
    async with obeying(tmp_path) as (controller, scope):
        await tell(number)
        assert controller.ending.is_set()
        assert not scope.cancel_called


async def test_a_charger_that_ends_to_start_anew_is_stopped_in_order_and_stays_so(tmp_path: Path) -> None:
    async with obeying(tmp_path) as (controller, scope):
        controller.start_anew("for another configuration")
        lives_again = [controller.restart_wanted]
        await tell(signal.SIGTERM)
        assert [*lives_again, controller.restart_wanted] == [True, False]
        assert controller.resumes is None
        assert not scope.cancel_called, "it was told once"


async def test_two_signals_end_at_once(tmp_path: Path) -> None:
    async with obeying(tmp_path) as (controller, scope):
        await tell(signal.SIGINT)
        await tell(signal.SIGTERM)
    assert scope.cancelled_caught
    assert controller.ending.is_set()


async def test_a_reset_after_the_signal_begins_no_other_life(tmp_path: Path) -> None:
    async with obeying(tmp_path) as (controller, _):
        await tell(signal.SIGTERM)
        controller._restart(hard=False)
        assert not controller.restart_wanted
        controller.start_anew("for another configuration")
        assert not controller.restart_wanted
