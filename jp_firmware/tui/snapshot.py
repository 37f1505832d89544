"""The charger's topics, read into typed values.

One place knows the keys of the console's JSON. It is tolerant on purpose: a key that is missing, null or of another
type is unknown (`None`, or an empty text), never an error and never 0, so that an older terminal still shows a newer
charger. It judges nothing and formats nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from jp_firmware.model.faults import Severity
from jp_firmware.tui.text import clean

Json = Mapping[str, Any]

_EMPTY: Final[Json] = {}


def _object(raw: Json, key: str) -> Json:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else _EMPTY


def _objects(raw: Json, key: str) -> list[Json]:
    value = raw.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def _number(raw: Json, key: str) -> float | None:
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(raw: Json, key: str) -> int:
    value = _number(raw, key)
    return 0 if value is None else int(value)


def _text(raw: Json, key: str) -> str:
    """A text, made fit for the screen; a number is taken as its digits."""
    value = raw.get(key)
    if isinstance(value, bool) or value is None:
        return ""
    return clean(str(value)) if isinstance(value, str | int | float) else ""


def _flag(raw: Json, key: str) -> bool | None:
    value = raw.get(key)
    return value if isinstance(value, bool) else None


def _texts(raw: Json, key: str) -> tuple[str, ...]:
    value = raw.get(key)
    return tuple(clean(str(one)) for one in value) if isinstance(value, list | tuple) else ()


def _numbers(raw: Json, key: str) -> tuple[int, ...]:
    value = raw.get(key)
    if not isinstance(value, list | tuple):
        return ()
    return tuple(one for one in value if isinstance(one, int) and not isinstance(one, bool))


def _time(raw: Json, key: str) -> datetime | None:
    """Wall time: ISO 8601, or seconds since 1970. A time without zone is UTC, as everywhere on this link."""
    value = raw.get(key)
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


@attrs.frozen(kw_only=True)
class ChargerView:
    """Who answers."""

    name: str
    identity: str
    version: str
    uptime_s: float | None

    @classmethod
    def read(cls, raw: Json) -> ChargerView:
        return cls(
            name=_text(raw, "name"),
            identity=_text(raw, "identity"),
            version=_text(raw, "version"),
            uptime_s=_number(raw, "uptime_s"),
        )


@attrs.frozen(kw_only=True)
class SiteView:
    """Power of the whole site, in watts."""

    limit_w: float | None
    requested_w: float | None
    offered_w: float | None
    allowed_w: float | None
    assigned_w: float | None
    measured_w: float | None

    @classmethod
    def read(cls, raw: Json) -> SiteView:
        return cls(**{one.name: _number(raw, one.name) for one in attrs.fields(cls)})

    @property
    def headroom_w(self) -> float | None:
        """What the limit leaves above what is assigned."""
        if self.limit_w is None or self.assigned_w is None:
            return None
        return self.limit_w - self.assigned_w

    @property
    def utilisation_percent(self) -> float | None:
        """Measured power as a share of the limit."""
        if not self.limit_w or self.measured_w is None:
            return None
        return 100 * self.measured_w / self.limit_w


@attrs.frozen(kw_only=True)
class BackendView:
    """The central system's link. `state` is "disabled", "connecting", "waiting", "pending", "rejected" or "online"."""

    state: str
    url: str
    reason: str
    since_s: float | None
    queued: int | None

    @classmethod
    def read(cls, raw: Json) -> BackendView:
        queued = _number(raw, "queued")
        return cls(
            state=_text(raw, "state"),
            url=_text(raw, "url"),
            reason=_text(raw, "reason"),
            since_s=_number(raw, "since_s"),
            queued=None if queued is None else int(queued),
        )


@attrs.frozen(kw_only=True)
class TreeHealth:
    """The supervision tree in a few words. `worst_ratio` is the worst gap of a watchdog as a share of its limit.

    `worst` is the child that came closest to its limit, or one that is down.
    """

    healthy: bool | None
    worst: str
    worst_ratio: float | None
    children: int | None
    down: int
    restarts: int | None
    worst_gap_s: float | None

    @classmethod
    def read(cls, raw: Json) -> TreeHealth:
        children, restarts = _number(raw, "children"), _number(raw, "restarts")
        return cls(
            healthy=_flag(raw, "healthy"),
            worst=_text(raw, "worst"),
            worst_ratio=_number(raw, "worst_ratio"),
            children=None if children is None else int(children),
            down=_count(raw, "down"),
            restarts=None if restarts is None else int(restarts),
            worst_gap_s=_number(raw, "worst_gap_s"),
        )


