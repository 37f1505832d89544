"""What one key alone cannot tell: whether the parts of a cabinet fit together.

Pure; each check is a rule's, or a part of one (`lint.fit`), and none relies on what another may find wanting.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import entry_points
from ipaddress import ip_address
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from jp_firmware.config.profiles import path_of
from jp_firmware.config.schema import Cabinet, ConfigError, Meter, Module, PlcBoard, Reader, Wire
from jp_firmware.config.structure import Mistake, suggest, twice
from jp_firmware.config.text.lines import KeyPath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_NOT_IN_URL = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")  # RFC 3986, section 2
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")  # as DNS has them, and "_"

Device: TypeAlias = Module | Meter | PlcBoard


def devices(cabinet: Cabinet) -> Iterator[tuple[KeyPath, Device]]:
    yield from ((("modules", at), one) for at, one in enumerate(cabinet.modules))
    yield from ((("meters", at), one) for at, one in enumerate(cabinet.meters))
    yield from ((("plc_boards", at), one) for at, one in enumerate(cabinet.plc_boards))


def names(cabinet: Cabinet) -> Iterator[Mistake]:
    """Names are used in the tree, in faults and in `--set`: one name, one thing."""
    named: list[tuple[KeyPath, str]] = [(("wires", at, "name"), one.name) for at, one in enumerate(cabinet.wires)]
    named += [((*at, "id"), one.id) for at, one in devices(cabinet)]
    named += [(("readers", at, "id"), one.id) for at, one in enumerate(cabinet.readers)]
    for path, name in named:
        if not _NAME.fullmatch(name):
            yield Mistake(path, f'"{name}" is no name; use letters, digits, "-" and "_"')
        elif re.fullmatch(r"connector-\d+", name):
            yield Mistake(path, f'"{name}" is the name of a connector itself; choose another')
    yield from twice(named, lambda name: f'"{name}" is used twice; give each wire and device a name of its own')


def identity(cabinet: Cabinet) -> Iterator[Mistake]:
    """It stands in the URL that is called, and before the password in HTTP Basic."""
    name = cabinet.charger.identity
    if not re.fullmatch(r"[A-Za-z0-9*_=:+|@.-]{1,48}", name):  # OCPP 2.0.1 identifierString
        yield Mistake(
            ("charger", "identity"),
            f'"{name}" cannot stand in a URL; use 1 to 48 letters, digits and * - _ = : + | @ .',
        )
    elif ":" in name and cabinet.backend.password:
        yield Mistake(
            ("charger", "identity"), f'"{name}" holds a colon, where HTTP Basic begins the password; remove it'
        )


def retries(cabinet: Cabinet) -> Iterator[Mistake]:
    backend = cabinet.backend
    if backend.retry_cap_s < backend.retry_first_s:
        yield Mistake(
            ("backend", "retry_cap_s"),
            f"{backend.retry_cap_s:g} is below retry_first_s ({backend.retry_first_s:g}); raise one or lower the other",
        )


def url(cabinet: Cabinet) -> Iterator[Mistake]:
    """Whether it can be called at all."""
    text = cabinet.backend.url
    at: KeyPath = ("backend", "url")
    if not text:
        return
    if wrong := _NOT_IN_URL.search(text):
        what = f"holds {wrong[0]!r}, which cannot stand in a URL"
        yield Mistake(at, f"{what}; remove it, or encode it: {quote(wrong[0])}, in a host's name as xn--…")
        return
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        usable = False
    if not usable or parts.netloc.endswith(":"):
        yield Mistake(at, "is no address of a central system; write ws://HOST/PATH or wss://HOST/PATH")
    elif parts.username or parts.password:
        yield Mistake(at, "must not hold the password; write it in backend.password")
    elif not _is_host(parts.hostname or ""):
        yield Mistake(at, f'"{parts.hostname}" is neither a name nor an address; correct it')


def _is_host(text: str) -> bool:
    """A name of DNS, or an address; only figures and dots are an address."""
    try:
        ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text)) and not re.fullmatch(r"[0-9.]+", text)
    return True


def wire_keys(cabinet: Cabinet) -> Iterator[Mistake]:
    """Each kind of wire has its own way to say where it is."""
    for at, wire in enumerate(cabinet.wires):
        yield from _wire(("wires", at), wire)


def ports(cabinet: Cabinet) -> Iterator[Mistake]:
    """A port carries one wire or one reader."""
    used: list[tuple[KeyPath, str]] = [
        (("wires", at, "port"), f"{one.host}:{one.port}" if one.host else _place(one.port))
        for at, one in enumerate(cabinet.wires)
    ]
    used += [(("readers", at, "port"), _place(one.port)) for at, one in enumerate(cabinet.readers)]
    yield from twice(used, lambda port: f'"{port}" is used twice; a port carries one wire or one reader')


def _place(port: str) -> str:
    """One port in one spelling: `./ttyUSB0` and `/dev/ttyUSB0` are ttyUSB0, unless --device-dir says otherwise."""
    return posixpath.normpath(port.removeprefix("/dev/")) if port else port


def _wire(at: KeyPath, wire: Wire) -> Iterator[Mistake]:
    if wire.kind == "modbus-tcp":
        if not wire.host:
            yield Mistake((*at, "host"), "is missing; a modbus-tcp wire needs the host's name or address")
        if not (wire.port.isascii() and wire.port.isdigit() and 1 <= int(wire.port) <= 65535):
            yield Mistake((*at, "port"), f'"{wire.port}" is no TCP port; allowed: "1" to "65535" (Modbus: "502")')
    else:
        if wire.host:
            yield Mistake((*at, "host"), f"means nothing to a {wire.kind} wire; remove it, or make it modbus-tcp")
        if not wire.port:
            yield Mistake((*at, "port"), f"is empty; name the {_port_of(wire)}")


def _port_of(wire: Wire) -> str:
    return "network interface, as in can0" if wire.kind == "socketcan" else "tty below the device directory"


def wires_of_devices(cabinet: Cabinet) -> Iterator[Mistake]:
    wires = {wire.name: wire for wire in cabinet.wires}
    for at, device in devices(cabinet):
        wire = wires.get(device.wire)
        if wire is None:
            yield Mistake((*at, "wire"), f'there is no wire "{device.wire}"; {suggest(device.wire, list(wires))}')
        elif isinstance(device, Module) and not wire.is_can:
            yield Mistake((*at, "wire"), f'"{wire.name}" is a {wire.kind} wire; a module needs slcan or socketcan')
        elif not isinstance(device, Module) and wire.is_can:
            never = ", never the modules' CAN bus" if isinstance(device, PlcBoard) else ""
            yield Mistake(
                (*at, "wire"), f'"{wire.name}" is a {wire.kind} wire; this needs modbus-rtu or modbus-tcp{never}'
            )


def boards_alone(cabinet: Cabinet) -> Iterator[Mistake]:
    """Nothing else may take a board's time on the line."""
    wires = {wire.name: wire for wire in cabinet.wires}
    for number, board in enumerate(cabinet.plc_boards):
        shared = sorted(one.id for _, one in devices(cabinet) if one.wire == board.wire and one.id != board.id)
        if shared and board.wire in wires and not wires[board.wire].is_can:
            yield Mistake(
                ("plc_boards", number, "wire"),
                f'"{board.wire}" also carries {", ".join(shared)}; give the board a wire of its own',
            )


