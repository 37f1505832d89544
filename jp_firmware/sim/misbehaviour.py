"""What a device can be told to do wrong on its wire, besides the faults it may report honestly."""

from __future__ import annotations

import attrs


@attrs.define
class Misbehaviour:
    """`silent`: hears and acts, but says nothing. `frozen`: what it says no longer changes and nothing is obeyed.
    `corrupt`: what it says is damaged."""

    silent: bool = False
    frozen: bool = False
    corrupt: bool = False

    def clear(self) -> None:
        self.silent = self.frozen = self.corrupt = False

    @property
    def name(self) -> str:
        """For people: "ok", or what is wrong."""
        return " ".join(word for word in ("silent", "frozen", "corrupt") if getattr(self, word)) or "ok"
