"""Rules about who may charge: nobody unpaid without being told so, and somebody at all."""

from __future__ import annotations

from collections.abc import Iterator

from jp_firmware.config.lint import checks
from jp_firmware.config.lint.rule import Rule, Severity, of_cabinet
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake


def _unpaid(cabinet: Cabinet) -> Iterator[Mistake]:
    if cabinet.backend.url and cabinet.authorize.allow_unknown_offline:
        yield Mistake(
            ("authorize", "allow_unknown_offline"),
            "any tag may charge while the central system is away, and nobody may pay for it; set it to false unless "
            "that is meant",
        )


def _nobody(cabinet: Cabinet) -> Iterator[Mistake]:
    rules = cabinet.authorize
    if cabinet.backend.url:
        return
    if not (rules.allow_unknown_offline or any(one.status == "accepted" for one in rules.local_list)):
        yield Mistake(
            ("authorize",),
            "nobody may charge: there is no central system, no accepted tag in local_list, and unknown tags are "
            "refused; add one of them",
        )
    elif not cabinet.readers:
        yield Mistake(
            ("readers",),
            "there is none, and no central system: a driver has no way to ask for a session; add one of them",
        )


PEOPLE = (
    Rule(
        id="RULE-50",
        title="A tag that is none, or listed twice",
        reason="OCPP knows tags of 1 to 20 characters, in either case; of two entries the first one would hold.",
        fix="Write the tag as its reader tells it, once.",
        check=of_cabinet(checks.local_list),
    ),
    Rule(
        id="RULE-51",
        title="Unknown tags may charge although there is a central system",
        reason="Whenever the link is down any card starts a session, and the central system may refuse to bill it.",
        fix="Set authorize.allow_unknown_offline to false, or accept the loss.",
        severity=Severity.WARNING,
        check=of_cabinet(_unpaid),
    ),
    Rule(
        id="RULE-52",
        title="Nobody can ever be authorized",
        reason="Every card is refused, or there is nowhere to hold one: only an operator can start a session.",
        fix="Configure a central system, list a tag and a reader, or let unknown tags charge.",
        severity=Severity.WARNING,
        check=of_cabinet(_nobody),
    ),
)
