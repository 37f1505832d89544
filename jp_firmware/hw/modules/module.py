"""One power module as a task: asked, watched, and kept at the set-point it was last given.

A module that is not heard is of no use at once, and a set-point that is not renewed ends with the module off. What is
told, asked, heard and shown are files of their own, and so is what a stage sees of it (`face`); here time passes. Only
a plausible answer to a question that was asked counts as evidence, and no order waits for an answer.
"""

from __future__ import annotations

import logging

import attrs
import trio

from jp_firmware.hw.modules.carried import OFF_CURRENT_A
from jp_firmware.hw.modules.driver import Condition
from jp_firmware.hw.modules.face import ModuleFace
from jp_firmware.model.signals import Quality
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

LATE_S = 1.0
"""How late an answer may come: CAN carries no number that ties it to its question, so that a new start must not take
the answer to a question of the last one for its own (ours: answers take 10-50 ms, an adapter may hold them back)."""

UNANSWERED_OFF_S = 0.4
"""Time of unanswered OFF frames after which `safe` stops waiting (ours: answers take 10-50 ms). Where nothing can be
asked, the family's own period comes on top."""


class StillOn(Exception):
    """A module answers, was told to switch off, and reports that it still delivers."""


class StaysOn(Exception):
    """A module answers, was told to switch off for `UNOBEYED_S`, and stays on: it is left alone for a while."""


