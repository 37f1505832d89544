"""`jp run`: the controller as a process. Signals, exit statuses, and the one restart it does by itself.

0   told to end, and everything is off
1   could not start: one line says why
70  the tree gave up; everything is off, and the service manager may start it again
71  a task could not be ended: everything was switched off from outside, and the process left it behind
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from jp_firmware.composition.configuration.beginning import Beginning, begin_again
from jp_firmware.composition.configuration.change import Resumed
from jp_firmware.composition.process import Process, check_stop_budget
from jp_firmware.config.schema import ConfigError
from jp_firmware.console.protocol import ConsoleError
from jp_firmware.console.socket_file import claim
from jp_firmware.controller import Controller
from jp_firmware.journal.writer import JournalError
from jp_firmware.nursery import realtime, systemd
from jp_firmware.nursery.supervisor import Escalated

EXIT_ERROR = 1
EXIT_GAVE_UP = 70  # EX_SOFTWARE
EXIT_STUCK = 71  # EX_OSERR

SWITCH_S = 0.0005
"""After which a thread that computes must let another one go on (Python's own: 5 ms). The loop waits for no thread, but
takes its turn after each call of the kernel, while a proposal of a configuration is worked out (`jp bench config`)."""

logger = logging.getLogger("jp")


def run(beginning: Beginning, overrides: Sequence[str], *, device_dir: Path, state_dir: Path, socket: Path) -> int:
    """Runs the charger until SIGTERM or SIGINT. A reset asked for by the central system, and another configuration for
    which all parts must start anew, begin another life of it in this process.

    `beginning` was made with `overrides`.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.setswitchinterval(SWITCH_S)
    faulthandler.enable()  # a watchdog of systemd ends us with SIGABRT: then where each thread was is in its log
    manager = systemd.ServiceManager.of()
    manager.tell("STATUS=starting")
    settings = beginning.cabinet.process
    process = Process(settings, manager, realtime.enter(settings.realtime_priority))
    resumed: Resumed | None = None
    try:
        _make_places(state_dir, socket)
        logger.info("%s", process.scheduling)
        while True:
            controller = partial(
                Controller,
                beginning.cabinet,
                device_dir,
                state_dir,
                socket,
                store=beginning.store,
                overrides=tuple(overrides),
                resumed=resumed,
                guarded=True,
            )
            again, resumed = trio.run(_run_once, controller, process, beginning)
            if not again:
                break
            beginning = begin_again(beginning.store, overrides, keeps=resumed is not None)
            process.configure(beginning.cabinet.process)
            logger.info("starting anew, as asked")
    except (ConfigError, ConsoleError, JournalError) as error:
        return _end(process, str(error), EXIT_ERROR)
    except Escalated as error:
        return _end(process, f"gave up: {error}; everything is off, see the log above", EXIT_GAVE_UP)
    process.left(in_order=True)
    return 0


async def _run_once(
    make: Callable[..., Controller], process: Process, beginning: Beginning
) -> tuple[bool, Resumed | None]:
    """One life of the controller; whether it shall have another, and for which version of the configuration."""
    controller = make(
        on_stuck=partial(_leave, process.manager), scheduling=process.scheduling, process_parts=process.parts
    )
    beginning.tell(controller)
    if controller.guarding:
        controller.guarding.recall()
    check_stop_budget(controller.stop_budget_s, process.stop_allowed_s, invoked=process.manager.invoked)
    process.garbage.before_start()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey_signals, controller, nursery.cancel_scope)
            await controller.run()
            nursery.cancel_scope.cancel(reason="the tree has ended")
    except* Escalated as group:
        raise _only(group) from None
    return controller.restart_wanted, controller.resumes


async def _obey_signals(controller: Controller, scope: trio.CancelScope) -> None:
    """The first signal ends in order and for good, a second one at once; both leave nothing on."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        told = False
        async for number in signals:
            if told:
                scope.cancel(reason="told to end twice")
            told = True
            name = signal.Signals(number).name
            controller.note("operator", "signal", f"{name}: ending in order")
            controller.end_for_good(name)


def _leave(manager: systemd.ServiceManager, path: str) -> None:
    """Trio cannot end a task that resists; the process can. Its hardware has been made safe from outside."""
    logger.critical("%s could not be ended; leaving the process, everything is off", path)
    manager.tell("STOPPING=1", f"STATUS={path} could not be ended; everything is off")
    logging.shutdown()
    os._exit(EXIT_STUCK)


def _only(group: BaseExceptionGroup[Escalated]) -> Escalated:
    first = group.exceptions[0]
    return _only(first) if isinstance(first, BaseExceptionGroup) else first


def _make_places(state_dir: Path, socket: Path) -> None:
    """Raises ConfigError in one line when a directory cannot be had, ConsoleError when the socket is taken."""
    for directory in (state_dir, socket.parent):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{directory}: {error.strerror}; name another with --state-dir or --socket") from None
    claim(socket).release()  # taken by a charger that runs: said now, not by a child that keeps being restarted


def _end(process: Process, text: str, status: int) -> int:
    """The last word; what guards the hardware stays on guard until another controller takes over."""
    print(f"jp run: {text}", file=sys.stderr)
    process.manager.tell(f"STATUS={text}")
    process.left(in_order=False)
    return status
