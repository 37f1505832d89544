"""Driver for Huawei R100040Gx modules: which frames to send, and what the answers mean.

The bytes are `huawei_wire`'s; timing is `ModuleTask`'s. Each frame of an answer is understood by itself, whether more
follow or not: a lost one costs its own signal only. Modules of several connectors share a bus, so nothing is ever sent
to all.

There is no vendor document in public, so what alarm bits mean is not taken for known: any bit is an alarm of its own,
without a name and with the module out of use, unless the profile names it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs import validators

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import huawei_wire as wire
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Detail,
    Frames,
    Identity,
    Measured,
    ModuleProfile,
    Refused,
    Report,
    Semantics,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
    check_address,
    options_of,
)
from jp_firmware.hw.modules.huawei_wire import Error, Message, Signal, State

STATE_ALARMS: dict[State, Alarm] = {
    State.FAULT: Alarm("module fault", "PM-02"),
    State.SEVERELY_UNEVEN: Alarm("load sharing unbalanced", "PM-09", usable=True),
}

STATE_NOTES: dict[State, str] = {
    State.PROTECTION: "protection",
    State.CURRENT_LIMITED: "current limited",
    State.CAN_POOR: "CAN disturbed",
    State.MEMORY: "memory error",
    State.ADDRESSING: "finding its address",
    State.UNEVEN: "sharing unevenly",
    State.SHORT_LIMITED: "current limited by a short circuit",
}

UNNAMED_CODE = "PM-02"

_NAMES: dict[int, str] = {
    Signal.OUTPUT_VOLTAGE: "set voltage",
    Signal.OUTPUT_CURRENT: "set current",
    Signal.SWITCH: "switch",
    Signal.COMM_TIMEOUT: "set its time-out",
    Signal.AUTOMATIC_RANGE: "change its range by itself",
}

_COMMANDS = (Message.CONTROL, Message.CONFIGURE)
"""What may be refused. A question that is not answered tells enough."""


def _is_bit(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not 0 <= value < 32:
        raise ValueError(f"{attribute.name} is a bit from 0 to 31, not {value}")


@attrs.frozen
class NamedBit:
    """What a profile knows of one alarm bit. Without a fault code it is a note."""

    text: str
    code: str = ""
    usable: bool = False


@attrs.frozen
class Options:
    """What a profile says of this family alone: all that its sources do not agree on, or do not tell."""

    status_bit: int = attrs.field(default=22, validator=_is_bit)  # of a batch query
    alarms_bit: int = attrs.field(default=20, validator=_is_bit)
    temperature_bit: int = attrs.field(default=13, validator=_is_bit)
    state_swapped: bool = False  # the state's two bytes come the other way round
    current_share: int = attrs.field(default=1, validator=validators.and_(validators.ge(0), validators.le(255)))
    timeout_steps_per_s: float = attrs.field(default=1.0, validator=validators.gt(0))
    alarm_bits: Mapping[str, NamedBit] = attrs.field(factory=dict)  # by number, 0 to 47


@attrs.frozen
class HuaweiCodec:
    """One module by its address."""

    address: int
    timeout_s: float
    options: Options

    # --- what we say ------------------------------------------------------------------------------------------------

    def ask_output(self) -> Frames:
        return (self._frame(Message.REAL_TIME, wire.batch(1 << self.options.status_bit)),)

    def ask_condition(self) -> Frames:
        options = self.options
        bits = 1 << options.status_bit | 1 << options.alarms_bit | 1 << options.temperature_bit
        return (self._frame(Message.REAL_TIME, wire.batch(bits)),)

    def ask_ratings(self) -> Frames:
        """There are signals for them, in a format nobody has told: the profile's hold."""
        return ()

    def ask_identity(self) -> Frames:
        return (self._frame(Message.INHERENT, wire.Word(Signal.BATCH)),)

    def on(self) -> Frames:
        return (self._frame(Message.CONTROL, wire.switch(True)),)

    def off(self) -> Frames:
        return (self._frame(Message.CONTROL, wire.switch(False)),)

    def set_point(self, voltage_v: float, current_a: float) -> Frames:
        return (
            self._frame(Message.CONTROL, wire.scaled(Signal.OUTPUT_VOLTAGE, voltage_v)),
            self._frame(
                Message.CONTROL, wire.scaled(Signal.OUTPUT_CURRENT, current_a, byte3=self.options.current_share)
            ),
        )

    def start(self, voltage_v: float, current_a: float) -> Frames:
        """Before ON it is told how long it may go on without us: it may have been powered up since it last was."""
        steps = max(1, round(self.timeout_s * self.options.timeout_steps_per_s))
        set_point = self.set_point(voltage_v, current_a)
        return (
            self._frame(Message.CONFIGURE, wire.Word(Signal.COMM_TIMEOUT, steps)),
            self._frame(Message.CONFIGURE, wire.Word(Signal.AUTOMATIC_RANGE, byte3=1)),
            *set_point,
            *self.on(),
            *set_point,
        )

    def walk_in(self, enabled: bool) -> Frames:
        """The family has no word for it."""
        del enabled
        return ()

    def select_range(self, high: bool) -> Frames:
        """It changes its range by itself."""
        del high
        return ()

    def heartbeat(self) -> Frames:
        return ()

    def _frame(self, message: Message, word: wire.Word) -> Frame:
        return wire.to_module(message, self.address, word)

    # --- what we understand -----------------------------------------------------------------------------------------

    def is_from_module(self, frame: Frame) -> bool:
        identifier = wire.Identifier.decode(frame.can_id)
        return (
            frame.extended
            and not frame.remote
            and identifier.protocol == wire.PROTOCOL
            and not identifier.from_controller
            and identifier.address == self.address
        )

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        if len(frame.data) != 8:
            return ()
        message, word = wire.Identifier.decode(frame.can_id).message, wire.Word.decode(frame.data)
        match word.error:
            case Error.NONE:
                return self._understand(message, word)
            case Error.IDENTIFYING:
                return (StartingUp(),)
            case Error.INVALID if message in _COMMANDS and word.signal in _NAMES:
                return (Refused(_NAMES[word.signal], "invalid"),)
            case _:
                return ()

    def _understand(self, message: int, word: wire.Word) -> tuple[Report, ...]:
        match message:
            case Message.REAL_TIME | Message.QUERY:
                return self._measured(word)
            case Message.CONTROL | Message.CONFIGURE if word.signal in _NAMES:
                taken = SetPointTaken(_NAMES[word.signal])
                return (SwitchedOff(), taken) if word == wire.switch(False) else (taken,)
            case Message.INHERENT:
                return _identity(word)
            case _:
                return ()

    def _measured(self, word: wire.Word) -> tuple[Report, ...]:
        match word.signal:
            case Signal.STATUS:
                status = wire.Status.decode(word, self.options.state_swapped)
                return (_condition(status.state), Measured(status.voltage_v, status.current_a))
            case Signal.ALARMS:
                return (self._alarms(word.bits),)
            case Signal.AMBIENT_TEMPERATURE:
                return (Detail("air", ambient_c=word.scaled),)
            case _:
                return ()

    def _alarms(self, bits: int) -> Detail:
        named = self.options.alarm_bits
        present = [str(bit) for bit in range(wire.ALARM_BITS) if bits >> bit & 1]
        known = [named[bit] for bit in present if bit in named]
        alarms = [Alarm(one.text, one.code, one.usable) for one in known if one.code]
        if unknown := [bit for bit in present if bit not in named]:
            alarms.append(Alarm(f"alarm bit {', '.join(unknown)}, meaning unknown", UNNAMED_CODE))
        return Detail("alarms", alarms=tuple(alarms), notes=tuple(one.text for one in known if not one.code))


