"""What the charger begins with: the configuration that it finds on the disk, or the one before it.

A version that nobody kept is undone here. A file with mistakes ends the start where somebody is there to read them; a
charger that is alone goes on with the version that was in force last, and says so by a fault: it must work tomorrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.profiles import read_toml
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.store import of_text

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

FILE_REFUSED, SOURCE = "CTL-06", "configuration"


@attrs.frozen
class Beginning:
    """The configuration of one life of the charger, and what is to be said of how it came about."""

    store: ConfigStore
    cabinet: Cabinet
    undone: str = ""  # the version that was not for good, in a sentence

    def tell(self, controller: Controller) -> None:
        """As events and faults of a charger that is about to run."""
        if self.undone:
            controller.note("config", SOURCE, self.undone)
        if self.store.refused:
            controller.faults.raise_(FILE_REFUSED, SOURCE, self.store.refused.replace("\n", "; "))


def begin(path: Path, state_dir: Path, overrides: Sequence[str], *, attended: bool) -> Beginning:
    """What the first life of a process begins with. `attended`: somebody reads what is wrong with the file.

    Raises ConfigError for a file that is none or, if it is attended or the first, has mistakes.
    """
    if attended or not path.exists():
        read_toml(path)  # a file that is none is told as it was named, before anything is made for it
    judge = None if attended else partial(_judge, path, overrides)
    store = ConfigStore.open(path, state_dir, judge=judge)
    undone = undo(store, "the controller ended before it was confirmed")
    named = path if store.path_in_force == store.origin_path else store.path_in_force
    return Beginning(store, of_text(store.text, named, overrides, store.secrets), undone)


def begin_again(store: ConfigStore, overrides: Sequence[str], *, keeps: bool) -> Beginning:
    """What another life in the same process begins with; it `keeps` a version that waits, where it is begun for it.

    Raises ConfigError.
    """
    undone = "" if keeps else undo(store, "all parts started anew before it was confirmed")
    return Beginning(store, of_text(store.text, store.path_in_force, overrides, store.secrets), undone)


def undo(store: ConfigStore, why: str) -> str:
    """Takes a version back that waits to be confirmed; a sentence that says so, or none. Raises ConfigError."""
    waiting = store.unconfirmed
    if waiting is None:
        return ""
    refused = f"; what stood in the file is kept aside: {store.refused}" if store.refused else ""
    version = store.revert(why=why)
    return f"version {waiting.number} is undone: {why}; version {version.number} is as {waiting.previous}{refused}"


def _judge(path: Path, overrides: Sequence[str], text: str, secrets: Mapping[str, str]) -> None:
    of_text(text, path, overrides, secrets)
