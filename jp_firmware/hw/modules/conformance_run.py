"""Whether emulated modules behave under a driver as the firmware relies on: started, moved, stopped, broken, silenced.

It needs a clock that jumps (`trio.testing.MockClock`): a check of a minute then takes a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from jp_firmware.faults import catalogue
from jp_firmware.hw.modules.carried import OFF_CURRENT_A
from jp_firmware.hw.modules.conformance import Claim
from jp_firmware.hw.modules.conformance_bench import LEASE_S, READY_S, RISE_S, CabinetOf, Stage, Wrong
from jp_firmware.hw.modules.driver import ModuleDriver, ModuleProfile, Ranges, semantics_of
from jp_firmware.hw.modules.shown import REFUSED, SILENT
from jp_firmware.model.signals import Quality

EXACT = 0.005  # ours: how well a set-point arrives and a measurement is told, as a part of the rating

Scenario = Callable[[Stage], Awaitable[None]]


async def check_behaviour(driver: ModuleDriver, profile: ModuleProfile, cabinet_of: CabinetOf) -> tuple[Claim, ...]:
    """Every claim on how modules behave under `driver`, each with modules of its own.

    Raises `ConfigError` for a profile that the driver does not take. Cancelled, it leaves nothing behind.
    """
    semantics = semantics_of(driver, profile)
    claims = []
    for name, says, scenario in SCENARIOS:
        if scenario is _range and (semantics.ranges is Ranges.NONE or not profile.low_range_max_voltage_v):
            continue
        if scenario is _bus_voltage and not semantics.bus_voltage:
            continue
        addresses = (semantics.addresses[min(1, len(semantics.addresses) - 2)], semantics.addresses[-1])
        stage = Stage(driver=driver, profile=profile, cabinet=cabinet_of(addresses), addresses=addresses)
        claims.append(Claim(name, says, await _wrong(stage, scenario)))
    return tuple(claims)


async def _wrong(stage: Stage, scenario: Scenario) -> str:
    wrong = ""
    try:
        async with _running(stage):
            await scenario(stage)
    except* Wrong as group:
        wrong = str(_first(group))
    except* Exception as group:  # noqa: BLE001 - whatever a driver raises is a finding about it
        error = _first(group)
        wrong = f"raises {type(error).__name__}: {error}"
    return wrong


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await stage.run(nursery)
        yield
        nursery.cancel_scope.cancel(reason="the scenario is over")


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


# --- what is claimed --------------------------------------------------------------------------------------------------


async def _starts(stage: Stage) -> None:
    await stage.until(lambda: all(task.usable for task in stage.tasks), READY_S, "the driver hears its modules")
    stage.require(not stage.module.on, "it is on before anybody asked for it")
    stage.deliver(*stage.order)
    within_s = stage.profile.start_within_s + 2 * stage.profile.poll_status_s
    await stage.until(lambda: stage.task.started, within_s, "ON is obeyed and reported, by start_within_s")
    target_a = stage.order[1]
    await stage.until(lambda: stage.module.current_a > 0.98 * target_a, RISE_S, f"the current rises to {target_a:g} A")
    stage.require(not stage.codes, f"a start raises {', '.join(sorted(stage.codes))}")


async def _exact(stage: Stage) -> None:
    await stage.delivering()
    rating = stage.profile.rating
    for more_v, part in ((10.0, 0.9), (25.3, 0.55), (40.0, 1.0)):
        voltage_v, current_a = stage.low_v + more_v, part * stage.order[1]
        stage.deliver(voltage_v, current_a)
        await trio.sleep(RISE_S + 3 * stage.profile.poll_on_s)
        set_v, set_a = stage.module.set_voltage_v or 0.0, stage.module.set_current_a or 0.0
        stage.require(abs(set_v - voltage_v) <= EXACT * rating.max_voltage_v, f"{voltage_v:g} V arrives as {set_v:g} V")
        stage.require(abs(set_a - current_a) <= EXACT * rating.max_current_a, f"{current_a:g} A arrives as {set_a:g} A")
        status = stage.task.status.signal.value
        told_a, true_a = status.current_a if status else 0.0, stage.module.current_a
        stage.require(
            abs(told_a - true_a) <= 2 * EXACT * rating.max_current_a, f"{true_a:.2f} A is told as {told_a:.2f}"
        )
    stage.require(not stage.codes, f"set-points raise {', '.join(sorted(stage.codes))}")


async def _alone(stage: Stage) -> None:
    await stage.delivering()
    stage.require(not stage.neighbour.on, "the module beside it is on too")
    stage.tasks[1].want(*stage.order, trio.current_time() + LEASE_S)
    await stage.until(lambda: stage.neighbour.on, stage.profile.start_within_s, "the module beside it starts")
    stage.off()
    stage.tasks[1].want(*stage.order, trio.current_time() + LEASE_S)
    await trio.sleep(1.0)
    stage.require(stage.neighbour.on, "OFF to one switches the module beside it off")
    stage.require(not stage.module.on, "OFF is not obeyed")


async def _no_start(stage: Stage) -> None:
    await stage.until(lambda: stage.task.usable, READY_S, "the driver hears its modules")
    codec = stage.driver.codec(stage.addresses[0], stage.profile)
    for _ in range(5):
        stage.link.send_now(*codec.set_point(*stage.order))
        await trio.sleep(0.3)
        stage.require(not stage.module.on, "a set-point alone switches it on")


async def _off(stage: Stage) -> None:
    await stage.delivering()
    stage.off()
    within_s = stage.profile.off_within_s
    await stage.until(lambda: stage.module.current_a < OFF_CURRENT_A, within_s, "OFF is obeyed, by off_within_s")
    condition_s = stage.profile.poll_status_s + stage.profile.poll_off_s

    def told_off() -> bool:
        status = stage.task.status.signal.value
        return status is not None and not status.on and status.current_a < OFF_CURRENT_A

    await stage.until(told_off, within_s + condition_s, "it is told that it is off")


async def _lost_off(stage: Stage) -> None:
    await stage.delivering()
    stage.link.cut = True
    stage.off()
    await trio.sleep(0.5)
    stage.link.cut = False
    await stage.until(lambda: not stage.module.on, 1.0, "OFF is repeated when it was lost")


async def _faults(stage: Stage) -> None:
    known = catalogue.load()
    for word in stage.module.faults:
        await stage.delivering()
        stage.module.fault(word)
        within_s = 1.0 + 3 * stage.profile.poll_status_s
        await stage.until(lambda: stage.codes, within_s, f"the fault {word} is told by a code")
        unknown = sorted(stage.codes - known.keys())
        stage.require(not unknown, f"the fault {word} is told as {', '.join(unknown)}, not in the catalogue")
        stage.require(stage.codes - {SILENT, REFUSED}, f"the fault {word} is only told as {', '.join(stage.codes)}")
        stage.module.repair()
        await stage.until(lambda: not stage.codes and stage.task.usable, within_s, f"the fault {word} clears")


async def _silent(stage: Stage) -> None:
    await stage.delivering()
    stage.module.silence()
    await stage.until(lambda: not stage.task.usable, 2.0 + 3 * stage.profile.poll_status_s, "silence is noticed")
    await stage.until(lambda: SILENT in stage.codes, 3.0, f"silence is told as {SILENT}")
    held_a = stage.task.stray_current_a(trio.current_time())
    stage.require(held_a >= 0.9 * stage.order[1], "the current of a silent module is not held back")
    stage.module.repair()
    await stage.until(lambda: stage.task.usable and not stage.codes, 3.0, "it is taken back when it is heard again")


async def _left_alone(stage: Stage) -> None:
    await stage.delivering()
    stage.link.cut = True
    within_s = stage.profile.silent_off_s + 1.0
    await stage.until(lambda: not stage.module.on, within_s, "left alone it switches off, by silent_off_s")


async def _restarted(stage: Stage) -> None:
    await stage.delivering()
    stage.module.power_up(trio.current_time())
    within_s = RISE_S + READY_S + stage.profile.start_within_s
    await trio.sleep(0.5)
    await stage.until(lambda: stage.module.current_a > 0.98 * stage.order[1], within_s, "it is started again")


async def _corrupt(stage: Stage) -> None:
    await stage.delivering()
    stage.module.corrupt()
    signal = stage.task.status
    within_s = 2.0 + 3 * stage.profile.poll_status_s
    await stage.until(lambda: signal.signal.quality is not Quality.GOOD, within_s, "nonsense is not believed")
    stage.module.repair()
    await stage.until(lambda: stage.task.usable, 5.0, "sense is believed again")


async def _range(stage: Stage) -> None:
    await stage.until(lambda: stage.task.usable, READY_S, "the driver hears its modules")
    low_v = stage.profile.low_range_max_voltage_v
    for high in (False, True):
        stage.task.choose_range(low_v + 100 if high else low_v - 1)
        within_s = 3 * stage.profile.range_settle_s + 3.0
        word = "high" if high else "low"
        await stage.until(
            lambda high=high: stage.module.high_range is high and stage.task.usable,  # type: ignore[misc]
            within_s,
            f"the {word} range is chosen while it is off",
        )
        stage.deliver(*stage.order)
        await stage.until(lambda: stage.module.current_a > 0.98 * stage.order[1], RISE_S + 4, f"it delivers in {word}")
        stage.off()
        await stage.until(lambda: not stage.module.on, stage.profile.off_within_s, "OFF is obeyed")


async def _bus_voltage(stage: Stage) -> None:
    """The car's battery stands at the bus-bar all the time, the module's own output comes and goes."""
    await stage.delivering()
    stage.off()

    close_v = EXACT * stage.profile.max_voltage_v + 1.0

    def told() -> bool:
        status = stage.task.status.signal.value
        bus_v = status.bus_voltage_v if status else None
        return bus_v is not None and abs(bus_v - stage.low_v) < close_v

    await stage.until(told, 10.0, f"off, it tells the {stage.low_v:g} V that stand at its bus-bar")
    status = stage.task.status.signal.value
    stage.require(status and status.voltage_v < 0.5 * stage.low_v, "its own output is told as that of its bus-bar")


SCENARIOS: tuple[tuple[str, str, Scenario], ...] = (
    ("starts", "it is heard, off until it is asked, starts in its time and rises to what it is asked for", _starts),
    ("exact", "set-points arrive as they were meant, and measurements are told as they are", _exact),
    ("leaves-neighbours", "the module beside it is never moved", _alone),
    ("no-start-by-set-point", "a set-point alone does not start it", _no_start),
    ("off", "OFF is obeyed and reported in its time", _off),
    ("lost-off", "OFF that was lost is said again", _lost_off),
    ("faults", "each fault is told by a code of the catalogue, and clears", _faults),
    ("silent", "silence is told, its current held back, and it is taken back when it is heard", _silent),
    ("left-alone", "without the controller it switches itself off in its time", _left_alone),
    ("restarted", "a module that was restarted is started again", _restarted),
    ("corrupt", "damaged answers are not believed and do no harm", _corrupt),
    ("bus-voltage", "off, it tells the voltage that it is joined to, not its own", _bus_voltage),
    ("range", "its output range is chosen while it is off, and it delivers in both", _range),
)
