"""The answers to GetConfiguration and ChangeConfiguration of OCPP 1.6.

The keys of the specification stand in `keys`, the charger's own in `parameters`. What a central system changes is a
change of the charger's configuration like any other: it is in force and on the disk before it is Accepted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import attrs
import trio

from jp_firmware.config.schema import Cabinet
from jp_firmware.config.text.edits import Edit
from jp_firmware.ocpp.conversation import Refusal, Reply
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.schema import check_result
from jp_firmware.ocpp.v16.keys import MAX_KEYS_ASKED, Keys, Row
from jp_firmware.ocpp.v16.parameters import MAX_KEY_CHARS, PREFIX, NotPermitted, Parameter, parameter, parameters

log = logging.getLogger(__name__)

AUTHORIZATION_KEY: Final = "AuthorizationKey"  # of the security whitepaper: written, and never told
PASSWORD_KEY: Final = "backend.password"
PASSWORD = re.compile(r"[!-~]{16,40}")
"""At least 16 characters, at most the 40 that are 20 bytes in hexadecimal. It is used as it is written."""

CHECKED_AT_ONCE: Final = 8  # rows, made and checked in 0.4 ms of a PC, measured; others run in between


class Undecided(Exception):
    """A change that is still under way when an answer is due. The message says what it waits for."""


class Settings(Protocol):
    """The charger's configuration, as a central system may look at it and change it."""

    @property
    def cabinet(self) -> Cabinet:
        """The configuration in force."""

    def is_fixed(self, key: str) -> bool:
        """Whether a change of this key could have no effect."""

    async def change(self, edit: Edit, why: str) -> str:
        """Makes a change; returns why it was refused, or nothing once it is in force and on the disk.

        Returns within seconds. Raises Undecided if it is neither made nor refused by then.
        """

    async def password(self, password: str) -> str | Callable[[], None]:
        """Prepares another password of the connection; returns why it is refused, or what to do behind the answer."""


@attrs.frozen(eq=False)
class Configuration:
    """Answers for one charger."""

    keys: Keys
    settings: Settings

    # --- GetConfiguration --------------------------------------------------------------------------------------------

    async def get(self, payload: Payload) -> Reply:
        """The keys that are asked for, of those the first `MAX_KEYS_ASKED`; all keys where none is named."""
        asked, unknown = payload.get("key", [])[:MAX_KEYS_ASKED], list[str]()
        rows = list[Payload]()
        for row in self._named(asked, unknown) if asked else self._all():
            rows.append(row)
            if len(rows) % CHECKED_AT_ONCE == 0:
                await self._check(rows[-CHECKED_AT_ONCE:])
        await self._check(rows[len(rows) - len(rows) % CHECKED_AT_ONCE :])
        return Reply({"configurationKey": rows, **({"unknownKey": unknown} if unknown else {})}, checked=True)

    async def _check(self, rows: list[Payload]) -> None:
        fault = check_result("GetConfiguration", {"configurationKey": rows})
        assert fault is None, fault
        await trio.lowlevel.checkpoint()

    def _all(self) -> Iterator[Payload]:
        yield from map(self._standard, self.keys.rows)
        yield from map(self._own, parameters(self.settings.cabinet))

    def _named(self, asked: list[str], unknown: list[str]) -> Iterator[Payload]:
        for name in asked:
            row, own = self.keys.row(name), self._find(name)
            if row is not None:
                yield self._standard(row)
            elif own is not None:
                yield self._own(own)
            elif name.lower() == AUTHORIZATION_KEY.lower():
                yield {"key": AUTHORIZATION_KEY, "readonly": self.settings.is_fixed(PASSWORD_KEY)}
            else:
                unknown.append(name)

    def _standard(self, row: Row) -> Payload:
        readonly = not row.key or self.settings.is_fixed(row.key)
        return {"key": row.name, "readonly": readonly, "value": self.keys.text(row.name)}

    def _own(self, one: Parameter) -> Payload:
        told: Payload = {"key": one.name, "readonly": not one.writable or self.settings.is_fixed(one.key)}
        return told if one.text is None else {**told, "value": one.text}

    def _find(self, name: str) -> Parameter | None:
        if not name.upper().startswith(PREFIX):
            return None
        found = parameter(self.settings.cabinet, name[len(PREFIX) :])
        return found if found is not None and len(found.name) <= MAX_KEY_CHARS else None

    # --- ChangeConfiguration -----------------------------------------------------------------------------------------

    async def change(self, payload: Payload) -> Reply | Refusal:
        """A value counts, and has survived the power, once it is Accepted."""
        name, text = payload["key"], payload["value"]
        if name.lower() == AUTHORIZATION_KEY.lower():
            return await self._change_password(text)
        row, own = self.keys.row(name), self._find(name)
        if row is None and own is None:
            return Reply({"status": "NotSupported"})
        try:
            edit = self._edit(row, own, text)
            asked = f"ChangeConfiguration of {row.name if row else name}"
            why = await self.settings.change(edit, asked) if edit else ""
        except NotPermitted as error:
            why = str(error)
        except Undecided as error:
            return Refusal("GenericError", str(error))
        if why:
            log.info("ChangeConfiguration of %r rejected: %s", name, why)
        elif row is not None:
            self.keys.settle(row.name)
        return Reply({"status": "Rejected" if why else "Accepted"})

    def _edit(self, row: Row | None, own: Parameter | None, text: str) -> Edit | None:
        stands_for = row.parameter(self.settings.cabinet) if row is not None else own
        if stands_for is None or not stands_for.writable:
            raise NotPermitted("it is read-only")
        if self.settings.is_fixed(stands_for.key):
            raise NotPermitted("it cannot be changed in this charger: its command line says what it is")
        return row.edit(self.settings.cabinet, text) if row is not None else stands_for.edit(text)

    async def _change_password(self, text: str) -> Reply | Refusal:
        """The new one is tried behind the answer, over another connection."""
        if self.settings.is_fixed(PASSWORD_KEY) or not PASSWORD.fullmatch(text):
            log.info("%s rejected: it is read-only, or has not 16 to 40 printable characters", AUTHORIZATION_KEY)
            return Reply({"status": "Rejected"})
        try:
            prepared = await self.settings.password(text)
        except Undecided as error:
            return Refusal("GenericError", str(error))
        if isinstance(prepared, str):
            log.info("%s rejected: %s", AUTHORIZATION_KEY, prepared)
            return Reply({"status": "Rejected"})
        return Reply({"status": "Accepted"}, after=prepared)