def addresses(cabinet: Cabinet) -> Iterator[Mistake]:
    modules = [(("modules", at, "address"), (one.wire, one.address)) for at, one in enumerate(cabinet.modules)]
    yield from twice(modules, lambda it: f"{it[1]} is used twice on {it[0]}; give each module its own address")
    units: list[tuple[KeyPath, Any]] = [
        (("meters", at, "unit"), (one.wire, one.unit)) for at, one in enumerate(cabinet.meters)
    ]
    yield from twice(units, lambda it: f"{it[1]} is used twice on {it[0]}; give each meter its own unit")


def connectors_of_devices(cabinet: Cabinet) -> Iterator[Mistake]:
    known = [one.id for one in cabinet.connectors]
    served: list[tuple[KeyPath, int]] = [
        (("modules", at, "connector"), m.connector) for at, m in enumerate(cabinet.modules)
    ]
    served += [(("meters", at, "connector"), m.connector) for at, m in enumerate(cabinet.meters)]
    lists: list[tuple[str, Sequence[PlcBoard | Reader]]] = [
        ("plc_boards", cabinet.plc_boards),
        ("readers", cabinet.readers),
    ]
    for key, devices in lists:
        for at, device in enumerate(devices):
            own: list[tuple[KeyPath, int]] = [
                ((key, at, "connectors", nth), one) for nth, one in enumerate(device.connectors)
            ]
            yield from twice(own, lambda one: f"{one} is named twice; remove one")
            served += own
    for path, connector in served:
        if connector not in known:
            yield Mistake(path, f"there is no connector {connector}; {_known_connectors(known)}")
    for at, board in enumerate(cabinet.plc_boards):
        if not board.connectors:
            yield Mistake(("plc_boards", at, "connectors"), "is empty; name the connectors of the board's blocks")


def _known_connectors(known: Sequence[int]) -> str:
    return f"known: {', '.join(map(str, known))}" if known else "add one under [[connectors]]"


