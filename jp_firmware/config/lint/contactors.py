"""Contactors between modules and connectors, against what the modules behind them give by their profiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jp_firmware.config.lint.rule import Rule, Severity, Subject
from jp_firmware.config.schema import BusBar
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath
from jp_firmware.model.ids import ConnectorId, ModuleId


def _switches(subject: Subject) -> Iterator[Mistake]:
    for at, one in enumerate(subject.cabinet.switches):
        path: KeyPath = ("switches", at, "max_current_a")
        yield from _too_weak(subject, path, one.max_current_a, one.connector, [one.module])


def _ties(subject: Subject) -> Iterator[Mistake]:
    for at, bar in enumerate(subject.cabinet.bus_bars):
        for nth, segment in enumerate(bar.segments):
            if segment.tie:
                path: KeyPath = ("bus_bars", at, "segments", nth, "tie", "max_current_a")
                for connector, modules in _over(bar, nth):
                    yield from _too_weak(subject, path, segment.tie.max_current_a, connector, modules)


def _over(bar: BusBar, nth: int) -> Iterator[tuple[ConnectorId, list[ModuleId]]]:
    """Who can be fed over the tie behind segment `nth`, one connector to each side, and by which modules."""
    for near, far, step in ((nth, nth + 1, 1), (nth + 1, nth, -1)):
        hosts = [bar.segments[at].connector for at in _side(bar, near, -step)]
        modules = [module for at in _side(bar, far, step) for module in _free(bar, at)]
        host = next((one for one in hosts if one is not None), None)
        if host is not None:
            yield host, modules


def _side(bar: BusBar, start: int, step: int) -> list[int]:
    """Segments from one on, up to and with the first at which a connector stands."""
    count, side = len(bar.segments), []
    for distance in range(count):
        at = start + step * distance
        if bar.segments[-1].tie is None and not 0 <= at < count:
            break
        side.append(at % count)
        if bar.segments[at % count].connector is not None:
            break
    return side


def _free(bar: BusBar, at: int) -> Iterable[ModuleId]:
    segment = bar.segments[at]
    return segment.modules if segment.connector is None else ()


def _too_weak(
    subject: Subject, path: KeyPath, carries_a: float | None, connector: ConnectorId, modules: Iterable[ModuleId]
) -> Iterator[Mistake]:
    cabinet = subject.cabinet
    profiles = {one.id: one.profile for one in cabinet.modules}
    types = [subject.module_types.get(profiles.get(module, "")) for module in modules]
    takes_a = next((one.current_limit_a for one in cabinet.connectors if one.id == connector), 0.0)
    come_a = min(sum(one.rating.max_current_a for one in types if one), takes_a)
    if carries_a is not None and carries_a < come_a:
        yield Mistake(
            path,
            f"{carries_a:g} A is less than the {come_a:g} A that can come over it to connector {connector}; "
            "correct it, fit a larger contactor, or leave that power unused",
        )


CONTACTORS = (
    Rule(
        id="RULE-45",
        title="A contactor that carries less than the modules behind it give",
        reason="The modules are held back to what it carries, so part of their power can never be had over it.",
        fix="Fit a contactor for what can come over it, or correct its max_current_a.",
        severity=Severity.WARNING,
        check=lambda subject: [*_switches(subject), *_ties(subject)],
    ),
)
