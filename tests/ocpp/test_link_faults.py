"""Whatever becomes of the link, and whenever: every Wh is told once, in order, and no message id is used again.

The link is cut at each of the charger's frames in turn, before it is sent, after it is sent, and before its answer; the
controller is killed at each commit. The scenario is two sessions on two connectors that overlap.
"""

import pytest
import trio

from tests.ocpp.bench import Site, settle

TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")


async def two_sessions(site):
    """Both begin, are sampled and end, 20 s between each step; then there is all the time to deliver."""
    first = await site.begin(1, 1000)
    await settle(20)
    second = await site.begin(2, 5000)
    await settle(70)
    site.sample(first, 1200)
    site.sample(second, 5100)
    await settle(20)
    await site.end(first, 1500)
    await settle(20)
    await site.end(second, 5300)
    await settle(3600)


def check(site):
    """Both transactions are told with their registers; repetitions are of the last message only, and recognised."""
    accounts = [
        (one.connector, one.meter_start_wh, one.meter_stop_wh, one.reason) for one in site.central.transactions.values()
    ]
    assert [(1, 1000, 1500, "Remote"), (2, 5000, 5300, "Remote")] == accounts
    assert [] == site.central.orphans
    assert [] == site.journal.waiting()
    assert [] == site.journal.given_up()

    order = [(one.action, one.payload.get("connectorId", one.payload.get("transactionId"))) for one in calls(site)]
    assert [
        ("StartTransaction", 1),
        ("StartTransaction", 2),
        ("MeterValues", 1),
        ("MeterValues", 2),
        ("StopTransaction", 1),
        ("StopTransaction", 2),
    ] == without_repetitions(order)

    ids = [one.frame[1] for one in site.calls()]
    assert len(ids) == len(set(ids)), "a message id was used twice"


def calls(site):
    return site.calls(*TRANSACTIONAL)


def without_repetitions(items):
    return [item for n, item in enumerate(items) if n == 0 or item != items[n - 1]]


class Cut:
    """Cuts the link at the n-th frame of the charger, counted over all links, once."""

    def __init__(self, site, n, moment):
        self.n, self.moment, self.count, self.done = n, moment, 0, False
        site.on_link = self.watch

    def watch(self, near, far):
        if self.moment == "before it is sent":
            near.before_send = lambda text: self.strike(near)
        elif self.moment == "after it is sent":
            near.after_send = lambda text: self.strike(near)
        else:
            far.before_send = lambda text: self.strike(near)

    def strike(self, end):
        self.count += 1
        if self.count == self.n:
            self.done = True
            end.cut()


@pytest.mark.parametrize("moment", ["before it is sent", "after it is sent", "before its answer"])
def test_a_link_that_is_cut_at_any_frame_loses_and_invents_nothing(moment):
    """Runs the scenario anew for each frame, until it has no more."""

    async def run(n):
        async with trio.open_nursery() as nursery:
            site = Site(nursery)
            cut = Cut(site, n, moment)
            await site.start()
            await two_sessions(site)
            check(site)
            nursery.cancel_scope.cancel()
        site.journal.close()
        return cut.done

    frames = 1
    while trio.run(run, frames, clock=trio.testing.MockClock(autojump_threshold=0)) and frames < 30:
        frames += 1

    assert frames > 10  # a boot, three statuses and their changes, and six messages at least


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_controller_that_is_killed_at_any_commit_of_the_outbox_loses_and_invents_nothing(moment):
    async def run(n):
        async with trio.open_nursery() as nursery:
            site = Site(nursery)
            await site.start()
            kill = Kill(site, n, moment)
            nursery.start_soon(kill.revive)
            await two_sessions(site)
            check(site)
            nursery.cancel_scope.cancel()
        site.journal.close()
        return kill.done

    commits = 1
    while trio.run(run, commits, clock=trio.testing.MockClock(autojump_threshold=0)) and commits < 30:
        commits += 1

    assert commits > 6  # one for each of the six messages at least


class Kill:
    """Ends the backend at the n-th commit of its outbox: its task gets no further, as under SIGKILL."""

    def __init__(self, site, n, moment):
        self.site, self.n, self.moment, self.count, self.done = site, n, moment, 0, False
        self.dead = trio.Event()
        self.commit, site.journal.commit = site.journal.commit, self.intercept

    async def intercept(self, *records):
        mine = any(type(one).__module__.endswith("journal.outbox") and not hasattr(one, "payload") for one in records)
        self.count += mine
        if not mine or self.count != self.n:
            return await self.commit(*records)
        self.done = True
        if self.moment == "after":
            await self.commit(*records)
        self.dead.set()
        return await trio.sleep_forever()

    async def revive(self):
        await self.dead.wait()
        await self.site.restart()


@pytest.mark.parametrize("minutes", [1, 10, 300])
async def test_a_central_system_that_comes_and_goes_hears_everything(autojump_clock, site, minutes):
    async def flap():
        while True:
            site.leave()
            await trio.sleep(minutes * 60)
            site.come_back()
            await trio.sleep(45)

    await site.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flap)
        await two_sessions(site)
        await settle(minutes * 60 * 5)
        nursery.cancel_scope.cancel()

    check(site)
