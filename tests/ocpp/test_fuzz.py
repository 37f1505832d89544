"""Whatever a central system asks, in whatever shape: one well-formed answer each, and the charger lives on."""

import decimal
import json

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.messages import MessageType, get_validator

from jp_firmware.ocpp.schema import ACTIONS_16, check_result
from jp_firmware.ocpp.v16.commands import ACTIONS
from tests.ocpp.bench import Site, settle
from tests.ocpp.test_envelope import JSON

NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 2**31, -(2**62)])
WORDS = st.sampled_from(
    ["", "A1", "HeartbeatInterval", "MeterValuesSampledData", "60", "-1", "true", "Voltage", "x" * 20, "ä\u0000"]
)


def fitting(schema):
    """Values that a schema of the package asks for: right in shape, and rarely in sense."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            properties = {name: fitting(inner) for name, inner in schema.get("properties", {}).items()}
            required = {name: value for name, value in properties.items() if name in schema.get("required", ())}
            optional = {name: value for name, value in properties.items() if name not in required}
            return st.fixed_dictionaries(required, optional=optional)
        case "array":
            return st.lists(fitting(schema["items"]), max_size=3)
        case "integer":
            return NUMBERS
        case "number":
            return st.sampled_from([0, 1.5, -3.2, 1e6])
        case "boolean":
            return st.booleans()
    return WORDS.map(lambda text: text[: schema.get("maxLength", 500)])


def request_of(action):
    # The package keeps whichever reading of a schema comes first, for everybody: as decimals, like `schema`.
    return fitting(get_validator(MessageType.Call, action, "1.6", parse_float=decimal.Decimal).schema)


REQUESTS = st.sampled_from(sorted(ACTIONS)).flatmap(lambda action: st.tuples(st.just(action), request_of(action)))
ODD = st.tuples(st.sampled_from(sorted(ACTIONS_16)) | st.text(max_size=10), JSON)


@settings(max_examples=60, deadline=None)
@given(st.lists(REQUESTS | ODD, min_size=1, max_size=6))
def test_each_request_gets_one_well_formed_answer_and_the_charger_lives_on(requests):
    async def run():
        async with trio.open_nursery() as nursery:
            site = Site(nursery)
            await site.start()
            site.charger.read_meter(1, 1000)
            before = len(site.heard)
            for n, (action, payload) in enumerate(requests):
                await site.link.send(json.dumps([2, f"id-{n}", action, payload]))
            await settle(5)
            answers = {}
            for one in site.heard[before:]:
                if one.frame[0] != 2:
                    assert one.frame[1] not in answers, "answered twice"
                    answers[one.frame[1]] = one.frame
            assert {f"id-{n}" for n in range(len(requests))} == set(answers)
            for n, (action, _) in enumerate(requests):
                frame = answers[f"id-{n}"]
                if frame[0] == 3:
                    assert check_result(action, frame[2]) is None
                else:
                    assert (5, {}) == (len(frame), frame[4])
                    assert frame[2] != "InternalError"
            assert site.backend.online
            nursery.cancel_scope.cancel()
        site.journal.close()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
