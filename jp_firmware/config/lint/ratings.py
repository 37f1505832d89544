"""Rules about what devices can do, by their profiles, against what connectors and wires ask of them.

Profiles are notes about hardware that nobody here has measured: what they contradict is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from jp_firmware.config import watchdogs
from jp_firmware.config.lint import checks
from jp_firmware.config.lint.ratings_of import meter_type
from jp_firmware.config.lint.rule import Rule, Severity, Subject, of_cabinet
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath

JP_PLC_LINK = "jp-plc-link"
BOARD_OPENS_S = 1.0
"""When a board of the JP PLC link opens its contactors by itself (docs/plc-link.md, section 4)."""


def _cable(cabinet: Cabinet) -> Iterator[Mistake]:
    for at, one in enumerate(cabinet.connectors):
        if one.cable_max_current_a is not None and one.cable_max_current_a > one.max_current_a:
            yield Mistake(
                ("connectors", at, "cable_max_current_a"),
                f"{one.cable_max_current_a:g} A is above max_current_a ({one.max_current_a:g}), which holds then; "
                "remove it, or correct one of them",
            )


def _voltage(subject: Subject) -> Iterator[Mistake]:
    for at, one in enumerate(subject.cabinet.connectors):
        path: KeyPath = ("connectors", at, "max_voltage_v")
        rating = subject.rating_of(one.id)
        if rating and subject.says(path) and rating.max_voltage_v < one.max_voltage_v:
            yield Mistake(
                path,
                f"{one.max_voltage_v:g} V is never reached: the modules of connector {one.id} give "
                f"{rating.max_voltage_v:g} V; lower it, or correct their profile",
            )


def _current(subject: Subject) -> Iterator[Mistake]:
    for at, one in enumerate(subject.cabinet.connectors):
        path: KeyPath = ("connectors", at, "max_current_a")
        rating = subject.rating_of(one.id)
        if rating and subject.says(path) and rating.max_current_a < one.current_limit_a:
            yield Mistake(
                path,
                f"{one.current_limit_a:g} A is never reached: all modules that can come to connector {one.id} give "
                f"{rating.max_current_a:g} A; lower it, or add a module",
            )


def _power(subject: Subject) -> Iterator[Mistake]:
    for at, one in enumerate(subject.cabinet.connectors):
        path: KeyPath = ("connectors", at, "max_power_w")
        rating = subject.rating_of(one.id)
        if rating and subject.says(path) and rating.max_power_w < one.max_power_w:
            yield Mistake(
                path,
                f"{one.max_power_w:.12g} W is never reached: all modules that can come to connector {one.id} give "
                f"{rating.max_power_w:.12g} W; lower it, or add a module",
            )


def _meters(subject: Subject) -> Iterator[Mistake]:
    """What a meter cannot measure is no reading, and without readings the connector is out."""
    connectors = {one.id: one for one in subject.cabinet.connectors}
    types = {profile: meter_type(profile) for profile in {one.profile for one in subject.cabinet.meters}}
    for at, meter in enumerate(subject.cabinet.meters):
        connector, measures = connectors.get(meter.connector), types[meter.profile]
        rating = subject.rating_of(connector.id) if connector else None
        if connector is None or measures is None or rating is None:
            continue
        asked = (
            ("V", measures.max_voltage_v, connector.max_voltage_v, rating.max_voltage_v),
            ("A", measures.max_current_a, connector.current_limit_a, rating.max_current_a),
            ("W", measures.max_power_w, connector.max_power_w, rating.max_power_w),
        )
        for unit, has, connector_has, modules_have in asked:
            there = min(connector_has, modules_have)
            if has < there:
                yield Mistake(
                    ("meters", at, "profile"),
                    f"{meter.profile} measures up to {has:.12g} {unit}, and connector {connector.id} can have "
                    f"{there:.12g} {unit}; lower what the connector may have, or fit another meter",
                )


def _mixed(subject: Subject) -> Iterator[Mistake]:
    for at, one in enumerate(subject.cabinet.connectors):
        families = sorted({module.driver for module in subject.reach[one.id]})
        if len(families) > 1:
            yield Mistake(
                ("connectors", at),
                f"modules of several families can come to connector {one.id} ({', '.join(families)}); "
                "keep to one family at a connector",
            )


def _bitrates(subject: Subject) -> Iterator[Mistake]:
    for at, wire in enumerate(subject.cabinet.wires):
        on_wire = {one.profile for one in subject.cabinet.modules if one.wire == wire.name}
        for profile in sorted(on_wire & set(subject.module_types)):
            bitrate = subject.module_types[profile].bitrate
            if wire.is_can and bitrate and bitrate != wire.bitrate:
                yield Mistake(
                    ("wires", at, "bitrate"),
                    f"{wire.bitrate} bit/s, but modules of {profile} speak at {bitrate} bit/s; write bitrate = "
                    f"{bitrate}",
                )


def _boards(cabinet: Cabinet) -> Iterator[Mistake]:
    for at, board in enumerate(cabinet.plc_boards):
        if board.driver == JP_PLC_LINK and board.watchdog_s >= BOARD_OPENS_S:
            yield Mistake(
                ("plc_boards", at, "watchdog_s"),
                f"{board.watchdog_s:g} s is not below the {BOARD_OPENS_S:g} s after which the board opens its "
                "contactors by itself; lower it, 0.5 is usual",
            )


def _silences(subject: Subject) -> Iterator[Mistake]:
    terms = watchdogs.watches(subject.cabinet)
    for at, module in enumerate(subject.cabinet.modules):
        kind = subject.module_types.get(module.profile)
        period_s = terms[f"wires/{module.wire}/{module.id}"].period_s
        if kind and period_s >= kind.silent_off_s:
            yield Mistake(
                ("modules", at, "watchdog_s"),
                f"{module.id} is given {period_s:g} s of silence, but switches off by itself after "
                f"{kind.silent_off_s:g} s; lower its watchdog below that",
            )


RATINGS = (
    Rule(
        id="RULE-35",
        title="A plug that loses its power below where it begins to lose it",
        reason="Between the two temperatures power falls in a straight line; the wrong way round there is none.",
        fix="Let derate_from_c be below derate_to_c.",
        check=of_cabinet(checks.derating),
    ),
    Rule(
        id="RULE-36",
        title="A cable above its connector",
        reason="The smaller of the two holds, so the cable's current changes nothing; often they have been swapped.",
        fix="Remove cable_max_current_a, or correct one of them.",
        severity=Severity.WARNING,
        check=of_cabinet(_cable),
    ),
    Rule(
        id="RULE-37",
        title="A voltage that the modules do not reach",
        reason="A car whose battery is above the modules' voltage cannot be charged, whatever the plug may carry.",
        fix="Write what the modules give, or correct their profile.",
        severity=Severity.WARNING,
        check=_voltage,
    ),
    Rule(
        id="RULE-38",
        title="A current that the modules do not reach",
        reason="All modules that can come to the connector give less together: a module is missing here, or the number "
        "is a wish.",
        fix="Add the missing module, or write what there is.",
        severity=Severity.WARNING,
        check=_current,
    ),
    Rule(
        id="RULE-39",
        title="A power that the modules do not reach",
        reason="All modules that can come to the connector give less together: a module is missing here, or the number "
        "is a wish.",
        fix="Add the missing module, or write what there is.",
        severity=Severity.WARNING,
        check=_power,
    ),
    Rule(
        id="RULE-40",
        title="A meter that cannot measure what its connector can have",
        reason="A reading beyond the meter's range counts as none; without readings the session ends, near full power.",
        fix="Lower what the connector may have, or fit a meter with the range.",
        severity=Severity.WARNING,
        check=_meters,
    ),
    Rule(
        id="RULE-41",
        title="Families mixed at one connector",
        reason="Families differ in how they start, share current and switch off; side by side at one output they have "
        "not been tried.",
        fix="Keep to one family at a connector.",
        severity=Severity.WARNING,
        check=_mixed,
    ),
    Rule(
        id="RULE-42",
        title="A bus at another speed than its modules",
        reason="At the wrong speed no module understands a frame, and the adapter reports errors only.",
        fix="Write the bitrate of the modules' profile at the wire.",
        severity=Severity.WARNING,
        check=_bitrates,
    ),
    Rule(
        id="RULE-43",
        title="A PLC board that is watched for longer than it waits itself",
        reason="The controller must switch the modules off before the board opens its contactors, or they open under "
        "load.",
        fix="Set plc_boards.*.watchdog_s well below 1 s.",
        check=of_cabinet(_boards),
    ),
    Rule(
        id="RULE-44",
        title="A module that is watched for longer than it waits itself",
        reason="By the time the controller notices its silence the module has switched off by itself, and its session "
        "has stood without power.",
        fix="Set its watchdog below silent_off_s of its profile.",
        severity=Severity.WARNING,
        check=_silences,
    ),
)