@attrs.frozen(kw_only=True)
class ConnectorView:
    """One connector. Powers in watts; `since_s` and `duration_s` are lengths of time as of the snapshot.

    The four powers mean what they mean in `model.power.Allocation`; the targets are what the car asks for.
    """

    number: int
    state: str
    since_s: float | None
    plugged: bool | None
    latched: bool | None
    authorization: str
    evccid: str
    protocol: str
    soc_percent: float | None
    session_id: str
    transaction_id: str
    token: str
    started_at: datetime | None
    duration_s: float | None
    energy_wh: float | None
    power_w: float | None
    voltage_v: float | None
    current_a: float | None
    requested_w: float | None
    offered_w: float | None
    allowed_w: float | None
    assigned_w: float | None
    limited_by: str
    target_voltage_v: float | None
    target_current_a: float | None
    operative: bool | None
    stage_text: str
    fault_codes: tuple[str, ...]

    @classmethod
    def read(cls, number: int, raw: Json) -> ConnectorView:
        return cls(
            number=number,
            state=_text(raw, "state"),
            since_s=_number(raw, "since_s"),
            plugged=_flag(raw, "plugged"),
            latched=_flag(raw, "latch"),
            authorization=_text(raw, "authorization"),
            evccid=_text(raw, "evccid"),
            protocol=_text(raw, "protocol"),
            soc_percent=_number(raw, "soc_percent"),
            session_id=_text(raw, "session_id"),
            transaction_id=_text(raw, "transaction_id"),
            token=_text(raw, "token"),
            started_at=_time(raw, "started_at"),
            duration_s=_number(raw, "duration_s"),
            energy_wh=_number(raw, "energy_wh"),
            power_w=_number(raw, "power_w"),
            voltage_v=_number(raw, "voltage_v"),
            current_a=_number(raw, "current_a"),
            requested_w=_number(raw, "requested_w"),
            offered_w=_number(raw, "offered_w"),
            allowed_w=_number(raw, "allowed_w"),
            assigned_w=_number(raw, "assigned_w"),
            limited_by=_text(raw, "limited_by"),
            target_voltage_v=_number(raw, "target_voltage_v"),
            target_current_a=_number(raw, "target_current_a"),
            operative=_flag(raw, "operative"),
            stage_text=_text(raw, "stage_text"),
            fault_codes=_texts(raw, "faults"),
        )

    @property
    def charging(self) -> bool:
        return self.state == "charging"

    @property
    def in_session(self) -> bool:
        return bool(self.session_id)


@attrs.frozen(kw_only=True)
class ModuleView:
    """One power module. `state` is "on", "off", "silent" or "fault"."""

    name: str
    connector: int | None
    state: str
    voltage_v: float | None
    current_a: float | None
    ambient_c: float | None
    alarms: tuple[str, ...]
    age_s: float | None

    @classmethod
    def read(cls, name: str, raw: Json) -> ModuleView:
        connector = _number(raw, "connector")
        return cls(
            name=clean(name),
            connector=None if connector is None else int(connector),
            state=_text(raw, "state"),
            voltage_v=_number(raw, "voltage_v"),
            current_a=_number(raw, "current_a"),
            ambient_c=_number(raw, "ambient_c"),
            alarms=_texts(raw, "alarms"),
            age_s=_number(raw, "age_s"),
        )


@attrs.frozen(kw_only=True)
class MeterView:
    """One DC meter. `quality` is a `model.signals.Quality` value."""

    name: str
    connector: int | None
    quality: str
    power_w: float | None
    import_wh: float | None
    age_s: float | None

    @classmethod
    def read(cls, name: str, raw: Json) -> MeterView:
        connector = _number(raw, "connector")
        return cls(
            name=clean(name),
            connector=None if connector is None else int(connector),
            quality=_text(raw, "quality"),
            power_w=_number(raw, "power_w"),
            import_wh=_number(raw, "import_wh"),
            age_s=_number(raw, "age_s"),
        )

    @property
    def good(self) -> bool:
        return self.quality == "good"


@attrs.frozen(kw_only=True)
class BoardView:
    """One PLC board and its safety inputs. `tripped` are those that stop power, in words."""

    name: str
    connectors: tuple[int, ...]
    quality: str
    mode: str
    tripped: tuple[str, ...]

    @classmethod
    def read(cls, name: str, raw: Json) -> BoardView:
        return cls(
            name=clean(name),
            connectors=_numbers(raw, "connectors"),
            quality=_text(raw, "quality"),
            mode=_text(raw, "mode"),
            tripped=tuple(words for key, words in _SAFETY_INPUTS if raw.get(key) is True),
        )

    @property
    def good(self) -> bool:
        return self.quality == "good" and self.mode == "run" and not self.tripped


_SAFETY_INPUTS: Final = (
    ("emergency_stop", "emergency stop"),
    ("door_open", "door open"),
    ("rcd_tripped", "RCD tripped"),
    ("over_temperature", "over-temperature"),
    ("spd_tripped", "SPD tripped"),
)