def _condition(state: State) -> Condition:
    return Condition(
        on=not state & State.OFF,
        ambient_c=None,
        alarms=tuple(alarm for bit, alarm in STATE_ALARMS.items() if bit & state),
        notes=tuple(text for bit, text in STATE_NOTES.items() if bit & state),
    )


def _identity(word: wire.Word) -> tuple[Report, ...]:
    """The format of the serial number is not told: its bytes as they come (?). That of the versions is the driver's."""
    match word.signal:
        case Signal.SERIAL if word.bits:
            return (Identity(serial=f"{word.bits:012X}"),)
        case Signal.VERSION if word.bits:
            hardware = word.byte2 << 8 | word.byte3
            dcdc, pfc = divmod(word.value, 1 << 16)
            return (
                Identity(firmware=f"hardware {hardware}, DCDC {dcdc >> 8}.{dcdc & 0xFF}, PFC {pfc >> 8}.{pfc & 0xFF}"),
            )
        case _:
            return ()


SEMANTICS = Semantics(
    addresses=range(1, wire.MAX_ADDRESS + 1),
    addressing="hardware address of the slot (public examples: 120, 121)",
    on_sense="signal 0x132, 0 is on and 1 is off",
    times_out=True,  # as it is told at each start
)


@attrs.frozen
class HuaweiDriver:
    """The family."""

    name: str = "huawei"
    semantics: Semantics = SEMANTICS

    def codec(self, address: int, profile: ModuleProfile) -> HuaweiCodec:
        check_address(self, address)
        options = options_of(profile, Options)
        _check_named_bits(profile.name, options.alarm_bits)
        return HuaweiCodec(address, profile.silent_off_s, options)


def _check_named_bits(name: str, bits: Mapping[str, NamedBit]) -> None:
    known = catalogue.load()
    for bit, named in bits.items():
        where = f"module profile {name}: options.alarm_bits.{bit}"
        if bit not in map(str, range(wire.ALARM_BITS)):
            raise ConfigError(f"{where}: bits are 0 to {wire.ALARM_BITS - 1}")
        if named.code and named.code not in known:
            raise ConfigError(f"{where}: there is no fault {named.code!r} in the catalogue; leave it out for a note")


DRIVER = HuaweiDriver()
