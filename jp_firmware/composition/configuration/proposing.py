"""Proposals to change the configuration of a charger that runs, and what they would take now. Nothing is done here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import attrs

from jp_firmware.composition.configuration import threads
from jp_firmware.composition.configuration.hardware_found import found, new_mistakes, with_ports
from jp_firmware.composition.restarts import Effect
from jp_firmware.config.carrying_over import carried_over
from jp_firmware.config.draft import Draft, FurtherCheck, InForce, Secrets, draft
from jp_firmware.config.effects import Step
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.kept.pending import WaitingChange
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.edits import Edit
from jp_firmware.config.uses import WHOLE
from jp_firmware.hw.modules import usable
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery.supervisor import RestartRefused

if TYPE_CHECKING:
    from jp_firmware.controller import Controller


@attrs.define(eq=False)
class Proposing:
    """Makes drafts of one charger's configuration. `overrides` are those of its command line."""

    _controller: Controller
    _store: ConfigStore
    overrides: tuple[str, ...]
    _last: tuple[object, Draft] | None = attrs.field(default=None, init=False)  # so that it is not made twice

    @property
    def in_force(self) -> InForce:
        """What a proposal is made to. While a change is made, disk and charger may differ: see `is_current`."""
        store = self._store
        return InForce(
            number=store.current.number,  # first: the store changes it last, and may be doing so in its thread
            text=store.text,
            cabinet=self._controller.cabinet,
            secrets=store.secrets,
            overrides=self.overrides,
        )

    def is_current(self, one: Draft) -> bool:
        """Whether a proposal was made to what is in force: on the disk, and in the charger itself."""
        return one.base.number == self._store.current.number and one.base.cabinet is self._controller.cabinet

    async def draft(
        self, *, text: str | None = None, edits: Sequence[Edit] = (), secrets: Secrets | None = None
    ) -> Draft:
        """What a change would be. Raises ConfigError for edits that cannot be made. Nothing is done."""
        hardware = found(self._controller)
        key = (text, tuple(map(repr, edits)), tuple(sorted((secrets or {}).items())), hardware)
        if self._last is not None and self._last[0] == key and self.is_current(self._last[1]):
            return self._last[1]
        make = partial(draft, self.in_force, text=text, edits=edits, secrets=secrets, further=self._further())
        made = await threads.in_thread(make)
        if made.cabinet is not None:  # what is wrong with it may be mended elsewhere: in a profile's file
            self._last = key, made
        return made

    async def carried_over(self, one: Draft) -> Draft:
        """The same proposal, made to what is in force now. Raises ConfigError where that cannot be."""
        return await threads.in_thread(partial(carried_over, one, self.in_force, self._further()))

    async def inherited(self, kept: WaitingChange) -> Draft:
        """A change that waited in a former life, made to what is in force now. Raises ConfigError as `carried_over`.

        The hardware is not asked again: at a start it is not found yet.
        """
        return await threads.in_thread(partial(self._inherited, kept, self.in_force))

    def _inherited(self, kept: WaitingChange, in_force: InForce) -> Draft:
        base = attrs.evolve(in_force, number=kept.base, text=self._store.text_at(kept.base))
        former = draft(base, text=kept.text, secrets=kept.secrets)
        return carried_over(attrs.evolve(former, is_text=kept.is_text), in_force, usable.mistakes)

    def _further(self) -> FurtherCheck:
        """What drivers and the hardware that was found have to say to a configuration; for a worker thread."""
        controller = self._controller
        before, hardware, device_dir = controller.cabinet, found(controller), controller.device_dir

        def mistakes(cabinet: Cabinet) -> Iterable[Mistake]:
            yield from usable.mistakes(cabinet)
            yield from new_mistakes(before, cabinet, with_ports(hardware, cabinet, device_dir))

        return mistakes

    # --- what it would take ------------------------------------------------------------------------------------------

    def effect(self, step: Step) -> Effect:
        """The sessions that a step would end, or take modules from, if it were taken now."""
        if not step.stops:
            return Effect((), (), ())
        if step.path == WHOLE:
            running = tuple(key for key, one in self._controller.charger.runners.items() if one.machine.in_session)
            return Effect((WHOLE,), running, ())
        try:
            return self._controller.restarts.effect(step.path)
        except RestartRefused:  # it does not run: no session goes on with it
            return Effect((step.path,), (), ())

    def concerned(self, one: Draft) -> tuple[ConnectorId, ...]:
        """The connectors whose sessions a change would not leave alone now."""
        effects = [self.effect(step) for step in one.effects.steps]
        return tuple(sorted({key for effect in effects for key in (*effect.ends, *effect.reduces)}))
