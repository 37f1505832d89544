"""Driver for TonHe modules, protocol V1.2: which frames to send, and what the modules say by themselves.

The bytes are `tonhe_wire`'s; timing is `ModuleTask`'s. These modules cannot be asked anything: they tell state and
output every 500 ms and when something changes. Modules of several connectors share a bus, so the only frame that goes
to all is the heartbeat, which switches nothing; frames to many carry the flag of one module.

Rules

1. ON and its set-point are one frame (C_M_24): no module starts with the set-point of somebody else's session.
2. A set-point is C_M_2, never C_M_24: that would be a start, and a module that tripped or was switched off in between
   would be on again without anybody having decided it. C_M_2 "does not start or stop" and is not confirmed.
3. The confirmation of C_M_24 does not say whether it confirms ON or OFF. It proves neither.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from attrs import validators

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import tonhe_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Detail,
    Frames,
    Measured,
    ModuleProfile,
    Refused,
    Report,
    Semantics,
    SetPointTaken,
    check_address,
    options_of,
)
from jp_firmware.hw.modules.tonhe_wire import ExtendedFault, ExtendedState, Fault, Message, PfcFault, Switch

ALARMS: dict[Fault, Alarm] = {
    Fault.INPUT_UNDER_VOLTAGE: Alarm("input under-voltage", "PM-07"),
    Fault.PHASE_LOSS: Alarm("input phase lost", "PM-08"),
    Fault.INPUT_OVER_VOLTAGE: Alarm("input over-voltage", "PM-07"),
    Fault.OUTPUT_OVER_VOLTAGE: Alarm("output over-voltage", "PM-05"),
    Fault.OUTPUT_OVER_CURRENT: Alarm("output over-current", "PM-06"),
    Fault.OVER_TEMPERATURE: Alarm("over-temperature", "PM-03"),
    Fault.FAN: Alarm("fan fault", "PM-04"),  # the vendor's manual: it shuts down
    Fault.HARDWARE: Alarm("hardware fault", "PM-02"),
    Fault.BUS: Alarm("bus exception", "PM-02"),
    Fault.INTERNAL_COMMUNICATION: Alarm("internal communication fault", "PM-02"),
    Fault.DISCHARGE: Alarm("discharge fault", "PM-10"),
    Fault.PFC_OFF: Alarm("PFC shut down", "PM-02"),
    Fault.SHORT_CIRCUIT: Alarm("output short circuit", "PM-06"),
}

PFC_ALARMS: dict[PfcFault, Alarm] = {
    PfcFault.INPUT_OVER_CURRENT: Alarm("input over-current", "PM-02"),
    PfcFault.FREQUENCY: Alarm("mains frequency", "PM-07"),
    PfcFault.IMBALANCE: Alarm("mains unbalanced", "PM-07"),
    PfcFault.DCTZ: Alarm("DCTz fault", "PM-02"),
    PfcFault.ADDRESS_CONFLICT: Alarm("module address repeated", "PM-11"),
    PfcFault.BUS_BIAS: Alarm("bus bias", "PM-02"),
    PfcFault.PHASE: Alarm("phase exception", "PM-08"),
    PfcFault.BUS_OVER_VOLTAGE: Alarm("bus over-voltage", "PM-02"),
}

EXTENDED_ALARMS: dict[ExtendedFault, Alarm] = {
    ExtendedFault.HOT_PLUG: Alarm("hot-plug fault", "PM-02"),
    ExtendedFault.RELAY: Alarm("relay fault", "PM-02"),
    ExtendedFault.INTERNAL_OVER_TEMPERATURE: Alarm("internal over-temperature", "PM-03"),
    ExtendedFault.INLET_OVER_TEMPERATURE: Alarm("air inlet over-temperature", "PM-03", usable=True),
    ExtendedFault.DISCHARGE_CHANGEOVER: Alarm("discharge changeover abnormal", "PM-10"),
    ExtendedFault.BALANCING: Alarm("voltage and current balancing abnormal", "PM-09", usable=True),
    ExtendedFault.HEAT_SINK_DIFFERENCE: Alarm("heat sink temperatures differ", "PM-03"),
    ExtendedFault.EMERGENCY_STOP: Alarm("emergency stop of the module", "PM-02"),
    ExtendedFault.INLET_TOO_COLD: Alarm("air inlet too cold", "PM-12", usable=True),
    ExtendedFault.UNEVEN_CURRENT: Alarm("currents of its halves uneven", "PM-09", usable=True),
}

NOTES: dict[Fault, str] = {
    Fault.OUTPUT_LOW_WARNING: "output voltage low",
    Fault.OUTPUT_HIGH_WARNING: "output voltage high",
    Fault.POWER_LIMITED_BY_HEAT: "power limited by temperature",
}

EXTENDED_NOTES: dict[ExtendedFault, str] = {
    ExtendedFault.PFC_STOPPED: "PFC stopped",
    # A module that is heard hears us, so here it only tells of the past.
    ExtendedFault.CAN_TIMEOUT: "CAN was interrupted",
    ExtendedFault.INPUT_POWER_LIMITED: "power limited by the input",
    ExtendedFault.POWER_LIMITED_BY_HEAT: "power limited by temperature",
}

STATE_NOTES: dict[ExtendedState, str] = {
    ExtendedState.CURRENT_EQUALISATION: "sharing current",
    ExtendedState.MUTE: "muted",
    ExtendedState.LOG_OVERFLOW: "its event log is full",
}

UNNAMED = Alarm("switched off by a fault it does not name", "PM-02")

_SUMMED_UP = Fault(0x3F00)
"""Bits 8 to 13: each of them sets the hardware fault too, the two warnings among them included (9.1.1 note 1)."""

_PFC_SUMMED_UP = PfcFault.IMBALANCE | PfcFault.BUS_OVER_VOLTAGE

_STOPS_PFC = Fault.INPUT_UNDER_VOLTAGE | Fault.PHASE_LOSS | Fault.INPUT_OVER_VOLTAGE


def _causes(state: wire.State) -> Fault:
    """The fault bits without those that only follow from another: they would name a part that is not broken."""
    causes = state.faults
    if state.faults & _SUMMED_UP or state.pfc & _PFC_SUMMED_UP:
        causes &= ~Fault.HARDWARE
    if state.faults & _STOPS_PFC or state.pfc:
        causes &= ~Fault.PFC_OFF
    return causes


def _state(data: bytes) -> tuple[Report, ...]:
    state = wire.State.decode(data)
    causes = _causes(state)
    alarms = tuple(alarm for bit, alarm in ALARMS.items() if bit & causes)
    alarms += tuple(alarm for bit, alarm in PFC_ALARMS.items() if bit & state.pfc)
    if state.running is wire.Running.OFF_BY_FAULT and not alarms:
        alarms = (UNNAMED,)
    condition = Condition(
        on=state.running is wire.Running.ON,
        ambient_c=None,
        alarms=alarms,
        notes=tuple(text for bit, text in NOTES.items() if bit & state.faults),
    )
    return (condition, Measured(state.voltage_v, state.current_a))


def _confirm(data: bytes) -> tuple[Report, ...]:
    if wire.Confirm.decode(data).received:
        return (SetPointTaken(_COMMANDED),)
    return (Refused(_COMMANDED, "not received"),)


_COMMANDED = "start or stop"


def _ac_input(data: bytes) -> tuple[Report, ...]:
    return (Detail("air", ambient_c=float(wire.AcInput.decode(data).ambient_c)),)


def _extended(data: bytes) -> tuple[Report, ...]:
    extended = wire.Extended.decode(data)
    notes = [text for bit, text in EXTENDED_NOTES.items() if bit & extended.faults]
    notes += [text for state, text in STATE_NOTES.items() if state & extended.state]
    alarms = tuple(alarm for bit, alarm in EXTENDED_ALARMS.items() if bit & extended.faults)
    return (Detail("extended", alarms=alarms, notes=tuple(notes)),)


_DECODERS: dict[int, Callable[[bytes], tuple[Report, ...]]] = {
    Message.STATE: _state,
    Message.CONFIRM: _confirm,
    Message.AC_INPUT: _ac_input,
    Message.EXTENDED: _extended,
}


@attrs.frozen
class Options:
    """What a profile says of this family alone."""

    group: int = attrs.field(default=0, validator=validators.and_(validators.ge(0), validators.le(15)))
    mode: int = attrs.field(default=0, validator=validators.and_(validators.ge(0), validators.le(255)))


@attrs.frozen
class TonHeCodec:
    """One module by its address."""

    address: int
    options: Options

    def ask_output(self) -> Frames:
        return ()

    def ask_condition(self) -> Frames:
        return ()

    def ask_ratings(self) -> Frames:
        return ()

    def ask_identity(self) -> Frames:
        return ()

    def on(self) -> Frames:
        """With the set-point it has."""
        data = wire.SwitchMany(self._alone, Switch.ON).encode()
        return (wire.to_module(Message.SWITCH_MANY, wire.BROADCAST, data),)

    def off(self) -> Frames:
        return (self._command(Switch.OFF, 0.0, 0.0),)

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        data = wire.SetMany(self._alone, voltage_v, current_a).encode()
        return (wire.to_module(Message.SET_MANY, wire.BROADCAST, data),)

    def start(self, voltage_v: float, current_a: float) -> Frames:
        return (self._command(Switch.ON, voltage_v, current_a),)

    def walk_in(self, enabled: bool) -> Frames:
        """The family has no word for it."""
        del enabled
        return ()

    def select_range(self, high: bool) -> Frames:
        """It changes its range by itself."""
        del high
        return ()

    def heartbeat(self) -> Frames:
        """To all: the document knows no other. Each module's task sends its own, so none depends on another's."""
        return (wire.to_module(Message.HEARTBEAT, wire.BROADCAST),)

    def is_from_module(self, frame: Frame) -> bool:
        identifier = wire.Identifier.decode(frame.can_id)
        return (
            frame.extended
            and not frame.remote
            and not identifier.reserved
            and identifier.destination == wire.CONTROLLER
            and identifier.source == self.address
        )

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        decoder = _DECODERS.get(wire.Identifier.decode(frame.can_id).message)
        if decoder is None or frame.data == wire.NOT_AVAILABLE:
            return ()
        try:
            return decoder(frame.data)
        except ValueError:
            return ()

    @property
    def _alone(self) -> wire.Selection:
        return wire.Selection.of(self.address, self.options.group)

    def _command(self, switch: Switch, voltage_v: float, current_a: float) -> Frame:
        data = wire.Command(switch, voltage_v, current_a, self.options.mode).encode()
        return wire.to_module(Message.COMMAND, self.address, data)


SEMANTICS = Semantics(
    addresses=range(1, wire.MAX_ADDRESS + 1),
    addressing="automatic at power-up, or by command C_M_23 and kept",
    on_sense="AA is start and 55 is stop",
    spontaneous=True,
    acknowledges=False,  # a start or stop is confirmed, a set-point is not
    heartbeat_s=5.0,
    times_out=True,  # 20 s; set-points with the flags of others, sent to all, may count all the same (?)
)


@attrs.frozen
class TonHeDriver:
    """The family."""

    name: str = "tonhe"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile) -> TonHeCodec:
        check_address(self, address)
        if address == wire.CONTROLLER:
            raise ConfigError(f"an address of {self.name} is not {address}: that is the controller's own")
        return TonHeCodec(address, options_of(profile, Options))


DRIVER = TonHeDriver()
