"""Modules behind contactors that cannot carry all of them: what each may give. Pure.

A contactor's current is that of all modules behind it. Where it is too small for them each gives the same part of what
it can, by the smallest part of all contactors on its way; then no sum is ever too large, whoever else delivers or not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.limits import Limit
from jp_firmware.planner.topology import Carrier, Carrying, Relay

STEP_W = 100.0  # ours: powers are rounded down to it


@attrs.frozen(kw_only=True)
class Carried:
    """What the modules of one connector may give, A: those that are held back, and by which contactor most."""

    caps_a: Mapping[ModuleId, float] = attrs.field(factory=dict)
    total_a: float = math.inf
    tightest: Carrier | None = None


def carried(
    gives_a: Mapping[ModuleId, float],
    over: Mapping[ModuleId, Collection[Relay]],
    carrying: Carrying,
    connector: ConnectorId,
) -> Carried:
    """What modules that give `gives_a` to a connector, each over its relays, may give. A wired one has no relays."""
    parts: dict[ModuleId, float] = {}
    tightest: tuple[float, Relay] | None = None
    for relay in sorted({relay for module in gives_a for relay in over.get(module, ())}):
        behind = [module for module in gives_a if relay in over.get(module, ())]
        behind_a = sum(gives_a[module] for module in behind)
        room_a = carrying.room_a(relay, connector)
        if behind_a <= room_a:
            continue
        part = room_a / behind_a
        tightest = min(tightest or (part, relay), (part, relay))
        parts.update({module: min(part, parts.get(module, 1.0)) for module in behind})
    if tightest is None:
        return Carried()
    caps_a = {module: gives_a[module] * part for module, part in parts.items()}
    return Carried(
        caps_a=caps_a,
        total_a=sum(caps_a.get(module, each_a) for module, each_a in gives_a.items()),
        tightest=carrying.carriers[tightest[1]],
    )


def contactor_limit(scope: str, held: Carried, voltage_v: float) -> Limit | None:
    """The limit that follows at the present voltage, V; None where nothing is held back. It ends when it is lifted."""
    if held.tightest is None:
        return None
    return Limit(
        owner=held.tightest.name,
        scope=scope,
        value_w=math.floor(held.total_a * voltage_v / STEP_W) * STEP_W,
        reason=f"carries {held.tightest.max_current_a:g} A",
    )
