"""What a console may ask of the charger: each call reads its parameters, asks the part concerned, and answers in JSON.

A refusal says why, in the words of the part that refused. Every act of an operator is written to the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jp_firmware.composition import planning
from jp_firmware.composition.configuration import calls as config_calls
from jp_firmware.composition.inventory import SearchRefused
from jp_firmware.composition.limiting import LimitCalls
from jp_firmware.console.calls import Call, CallRefused, only, parameter
from jp_firmware.journal import sessions
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.session import IdToken, Sample, Session, TokenSource
from jp_firmware.nursery.supervisor import RestartRefused, UnknownPath
from jp_firmware.planner.explain import UnknownConnector

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]

OPERATOR_TAG = "OPERATOR"  # what a start from a terminal is billed to, unless it names a tag


def all_calls(controller: Controller) -> Mapping[str, Call]:
    """The calls by name."""
    operator, limits = OperatorCalls(controller), LimitCalls(controller)
    return {
        "connector.start": operator.start,
        "connector.stop": operator.stop,
        "connector.unlock": operator.unlock,
        "connector.operative": operator.operative,
        "limit.set": limits.set,
        "limit.put": limits.put,
        "limit.lift": limits.lift,
        "fault.acknowledge": operator.acknowledge,
        "fault.clear": operator.release,
        "session.list": operator.sessions,
        "session.show": operator.session,
        "tree.restart": operator.restart_part,
        "tree.release": operator.release_part,
        "tree.history": operator.history,
        "plan.why": operator.why,
        "plan.site": operator.site,
        "plan.losses": operator.losses,
        "modules.assign": operator.assign_module,
        "modules.release": operator.release_module,
        "modules.identify": operator.identify_modules,
        "modules.accept": operator.accept_module,
        **config_calls.all_calls(controller),
    }


class OperatorCalls:
    """Calls bound to one charger."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._charger = controller.charger

    async def start(self, params: Json) -> object:
        """`connector`, `token?`: starts a session without asking for an identification at a reader."""
        only(params, "connector", "token")
        connector = ConnectorId(parameter(params, "connector", int))
        token = IdToken(parameter(params, "token", str, OPERATOR_TAG), TokenSource.OPERATOR)
        accepted, why = self._charger.start(connector, token, authorize=False)
        return self._answer(f"start connector {connector} for {token.uid}", accepted, why)

    async def stop(self, params: Json) -> object:
        """`connector`: ends the session in order."""
        only(params, "connector")
        connector = ConnectorId(parameter(params, "connector", int))
        return self._answer(f"stop connector {connector}", *self._charger.stop(connector, remote=False))

    async def unlock(self, params: Json) -> object:
        """`connector`: ends a session, then releases the lock."""
        only(params, "connector")
        connector = ConnectorId(parameter(params, "connector", int))
        return self._answer(f"unlock connector {connector}", *self._charger.unlock(connector))

    async def operative(self, params: Json) -> object:
        """`connector` (or null for all), `operative`: in or out of service."""
        only(params, "connector", "operative")
        number = params.get("connector")
        connector = ConnectorId(parameter(params, "connector", int)) if number is not None else None
        operative = parameter(params, "operative", bool)
        verdict = self._charger.set_operative(connector, operative)
        self._controller.note(
            "operator", "console", f"service {'on' if operative else 'off'}, {number or 'all'}: {verdict}"
        )
        return {"result": verdict}

    async def acknowledge(self, params: Json) -> object:
        """`code`, `source`: somebody has seen the fault. Clears nothing."""
        return self._on_fault(params, "acknowledge", self._controller.faults.acknowledge)

    async def release(self, params: Json) -> object:
        """`code`, `source`: releases a latched fault whose cause is gone."""
        return self._on_fault(params, "clear", self._controller.faults.release)

    async def sessions(self, params: Json) -> object:
        """`limit?`: the newest sessions, newest first."""
        only(params, "limit")
        limit = min(max(parameter(params, "limit", int, 20), 1), 1000)
        return [session_json(one) for one in await self._controller.journal.read(lambda db: sessions.newest(db, limit))]

    async def session(self, params: Json) -> object:
        """`id`: one session with its samples. The beginning of an id is enough where it is unique."""
        only(params, "id")
        wanted = parameter(params, "id", str)
        known = await self._controller.journal.read(lambda db: sessions.newest(db, 1000))
        found = [one for one in known if one.id.startswith(wanted)]
        if len(found) != 1:
            raise CallRefused(f"{len(found) or 'no'} sessions begin with {wanted!r}; see jp session list")
        samples = await self._controller.journal.read(lambda db: sessions.samples_of(db, found[0].id))
        return session_json(found[0]) | {"samples": [_sample_json(one) for one in samples]}

    async def restart_part(self, params: Json) -> object:
        """`path`, `yes?`, `reason?`: restarts a part of the tree. What ends a session is done only with `yes`."""
        only(params, "path", "yes", "reason")
        path = parameter(params, "path", str)
        reason = parameter(params, "reason", str, "asked for by an operator")
        try:
            effect = self._controller.restarts.effect(path)
            told = {"restarts": effect.restarts, "ends": effect.ends, "reduces": effect.reduces, "text": effect.text}
            if effect.ends and not parameter(params, "yes", bool, False):
                return {"result": "unconfirmed", **told}
            self._controller.restarts.ask(path, reason)
        except (UnknownPath, RestartRefused) as refusal:
            return self._answer(f"restart {path}", False, str(refusal))
        self._controller.note("operator", "console", f"restart {path}: {effect.text or 'no session notices'}; {reason}")
        return {"result": "accepted", **told}

    async def release_part(self, params: Json) -> object:
        """`path`: lets a part start again that was latched because it could not be made safe."""
        only(params, "path")
        path = parameter(params, "path", str)
        try:
            released = self._controller.release(path)
        except UnknownPath as refusal:
            return self._answer(f"release {path}", False, str(refusal))
        return self._answer(f"release {path}", released, f"{path} is not latched, or its task is still stuck")

    async def history(self, params: Json) -> object:
        """`path?`, `limit?`: what happened to the parts of the tree since the start, newest last."""
        only(params, "path", "limit")
        limit = min(max(parameter(params, "limit", int, 100), 1), 10_000)
        try:
            return self._controller.tree.history(parameter(params, "path", str, ""), limit)
        except UnknownPath as refusal:
            raise CallRefused(str(refusal)) from None

    async def identify_modules(self, params: Json) -> object:
        """`wire`: finds out which modules are on a CAN wire; the topic `modules` tells how far it is."""
        only(params, "wire")
        wire = parameter(params, "wire", str)
        try:
            result = await self._controller.inventory.search(wire)
        except SearchRefused as refusal:
            return self._answer(f"identify {wire}", False, str(refusal))
        found, missing = len(result["found"]), len(result["missing"])
        self._controller.note("operator", "console", f"identify {wire}: {found} found, {missing} missing")
        return result

    async def accept_module(self, params: Json) -> object:
        """`module`: the module that answers there now is the one that shall, and no longer a replaced one."""
        only(params, "module")
        module = parameter(params, "module", str)
        accepted, detail = self._controller.inventory.accept(module)
        self._answer(f"accept {module}: {detail}" if accepted else f"accept {module}", accepted, detail)
        return {"result": "accepted", "detail": detail}

    async def why(self, params: Json) -> object:
        """`connector` (null: all): what it gets, and the chain of limits from its car to the grid."""
        only(params, "connector")
        number = params.get("connector")
        if number is None:
            return [planning.why(self._controller, key) for key in self._controller.charger.runners]
        try:
            return [planning.why(self._controller, ConnectorId(parameter(params, "connector", int)))]
        except UnknownConnector as error:
            raise CallRefused(str(error)) from error

    async def site(self, params: Json) -> object:
        """What of the site's limit is used and free, and what cars will want in the next quarter of an hour."""
        only(params)
        return planning.site(self._controller)

    async def losses(self, params: Json) -> object:
        """What the loss of each module would mean now."""
        only(params)
        return await planning.losses(self._controller)

    async def assign_module(self, params: Json) -> object:
        """`module`, `connector` (null: none): moves a module that hangs on relays, if it may be moved now."""
        only(params, "module", "connector")
        module = ModuleId(parameter(params, "module", str))
        number = params.get("connector")
        to = ConnectorId(parameter(params, "connector", int)) if number is not None else None
        switching = self._controller.plant.switching
        refusal = switching.assign(module, to) if switching else "no module of this charger hangs on relays"
        return self._answer(
            f"move {module} to {'no connector' if to is None else f'connector {to}'}", not refusal, refusal
        )

    async def release_module(self, params: Json) -> object:
        """`module`: somebody has tested the relays of a module that was locked out."""
        only(params, "module")
        module = ModuleId(parameter(params, "module", str))
        switching = self._controller.plant.switching
        refusal = switching.release(module) if switching else "no module of this charger hangs on relays"
        return self._answer(f"release {module}", not refusal, refusal)

    def _on_fault(self, params: Json, verb: str, act: Callable[[str, str], bool]) -> object:
        only(params, "code", "source")
        code, source = parameter(params, "code", str), parameter(params, "source", str)
        return self._answer(f"{verb} {code} at {source}", act(code, source), f"{code} is not active at {source}")

    def _answer(self, act: str, accepted: bool, why: str) -> object:
        self._controller.note("operator", "console", act if accepted else f"{act}: refused, {why}")
        if not accepted:
            raise CallRefused(why)
        return {"result": "accepted"}