@attrs.define(eq=False)
class ModuleTask(ModuleFace):
    """A module that the tree runs."""

    # --- what the tree runs -----------------------------------------------------------------------------------------

    @property
    def safe_within_s(self) -> float:
        """The deadline that `safe` needs."""
        return self.profile.off_within_s + 0.5

    async def run(self, lifeline: Lifeline) -> None:
        """Off first, then asks and obeys for ever. Ready when output and condition have been answered plausibly.

        Raises `WireDown` when the bus is down. However it ends, OFF goes out in that step and no set-point survives it.
        Raises `StaysOn` for a module that does not obey OFF; that alone ends without a word, and so does each start
        within its time-out, at once: one that waited would not be ready in time, and take its bus down with it where
        its watchdog is told to.
        """
        if self._left_alone.holds(trio.current_time()):
            raise StaysOn(f"{self.id}: {self._left_alone.why}")
        self._begin(trio.current_time())
        try:
            self.want_off()
            while True:
                self._take_answers(lifeline)
                next_due_s = self._act(trio.current_time())
                with trio.move_on_at(next_due_s):
                    await self._bell.wait()
        finally:
            self.safe_now()  # noted as an order too: what still flows in a moment is no disobedience
            self._shown.distrust(Quality.STALE)
            self._shown.judge_silence(self._heard, trio.current_time(), stays_on=self._left_alone.why)

    def _begin(self, now_s: float) -> None:
        """Nothing of a former start holds."""
        self._running = True
        self._told.switched_at_s = now_s
        self._asked.begin(now_s)
        self._shown.begin(now_s)
        self._carried.begin(now_s)
        self._left_alone.unheard(now_s)
        self._heard.forget(LATE_S)
        self._ability.range.begin_again()
        self._ability.forget()
        self._inbox.clear()
        self._heartbeat.begin(now_s)

    def safe_now(self) -> None:
        """OFF, and nobody switches it on before its next start; also not for a task that is stuck and goes on."""
        self._running = False
        self.want_off()
        if not self._left_alone.holds(trio.current_time()):
            self._abandon(trio.current_time())

    async def safe(self) -> None:
        """Sends OFF until the module reports off, or acknowledges it and measures less than 1 A.

        Returns as well when nobody listens: with the bus down, or the module silent for `_unanswered_off_s`, nothing
        more can be done from here, and the module's own time-out and the PLC board's contactors are the guard. That
        must not latch, or each dead module would need an operator. Raises `StillOn` for a module that answers and
        delivers. One that is left alone is told nothing: it is its own time-out's already.
        """
        self.safe_now()
        if self._left_alone.holds(trio.current_time()):
            return
        told_at_s = next_s = trio.current_time()
        while True:
            self._take_answers(None)
            if self._heard.is_off_since(told_at_s) or self._heard.is_idle_since(told_at_s, OFF_CURRENT_A):
                return
            now_s = trio.current_time()
            if not self.bus.up:
                log.warning("%s: %s is down; the module's own time-out must switch it off", self.id, self.bus.name)
                return
            if now_s - max(told_at_s, self._heard.answered_at_s) >= self._unanswered_off_s:
                log.warning("%s: does not answer OFF; its own time-out must switch it off", self.id)
                return
            if now_s - told_at_s >= self.profile.off_within_s:
                raise StillOn(f"{self.id}: told to switch off, and still reports {self.status.signal.value}")
            if now_s >= next_s:
                next_s = now_s + self.profile.off_repeat_s
                self._told.repeat_off(now_s)
                self._abandon(now_s)
                self._asked.output(now_s, resting=False)
                self._asked.condition(now_s)
            with trio.move_on_at(next_s):
                await self._bell.wait()

    @property
    def _unanswered_off_s(self) -> float:
        """A family that cannot be asked says what it delivers once in its own period."""
        return UNANSWERED_OFF_S + (self.profile.poll_status_s if self._semantics.spontaneous else 0.0)

    # --- asking and telling -----------------------------------------------------------------------------------------

    def _act(self, now_s: float) -> float:
        """Sends what is due; when the next is. Raises `WireDown` and `StaysOn`."""
        if self._told.is_expired(now_s):
            log.warning("%s: its set-point was not renewed in time; switching off", self.id)
            self.want_off()
        self._judge_obedience(now_s)
        self._told.act(self._heard, now_s)
        self._heartbeat.act(now_s)
        self._select_range(now_s)
        self._asked.act(now_s, resting=self._told.at_rest)
        if not self._asked.is_informed(now_s, resting=self._told.at_rest):
            self._shown.distrust(Quality.BAD if self._heard.nonsense else Quality.STALE)
        self._shown.judge_silence(self._heard, now_s, stays_on=self._left_alone.why)
        return min(self._told.next_at_s, self._heartbeat.next_at_s, self._asked.next_at_s)

    def _judge_obedience(self, now_s: float) -> None:
        """Raises `StaysOn` when OFF was said long enough."""
        if self.wanted or self._heard.is_off_since(self._told.switched_at_s):
            self._left_alone.obeys(now_s)
        elif not self._shown.trusted:
            self._left_alone.unheard(now_s)
        elif self._left_alone.is_due(now_s):
            self._leave_alone(now_s)

    def _leave_alone(self, now_s: float) -> None:
        does = self._carried.disobeys or "reports that it is on"
        is_left = self._left_alone.begin(does, now_s)
        self._show_faults(now_s)
        if is_left:
            self._carried.left_alone(self._heard.measured, self._left_alone.heard_again_by_s)
            self._heartbeat.abandon(now_s)
            raise StaysOn(f"{self.id}: {self._left_alone.why}")

    def _select_range(self, now_s: float) -> None:
        """With the output off by the module's own word, and at rest for as long as its profile asks."""
        if self.wanted or not self._heard.is_off_since(self._told.switched_at_s):
            return
        choice = self._ability.range
        high = choice.to_select(self._ability.reported_high, self._told.switched_at_s, now_s)
        if high is not None:
            self.bus.send_now(*self._codec.select_range(high))
            choice.selected(high, now_s)

    def _abandon(self, now_s: float) -> None:
        """OFF was said, and nobody drives it. One that was not heard in this start is not waited for once more."""
        if self._carried.may_be_on and self._shown.heard_since_start:
            self._heartbeat.abandon(now_s)

    # --- listening --------------------------------------------------------------------------------------------------

    def _take_answers(self, lifeline: Lifeline | None) -> None:
        while self._inbox:
            for report in self._codec.decode(self._inbox.popleft()):
                now_s = trio.current_time()
                evidence = self._heard.take(report, now_s)
                if isinstance(report, Condition):
                    self._react_to(report, now_s)
                self._look_at_output(now_s)
                self._show_faults(now_s)
                informed = evidence and self._asked.is_informed(now_s, resting=self._told.at_rest)
                if informed and self._publish(now_s) and lifeline is not None:
                    self._heartbeat.attend()
                    lifeline.ready()

    def _publish(self, now_s: float) -> bool:
        return self._shown.publish(self._heard, self._asked.bus_voltage_v(now_s), now_s)

    def _react_to(self, condition: Condition, now_s: float) -> None:
        if not self.wanted and not condition.on:
            if now_s > self._told.switched_at_s and self._carried.is_off():
                self._heartbeat.attend()
                self._asked.hurry(now_s)  # its word; the measurement makes room for others
        elif not self.wanted and self._told.at_rest:
            self._told.off_again(now_s)
        self._told.correct_walk_in(condition)

    def _look_at_output(self, now_s: float) -> None:
        """Whether it obeys, and delivers its share."""
        measured, order = self._heard.measured, self._told.order
        if measured is None:
            return
        self._carried.measured(measured, self._heard.measured_at_s, self.told_a)
        if order is None or self._heard.measured_at_s < now_s:
            return
        if self.started:
            self._ability.observe(order, measured, now_s)
        else:
            self._ability.forget()

    def _show_faults(self, now_s: float) -> None:
        if self._heard.condition is not None:
            self._ability.range.judge(self._ability.reported_high, now_s)
        short, wrong_range = self._ability.short, self._ability.range.stuck
        self._shown.show_faults(
            self._heard,
            short=short,
            wrong_range=wrong_range,
            disobeys=self._carried.disobeys,
            stays_on=self._left_alone.why,
        )
