"""Why a move may not begin: its modules' past, relays, other moves, power. Each answer is a sentence, or "". Pure."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.orders import Path, named
from jp_firmware.planner.places import Place
from jp_firmware.planner.topology import Relay
from jp_firmware.planner.world import BarState, World

if TYPE_CHECKING:
    from jp_firmware.planner.yard import Yard

HOUR_S = 3600.0


def refusal(yard: Yard, module: ModuleId, to: ConnectorId | None, world: World, *, counts: bool) -> str:
    """Why a module, and with it its segment, may not be moved there now, or ""."""
    place = yard.places.get(module)
    if place is None:
        on_bar = any(module in segment.modules for bar in yard.bus_bars for segment in bar.segments)
        return (
            f"{module} stands at its connector's own segment"
            if on_bar
            else (f"{module} has no switch: it is wired to its connector")
        )
    if to is not None and to not in place.reaches:
        return f"{place.name} has no way to connector {to}"
    if place.move:
        return f"{place.name} is being moved"
    if place.locked_out:
        return f"{place.name} is locked out: {place.locked_out}"
    if place.at == to:
        return f"{place.name} is {'idle' if to is None else f'at connector {to}'} already"
    new = yard.path_to(place, to) if to is not None else None
    return (
        _rests(place, world)
        or _behind(yard, place)
        or _no_way_yet(place, to, new)
        or (_too_soon(yard, place, new, world) if counts else "")
        or _relays_refuse(place, new, world)
        or _others_refuse(yard, place, new, world)
        or _joins(yard, place, new, world)
        or _contactors_refuse(yard, place, new, world)
        or _power_refuses(yard, place, to, world)
    )


# --- its past --------------------------------------------------------------------------------------------------------


def _rests(place: Place, world: World) -> str:
    rest_s = place.rests_until_s - world.now_s
    if rest_s <= 0:
        return ""
    if place.problem:
        return f"{place.name} could not be moved: {place.problem.text}. It is tried again in {math.ceil(rest_s)} s"
    return f"{place.name} has just been moved, and stays for {math.ceil(rest_s)} s more"


def _too_soon(yard: Yard, place: Place, new: Path | None, world: World) -> str:
    terms = yard.terms
    moves = _within_the_hour(place.moved_at_s, world.now_s)
    if moves >= terms.moves_per_hour:
        return f"{place.name} was moved {moves} times within the hour, and may be {terms.moves_per_hour} times"
    if new is None:
        return ""
    closings = _within_the_hour(yard.closings.get(new.switch, deque()), world.now_s)
    if closings >= terms.moves_per_hour:
        return f"{named([new.switch])} closed {closings} times within the hour, and may {terms.moves_per_hour} times"
    off_s = terms.min_off_s - (world.now_s - yard.opened_at_s.get(new.switch, -math.inf))
    if off_s > 0:
        return f"{named([new.switch])} has just opened, and stays open for {math.ceil(off_s)} s more"
    return ""


def _within_the_hour(at_s: deque[float], now_s: float) -> int:
    while at_s and at_s[0] <= now_s - HOUR_S:
        at_s.popleft()
    return len(at_s)


# --- the way and its relays ------------------------------------------------------------------------------------------


def _behind(yard: Yard, place: Place) -> str:
    behind = yard.behind(place)
    return f"{behind[0].name} hangs behind {place.name}" if behind else ""


def _no_way_yet(place: Place, to: ConnectorId | None, new: Path | None) -> str:
    if to is None or new is not None:
        return ""
    return f"no segment beside {place.name} is at connector {to} yet"


def _relays_refuse(place: Place, new: Path | None, world: World) -> str:
    for relay in new.relays if new else ():
        board = world.boards[relay.board]
        if board.heard and relay.number not in board.relays:
            return f"{relay.board} has no R{relay.number}: update the board to a newer map, or rewire the module"
    for relay in (*place.own, *(new.relays if new else ())):
        if not world.may_close(relay):
            state = "does not let relays close now" if world.heard(relay) else "is not heard"
            return f"{relay.board} {state}"
    held = place.path.switch if place.path else None
    odd = [relay for relay in place.own if relay != held and not world.is_open(relay)]
    return f"{named(odd)} of {place.name} is not confirmed open" if odd else ""


def _joins(yard: Yard, place: Place, new: Path | None, world: World) -> str:
    """No tie closes that would join two connectors, should every tie be closed that is not open for sure."""
    if place.spot is None or new is None:
        return ""
    bar = place.spot.bar
    suspect = yard.suspect(bar, world)
    opens = {place.path.switch} if place.path else set()
    for joined in bar.joined((suspect - opens) | {new.switch}):
        either = " and ".join(map(str, sorted(joined)))
        return f"{named([new.switch])} could join connectors {either}: not every tie between them is open for sure"
    return ""


# --- others, and power -----------------------------------------------------------------------------------------------


def _others_refuse(yard: Yard, place: Place, new: Path | None, world: World) -> str:
    touched = {path.connector for path in (place.path, new) if path}
    for move in yard.moves:
        for connector in (move.donor, move.receiver):
            if connector in touched:
                return f"{move.name} is being moved at connector {connector}"
    if new and new.bridge:
        return _bridge_refuses(yard, new.bridge, new.connector, world)
    return ""


def _bridge_refuses(yard: Yard, bridge: Relay, to: ConnectorId, world: World) -> str:
    name = next(key for key, one in yard.bridges.items() if one.relay == bridge)
    users = yard.users(bridge)
    if users - {to}:
        return f"bridge {name} is used by connector {min(users - {to})}"
    if not users and not world.is_open(bridge):
        return f"bridge {name} is not confirmed open"
    for other in yard.groups:
        if other.doubtful.intersection(path.switch for path in other.paths.values() if path.bridge == bridge):
            return f"{other.name} is locked out at bridge {name}"
    return ""


def _contactors_refuse(yard: Yard, place: Place, new: Path | None, world: World) -> str:
    """No bridge or tie gets more behind it than it carries: at the receiver's voltage, at any where that is dead.

    A module's own switch is not asked: the module is given no more than that carries.
    """
    if new is None:
        return ""
    bar = world.bars[new.connector]
    voltage_v = bar.voltage_v if bar.state is BarState.LIVE and bar.voltage_v is not None else 0.0
    for relay in new.relays if place.spot else new.relays[1:]:
        beside = [one for one in yard.groups if one.path and relay in one.path.relays]
        modules = [module for one in (*beside, place) for module in one.modules]
        current_a = sum(yard.feeds[module].rating.current_limit_a(voltage_v) for module in modules)
        if current_a > yard.carrying.room_a(relay, new.connector):
            carrier = yard.carrying.carriers[relay]
            return f"{carrier.name} carries {carrier.max_current_a:g} A, and {current_a:.0f} A could be on it"
    return ""


def _power_refuses(yard: Yard, place: Place, to: ConnectorId | None, world: World) -> str:
    if place.at is not None:
        bar = world.bars[place.at]
        if bar.delivering and not bar.feeding.difference(place.modules):
            has = "is the last module" if len(place.modules) == 1 else "has the last modules"
            return f"{place.name} {has} of connector {place.at}, which is delivering"
    if to is None:
        return ""
    bar = world.bars[to]
    if not world.group(place.modules).usable:
        return (
            f"{place.name} is not usable; see its own faults"
            if len(place.modules) == 1
            else f"no module of {place.name} is usable; see their own faults"
        )
    if bar.state is BarState.UNSTEADY:
        return f"connector {to} is about to start or to end, and its voltage moves"
    live_v = bar.voltage_v if bar.state is BarState.LIVE else None
    for module in place.modules:
        rating = yard.feeds[module].rating
        if live_v is not None and not rating.min_voltage_v <= live_v <= rating.max_voltage_v:
            return f"{module} cannot deliver at the {live_v:.0f} V of connector {to}"
    return ""
