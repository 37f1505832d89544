"""Every key there is, changed while two cars charge: what starts again is what the plan named, and nothing else.

A session never notices a live key, nor one for the next session, nor the central system's link. What cannot go on
without a session waits for its end; forced, it ends exactly the sessions that it named before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio

from jp_firmware.config.key import Known, Reload
from jp_firmware.config.told.explain import all_keys
from jp_firmware.model.ids import ConnectorId
from tests.whole.charger import BOTH
from tests.whole.configured import RELAYS, RING, TEXT, Json, Site
from tests.whole.other_values import NO_OTHER, Other, copy_profiles, other

VALUES = tuple(one for one in all_keys() if not one.is_table)
SETTLE_S = 0.6  # several looks of everything that looks
STEADY_S = 3.0

Clock = trio.testing.MockClock


@pytest.fixture(autouse=True)
def profiles(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path_factory.mktemp("profiles")
    copy_profiles(directory)
    monkeypatch.setenv("JP_PROFILES", str(directory))


def text_of(known: Known) -> str:
    """The configuration that this key is tried in."""
    match known.path[0]:
        case "bridges" | "switches":
            return RELAYS
        case "bus_bars":
            return RING
    return TEXT


def others(*reloads: Reload, whole: bool = False, text: str = TEXT) -> Iterator[Other]:
    """A change of each key of these classes: of those that all parts start anew for, or of all the others."""
    for known in VALUES:
        if known.key.reload in reloads and text_of(known) == text and known.name not in NO_OTHER:
            found = other(known, text)
            if found.draft.effects.whole == whole:
                yield found


@attrs.define(eq=False, repr=False)
class Calm:
    """Two sessions that go on while their configuration changes."""

    site: Site
    started: dict[str, float]
    sessions: dict[ConnectorId, str]
    gaps_s: dict[str, float]
    lowest_a: dict[ConnectorId, float]

    @classmethod
    def of(cls, site: Site) -> Calm:
        calm = cls(site, {}, {}, {}, {})
        calm.begin()
        site.world.watchers.append(calm.look)
        return calm

    def begin(self) -> None:
        process = self.site.process
        self.started = process.started()
        self.sessions = self._sessions()
        self.gaps_s = {path: one.worst_gap_s for path, one in process.parts().items()}
        self.lowest_a = dict.fromkeys(BOTH, 1000.0)

    def look(self) -> None:
        for key in BOTH:
            bus = self.site.world.plant.buses[key]
            self.lowest_a[key] = min(self.lowest_a[key], bus.current_a if bus.closed else 0.0)

    def restarted(self) -> set[str]:
        now = self.site.process.started()
        return {path for path, at_s in now.items() if at_s != self.started[path]}

    def check(self, name: str, restarted: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Nothing but `restarted` started again, and no session was ended, nor its power interrupted."""
        process = self.site.process
        assert (name, self.restarted()) == (name, restarted)
        assert (name, self._sessions()) == (name, self.sessions)
        lowest_a = min(self.lowest_a.values())
        assert lowest_a > 10.0, f"{name}: power was interrupted"
        for path, one in process.parts().items():
            if path not in restarted and one.child.watchdog_s < 60.0:  # the link's own pace is that of its attempts
                now_s, then_s = one.worst_gap_s, self.gaps_s[path]
                assert now_s < 1.1 * then_s + 0.05, f"{name}: {path} was held up"

    def ended(self) -> set[ConnectorId]:
        """Those whose session is over, or another one."""
        return {key for key, session in self.sessions.items() if self._sessions().get(key) != session}

    def _sessions(self) -> dict[ConnectorId, str]:
        return {key: one.id for key in BOTH if (one := self.site.process.session(key))}


async def apply(site: Site, one: Other, **terms: object) -> Json:
    answer = await site.process.call("config.apply", base=site.process.store.current.number, **one.asked, **terms)
    assert isinstance(answer, dict)
    assert answer["errors"] == 0, (one.key.name, answer["findings"])
    assert [step["path"] for step in answer["steps"]] == [step.path for step in one.draft.effects.steps]
    return answer


async def go_back(site: Site, one: Other, **terms: object) -> None:
    """To what the file began with. No version keeps secrets, so they are taken back as they were put."""
    if one.key.key.secret:
        answer = await site.process.apply(secrets={one.key.name: ""}, confirm_s=0, **terms)
    else:
        answer = await site.process.call("config.rollback", version=1, confirm_s=0, **terms)
    assert answer["result"] == "applied", answer


