"""Rules about the way to the central system: most of what keeps a charger offline is written in a few keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from jp_firmware.config.key import Known, keys_of
from jp_firmware.config.lint import checks
from jp_firmware.config.lint.rule import Rule, Severity, Subject, of_cabinet
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath

LONGEST_IDENTITY = 20
"""Central systems keep it as a text of 20 characters, as OCPP 1.6 does with other identifiers (CiString20)."""

LONGEST_PING_S = 30.0
"""Routers, proxies and central systems have been seen to cut connections that were idle for 30 s to 110 s."""

LENGTHS: Mapping[str, int] = {"vendor": 20, "model": 20, "serial": 25}
"""Of BootNotification.req in OCPP 1.6."""

_OF_A_SITE = (".local", ".lan", ".internal", ".localdomain", ".home.arpa")  # names that no public server answers to

_URL: KeyPath = ("backend", "url")


def _parts(cabinet: Cabinet) -> SplitResult | None:
    """Of an URL that can be called; what cannot be is the mistake of another rule."""
    if not cabinet.backend.url or any(checks.url(cabinet)):
        return None
    return urlsplit(cabinet.backend.url)


def _long_identity(cabinet: Cabinet) -> Iterator[Mistake]:
    identity = cabinet.charger.identity
    if cabinet.backend.url and len(identity) > LONGEST_IDENTITY:
        yield Mistake(
            ("charger", "identity"),
            f'"{identity}" has {len(identity)} characters; some central systems cut it after {LONGEST_IDENTITY}: '
            "use a shorter one, or ask the operator of the central system",
        )


def _identity_in_url(cabinet: Cabinet) -> Iterator[Mistake]:
    parts, identity = _parts(cabinet), cabinet.charger.identity
    if parts is None:
        return
    words = [unquote(one) for one in parts.path.split("/") if one]
    if words and words[-1].casefold() == identity.casefold():
        without = parts._replace(path="/".join(parts.path.rstrip("/").split("/")[:-1])).geturl()
        yield Mistake(_URL, f'ends in the identity, which is appended by the charger; write "{without}"')


def _password_in_clear(cabinet: Cabinet) -> Iterator[Mistake]:
    parts = _parts(cabinet)
    if parts and parts.scheme == "ws" and cabinet.backend.password and _is_public(parts.hostname or ""):
        yield Mistake(
            _URL, f"sends backend.password to {parts.hostname} for everybody on the way to read; write wss://"
        )


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:  # a name
        return "." in host and not host.endswith(_OF_A_SITE)


def _near_host(cabinet: Cabinet) -> Iterator[Mistake]:
    host = (parts.hostname or "") if (parts := _parts(cabinet)) else ""
    if _is_this_machine(host):
        yield Mistake(
            _URL, f"{host} is this machine itself; right for a central system that runs on it, else name its host"
        )
    elif host.endswith(".local"):
        yield Mistake(
            _URL, f"{host} is known to its own network only, and only by mDNS; write a name of DNS, or the address"
        )


def _is_this_machine(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _no_path(cabinet: Cabinet) -> Iterator[Mistake]:
    parts = _parts(cabinet)
    if parts and not parts.path.strip("/"):
        yield Mistake(
            _URL, f"has no path; most central systems want one, as in {parts.scheme}://{parts.netloc}/ocpp: ask theirs"
        )


def _port(cabinet: Cabinet) -> Iterator[Mistake]:
    parts = _parts(cabinet)
    if parts and (parts.scheme, parts.port) in (("ws", 443), ("wss", 80)):
        other, plain = ("wss", "without TLS") if parts.scheme == "ws" else ("ws", "with TLS")
        yield Mistake(
            _URL, f"calls port {parts.port} {plain}, where the other is spoken; write {other}://, or another port"
        )


def _numbers(cabinet: Cabinet) -> Iterator[Mistake]:
    ids = {one.id for one in cabinet.connectors}
    if not cabinet.backend.url or ids == set(range(1, len(ids) + 1)):
        return
    missing = next(number for number in count(1) if number not in ids)
    at = next(nth for nth, one in enumerate(cabinet.connectors) if one.id > missing)
    yield Mistake(
        ("connectors", at, "id"),
        f"there is no connector {missing} below {cabinet.connectors[at].id}; number them from 1 without a gap",
    )


def _pings(cabinet: Cabinet) -> Iterator[Mistake]:
    ping_s = cabinet.backend.ping_interval_s
    if cabinet.backend.url and not 0 < ping_s <= LONGEST_PING_S:
        how = f"{ping_s:g} s between pings is long" if ping_s else "without pings a quiet connection is cut unnoticed"
        yield Mistake(
            ("backend", "ping_interval_s"),
            f"{how}: routers and proxies cut what is idle for {LONGEST_PING_S:g} s to 110 s; write 20",
        )


def _lengths(cabinet: Cabinet) -> Iterator[Mistake]:
    for key, most in LENGTHS.items():
        value = getattr(cabinet.charger, key)
        if len(value) > most:
            yield Mistake(
                ("charger", key),
                f'"{value}" has {len(value)} characters, the central system is told the first {most}; shorten it',
            )


def _secrets(subject: Subject) -> Iterator[Mistake]:
    for key in _SECRETS:
        for path, value in _values(subject.written, key.path):
            if value != key.default:
                name = ".".join(map(str, path))
                yield Mistake(
                    path, f"a secret, readable by whoever reads this file; remove it: jp config secret {name}"
                )


_SECRETS: tuple[Known, ...] = tuple(one for one in keys_of(Cabinet) if one.key.secret)


def _values(data: Any, pattern: tuple[str, ...], above: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """All values of a key in plain data; "*" stands for each item of a list."""
    if not pattern:
        yield above, data
    elif pattern[0] == "*" and isinstance(data, list):
        for at, item in enumerate(data):
            yield from _values(item, pattern[1:], (*above, at))
    elif isinstance(data, Mapping) and pattern[0] in data:
        yield from _values(data[pattern[0]], pattern[1:], (*above, pattern[0]))


CENTRAL = (
    Rule(
        id="RULE-60",
        title="An identity that cannot be called by",
        reason="The identity is the last part of the URL, and the user's name where there is a password.",
        fix="Use 1 to 48 letters, digits and * - _ = : + | @ . and no colon beside a password.",
        check=of_cabinet(checks.identity),
    ),
    Rule(
        id="RULE-61",
        title="An identity that central systems cut",
        reason="Some keep 20 characters of it: the charger is then unknown, or is taken for another one.",
        fix="Use at most 20 characters, unless the operator of the central system says otherwise.",
        severity=Severity.WARNING,
        check=of_cabinet(_long_identity),
    ),
    Rule(
        id="RULE-62",
        title="An URL that cannot be called",
        reason="OCPP is spoken over WebSocket: an address that begins with http:// or https:// is that of a page for "
        "people; and an URL stands in logs and on screens, so that it must hold no password.",
        fix="Write ws://HOST/PATH or wss://HOST/PATH, and the password as backend.password.",
        check=of_cabinet(checks.url),
    ),
    Rule(
        id="RULE-63",
        title="The identity in the URL",
        reason="The charger appends its identity to the URL. Written there too, the old one goes on being "
        "called when charger.identity changes, or it is called twice: the central system answers 404.",
        fix="Leave the identity out of backend.url.",
        severity=Severity.WARNING,
        check=of_cabinet(_identity_in_url),
    ),
    Rule(
        id="RULE-64",
        title="A password in clear over a public network",
        reason="With ws:// everybody on the way reads the password, and may speak as this charger from then on.",
        fix="Write wss://; ask the operator of the central system for its address.",
        severity=Severity.WARNING,
        check=of_cabinet(_password_in_clear),
    ),
    Rule(
        id="RULE-65",
        title="A central system on this machine, or on its network only",
        reason="localhost is the charger itself; names in .local are answered by mDNS, which ends at the next router.",
        fix="Write the central system's name or address, as the charger's network knows it.",
        severity=Severity.WARNING,
        check=of_cabinet(_near_host),
    ),
    Rule(
        id="RULE-66",
        title="An URL without a path",
        reason="Most central systems listen below a path, and answer 404 to anything else.",
        fix="Ask for the whole address, as in wss://HOST/ocpp.",
        severity=Severity.WARNING,
        check=of_cabinet(_no_path),
    ),
    Rule(
        id="RULE-67",
        title="A first retry that is later than the last",
        reason="The pause between two attempts grows from retry_first_s to retry_cap_s.",
        fix="Let retry_first_s be at most retry_cap_s.",
        check=of_cabinet(checks.retries),
    ),
    Rule(
        id="RULE-68",
        title="Pings that come too late",
        reason="Routers, proxies and central systems cut idle connections after 30 s to 110 s, often unnoticed: the "
        "charger looks online and is not.",
        fix="Set backend.ping_interval_s to 20 s; 30 s at most.",
        severity=Severity.WARNING,
        check=of_cabinet(_pings),
    ),
    Rule(
        id="RULE-69",
        title="A text that OCPP cuts",
        reason="OCPP 1.6 has 20 characters for vendor and model, 25 for the serial number; the rest is never told.",
        fix="Shorten it to what is to be told.",
        severity=Severity.WARNING,
        check=of_cabinet(_lengths),
    ),
    Rule(
        id="RULE-70",
        title="A secret in the file",
        reason="The configuration is shown, compared, exported and sent to whoever helps; secrets are kept apart, "
        "in a file that only the charger reads.",
        fix="Remove it from the file and set it with: jp config secret KEY.",
        severity=Severity.WARNING,
        check=_secrets,
    ),
    Rule(
        id="RULE-71",
        title="A port of TLS without it, or the other way round",
        reason="On port 443 TLS is spoken, on port 80 it is not: one side waits for what the other never says.",
        fix="Write wss:// for port 443, ws:// for port 80, or the port that the central system has.",
        severity=Severity.WARNING,
        check=of_cabinet(_port),
    ),
    Rule(
        id="RULE-72",
        title="Connectors whose numbers have a gap",
        reason="OCPP 1.6 numbers the connectors of a charger from 1 and leaves none out; a central system "
        "that counts them knows none above their number.",
        fix="Number the connectors from 1 without a gap, here and on the charger.",
        severity=Severity.WARNING,
        check=of_cabinet(_numbers),
    ),
)
