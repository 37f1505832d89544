"""Authorization: list, cache, central system, and the rules for when it is away."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.charging.authorize import Authorizing
from jp_firmware.config.schema import Authorize, LocalTag
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import Authorization, AuthorizationStatus, IdToken, TokenSource

A = AuthorizationStatus
LISTED, BLOCKED, UNKNOWN = "04AAAAAAAAAAAA", "04BBBBBBBBBBBB", "04CCCCCCCCCCCC"
RULES = Authorize(local_list=(LocalTag(uid=LISTED.lower()), LocalTag(uid=BLOCKED, status="blocked")))


@attrs.define
class Remote:
    """A central system with a memory and a verdict."""

    online: bool = True
    verdict: AuthorizationStatus = A.ACCEPTED
    memory: AuthorizationStatus | None = None
    asked: int = 0

    def cached(self, token: IdToken) -> Authorization | None:
        return Authorization(self.memory, "cache") if self.memory else None

    async def authorize(self, token: IdToken) -> Authorization:
        self.asked += 1
        return Authorization(self.verdict, "central system")


async def verdict(uid: str, remote: Remote | None, **rules: bool) -> tuple[AuthorizationStatus, str]:
    authorizing = Authorizing(attrs.evolve(RULES, **rules), remote)
    answer = await authorizing.authorize(IdToken(uid, TokenSource.RFID), ConnectorId(1))
    return answer.status, answer.by


async def test_a_listed_tag_starts_without_asking() -> None:
    remote = Remote()

    assert await verdict(LISTED, remote) == (A.ACCEPTED, "local list")
    assert remote.asked == 0


async def test_without_pre_authorization_the_central_system_decides_while_online() -> None:
    remote = Remote(verdict=A.EXPIRED)

    assert await verdict(LISTED, remote, local_pre_authorize=False) == (A.EXPIRED, "central system")


@pytest.mark.parametrize("online", [True, False])
async def test_a_blocked_entry_refuses_whatever_else(online: bool) -> None:
    remote = Remote(online=online, memory=A.ACCEPTED)

    assert await verdict(BLOCKED, remote, allow_unknown_offline=True) == (A.BLOCKED, "local list")
    assert remote.asked == 0


async def test_an_unknown_tag_is_asked_for() -> None:
    assert await verdict(UNKNOWN, Remote(verdict=A.INVALID)) == (A.INVALID, "central system")


async def test_a_remembered_refusal_is_asked_again_while_online() -> None:
    """OCPP 1.6 §3.5.1: a cached not-valid entry is not believed while there is somebody to ask."""
    assert await verdict(UNKNOWN, Remote(memory=A.BLOCKED)) == (A.ACCEPTED, "central system")


@pytest.mark.parametrize(
    ("uid", "memory", "rules", "expected"),
    [
        (LISTED, None, {}, A.ACCEPTED),
        (LISTED, None, {"local_authorize_offline": False}, A.UNREACHABLE),
        (UNKNOWN, A.ACCEPTED, {}, A.ACCEPTED),
        (UNKNOWN, A.BLOCKED, {"allow_unknown_offline": True}, A.BLOCKED),
        (UNKNOWN, None, {}, A.UNREACHABLE),
        (UNKNOWN, None, {"allow_unknown_offline": True}, A.ACCEPTED),
    ],
)
@pytest.mark.parametrize("how", ["offline", "no answer"])
async def test_offline_rules(
    uid: str, memory: AuthorizationStatus | None, rules: dict[str, bool], expected: AuthorizationStatus, how: str
) -> None:
    remote = Remote(online=how == "no answer", verdict=A.UNREACHABLE, memory=memory)
    online_rules = rules | ({"local_pre_authorize": False} if how == "no answer" else {})

    assert (await verdict(uid, remote, **online_rules))[0] is expected


async def test_without_a_central_system_the_list_is_all_there_is() -> None:
    assert await verdict(LISTED, None) == (A.ACCEPTED, "local list")
    assert (await verdict(UNKNOWN, None))[0] is A.INVALID