def session_json(session: Session) -> Json:
    """A session for a table or a screen."""
    return {
        "id": session.id,
        "connector": session.connector_id,
        "token": session.token.uid,
        "source": session.token.source.value,
        "evccid": session.evccid or None,
        "started_at": session.started_at.isoformat(timespec="seconds"),
        "stopped_at": session.stopped_at.isoformat(timespec="seconds") if session.stopped_at else None,
        "duration_s": _duration_s(session),
        "meter_start_wh": session.meter_start_wh,
        "meter_stop_wh": session.meter_stop_wh,
        "energy_wh": session.energy_wh,
        "modules_wh": round(session.modules_wh, 1),
        "reason": session.stop_reason.value if session.stop_reason else None,
        "reason_code": session.stop_reason.code if session.stop_reason else None,
        "detail": session.stop_detail or None,
    }


def _duration_s(session: Session) -> int | None:
    end = session.stopped_at or session.last_at
    return round((end - session.started_at).total_seconds()) if end else None


def _sample_json(sample: Sample) -> Json:
    return {
        "at": sample.at.isoformat(timespec="seconds"),
        "import_wh": sample.import_wh,
        "voltage_v": sample.voltage_v,
        "current_a": sample.current_a,
        "power_w": sample.power_w,
        "soc_percent": sample.soc_percent,
        "offered_w": sample.offered_w,
    }
