"""What the central system knows and what it answers: stations, tags, transactions and everything it has heard.

Sans-IO: payloads in, payloads out, time handed in. It believes what stations say and counts what they say twice; it
bills nobody.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.v16.translate import ENERGY, timestamp

MAX_MESSAGES: Final = 20_000  # in memory; the file, if there is one, keeps them all
MAX_REGISTERS: Final = 5_000  # readings of one transaction
STATUSES: Final = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")

# What a station may ask; everything else is answered NotSupported.
ACTIONS: Final = frozenset(
    (
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    )
)


class TagsError(Exception):
    """A mistake in the file of tags: the line, and what it should be."""


def read_tags(text: str) -> dict[str, str]:
    """The verdicts of a file of tags: a line is `TAG STATUS`, `#` begins a comment, the tag `*` stands for all others.

    Raises `TagsError`. Tags that are not listed are accepted unless `*` says otherwise.
    """
    known = {status.lower(): status for status in STATUSES}
    tags: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[1].lower() not in known:
            raise TagsError(f"line {number}: write TAG STATUS, where STATUS is one of {', '.join(known)}")
        tags[words[0].upper()] = known[words[1].lower()]
    return tags


@attrs.define(eq=False, kw_only=True)
class Station:
    """One charger as it has made itself known."""

    identity: str
    since: datetime  # of the present state of its connection
    connected: bool = False
    connections: int = 0
    boots: int = 0
    boot: Payload = attrs.field(factory=dict)
    heard_at: datetime | None = None
    statuses: dict[int, Payload] = attrs.field(factory=dict)  # the last one of each connector

    def to_json(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "connected": self.connected,
            "since": timestamp(self.since),
            "connections": self.connections,
            "boots": self.boots,
            "boot": self.boot,
            "heard_at": timestamp(self.heard_at) if self.heard_at else None,
            "statuses": {str(number): status for number, status in sorted(self.statuses.items())},
        }


@attrs.define(eq=False, kw_only=True)
class Transaction:
    """One transaction. `starts` and `stops` count how often each was heard; more than one is a repetition."""

    id: int
    station: str
    connector: int
    id_tag: str
    status: str  # what the start was answered with
    meter_start_wh: int
    started_at: str  # as the station told it
    starts: int = 1
    meter_stop_wh: int | None = None
    stopped_at: str | None = None
    reason: str | None = None
    stop_id_tag: str | None = None
    stops: int = 0
    registers: deque[tuple[str, float]] = attrs.field(factory=lambda: deque(maxlen=MAX_REGISTERS))

    def to_json(self) -> dict[str, Any]:
        energy = None if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh
        return {
            "id": self.id,
            "station": self.station,
            "connector": self.connector,
            "id_tag": self.id_tag,
            "status": self.status,
            "meter_start_wh": self.meter_start_wh,
            "meter_stop_wh": self.meter_stop_wh,
            "energy_wh": energy,
            "started_at": self.started_at,
            "stopped_at": self.stopped_at,
            "reason": self.reason,
            "stop_id_tag": self.stop_id_tag,
            "starts": self.starts,
            "stops": self.stops,
            "duplicates": self.starts - 1 + max(0, self.stops - 1),
            "meter_values": len(self.registers),
            "last_register_wh": self.registers[-1][1] if self.registers else None,
        }


@attrs.frozen(kw_only=True)
class Message:
    """One frame that was heard or said."""

    number: int
    at: datetime
    station: str
    direction: str  # "received" from the station, or "sent" to it
    frame: list[Any]
    action: str  # of an answer: of the request it answers, "" if that is not known

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": timestamp(self.at),
            "station": self.station,
            "direction": self.direction,
            "action": self.action,
            "frame": self.frame,
        }


@attrs.define(eq=False)
class CentralSystem:
    """The memory of the central system. `tags` are verdicts by upper-case tag, "*" for all others."""

    tags: Mapping[str, str] = attrs.field(factory=dict)
    heartbeat_s: int = 300
    first_transaction_id: int = 1

    stations: dict[str, Station] = attrs.field(factory=dict, init=False)
    transactions: dict[int, Transaction] = attrs.field(factory=dict, init=False)
    orphans: list[dict[str, Any]] = attrs.field(factory=list, init=False)  # stops of what was never started here
    messages: deque[Message] = attrs.field(factory=lambda: deque(maxlen=MAX_MESSAGES), init=False)
    _numbers: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1), init=False)
    _ids: itertools.count[int] = attrs.field(init=False)
    _starts: dict[tuple[object, ...], int] = attrs.field(factory=dict, init=False)
    _asked: dict[tuple[str, str], str] = attrs.field(factory=dict, init=False)  # (station, message id): action

    def __attrs_post_init__(self) -> None:
        self._ids = itertools.count(self.first_transaction_id)

    # --- connections and messages ---

    def connect(self, identity: str, now: datetime) -> Station:
        """A station has come."""
        station = self.stations.setdefault(identity, Station(identity=identity, since=now))
        station.connected, station.since = True, now
        station.connections += 1
        return station

    def disconnect(self, identity: str, now: datetime) -> None:
        """A station has gone."""
        station = self.stations[identity]
        station.connected, station.since = False, now

    def record(self, identity: str, direction: str, frame: list[Any], now: datetime) -> Message:
        """Writes one frame down."""
        id_ = str(frame[1]) if len(frame) > 1 else ""
        if frame[:1] == [2] and len(frame) > 2:
            action = str(frame[2])
            self._asked[identity, id_] = action
        else:
            action = self._asked.pop((identity, id_), "")
        if len(self._asked) > MAX_MESSAGES:  # requests that nobody answered
            del self._asked[next(iter(self._asked))]
        message = Message(
            number=next(self._numbers), at=now, station=identity, direction=direction, frame=frame, action=action
        )
        self.messages.append(message)
        if direction == "received" and identity in self.stations:
            self.stations[identity].heard_at = now
        return message

    def heard(self, since: int = 0, action: str = "") -> list[dict[str, Any]]:
        """Messages with a number above `since`, of `action` only if one is given; requests and their answers."""
        return [
            message.to_json()
            for message in self.messages
            if message.number > since and (not action or message.action == action)
        ]

    # --- requests of stations ---

    def answer(self, identity: str, action: str, payload: Payload, now: datetime) -> Payload:
        """The answer to a request of a station. The payload fits its schema."""
        match action:
            case "Authorize":
                return {"idTagInfo": {"status": self.verdict(payload["idTag"])}}
            case "BootNotification":
                return self._boot(identity, payload, now)
            case "DataTransfer":
                return {"status": "UnknownVendorId"}
            case "Heartbeat":
                return {"currentTime": timestamp(now)}
            case "MeterValues":
                self._meter_values(payload)
            case "StartTransaction":
                return self._start(identity, payload)
            case "StatusNotification":
                self.stations[identity].statuses[payload["connectorId"]] = payload
            case "StopTransaction":
                return self._stop(identity, payload)
        return {}

    def verdict(self, id_tag: str) -> str:
        """What is said of a tag."""
        return self.tags.get(id_tag.upper(), self.tags.get("*", "Accepted"))

    def _boot(self, identity: str, payload: Payload, now: datetime) -> Payload:
        station = self.stations[identity]
        station.boot = payload
        station.boots += 1
        return {"status": "Accepted", "currentTime": timestamp(now), "interval": self.heartbeat_s}

    def _start(self, identity: str, payload: Payload) -> Payload:
        """A start that was heard before gets the same id: its station has not heard our first answer."""
        told = (identity, payload["connectorId"], payload["idTag"], payload["meterStart"], payload["timestamp"])
        known = self._starts.get(told)
        if known is not None:
            transaction = self.transactions[known]
            transaction.starts += 1
        else:
            transaction = Transaction(
                id=next(self._ids),
                station=identity,
                connector=payload["connectorId"],
                id_tag=payload["idTag"],
                status=self.verdict(payload["idTag"]),
                meter_start_wh=payload["meterStart"],
                started_at=payload["timestamp"],
            )
            self.transactions[transaction.id] = transaction
            self._starts[told] = transaction.id
        return {"transactionId": transaction.id, "idTagInfo": {"status": transaction.status}}

    def _stop(self, identity: str, payload: Payload) -> Payload:
        transaction = self.transactions.get(payload["transactionId"])
        if transaction is None or transaction.station != identity:
            self.orphans.append({"station": identity, **payload})
        else:
            transaction.stops += 1
            if transaction.stops == 1:
                transaction.meter_stop_wh = payload["meterStop"]
                transaction.stopped_at = payload["timestamp"]
                transaction.reason = payload.get("reason", "Local")  # the default of 1.6
                transaction.stop_id_tag = payload.get("idTag")
        return {"idTagInfo": {"status": self.verdict(payload["idTag"])}} if "idTag" in payload else {}

    def _meter_values(self, payload: Payload) -> None:
        transaction = self.transactions.get(payload.get("transactionId", 0))
        if transaction is None:
            return
        for instant in payload["meterValue"]:
            for value in instant["sampledValue"]:
                if value.get("measurand", ENERGY) == ENERGY:
                    register = _register_wh(value)
                    if register is not None:
                        transaction.registers.append((instant["timestamp"], register))


def _register_wh(value: Payload) -> float | None:
    try:
        return float(value["value"]) * (1000.0 if value.get("unit") == "kWh" else 1.0)
    except ValueError:
        return None
