"""Law 1, swept: a session is cancelled before every step it takes, and each time nothing is left on."""

from __future__ import annotations

import trio

from jp_firmware.charging.view import Ending
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import StopReason
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.charging.bench import Bench
from tests.charging.scenes import TOKEN


def scenario() -> Scenario:
    bench = Bench()

    async def world(scope: trio.CancelScope) -> None:
        with scope:
            await bench.live()

    async def run() -> None:
        """The world outlives the runner, as the wires outlive the connectors in the tree."""
        around = trio.CancelScope(shield=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world, around)
            try:
                await _session(bench)
            finally:
                bench.turn()
                around.cancel()

    def check() -> None:
        assert bench.stage.set_point is None
        assert not bench.ev_link.last.close_contactors
        assert not bench.contactors_closed
        assert bench.opened_under_load == 0
        assert [one.id for one in bench.log.begun] == [one.id for one in bench.log.ended]
        for begun, ended in zip(bench.log.begun, bench.log.ended, strict=True):
            assert ended.meter_stop_wh is not None
            assert begun.meter_start_wh <= ended.meter_stop_wh <= int(bench.energy_wh)

    return Scenario(run=run, check=check)


async def _session(bench: Bench) -> None:
    """Plug, charge for a moment, stop, unplug."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.runner.run, bench.lifeline)
        await bench.lifeline.is_ready.wait()
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await bench.until(lambda: bench.runner.machine.state is ConnectorState.CHARGING)
        await trio.sleep(1.0)
        bench.runner.end(Ending(StopReason.LOCAL))
        await bench.until(lambda: bool(bench.log.ended))
        nursery.cancel_scope.cancel()


def test_cancelled_before_any_step_a_session_leaves_no_power_no_contactor_and_no_open_account() -> None:
    assert cancel_at_every_step(scenario, seeds=range(10)) > 500