def connectors(cabinet: Cabinet) -> Iterator[Mistake]:
    if not cabinet.connectors:
        yield Mistake(("connectors",), "there is none; add one under [[connectors]]")
    ids: list[tuple[KeyPath, int]] = [(("connectors", at, "id"), one.id) for at, one in enumerate(cabinet.connectors)]
    yield from twice(ids, lambda one: f"{one} is used twice; the number is painted on the charger, so it is unique")
    for at, connector in enumerate(cabinet.connectors):
        path: KeyPath = ("connectors", at)
        boards = sorted(one.id for one in cabinet.plc_boards if connector.id in one.connectors)
        meters = sorted(one.id for one in cabinet.meters if one.connector == connector.id)
        modules = [one.id for one in cabinet.modules if one.connector == connector.id]
        yield from _exactly_one(path, "PLC board", boards, f"name {connector.id} in one board's connectors")
        yield from _exactly_one(path, "meter", meters, f"write connector = {connector.id} at one meter")
        if not modules:
            yield Mistake(path, f"has no power module; write connector = {connector.id} at one module or more")


def derating(cabinet: Cabinet) -> Iterator[Mistake]:
    """Full power up to one temperature, none from a higher one."""
    for at, connector in enumerate(cabinet.connectors):
        if not connector.derate_from_c < connector.derate_to_c:
            yield Mistake(
                ("connectors", at, "derate_to_c"),
                f"{connector.derate_to_c:g} is not above derate_from_c ({connector.derate_from_c:g}); "
                "raise it or lower the other",
            )


def _exactly_one(path: KeyPath, what: str, found: Sequence[str], remedy: str) -> Iterator[Mistake]:
    if not found:
        yield Mistake(path, f"has no {what}; {remedy}")
    elif len(found) > 1:
        yield Mistake(path, f"has more than one {what} ({', '.join(found)}); {remedy}")


def drivers(cabinet: Cabinet) -> Iterator[Mistake]:
    for at, device in devices(cabinet):
        names = _installed(str(at[0]))
        if device.driver not in names:
            yield Mistake((*at, "driver"), f'there is no driver "{device.driver}"; {suggest(device.driver, names)}')


@cache
def _installed(key: str) -> list[str]:
    """The names of drivers; looked up once, since a package that is installed later is there after the next start."""
    groups = {"modules": "jp_firmware.modules", "meters": "jp_firmware.meters", "plc_boards": "jp_firmware.plc"}
    return sorted(entry_points(group=groups[key]).names)


def profiles(cabinet: Cabinet) -> Iterator[Mistake]:
    missing: dict[tuple[str, str], str] = {}
    for at, device in devices(cabinet):
        if not isinstance(device, PlcBoard):
            named = str(at[0]), device.profile
            if named not in missing:
                missing[named] = _missing(*named)
            if missing[named]:
                yield Mistake((*at, "profile"), missing[named])


def _missing(kind: str, profile: str) -> str:
    """Why there is no such profile; empty if there is one."""
    try:
        path_of(kind, profile)
    except ConfigError as exc:
        return str(exc)
    return ""


def site_meter_wire(cabinet: Cabinet) -> Iterator[Mistake]:
    meter = cabinet.site_meter
    if meter is None:
        return
    wire = next((one for one in cabinet.wires if one.name == meter.wire), None)
    if wire is None:
        known = [one.name for one in cabinet.wires]
        yield Mistake(("site_meter", "wire"), f'there is no wire "{meter.wire}"; {suggest(meter.wire, known)}')
    elif wire.is_can:
        yield Mistake(("site_meter", "wire"), f'"{wire.name}" is a {wire.kind} wire; a meter needs modbus')


def site_meter_apart(cabinet: Cabinet) -> Iterator[Mistake]:
    meter = cabinet.site_meter
    if meter is not None and any(board.wire == meter.wire for board in cabinet.plc_boards):
        yield Mistake(("site_meter", "wire"), f'"{meter.wire}" carries a PLC board; give the meter another wire')


def site_meter_unit(cabinet: Cabinet) -> Iterator[Mistake]:
    meter = cabinet.site_meter
    if meter is not None and any((one.wire, one.unit) == (meter.wire, meter.unit) for one in cabinet.meters):
        yield Mistake(("site_meter", "unit"), f"{meter.unit} is a meter's on {meter.wire}; give each its own unit")


def site_meter_profile(cabinet: Cabinet) -> Iterator[Mistake]:
    if cabinet.site_meter is not None and (missing := _missing("site_meters", cabinet.site_meter.profile)):
        yield Mistake(("site_meter", "profile"), missing)


def local_list(cabinet: Cabinet) -> Iterator[Mistake]:
    at: KeyPath = ("authorize", "local_list")
    uids: list[tuple[KeyPath, str]] = [
        ((*at, nth, "uid"), one.uid) for nth, one in enumerate(cabinet.authorize.local_list)
    ]
    for path, uid in uids:
        if not 1 <= len(uid) <= 20:  # OCPP 1.6 idToken is CiString20
            yield Mistake(path, f'"{uid}" has {len(uid)} characters; allowed: 1 to 20')
    alike: list[tuple[KeyPath, str]] = [(path, uid.upper()) for path, uid in uids]  # a tag is known in either case
    yield from twice(alike, lambda uid: f'"{uid}" is listed twice; remove one')
