"""How long each stage of a session may take, and the few levels that stages are judged by.

The numbers are the field's: those marked EV come from EVerest's EvseManager, which took them from IEC 61851-23:2023
and ISO 15118; those marked ours are judgement and say why.
"""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Timeouts:
    """Times in seconds, voltages in volts, currents in amperes."""

    handshake_s: float = 60.0  # authorized and plugged, until ready for the cable check (SECC sequence time-out)
    plug_s: float = 60.0  # an identification waits this long for a car, and a car for one (OCPP ConnectionTimeOut)

    safe_voltage_v: float = 60.0  # below this an output may be touched and a contactor closed (EV; IEC 61851-23)
    discharge_s: float = 10.0  # output below `safe_voltage_v` before and after the cable check (EV)
    contactor_s: float = 5.0  # contactors closed after the command (EV; ISO 15118 allows 3 s)
    test_rise_s: float = 10.0  # output at the test voltage (EV)
    test_tolerance_v: float = 10.0  # (EV)
    test_current_a: float = 2.0  # also covers the short-circuit test (EV; IEC 61851-23 CC.4.1.2)
    insulation_s: float = 30.0  # verdict of the insulation monitor (EV)
    cable_check_s: float = 40.0  # the car's own patience for the whole cable check (ISO 15118)
    fallback_max_voltage_v: float = 500.0  # for a car that never told its maximum (EV)

    precharge_s: float = 7.0  # the car's patience (ISO 15118; 10 s for -20)
    precharge_tolerance_v: float = 10.0  # ours, half of the 20 V at which a car may close its own contactor
    precharge_current_a: float = 2.0  # IEC 61851-23
    ready_s: float = 20.0  # car closes its contactor and asks for current; ours, inside ISO 15118's 60 s "ongoing"

    ramp_a_per_s: float = 25.0  # rises only; faster upsets some cars (EV)
    min_current_a: float = 1.0  # modules refuse less while on (InfyPower A.5)
    min_power_w: float = 1000.0  # ours: below this a session pauses instead of dribbling
    ev_pause_s: float = 2.0  # ours: a car that wants no current for this long has paused the session
    # A car asks every 250 ms (DIN 70121, ISO 15118-2), in ISO 15118-20 every 500 ms: at 1 s it has missed at least one.
    demand_held_s: float = 1.0  # an older demand holds power where it is (ours, by the 1 s of IEC 61851-25)
    demand_lost_s: float = 2.0  # and at this age the session ends (CCS: most message time-outs are 2 s)
    over_voltage_s: float = 0.4  # EV, software monitor; the board trips faster

    measurement_s: float = 2.0  # a quieter output or board is unknown, not zero (EV: no sample for 2 s fails the check)
    no_modules_s: float = 3.0  # ours: modules may restart one by one without faulting the connector

    pilot_fault_s: float = 1.0  # ours: a board may drive state F for 300 ms to have a car begin anew (EV)

    plug_cooled_k: float = 10.0  # a plug that was too hot has cooled by this (facts: TMP-04)

    current_gone_a: float = 1.0  # a contactor may open below this (design, law 1)
    power_down_s: float = 5.0  # OFF on the wire until the contactors are confirmed open (design, law 1; EV allows 20 s)
    contactor_open_s: float = 1.0  # ours: the part of `power_down_s` kept for the contactors themselves
    final_reading_s: float = 3.0  # ours: three meter polls for the register after the last ampere