def named_wire(answer: Json) -> set[str]:
    """The links of the wires that the plan has named, or that carry the devices it has named."""
    return {f"wires/{step['path'].split('/')[1]}/link" for step in answer["steps"] if step["path"].startswith("wires/")}


def named(site: Site, answer: Json) -> set[str]:
    """The parts that start again with what the plan has named."""
    tree = site.process.tree
    stops = [step["path"] for step in answer["steps"] if step["how"] in (Reload.RECONNECT, Reload.RESTART_CHILD)]
    return {path for stop in stops for path in tree.restarted_with(stop)}


# --- what no session notices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reload", [Reload.LIVE, Reload.NEXT_SESSION, Reload.RECONNECT])
async def test_no_session_notices(reload: Reload, tmp_path: Path, autojump_clock: Clock) -> None:
    """Keys in force at once, at the next session, or with the central system's link alone; and back again."""
    site = Site.of(tmp_path)
    began, tried = site.file, 0
    async with site.running():
        await site.two_sessions()
        calm = Calm.of(site)
        await trio.sleep(STEADY_S)
        for one in others(reload):
            tried += 1
            calm.begin()
            answer = await apply(site, one, confirm_s=0)
            assert answer["result"] == "applied", (one.key.name, answer)
            assert answer["waits_for"] == []
            restarted = named(site, answer)
            assert bool(restarted) == (reload is Reload.RECONNECT)
            await trio.sleep(SETTLE_S)
            calm.check(one.key.name, restarted)
            await go_back(site, one)
            assert site.file == began, one.key.name
            calm.check(f"{one.key.name} and back", restarted)
    assert tried > 5


# --- what a part is stopped for --------------------------------------------------------------------------------------


async def test_a_part_alone_starts_again_once_the_sessions_that_need_it_have_ended(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    """Each such key: it waits, given up nothing has happened; forced, the sessions it named end, and only they."""
    site = Site.of(tmp_path)
    began, waited = site.file, 0
    async with site.running():
        calm = Calm.of(site)
        for one in others(Reload.RESTART_CHILD):
            name, process = one.key.name, site.process
            await site.two_sessions()
            calm.begin()
            answer = await apply(site, one)
            ends = {key for step in answer["steps"] for key in step["ends"]}
            if answer["waits_for"]:
                waited += 1
                assert answer["result"] == "waiting", name
                await trio.sleep(SETTLE_S)
                await process.call("config.revert")
                await trio.sleep(SETTLE_S)
                calm.check(f"{name}, given up")
                assert site.file == began
                answer = await apply(site, one, force=True)
            else:
                assert not ends, name
            assert answer["result"] in ("applied", "refused"), (name, answer)
            if answer["result"] == "refused":
                assert answer["part"] == answer["steps"][0]["path"], name
                assert site.file == began
            await trio.sleep(SETTLE_S)
            if answer["result"] == "applied":
                await go_back(site, one, force=True)
                assert site.file == began, name
                await trio.sleep(SETTLE_S)
            # A wire on which nobody answers at the new place starts again by itself.
            also = calm.restarted() & {path for path in named_wire(answer) if answer["result"] == "refused"}
            assert (name, calm.restarted()) == (name, named(site, answer) | also)
            assert (name, calm.ended()) == (name, ends)
        assert site.world.opened_under_load() == 0
    assert waited > 10


# --- what all parts are stopped for ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [TEXT, RELAYS, RING], ids=["wired", "relays", "ring"])
async def test_all_parts_start_anew_once_all_sessions_have_ended(
    text: str, tmp_path: Path, autojump_clock: Clock
) -> None:
    """Each such key: it waits for both sessions; given up, nothing has happened."""
    site = Site.of(tmp_path, text)
    began, tried = site.file, 0
    async with site.running():
        await site.two_sessions()
        calm = Calm.of(site)
        for one in others(Reload.RESTART_CHILD, whole=True, text=text):
            tried += 1
            calm.begin()
            answer = await apply(site, one)
            assert (answer["result"], answer["waits_for"]) == ("waiting", list(BOTH)), one.key.name
            assert [step["path"] for step in answer["steps"]] == ["controller"]
            await site.process.call("config.revert")
            await trio.sleep(0.1)
            calm.check(one.key.name)
            assert site.file == began
            assert not site.process.controller.restart_wanted
    assert tried >= 4
