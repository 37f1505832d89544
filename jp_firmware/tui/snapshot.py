"""The charger's state, read into typed values: the topic `status`.

One place knows the keys of the console's JSON. It is tolerant on purpose (`told`), so that an older terminal still
shows a newer charger. It judges nothing and formats nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import attrs

from jp_firmware.tui.plan import ChainView, ForecastView
from jp_firmware.tui.text import clean
from jp_firmware.tui.told import (
    Json,
    count_of,
    flag_of,
    number_of,
    numbers_of,
    object_of,
    text_of,
    texts_of,
    time_of,
)


@attrs.frozen(kw_only=True)
class ChargerView:
    """Who answers."""

    name: str
    identity: str
    version: str
    uptime_s: float | None
    brand: str = ""

    @classmethod
    def read(cls, raw: Json) -> ChargerView:
        return cls(
            brand=text_of(object_of(raw, "brand"), "name"),
            name=text_of(raw, "name"),
            identity=text_of(raw, "identity"),
            version=text_of(raw, "version"),
            uptime_s=number_of(raw, "uptime_s"),
        )


@attrs.frozen(kw_only=True)
class SiteView:
    """Power of the whole site, in watts."""

    limit_w: float | None  # what it leaves the connectors,
    grid_limit_w: float | None  # and what was set: more, where modules lose some
    requested_w: float | None
    offered_w: float | None
    allowed_w: float | None
    assigned_w: float | None
    measured_w: float | None
    reserve_w: float | None  # of the limit, shared with nobody
    headroom_w: float | None  # what the limit leaves above the larger of assigned and measured
    utilisation: float | None  # that larger one as a share of the limit
    short_by_w: float | None  # what cars ask for and connectors could give, beyond what is allowed
    forecast: ForecastView | None

    @property
    def over_by_w(self) -> float:
        """How much more flows than the limit lets; 0 within one per cent of it, which meters do not tell apart."""
        over_w = (self.measured_w or 0.0) - (self.limit_w or 0.0)
        return over_w if self.limit_w is not None and over_w > self.limit_w / 100 else 0.0

    @classmethod
    def read(cls, raw: Json) -> SiteView:
        numbers = {one.name: number_of(raw, one.name) for one in attrs.fields(cls) if one.name != "forecast"}
        ahead = object_of(raw, "forecast")
        return cls(**numbers, forecast=ForecastView.read(ahead) if ahead else None)

    @property
    def utilisation_percent(self) -> float | None:
        return None if self.utilisation is None else 100 * self.utilisation


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
        queued = number_of(raw, "queued")
        return cls(
            state=text_of(raw, "state"),
            url=text_of(raw, "url"),
            reason=text_of(raw, "reason"),
            since_s=number_of(raw, "since_s"),
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
        children, restarts = number_of(raw, "children"), number_of(raw, "restarts")
        return cls(
            healthy=flag_of(raw, "healthy"),
            worst=text_of(raw, "worst"),
            worst_ratio=number_of(raw, "worst_ratio"),
            children=None if children is None else int(children),
            down=count_of(raw, "down"),
            restarts=None if restarts is None else int(restarts),
            worst_gap_s=number_of(raw, "worst_gap_s"),
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
    stale: bool  # its car was not heard: nothing is raised on an old wish
    operative: bool | None
    stage_text: str
    fault_codes: tuple[str, ...]

    @classmethod
    def read(cls, number: int, raw: Json) -> ConnectorView:
        return cls(
            number=number,
            state=text_of(raw, "state"),
            since_s=number_of(raw, "since_s"),
            plugged=flag_of(raw, "plugged"),
            latched=flag_of(raw, "latch"),
            authorization=text_of(raw, "authorization"),
            evccid=text_of(raw, "evccid"),
            protocol=text_of(raw, "protocol"),
            soc_percent=number_of(raw, "soc_percent"),
            session_id=text_of(raw, "session_id"),
            transaction_id=text_of(raw, "transaction_id"),
            token=text_of(raw, "token"),
            started_at=time_of(raw, "started_at"),
            duration_s=number_of(raw, "duration_s"),
            energy_wh=number_of(raw, "energy_wh"),
            power_w=number_of(raw, "power_w"),
            voltage_v=number_of(raw, "voltage_v"),
            current_a=number_of(raw, "current_a"),
            requested_w=number_of(raw, "requested_w"),
            offered_w=number_of(raw, "offered_w"),
            allowed_w=number_of(raw, "allowed_w"),
            assigned_w=number_of(raw, "assigned_w"),
            limited_by=text_of(raw, "limited_by"),
            target_voltage_v=number_of(raw, "target_voltage_v"),
            target_current_a=number_of(raw, "target_current_a"),
            stale=flag_of(raw, "stale") is True,
            operative=flag_of(raw, "operative"),
            stage_text=text_of(raw, "stage_text"),
            fault_codes=texts_of(raw, "faults"),
        )

    @property
    def charging(self) -> bool:
        return self.state == "charging"

    @property
    def in_session(self) -> bool:
        return bool(self.session_id)


@attrs.frozen(kw_only=True)
class ModuleView:
    """One power module. `state` is "on", "off", "silent" or "fault".

    `connector` is its own by the configuration. One that `moves` hangs on relays: `place` is the connector it feeds,
    `going_to` where a move leads whose step is `move`; `waits_for` is why a move that is wanted has not begun.
    """

    name: str
    connector: int | None
    moves: bool
    place: int | None
    going_to: int | None
    move: str
    waits_for: str
    locked_out: str
    state: str
    voltage_v: float | None
    current_a: float | None
    ambient_c: float | None
    alarms: tuple[str, ...]
    age_s: float | None

    @classmethod
    def read(cls, name: str, raw: Json) -> ModuleView:
        return cls(
            name=clean(name),
            connector=_whole(raw, "connector"),
            moves="place" in raw,
            place=_whole(raw, "place"),
            going_to=_whole(raw, "going_to"),
            move=text_of(raw, "move"),
            waits_for=text_of(raw, "waits_for"),
            locked_out=text_of(raw, "locked_out"),
            state=text_of(raw, "state"),
            voltage_v=number_of(raw, "voltage_v"),
            current_a=number_of(raw, "current_a"),
            ambient_c=number_of(raw, "ambient_c"),
            alarms=texts_of(raw, "alarms"),
            age_s=number_of(raw, "age_s"),
        )

    @property
    def feeds(self) -> int | None:
        """The connector it feeds: where it stands if it moves, else its own."""
        return self.place if self.moves else self.connector

    @property
    def power_w(self) -> float | None:
        if self.voltage_v is None or self.current_a is None:
            return None
        return self.voltage_v * self.current_a


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
        return cls(
            name=clean(name),
            connector=_whole(raw, "connector"),
            quality=text_of(raw, "quality"),
            power_w=number_of(raw, "power_w"),
            import_wh=number_of(raw, "import_wh"),
            age_s=number_of(raw, "age_s"),
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
            connectors=numbers_of(raw, "connectors"),
            quality=text_of(raw, "quality"),
            mode=text_of(raw, "mode"),
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
    chains: tuple[ChainView, ...]
    connectors: Mapping[int, ConnectorView]
    modules: tuple[ModuleView, ...]
    meters: tuple[MeterView, ...]
    boards: tuple[BoardView, ...]

    @classmethod
    def read(cls, raw: Json) -> StatusView:
        return cls(
            charger=ChargerView.read(object_of(raw, "charger")),
            site=SiteView.read(object_of(raw, "site")),
            backend=BackendView.read(object_of(raw, "backend")),
            tree=TreeHealth.read(object_of(raw, "tree")),
            chains=tuple(ChainView.read(name, one) for name, one in _named(raw, "chains")),
            connectors=dict(sorted(_connectors(object_of(raw, "connectors")))),
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
        """Those that feed it now."""
        return [one for one in self.modules if one.feeds == connector]

    def meter_of(self, connector: int) -> MeterView | None:
        return next((one for one in self.meters if one.connector == connector), None)

    def board_of(self, connector: int) -> BoardView | None:
        return next((one for one in self.boards if connector in one.connectors), None)


def _connectors(raw: Json) -> Iterator[tuple[int, ConnectorView]]:
    for key, one in raw.items():
        if key.isdecimal() and isinstance(one, Mapping):
            yield int(key), ConnectorView.read(int(key), one)


def _whole(raw: Json, key: str) -> int | None:
    value = number_of(raw, key)
    return None if value is None else int(value)


def _named(raw: Json, key: str) -> Iterator[tuple[str, Json]]:
    for name, one in object_of(raw, key).items():
        if isinstance(one, Mapping):
            yield name, one
