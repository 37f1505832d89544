"""What a day came to: sessions, and their energy by the modules, by the meter and by the central system.

The three come from three places that know nothing of each other: the emulated modules' own integral, the meter's
register in the controller's journal, and what the central system was told. They must agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs

from jp_firmware.demo.site import Site

TOLERANCE = 0.005  # modules against meter; a session's meter and its StopTransaction agree to the Wh

Json = dict[str, Any]


@attrs.frozen(kw_only=True)
class SessionRow:
    """One session as the controller and the central system account for it."""

    id: str
    connector: int
    started_at: str
    duration_s: int | None
    reason: str | None
    meter_wh: int
    csms_wh: int | None
    stops: int  # StopTransactions the central system heard; 1 is right

    @property
    def agrees(self) -> bool:
        return self.csms_wh == self.meter_wh and self.stops == 1


@attrs.frozen(kw_only=True)
class Summary:
    """The account of a day."""

    rows: tuple[SessionRow, ...]
    modules_wh: float
    faults: tuple[str, ...]
    worst_gap: str

    @property
    def meter_wh(self) -> int:
        return sum(row.meter_wh for row in self.rows)

    @property
    def csms_wh(self) -> int:
        return sum(row.csms_wh or 0 for row in self.rows)

    @property
    def difference(self) -> float:
        """Modules against meter, as a share of the meter's energy."""
        return abs(self.modules_wh - self.meter_wh) / self.meter_wh if self.meter_wh else 0.0

    def disagreements(self) -> list[str]:
        """What does not add up, one line each."""
        found = [
            f"session {row.id[-6:]}: meter {row.meter_wh} Wh, central system {_number(row.csms_wh)} Wh, "
            f"{row.stops} StopTransactions"
            for row in self.rows
            if not row.agrees
        ]
        if self.difference > TOLERANCE:
            found.append(f"modules {self.modules_wh:.1f} Wh, meters {self.meter_wh} Wh: {self.difference:.2%} apart")
        return found

    def lines(self) -> Iterator[str]:
        """The table."""
        yield f"{'session':8} {'conn':>4} {'started':>19} {'time':>6} {'meter Wh':>9} {'csms Wh':>8}  ended by"
        for row in self.rows:
            duration = f"{row.duration_s} s" if row.duration_s is not None else "---"
            mark = "" if row.agrees else "  <- differs"
            yield (
                f"{row.id[-6:]:8} {row.connector:>4} {row.started_at[:19]:>19} {duration:>6} {row.meter_wh:>9} "
                f"{_number(row.csms_wh):>8}  {row.reason or 'running'}{mark}"
            )
        yield (
            f"{len(self.rows)} sessions, meters {self.meter_wh} Wh, central system {self.csms_wh} Wh, "
            f"modules {self.modules_wh:.1f} Wh ({self.difference:.2%} apart)"
        )
        yield f"faults: {', '.join(self.faults) or 'none'}"
        yield f"worst watchdog gap: {self.worst_gap}"


def collect(site: Site) -> Summary:
    """Asks the controller, the central system and the cabinet."""
    transactions = site.csms("transactions")
    energy = site.sim("energy")
    faults = site.call("faults.get")
    tree = (site.status() or {}).get("tree", {})
    return Summary(
        rows=tuple(_row(session, transactions) for session in site.sessions()),
        modules_wh=sum(one["modules_wh"] for one in energy["connectors"].values()),
        faults=tuple(f"{one['code']} {one['source']}" for one in (*faults["active"], *faults["recent"])),
        worst_gap=_gap(tree),
    )


def _row(session: Json, transactions: list[Json]) -> SessionRow:
    mine = [one for one in transactions if is_of(one, session)]
    told = mine[0] if mine else {}
    stop_wh = told.get("meter_stop_wh")
    return SessionRow(
        id=session["id"],
        connector=session["connector"],
        started_at=session["started_at"],
        duration_s=session["duration_s"],
        reason=session["reason"],
        meter_wh=session["energy_wh"],
        csms_wh=stop_wh - told["meter_start_wh"] if stop_wh is not None else None,
        stops=sum(one.get("stops", 0) for one in mine),
    )


def is_of(transaction: Json, session: Json) -> bool:
    """Whether the central system's transaction is the controller's session.

    The central system knows no session ids, and a session that delivered nothing leaves the register to the next one
    as it was: the instant of the start tells them apart. The console gives it in whole seconds.
    """
    started_at = datetime.fromisoformat(transaction["started_at"]).replace(microsecond=0)
    return bool(
        transaction["connector"] == session["connector"]
        and transaction["meter_start_wh"] == session["meter_start_wh"]
        and transaction["id_tag"] == session["token"]
        and started_at == datetime.fromisoformat(session["started_at"])
    )


def _gap(tree: Json) -> str:
    if not tree.get("worst"):
        return "---"
    return f"{tree['worst_gap_s']:.2f} s at {tree['worst']} ({tree['worst_ratio']:.0%} of its period)"


def _number(value: int | None) -> str:
    return "---" if value is None else str(value)