@attrs.frozen(kw_only=True)
class StatusView:
    """The `status` topic."""

    charger: ChargerView
    site: SiteView
    backend: BackendView
    tree: TreeHealth
    connectors: Mapping[int, ConnectorView]
    modules: tuple[ModuleView, ...]
    meters: tuple[MeterView, ...]
    boards: tuple[BoardView, ...]

    @classmethod
    def read(cls, raw: Json) -> StatusView:
        return cls(
            charger=ChargerView.read(_object(raw, "charger")),
            site=SiteView.read(_object(raw, "site")),
            backend=BackendView.read(_object(raw, "backend")),
            tree=TreeHealth.read(_object(raw, "tree")),
            connectors=dict(sorted(_connectors(_object(raw, "connectors")))),
            modules=tuple(ModuleView.read(name, one) for name, one in _named(raw, "modules")),
            meters=tuple(MeterView.read(name, one) for name, one in _named(raw, "meters")),
            boards=tuple(BoardView.read(name, one) for name, one in _named(raw, "plc_boards")),
        )

    @property
    def charging(self) -> int:
        """Connectors that deliver."""
        return sum(one.charging for one in self.connectors.values())

    @property
    def plugged(self) -> int:
        """Connectors with a car on them."""
        return sum(one.plugged is True for one in self.connectors.values())

    def modules_of(self, connector: int) -> list[ModuleView]:
        return [one for one in self.modules if one.connector == connector]

    def meter_of(self, connector: int) -> MeterView | None:
        return next((one for one in self.meters if one.connector == connector), None)

    def board_of(self, connector: int) -> BoardView | None:
        return next((one for one in self.boards if connector in one.connectors), None)


def _connectors(raw: Json) -> Iterator[tuple[int, ConnectorView]]:
    for key, one in raw.items():
        if key.isdecimal() and isinstance(one, Mapping):
            yield int(key), ConnectorView.read(int(key), one)


def _named(raw: Json, key: str) -> Iterator[tuple[str, Json]]:
    for name, one in _object(raw, key).items():
        if isinstance(one, Mapping):
            yield name, one


@attrs.frozen(kw_only=True)
class FaultView:
    """One fault, active or past. Unknown severities count as NOTICE."""

    code: str
    source: str
    title: str
    severity: Severity
    detail: str
    remedy: str
    raised_at: datetime | None
    acknowledged_at: datetime | None
    cleared_at: datetime | None
    cause_present: bool
    count: int

    @classmethod
    def read(cls, raw: Json) -> FaultView:
        return cls(
            code=_text(raw, "code"),
            source=_text(raw, "source"),
            title=_text(raw, "title"),
            severity=_severity(raw.get("severity")),
            detail=_text(raw, "detail"),
            remedy=_text(raw, "remedy"),
            raised_at=_time(raw, "raised_at"),
            acknowledged_at=_time(raw, "acknowledged_at"),
            cleared_at=_time(raw, "cleared_at"),
            cause_present=raw.get("cause_present") is not False,
            count=max(1, _count(raw, "count")),
        )

    @property
    def key(self) -> tuple[str, str]:
        """What the charger knows it by."""
        return (self.code, self.source)

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None


def _severity(value: object) -> Severity:
    """By number, or by name in any case."""
    if isinstance(value, str):
        return Severity.__members__.get(value.upper().replace(" ", "_").replace("-", "_"), Severity.NOTICE)
    if isinstance(value, int) and value in Severity._value2member_map_:
        return Severity(value)
    return Severity.NOTICE


_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class FaultsView:
    """The `faults` topic. `active` is ordered: unacknowledged first, then worst, then the first that came."""

    active: tuple[FaultView, ...] = ()
    recent: tuple[FaultView, ...] = ()

    @classmethod
    def read(cls, raw: Json) -> FaultsView:
        active = [FaultView.read(one) for one in _objects(raw, "active")]
        active.sort(key=lambda one: (one.acknowledged, one.severity, one.raised_at or _LONG_AGO))
        return cls(active=tuple(active), recent=tuple(FaultView.read(one) for one in _objects(raw, "recent")))

    @property
    def unacknowledged(self) -> tuple[FaultView, ...]:
        return tuple(one for one in self.active if not one.acknowledged)

    def of(self, sources: frozenset[str]) -> list[FaultView]:
        """Active faults at any of `sources`, in the same order."""
        return [one for one in self.active if one.source in sources]


@attrs.frozen(kw_only=True)
class EventView:
    """One line of the charger's diary."""

    at: datetime | None
    kind: str
    source: str
    text: str

    @classmethod
    def read(cls, raw: Json) -> EventView:
        return cls(at=_time(raw, "at"), kind=_text(raw, "kind"), source=_text(raw, "source"), text=_text(raw, "text"))


def read_events(raw: Json) -> tuple[EventView, ...]:
    """The `events` topic, newest last."""
    return tuple(EventView.read(one) for one in _objects(raw, "items"))
