"""A site whose charger is started from a file of its own, with nothing on the command line: all can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jp_firmware.config import store
from jp_firmware.config.text.document import edited
from jp_firmware.config.text.edits import Put
from jp_firmware.console.protocol import ConsoleError
from jp_firmware.demo.site import Site
from tests.e2e.conftest import BRISK, PATIENT, whole
from tests.unhurried import PROGRAM

Json = dict[str, Any]

IDENTITY = "JP-DEMO-1"


class OwnFile(Site):
    """What the demo's site is told on the command line stands in a file here."""

    def __enter__(self) -> OwnFile:
        super().__enter__()
        text = edited(store.find("demo").read_text(), [_put(one) for one in self.overrides])
        self.file.write_text(text)
        self.cabinet_name, self.overrides = str(self.file), []
        return self

    @property
    def file(self) -> Path:
        return self.directory / "cabinet.toml"

    @property
    def kept(self) -> Path:
        """Where the charger keeps its versions."""
        return self.directory / "state" / "config"

    # --- changes -----------------------------------------------------------------------------------------------------

    def version(self) -> int:
        number: int = self.call("config.get")["version"]
        return number

    def apply(self, *edits: Json, **terms: Any) -> Json:
        answer: Json = self.call("config.apply", edits=list(edits), base=self.version(), **terms)
        return answer

    def value(self, key: str) -> Any:
        """What is in force."""
        return next(one["value"] for one in self.call("config.values")["values"] if one["key"] == key)

    def settled(self) -> bool:
        """Whether nothing is under way, and nothing waits to be confirmed."""
        try:
            told = self.call("config.get")
        except ConsoleError:  # it starts anew, which may begin in the middle of the question
            return False
        return told["change"] is None and told["unconfirmed"] is None

    def events(self) -> list[str]:
        return [one["text"] for one in self.call("events.get")["items"] if one["kind"] == "config"]

    def backend_reason(self) -> str:
        status = self.status()
        return str(status["backend"]["reason"]) if status else ""


def put(key: str, value: Any) -> Json:
    return {"put": key, "value": value}


@contextmanager
def own_file() -> Iterator[OwnFile]:
    with whole(OwnFile(settings=PATIENT, sim_arguments=BRISK, program=PROGRAM)) as site:
        yield site


def _put(override: str) -> Put:
    key, _, value = override.partition("=")
    return Put(key, float(value) if key.endswith("_s") else value)
