"""A conversation keeps our CALLs in turn, answers each of the peer's once, and survives callers that leave."""

import json

import pytest
import trio

from jp_firmware.ocpp.conversation import Conversation, Refusal, Reply, Silence
from jp_firmware.ocpp.rpc import Answered, Lost, Refused, RpcCore, TimedOut
from jp_firmware.ocpp.transport import Kind
from tests.ocpp.pipes import frames, pipe

NOW = {"currentTime": "2026-01-01T00:00:00Z"}


async def accept(incoming):
    return Reply({"status": "Accepted"})


class Talk:
    """A running conversation and the far end of its link."""

    def __init__(self, nursery, handler=accept):
        near, self.far = pipe()
        self.near = near
        self.conversation = Conversation(near, RpcCore({"Reset", "ClearCache"}), handler)
        self.failure = None
        nursery.start_soon(self._run)

    async def _run(self):
        self.failure = await self.conversation.run()

    async def next(self):
        return json.loads(await self.far.receive())


@pytest.fixture
async def talk(nursery):
    return Talk(nursery)


async def test_calls_wait_for_their_turn(talk, nursery, autojump_clock):
    outcomes = []

    async def ask():
        outcomes.append(await talk.conversation.call("Heartbeat", {}, 30))

    for _ in range(3):
        nursery.start_soon(ask)
    for n in range(3):
        frame = await talk.next()
        await trio.testing.wait_all_tasks_blocked()
        assert n + 1 == len(frames(talk.near)), "a second CALL went out before the first was answered"
        await talk.far.send(json.dumps([3, frame[1], NOW]))
    await trio.testing.wait_all_tasks_blocked()

    assert [Answered] * 3 == [type(one) for one in outcomes]


async def test_a_call_without_an_answer_times_out_and_the_next_goes(talk, nursery, autojump_clock):
    assert isinstance(await talk.conversation.call("Heartbeat", {}, 30), TimedOut)
    assert trio.current_time() == 30
    nursery.start_soon(talk.conversation.call, "Heartbeat", {}, 30)
    first, second = await talk.next(), await talk.next()

    assert first[1] != second[1]


async def test_an_incoming_call_is_answered_while_ours_is_under_way(talk, nursery, autojump_clock):
    nursery.start_soon(talk.conversation.call, "Heartbeat", {}, 30)
    await talk.next()
    await talk.far.send('[2,"1","Reset",{"type":"Soft"}]')

    assert [3, "1", {"status": "Accepted"}] == await talk.next()


async def test_a_handler_that_calls_back_does_not_wait_for_itself(nursery, autojump_clock):
    """The answer first, then what was asked for."""
    talk = None

    async def handler(incoming):
        return Reply(
            {"status": "Accepted"}, after=lambda: nursery.start_soon(talk.conversation.call, "Heartbeat", {}, 5)
        )

    talk = Talk(nursery, handler)
    await talk.far.send('[2,"1","ClearCache",{}]')

    assert [3, "1", {"status": "Accepted"}] == await talk.next()
    assert "Heartbeat" == (await talk.next())[2]


async def test_a_caller_that_leaves_does_not_let_two_calls_go_at_once(talk, nursery, autojump_clock):
    with trio.move_on_after(1):
        await talk.conversation.call("Heartbeat", {}, 30)
    nursery.start_soon(talk.conversation.call, "Heartbeat", {}, 30)
    await trio.testing.wait_all_tasks_blocked()
    assert 1 == len(frames(talk.near))
    first = await talk.next()
    await talk.far.send(json.dumps([3, first[1], NOW]))

    assert "Heartbeat" == (await talk.next())[2]


async def test_a_caller_that_leaves_before_its_turn_is_never_heard_of(talk, nursery, autojump_clock):
    nursery.start_soon(talk.conversation.call, "Heartbeat", {}, 30)
    await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(1):
        await talk.conversation.call("Authorize", {"idTag": "A"}, 30)
    first = await talk.next()
    await talk.far.send(json.dumps([3, first[1], NOW]))
    await trio.testing.wait_all_tasks_blocked()

    assert [] == frames(talk.near, "Authorize")


async def test_a_link_that_goes_ends_the_call_under_way_and_those_in_the_queue(talk, nursery, autojump_clock):
    outcomes = []

    async def ask():
        outcomes.append(await talk.conversation.call("Heartbeat", {}, 30))

    nursery.start_soon(ask)
    nursery.start_soon(ask)
    await talk.next()
    talk.far.cut()
    await trio.testing.wait_all_tasks_blocked()

    assert [Lost, Lost] == [type(one) for one in outcomes]
    assert Kind.CLOSED is talk.failure.kind
    assert isinstance(await talk.conversation.call("Heartbeat", {}, 30), Lost)


async def test_a_refused_call_tells_its_code(talk, nursery, autojump_clock):
    async def refuse():
        frame = await talk.next()
        await talk.far.send(json.dumps([4, frame[1], "InternalError", "no", {}]))

    nursery.start_soon(refuse)
    outcome = await talk.conversation.call("Heartbeat", {}, 30)

    assert isinstance(outcome, Refused)
    assert "InternalError" == outcome.code


@pytest.mark.parametrize(
    ("reply", "frame"),
    [
        (Refusal("NotSupported", "no"), [4, "1", "NotSupported", "no", {}]),
        (Reply({"status": "Perhaps"}), [4, "1", "InternalError", "the answer could not be formed", {}]),
    ],
)
async def test_a_handler_may_refuse_and_its_mistakes_are_not_the_peers(nursery, autojump_clock, reply, frame):
    async def handler(incoming):
        return reply

    talk = Talk(nursery, handler)
    await talk.far.send('[2,"1","ClearCache",{}]')

    assert frame == await talk.next()


async def test_a_handler_may_keep_silent(nursery, autojump_clock):
    async def handler(incoming):
        return Silence()

    talk = Talk(nursery, handler)
    await talk.far.send('[2,"1","ClearCache",{}]')
    await talk.far.send('[2,"2","Coffee",{}]')

    assert "2" == (await talk.next())[1]


async def test_a_handler_that_fails_is_an_internal_error_and_the_next_call_is_answered(nursery, autojump_clock, caplog):
    async def handler(incoming):
        if incoming.action == "Reset":
            raise RuntimeError("a fault of ours")
        return Reply({"status": "Accepted"})

    talk = Talk(nursery, handler)
    await talk.far.send('[2,"1","Reset",{"type":"Soft"}]')
    await talk.far.send('[2,"2","ClearCache",{}]')

    assert [4, "1", "InternalError"] == (await talk.next())[:3]
    assert [3, "2", {"status": "Accepted"}] == await talk.next()
    assert "a fault of ours" in caplog.text


async def test_garbage_is_noted_and_the_conversation_goes_on(talk, nursery, autojump_clock, caplog):
    for text in ("", "[]", "[" * 5000, '[3,"x",{}]', '[9,"x"]'):
        await talk.far.send(text)
    await talk.far.send('[2,"2","ClearCache",{}]')

    assert [3, "2", {"status": "Accepted"}] == await talk.next()
    assert talk.failure is None
