"""Who the charger is, whom it works for, and the process it runs as."""

from typing import Annotated

import attrs

from jp_firmware.config.key import Key, Reload, Role, declared

RECONNECT = Reload.RECONNECT
RESTART = Reload.RESTART_CHILD
OPERATOR = Role.OPERATOR
MANUFACTURER = Role.MANUFACTURER


@attrs.frozen(kw_only=True, field_transformer=declared)
class Charger:
    """Who the charger is."""

    identity: Annotated[
        str,
        Key(
            "The charger's identity at the central system: the last part of the URL that is called. "
            "The central system must know it, letter by letter.",
            reload=RECONNECT,
            per_device=True,
        ),
    ]
    name: Annotated[str, Key("What people call the charger; shown on screens.", role=OPERATOR)] = "DC charger"
    vendor: Annotated[str, Key("The maker, as the central system is told it.", reload=RECONNECT, role=MANUFACTURER)] = (
        "JP"
    )
    model: Annotated[str, Key("The type, as the central system is told it.", reload=RECONNECT, role=MANUFACTURER)] = (
        "JP firmware"
    )
    serial: Annotated[
        str,
        Key(
            "The serial number on the type plate, as the central system is told it; empty tells none.",
            reload=RECONNECT,
            role=MANUFACTURER,
            per_device=True,
        ),
    ] = ""


@attrs.frozen(kw_only=True, field_transformer=declared)
class Board:
    """The board that the controller runs on: what it brings along is in its profile, what was added is told here."""

    profile: Annotated[
        str,
        Key("Its type: the file among the boards' profiles (std, pro, xtreme); empty: not told.", role=MANUFACTURER),
    ] = ""
    added_rs485: Annotated[
        int, Key("RS-485 ports that adapters add to the board's own.", between=(0, 16), role=MANUFACTURER)
    ] = 0
    added_can: Annotated[
        int,
        Key(
            "CAN interfaces of the kernel (socketcan) that adapters add to the board's own.",
            between=(0, 16),
            role=MANUFACTURER,
        ),
    ] = 0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Brand:
    """Under whose name the charger stands. What is left out is as the brand's profile says."""

    profile: Annotated[str, Key("The brand: the file among the brands' profiles.", role=MANUFACTURER)] = "default"
    name: Annotated[str | None, Key("The name on screens.", role=MANUFACTURER)] = None
    support_phone: Annotated[
        str | None, Key("The number that a driver in need calls; empty: none is shown.", role=OPERATOR)
    ] = None
    logo: Annotated[
        str | None, Key("The picture of the name: a file beside the brands' profiles; empty: none.", role=MANUFACTURER)
    ] = None
    primary_colour: Annotated[str | None, Key("The brand's colour, #rrggbb; empty: none.", role=MANUFACTURER)] = None
    accent_colour: Annotated[
        str | None, Key("The colour that sets off what can be pressed, #rrggbb; empty: none.", role=MANUFACTURER)
    ] = None


@attrs.frozen(kw_only=True, field_transformer=declared)
class Process:
    """The controller as a process of the machine, and what guards it."""

    stop_timeout_s: Annotated[
        float,
        Key(
            "When the process is killed after it was told to stop; 0: ask systemd.",
            unit="s",
            between=(0, 3600),
            reload=RESTART,
        ),
    ] = 0.0
    realtime_priority: Annotated[
        int,
        Key(
            "Priority among real-time processes (SCHED_RR); 0: normal scheduling.",
            between=(0, 50),
            reload=RESTART,
        ),
    ] = 0
    guard_deadline_s: Annotated[
        float,
        Key(
            "How long the controller's loop may stand still before the guard switches all modules off.",
            unit="s",
            between=(0.2, 5),
            reload=RESTART,
        ),
    ] = 1.0
    hardware_watchdog: Annotated[
        str, Key("The hardware's watchdog, as /dev/watchdog, if systemd has not got it; empty: none.", reload=RESTART)
    ] = ""
    hardware_watchdog_timeout_s: Annotated[
        int, Key("When it resets the machine.", unit="s", between=(4, 600), reload=RESTART)
    ] = 15


@attrs.frozen(kw_only=True, field_transformer=declared)
class Watchdog:
    """Changes how parts of the tree are watched; what it does not name stays as it is. See `jp tree` for paths."""

    path: Annotated[str, Key('The part, as in "wires/can0/module-3"; "*" stands for any name.', role=MANUFACTURER)]
    period_s: Annotated[
        float | None,
        Key(
            "Longest gap between two signs of life; the range of each kind of part is in docs/supervision.md.",
            unit="s",
            between=(0.2, 86_400),
            role=MANUFACTURER,
        ),
    ] = None
    grace_s: Annotated[
        float | None,
        Key("From the start to the first sign of life.", unit="s", between=(1, 600), role=MANUFACTURER),
    ] = None
    at_expiry: Annotated[
        str | None,
        Key(
            "What follows when it expires.",
            one_of=("restart", "restart-bus", "escalate"),
            role=MANUFACTURER,
        ),
    ] = None
