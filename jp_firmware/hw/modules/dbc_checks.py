"""Whether what a DBC file and a profile say of a module family fits together: what is refused, and in which words.

Each check raises `ConfigError` with one line that names file, message and signal, and what to correct.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.frame import STANDARD_MASK
from jp_firmware.hw.modules.dbc_file import Field, Message
from jp_firmware.hw.modules.dbc_terms import Choice, Description, Quantity, Raws, Sent

FITS = 0.01
"""How far a profile's rating may be from what a signal can say of it, as a part of it (ours)."""


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Puts the place in the profile before what is wrong there."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


# --- one signal ---


def fixed_raws(message: Message, constants: Mapping[str, int], filled: Iterable[str]) -> Raws:
    """The constants, and what selects the signals that are filled. Raises `ConfigError` where they contradict."""
    raws: dict[str, int] = {}
    for name, raw in constants.items():
        fit(message, message.field(name), raw)
        raws[name] = raw
    waiting = [*filled, *constants]
    while waiting:
        field = message.field(waiting.pop())
        if not field.selector:
            continue
        if raws.setdefault(field.selector, field.selected_by) != field.selected_by:
            raise ConfigError(
                f"signal {field.name} of message {message.name} of {message.file} is there only while {field.selector} "
                f"is {field.selected_by}, not {raws[field.selector]}; correct the constants or the signal"
            )
        waiting.append(field.selector)
    for name in filled:
        if name in constants:
            raise ConfigError(f"signal {name} of message {message.name} is filled, and a constant too; remove one")
    return tuple(sorted(((message.field(name), raw) for name, raw in raws.items()), key=lambda one: one[0].name))


def fit(message: Message, field: Field, raw: int) -> None:
    if field.floating:
        raise ConfigError(f"signal {field.name} of message {message.name} is a floating-point number, no raw value")
    if not field.fits(raw):
        raise ConfigError(f"{raw} does not fit into the {field.bits} bits of {field.name} of message {message.name}")


def can_say(message: Message, quantity: Quantity, value: float, unit: str) -> None:
    """Raises `ConfigError` for a signal that cannot say the module's rating: its scale is wrong, or the rating."""
    field = quantity.field
    data = message.payload(((field, quantity.raw_of(value)),))
    reached = quantity.value_in(data)
    if abs(reached - value) > FITS * value:
        raise ConfigError(
            f"signal {field.name} of message {message.name} of {message.file} cannot say the {value:g} {unit} of the "
            f"rating, only {reached:g} {unit}; correct its length and scale, or the rating"
        )


# --- the whole ---


def check_whole(found: Description) -> None:
    """Raises `ConfigError` where orders and answers, each right by itself, contradict each other."""
    _identifiers(found)
    for key in ("voltage", "current"):
        named = sum(getattr(one, key) is not None for one in found.set_points)
        if named != 1:
            raise ConfigError(f"options.set_point: {key} is named {named} times; a set-point has one of it")
    if not found.options.spontaneous_s:
        for what in ("output", "condition"):
            if not found.questions[what]:
                raise ConfigError(
                    f"options.ask.{what}: is empty; name the message that asks for it, or give spontaneous_s if "
                    "modules tell by themselves"
                )
    for order in found.orders:
        if order is not found.switch:
            _harmless(order, found.switch)


def _identifiers(found: Description) -> None:
    to, from_ = found.to_module, found.from_module
    for message, mask in [(one.message, to.mask) for one in found.orders] + [
        (one.message, from_.mask) for one in found.answers
    ]:
        if not message.extended and mask > STANDARD_MASK:
            raise ConfigError(
                f"options.address: message {message.name} of {message.file} has an identifier of 11 bits, too few "
                "for where the address is to stand"
            )
    heard: dict[tuple[int, bool], Message] = {}
    for answer in found.answers:
        for address in found.addresses:
            can_id = from_.put(answer.message.can_id, address) & from_.care
            _own(heard, can_id, answer.message)
    told: dict[tuple[int, bool], Message] = {}
    for order in found.orders:
        for address in found.addresses:
            can_id = order.message.can_id if order.to_all else to.put(order.message.can_id, address)
            _own(told, can_id, order.message)
            taken_for = heard.get((can_id & from_.care, order.message.extended))
            if taken_for is not None:
                raise ConfigError(
                    f"options.address: {order.message.name} to address {address} has the identifier of "
                    f"{taken_for.name}, both of {message.file}: what we say would be taken for an answer"
                )


def _own(known: dict[tuple[int, bool], Message], can_id: int, message: Message) -> None:
    """Raises `ConfigError` where an address in an identifier makes one message look like another."""
    other = known.setdefault((can_id, message.extended), message)
    if other.name != message.name:
        raise ConfigError(
            f"options.address: {message.name} and {other.name} of {message.file} have the same identifier once "
            "an address is in it; correct shift and bits"
        )


def _harmless(order: Sent, switch: Choice) -> None:
    """Raises `ConfigError` for an order that a module could take for ON or OFF."""
    if order.message.name != switch.message.name:
        return
    payload = order.payload()
    if switch.is_in(payload) and switch.field.raw_in(payload) in (switch.yes, switch.no):
        raise ConfigError(
            f"options.switch: message {order.message.name} of {order.message.file} carries {switch.field.name} in "
            f"another order too, where it would be {switch.field.raw_in(payload)}: that order would switch; tell them "
            "apart by a constant"
        )
