"""How the site's power is shared: its limits, its meter, chains and supply lines."""

from typing import Annotated

import attrs

from jp_firmware.config.key import Key, Reload, declared
from jp_firmware.model.ids import ConnectorId

RESTART = Reload.RESTART_CHILD


@attrs.frozen(kw_only=True, field_transformer=declared)
class Site:
    """What the site may draw."""

    limit_w: Annotated[
        float,
        Key(
            "What may be drawn at the connection by all connectors together. It is on the wire as set-points when a "
            "change of it has been applied.",
            unit="W",
            between=(0, 10_000_000),
        ),
    ]
    efficiency: Annotated[
        float,
        Key(
            "The least efficiency of the power modules, AC to DC. Limits of the site and of feeders, of the site meter "
            "and of the central system for the whole station are power at the grid: so much of them is left at the "
            "connectors. Limits of chains and connectors are DC power. 1: all limits are.",
            between=(0.8, 1.0),
        ),
    ] = 1.0
    phase_voltage_v: Annotated[
        float,
        Key(
            "The nominal voltage of one phase of the supply to its neutral. With phases, what an ampere is where the "
            "central system limits in amperes: one on each phase of the supply.",
            unit="V",
            between=(100, 400),
        ),
    ] = 230.0
    phases: Annotated[int, Key("How many phases the supply has: see phase_voltage_v.", between=(1, 3))] = 3


@attrs.frozen(kw_only=True, field_transformer=declared)
class SiteMeter:
    """A meter of the whole site, or of the building without the chargers."""

    wire: Annotated[str, Key("The Modbus wire it is on.", reload=RESTART)]
    unit: Annotated[int, Key("Its Modbus unit on that wire.", between=(1, 247), reload=RESTART)] = 1
    profile: Annotated[str, Key("Its type: the file among the site meters' profiles.", reload=RESTART)] = (
        "siemens-pac2200"
    )
    includes_chargers: Annotated[bool, Key("Whether what the chargers draw flows through it too.")] = True
    fallback_w: Annotated[
        float, Key("The building's load to assume while the meter is lost.", unit="W", between=(0, 10_000_000))
    ] = 0.0
    watchdog_s: Annotated[
        float,
        Key("How old a reading may be before it counts as lost.", unit="s", between=(1, 300), reload=RESTART),
    ] = 10.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Planner:
    """How the site's power is shared."""

    borrowing: Annotated[bool, Key("A chain may use what others leave of their shares.")] = True
    min_useful_w: Annotated[
        float, Key("Below this a session waits for its turn instead of dribbling.", unit="W", between=(0, 100_000))
    ] = 5_000.0
    rotate_s: Annotated[
        float, Key("How long a turn lasts where not all can charge at once.", unit="s", between=(60, 86_400))
    ] = 900.0
    reserve_w: Annotated[float, Key("Of the site's limit, shared with nobody.", unit="W", between=(0, 1_000_000))] = 0.0
    ramp_a_per_s: Annotated[
        float,
        Key("How fast a connector's current rises; a cut is at once.", unit="A/s", between=(1, 1000)),
    ] = 25.0
    move_dwell_s: Annotated[
        float,
        Key("How long a module, or a segment, stays where it has come to, at least.", unit="s", between=(1, 3600)),
    ] = 60.0
    moves_per_hour: Annotated[
        int, Key("How often a module, or a segment, moves, and a tie closes, at most.", unit="1/h", between=(0, 1000))
    ] = 30


@attrs.frozen(kw_only=True, field_transformer=declared)
class Chain:
    """The connectors and modules behind one group limit."""

    name: Annotated[str, Key("What the chain is called in limits.")]
    connectors: Annotated[tuple[ConnectorId, ...], Key("The connectors behind it.")]
    cap_w: Annotated[float, Key("What its wiring can carry.", unit="W", between=(0, 10_000_000))]
    share_w: Annotated[
        float | None,
        Key(
            "What is the chain's own even when others ask for more; left out: all of cap_w.",
            unit="W",
            between=(0, 10_000_000),
        ),
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class Feeder:
    """A supply line that carries some of the connectors."""

    name: Annotated[str, Key("What the line is called in limits.")]
    connectors: Annotated[tuple[ConnectorId, ...], Key("The connectors it carries.")]
    limit_w: Annotated[float, Key("What it can carry.", unit="W", between=(0, 10_000_000))]
