"""A family of modules that nobody makes: described with every word that a description has, told unasked, in halves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit

from jp_firmware.hw.modules.driver import ModuleProfile, load_profile

WORDY_DBC = """VERSION ""
NS_ :
BS_:
BU_: Controller Module
BO_ 2415919104 SetV: 8 Controller
 SG_ V : 0|16@1+ (0.1,0) [0|0] "V" Module
BO_ 2415984640 SetI: 8 Controller
 SG_ I : 0|16@1+ (0.1,0) [0|0] "A" Module
BO_ 2416050176 Ctl: 8 Controller
 SG_ Sub : 0|8@1+ (1,0) [0|0] "" Module
 SG_ What : 8|8@1+ (1,0) [0|0] "" Module
BO_ 2416115712 Beat: 8 Controller
 SG_ Dummy : 0|8@1+ (1,0) [0|0] "" Module
BO_ 2415980544 Volts: 8 Module
 SG_ Volts : 0|32@1+ (1,0) [0|0] "mV" Controller
BO_ 2416046080 Amps: 8 Module
 SG_ Amps : 0|32@1+ (1,0) [0|0] "mA" Controller
 SG_ Avail : 32|32@1+ (1,0) [0|0] "mA" Controller
BO_ 2416111616 State: 8 Module
 SG_ On : 0|2@1+ (1,0) [0|0] "" Controller
 SG_ High : 2|1@1+ (1,0) [0|0] "" Controller
BO_ 2416177152 Air: 8 Module
 SG_ Temp : 0|8@1- (1,0) [0|0] "degC" Controller
 SG_ Hot : 8|1@1+ (1,0) [0|0] "" Controller
BO_ 2416242688 Rate: 8 Module
 SG_ MaxV : 0|16@1+ (1,0) [0|0] "V" Controller
 SG_ MaxI : 16|16@1+ (1,0) [0|0] "A" Controller
 SG_ MaxP : 32|16@1+ (1,0) [0|0] "kW" Controller
BO_ 2416308224 Who: 8 Module
 SG_ Serial : 0|32@1+ (1,0) [0|0] "" Controller
 SG_ Fw : 32|16@1+ (1,0) [0|0] "" Controller
BO_ 2416373760 Ack: 8 Module
 SG_ Of : 0|8@1+ (1,0) [0|0] "" Controller
 SG_ Error : 8|8@1+ (1,0) [0|0] "" Controller
"""

WORDY_OPTIONS: dict[str, Any] = {
    "dbc": "wordy.dbc",
    "current": "total of all addressed",
    "address": {
        "first": 0,
        "last": 31,
        "set_by": "by DIP switch",
        "to_module": {"shift": 4, "bits": 5},
        "from_module": {"shift": 0, "bits": 5, "ignore": 0xF00},
    },
    "switch": {"message": "Ctl", "signal": "What", "on": 1, "off": 2, "constants": {"Sub": 1}},
    "set_point": [{"message": "SetV", "voltage": "V"}, {"message": "SetI", "current": "I"}],
    "walk_in": {"message": "Ctl", "signal": "What", "enable": 1, "disable": 0, "constants": {"Sub": 2}},
    "range": {"message": "Ctl", "signal": "What", "high": 1, "low": 0, "constants": {"Sub": 3}},
    "heartbeat": {"message": "Beat", "every_s": 1.0, "to_all": True},
    "spontaneous_s": 0.25,
    "ask": {"identity": [{"message": "Ctl", "constants": {"Sub": 9}}]},
    "output": {"voltage": {"message": "Volts", "signal": "Volts"}, "current": {"message": "Amps", "signal": "Amps"}},
    "condition": {
        "on": {"message": "State", "signal": "On", "on": [1], "off": [0, 2]},
        "high_range": {"message": "State", "signal": "High", "high": [1], "low": [0]},
        "ambient": {"message": "Air", "signal": "Temp"},
    },
    "available": {"message": "Amps", "signal": "Avail"},
    "ratings": {
        "max_voltage": {"message": "Rate", "signal": "MaxV"},
        "max_current": {"message": "Rate", "signal": "MaxI"},
        "max_power": {"message": "Rate", "signal": "MaxP"},
    },
    "identity": {"serial": {"message": "Who", "signal": "Serial"}, "firmware": {"message": "Who", "signal": "Fw"}},
    "acknowledged": {
        "off": {"message": "Ack", "constants": {"Of": 1}},
        "set_point": [
            {"message": "Ack", "constants": {"Of": 2}, "what": "set voltage"},
            {"message": "Ack", "constants": {"Of": 3}, "what": "set current"},
        ],
    },
    "alarms": [{"message": "Air", "signal": "Hot", "text": "hot", "code": "PM-03"}],
    "refusals": [
        {
            "message": "Ack",
            "signal": "Error",
            "values": [7],
            "constants": {"Of": 2},
            "what": "set voltage",
            "why": "range",
        },
        {
            "message": "Ack",
            "signal": "Error",
            "values": [7],
            "constants": {"Of": 3},
            "what": "set current",
            "why": "range",
        },
    ],
}

PROFILE = {
    "name": "wordy",
    "max_voltage_v": 1000,
    "min_voltage_v": 100,
    "max_current_a": 50,
    "max_power_w": 20_000,
    "low_range_max_voltage_v": 500,
    "silent_off_s": 10,
    "walk_in": "disable",
    "poll_on_s": 0.25,
    "poll_off_s": 0.25,
    "poll_status_s": 0.25,
}


def own_profile(directory: Path, dbc: str = WORDY_DBC) -> ModuleProfile:
    """Written below `directory`, which JP_PROFILES must name, and read from there."""
    (directory / "modules").mkdir(exist_ok=True)
    (directory / "modules" / "wordy.dbc").write_text(dbc)
    (directory / "modules" / "wordy.toml").write_text(tomlkit.dumps({**PROFILE, "options": WORDY_OPTIONS}))
    return load_profile("wordy")
