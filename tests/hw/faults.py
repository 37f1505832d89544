"""A fault sink that remembers what is active and everything that was said, in order."""

from __future__ import annotations

from collections.abc import Callable

import attrs


@attrs.define
class Faults:
    """Fulfils `charging.ports.FaultSink`. `active` maps (code, source) to the detail."""

    active: dict[tuple[str, str], str] = attrs.field(factory=dict)
    history: list[str] = attrs.field(factory=list)
    on_raise: Callable[[str], object] = str

    def raise_(self, code: str, source: str, detail: str = "") -> None:
        self.on_raise(code)
        if (code, source) not in self.active:
            self.history.append(f"+{code} {source}")
        self.active[code, source] = detail

    def clear(self, code: str, source: str) -> None:
        if self.active.pop((code, source), None) is not None:
            self.history.append(f"-{code} {source}")

    @property
    def codes(self) -> set[str]:
        return {code for code, _ in self.active}
