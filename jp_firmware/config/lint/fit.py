"""Rules about the parts of a cabinet: whether each has what it needs, is what its place asks for, and is there once."""

from __future__ import annotations

from collections.abc import Iterator

from jp_firmware.config import watchdogs
from jp_firmware.config.lint import checks, relays, templates
from jp_firmware.config.lint.rule import Rule, Severity, of_cabinet
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake


def _unused_wires(cabinet: Cabinet) -> Iterator[Mistake]:
    used = {one.wire for _, one in checks.devices(cabinet)}
    if cabinet.site_meter:
        used.add(cabinet.site_meter.wire)
    for at, wire in enumerate(cabinet.wires):
        if wire.name not in used:
            yield Mistake(("wires", at), "carries no device; name it at one, or remove the wire")


def _without_reader(cabinet: Cabinet) -> Iterator[Mistake]:
    if not cabinet.readers or any(not one.connectors for one in cabinet.readers):
        return
    served = {connector for one in cabinet.readers for connector in one.connectors}
    for at, connector in enumerate(cabinet.connectors):
        if connector.id not in served:
            what = f"is served by no reader, the others are; name {connector.id} in one reader's connectors"
            yield Mistake(("connectors", at), what)


FIT = (
    Rule(
        id="RULE-01",
        title="A name that is none, or that two parts have",
        reason="Names are paths of the tree, sources of faults and words of commands: each must mean one part.",
        fix='Give each wire, device and reader a name of its own, of letters, digits, "-" and "_".',
        check=of_cabinet(checks.names),
    ),
    Rule(
        id="RULE-02",
        title="A port used twice",
        reason="Two owners of one port take each other's answers.",
        fix="Give each wire and each reader a port of its own; udev/70-jp.rules names adapters by their place.",
        check=of_cabinet(checks.ports),
    ),
    Rule(
        id="RULE-03",
        title="A wire that cannot be opened as it is written",
        reason="A wire over TCP needs a host and a port number, a serial one or a network interface needs its name.",
        fix="Write host and port for modbus-tcp, the port alone for all others.",
        check=of_cabinet(checks.wire_keys),
    ),
    Rule(
        id="RULE-04",
        title="A device on a wire that is not there, or of the wrong kind",
        reason="Modules speak CAN; meters and PLC boards speak Modbus. On another wire nobody answers them.",
        fix="Name a wire of the device's kind.",
        check=of_cabinet(checks.wires_of_devices, checks.site_meter_wire),
    ),
    Rule(
        id="RULE-05",
        title="A PLC board that shares its wire",
        reason="The board opens its contactors when the controller is silent for 1 s; a device that does not answer on "
        "the same line takes that time away.",
        fix="Give each PLC board a wire of its own.",
        check=of_cabinet(checks.boards_alone, checks.site_meter_apart),
    ),
    Rule(
        id="RULE-06",
        title="An address used twice on one wire",
        reason="Two devices at one address answer at once, and neither is understood.",
        fix="Set another address at one of them, and write it here.",
        check=of_cabinet(checks.addresses, checks.site_meter_unit),
    ),
    Rule(
        id="RULE-07",
        title="A device for a connector that is not there",
        reason="What serves a connector must say which; a number that nobody knows is a slip of the pen.",
        fix="Name connectors that stand under [[connectors]], each once.",
        check=of_cabinet(checks.connectors_of_devices),
    ),
    Rule(
        id="RULE-08",
        title="A connector that is incomplete",
        reason="A connector charges with one PLC board, one meter, and at least one module.",
        fix="Name it at one board and at one meter, and at its modules.",
        check=of_cabinet(checks.connectors),
    ),
    Rule(
        id="RULE-09",
        title="A driver that is not installed",
        reason="Without its driver nobody can speak to the device.",
        fix="Name one that is installed, or install the package that brings it.",
        check=of_cabinet(checks.drivers),
    ),
    Rule(
        id="RULE-10",
        title="A profile that is not there",
        reason="The profile says what the device can do and how it is read; without it nothing is assumed.",
        fix="Name one of the profiles, or add a file to a directory named by JP_PROFILES.",
        check=of_cabinet(checks.profiles, checks.site_meter_profile),
    ),
    Rule(
        id="RULE-11",
        title="A profile that is only a template",
        reason="Its numbers are nobody's; a module driven by them may be asked for what it cannot do.",
        fix="Copy it, fill it in from the vendor's manual, and set template = false there.",
        check=of_cabinet(templates.mistakes),
    ),
    Rule(
        id="RULE-12",
        title="Switches or bridges that lead nowhere",
        reason="Modules move over the ways that are written; a way to nowhere, or none home, strands a module.",
        fix="Name modules, connectors and bridges that there are; one switch of a module leads to its own connector.",
        check=of_cabinet(relays.bridges, relays.switches, relays.homes),
    ),
    Rule(
        id="RULE-13",
        title="A bus-bar that cannot be joined as it is written",
        reason="Ties join neighbours only, and two connectors must never be joined.",
        fix="Join each segment to the next, with a free segment between two connectors.",
        check=of_cabinet(relays.bus_bars),
    ),
    Rule(
        id="RULE-14",
        title="A module or connector in two places",
        reason="A module is wired to one segment, or hangs on switches; a connector has contactors at one segment.",
        fix="Write each where it is wired, once.",
        check=of_cabinet(relays.one_place_each),
    ),
    Rule(
        id="RULE-15",
        title="A relay of no board, or used twice",
        reason="A relay is one contactor. Used twice, closing one way closes another.",
        fix="Name a board that there is, and give each switch, bridge and tie a relay of its own.",
        check=of_cabinet(relays.relays),
    ),
    Rule(
        id="RULE-16",
        title="A watchdog of nothing, or out of its part's range",
        reason="An entry that names no part changes nothing; a period outside the range never expires, or always.",
        fix="Name a path of `jp tree`, and a period of docs/supervision.md.",
        check=of_cabinet(watchdogs.mistakes),
    ),
    Rule(
        id="RULE-17",
        title="A watchdog entry that a later one overrules",
        reason="Both change the same term of the same parts; the later one holds, and the other misleads its reader.",
        fix="Remove one of the two.",
        severity=Severity.WARNING,
        check=of_cabinet(watchdogs.overruled),
    ),
    Rule(
        id="RULE-18",
        title="A wire that carries nothing",
        reason="It is opened and watched for nothing, and its missing adapter is a fault that nobody needs.",
        fix="Name it at a device, or remove it.",
        severity=Severity.WARNING,
        check=of_cabinet(_unused_wires),
    ),
    Rule(
        id="RULE-19",
        title="A connector without a reader, beside others that have one",
        reason="A card held to any reader starts nothing there.",
        fix="Name the connector at a reader; a reader that names none serves all.",
        severity=Severity.WARNING,
        check=of_cabinet(_without_reader),
    ),
)
