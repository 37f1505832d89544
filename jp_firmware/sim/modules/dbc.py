"""An emulated module of a family that is described by a DBC file and a profile: the same description, read backwards.

What the description does not say, this decides: answers come at once, a question is answered by what is of its subject
and agrees with it in every signal that both have, and an alarm is told by the first bit with its fault code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.dbc_file import Field
from jp_firmware.hw.modules.dbc_map import describe
from jp_firmware.hw.modules.dbc_terms import Answer, Choice, Description, Quantity, Sent
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.sim.module import Alarm, Refused, StartingUp
from jp_firmware.sim.modules.node import ModuleNode

CODES = {
    Alarm.OVER_TEMPERATURE: "PM-03",
    Alarm.FAN: "PM-04",
    Alarm.OUTPUT_SHORT: "PM-06",
    Alarm.OUTPUT_OVER_VOLTAGE: "PM-05",
    Alarm.INTERNAL: "PM-02",
    Alarm.AC_PHASE_LOSS: "PM-08",
    Alarm.AC_UNDER_VOLTAGE: "PM-07",
}

SUMMARY = "PM-02"
"""What stands for an alarm that the module has no bit for."""

SUBJECTS: dict[str, Callable[[Answer], object]] = {
    "output": lambda answer: answer.numbers.keys() & {"voltage", "current", "available"},
    "condition": lambda answer: (
        answer.on or answer.high_range or answer.alarms or answer.notes or "ambient" in answer.numbers
    ),
    "ratings": lambda answer: any(key.startswith(("max_", "min_")) for key in answer.numbers),
    "identity": lambda answer: answer.texts,
}
"""Which answers are of the subject of a question."""


@attrs.define(eq=False, kw_only=True)
class DbcNode(ModuleNode):
    """One module of `profile`, which may be a template too."""

    description: Description = attrs.field(init=False)
    _can_ids: dict[tuple[int, bool], list[tuple[Sent, Callable[[bytes, float], None]]]] = attrs.field(init=False)
    _frozen_answers: dict[Answer, bytes] = attrs.field(init=False, factory=dict)
    _spoken_at_s: float | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.description = found = describe(load_profile(self.profile))
        self._can_ids = {}
        self._obeys(found.switch, self._switch)
        for one in found.set_points:
            self._obeys(one, self._setter(one.voltage, one.current))
        if found.walk_in is not None:
            self._obeys(found.walk_in, self._walk_in)
        if found.range_choice is not None:
            self._obeys(found.range_choice, self._select_range)
        if found.heartbeat is not None:
            self._obeys(found.heartbeat, _nothing)
        for questions in found.questions.values():
            for question in questions:
                self._obeys(question, _nothing)

    def _obeys(self, sent: Sent, obey: Callable[[bytes, float], None]) -> None:
        can_id = self.description.frame(sent, self.address).can_id
        self._can_ids.setdefault((can_id, sent.message.extended), []).append((sent, obey))

    # --- what it hears ----------------------------------------------------------------------------------------------

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        known = self._can_ids.get((frame.can_id, frame.extended))
        if known is None or frame.remote:
            return []
        meant = [one for one in known if one[0].is_in(frame.data)]
        if not self.misbehaviour.frozen:
            self.module.heard(now_s)
        answers: dict[Answer, bytes] = {}
        for sent, obey in meant:
            refused = False
            if not self.misbehaviour.frozen:
                try:
                    obey(frame.data, now_s)
                except (Refused, StartingUp):
                    self.refuse({"message": sent.message.name, "data": frame.data.hex()}, now_s)
                    refused = True
            for what, questions in self.description.questions.items():
                if sent in questions:
                    answers |= {one: self._payload(one) for one in self._answers_to(what, sent)}
            answers |= self._acknowledged(sent, refused)
        return self._send(answers, now_s)

    def _answers_to(self, what: str, question: Sent) -> Iterable[Answer]:
        """Of its subject, and of the same mind in every signal that both have."""
        asked = {field.name: raw for field, raw in question.fixed}
        for answer in self.description.answers:
            if SUBJECTS[what](answer) and all(asked.get(field.name, raw) == raw for field, raw in answer.fixed):
                yield answer

    def _acknowledged(self, order: Sent, refused: bool) -> dict[Answer, bytes]:
        """The word on an order, where the description has one."""
        found, said = self.description, self.description.options.acknowledged.set_point
        if order is found.switch:
            told = [one for one in found.answers if one.off_taken and not self.module.on]
            return {one: self._payload(one) for one in told}
        if order not in found.set_points:
            return {}
        part = said[min(found.set_points.index(order), len(said) - 1)].what if said else ""
        if not refused:
            return {one: self._payload(one) for one in found.answers if part in one.set_point_taken}
        for answer in found.answers:
            for refusal in answer.refusals:
                if refusal.what is not None and part in ("", refusal.what):
                    more = ((refusal.field, min(refusal.values)), *refusal.fixed)
                    return {answer: answer.message.payload({**dict(answer.fixed), **dict(more)}.items())}
        return {}

    # --- orders -----------------------------------------------------------------------------------------------------

    def _switch(self, data: bytes, now_s: float) -> None:
        on = _chosen(self.description.switch, data)
        if on:
            self.switch_on(now_s)
        else:
            self.switch_off(now_s)

    def _setter(self, voltage: Quantity | None, current: Quantity | None) -> Callable[[bytes, float], None]:
        def obey(data: bytes, now_s: float) -> None:
            if voltage is not None and current is not None:
                self.set_output(voltage.value_in(data), current.value_in(data), now_s)
            elif voltage is not None:
                self.set_voltage(voltage.value_in(data), now_s)
            elif current is not None:
                self.set_current(current.value_in(data), now_s)

        return obey

    def _walk_in(self, data: bytes, _now_s: float) -> None:
        assert self.description.walk_in is not None
        self.module.walk_in_enabled = _chosen(self.description.walk_in, data)

    def _select_range(self, data: bytes, now_s: float) -> None:
        assert self.description.range_choice is not None
        self.module.select_range(_chosen(self.description.range_choice, data), now_s)

    # --- what it says -----------------------------------------------------------------------------------------------

    def speak(self, now_s: float) -> list[Frame]:
        """All that says something, each `spontaneous_s`; modules of a rack not all at the same moment."""
        period_s = self.description.options.spontaneous_s
        if not period_s or self.module.starting_up(now_s):
            return []
        if self._spoken_at_s is None:
            self._spoken_at_s = now_s - period_s + self.address * 0.037 % period_s
        if now_s - self._spoken_at_s < period_s:
            return []
        self._spoken_at_s += period_s
        told = [one for one in self.description.answers if any(of(one) for of in SUBJECTS.values())]
        return self._send({one: self._payload(one) for one in told}, now_s)

    def _send(self, answers: dict[Answer, bytes], now_s: float) -> list[Frame]:
        if self.module.starting_up(now_s):
            return []  # no word for it
        frames = []
        for answer, payload in answers.items():
            data = self._frozen_answers.setdefault(answer, payload) if self.misbehaviour.frozen else payload
            self._frozen_answers[answer] = data
            said = self.said(data, now_s)
            if said is not None:
                can_id = self.description.answer_id(answer, self.address)
                frames.append(Frame(can_id, said, extended=answer.message.extended))
        return frames

    def _payload(self, answer: Answer) -> bytes:
        """Every subject of the answer, as it is now."""
        module, raws = self.module, dict(answer.fixed)
        voltage_v, current_a = self.measured()
        rating = module.rating
        values = {
            "voltage": voltage_v,
            "current": current_a,
            "ambient": module.temperature_c,
            "available": min(rating.max_current_a, rating.max_power_w / max(self.bus.voltage_v, 1.0)),
            "max_voltage": rating.max_voltage_v,
            "min_voltage": rating.min_voltage_v,
            "max_current": rating.max_current_a,
            "max_power": rating.max_power_w,
        }
        for refusal in answer.refusals:
            raws.setdefault(
                refusal.field, next(raw for raw in range(len(refusal.values) + 1) if raw not in refusal.values)
            )
        raws |= {quantity.field: quantity.raw_of(values[subject]) for subject, quantity in answer.numbers.items()}
        raws |= {field: 1000 + self.address & field.mask for field in answer.texts.values()}
        if answer.on is not None:
            raws[answer.on.field] = min(answer.on.yes if module.running else answer.on.no)
        if answer.high_range is not None:
            raws[answer.high_range.field] = min(answer.high_range.yes if module.high_range else answer.high_range.no)
        raws |= self._alarm_raws(answer)
        return answer.message.payload(raws.items())

    def _alarm_raws(self, answer: Answer) -> dict[Field, int]:
        all_bits = [bit for one in self.description.answers for bit in one.alarms]
        raws: dict[Field, int] = {}
        for alarm in self.module.alarms:
            told = [bit for bit in all_bits if bit.alarm.code == CODES[alarm]]
            told = told or [bit for bit in all_bits if bit.alarm.code == SUMMARY]
            raws |= {bit.field: min(bit.values) for bit in told[:1] if bit in answer.alarms}
        return raws


def _chosen(choice: Choice, data: bytes) -> bool:
    """Raises `Refused` for a value that is neither of the two."""
    raw = choice.field.raw_in(data)
    if raw not in (choice.yes, choice.no):
        raise Refused(f"{choice.field.name} {raw}")
    return raw == choice.yes


def _nothing(_data: bytes, _now_s: float) -> None:
    """It was heard, and that is all."""
