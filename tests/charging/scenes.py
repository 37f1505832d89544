"""A car, a cable and a cabinet for the tests of charging: views as a machine would be shown them, step by step."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from jp_firmware.charging.commanding import command_of
from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.view import View
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import (
    ConnectorState,
    EvCommand,
    EvProtocol,
    EvStatus,
    Insulation,
    LockState,
    PilotState,
    ProximityState,
    SlacState,
)
from jp_firmware.model.faults import Fault, FaultKind, Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import MeterReading, StageOutput, StageRating
from jp_firmware.model.session import IdToken, TokenSource

TOKEN = IdToken("04A1B2C3D4E5F6", TokenSource.RFID)
RATING = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=200, max_power_w=60_000)
PLUGGED = EvStatus(pilot=PilotState.B, proximity=ProximityState.LATCHED, lock=LockState.LOCKED, slac=SlacState.MATCHED)
READY = attrs.evolve(
    PLUGGED,
    pilot=PilotState.C,
    protocol=EvProtocol.ISO_15118_2,
    evccid="0242AC110002",
    max_voltage_v=450.0,
    max_current_a=250.0,
    max_power_w=100_000.0,
    target_voltage_v=400.0,
    soc_percent=20.0,
)


def fault(code: str, severity: Severity, source: str = "plc-1") -> Fault:
    kind = FaultKind(code=code, title=code, severity=severity, remedy="-")
    return Fault(kind=kind, source=source, detail="", raised_at=datetime.now(UTC))


@attrs.define
class Scene:
    """A machine, and the world it sees. Attributes are changed between steps; time advances with each."""

    machine: ConnectorMachine = attrs.field(factory=lambda: ConnectorMachine(Connector(id=ConnectorId(1))))
    now_s: float = 0.0
    ev: EvStatus | None = attrs.field(factory=EvStatus)
    output: StageOutput | None = attrs.field(factory=lambda: StageOutput(voltage_v=0, current_a=0, modules_on=0))
    rating: StageRating = RATING
    meter: MeterReading | None = attrs.field(
        factory=lambda: MeterReading(voltage_v=0, current_a=0, power_w=0, import_wh=1000)
    )
    assigned_w: float = 50_000.0
    faults: tuple[Fault, ...] = ()
    asked_at_s: float | None = None

    @property
    def view(self) -> View:
        return View(
            now_s=self.now_s,
            ev=self.ev,
            asked_at_s=self.asked_at_s,
            output=self.output,
            rating=self.rating,
            meter=self.meter,
            assigned_w=self.assigned_w,
            faults=self.faults,
        )

    @property
    def command(self) -> EvCommand:
        return command_of(self.machine, self.view)

    def step(self, seconds: float = 0.1, **changes: object) -> ConnectorState:
        """Advances time, changes the world, takes one step."""
        self.now_s += seconds
        for name, value in changes.items():
            setattr(self, name, value)
        self.machine.step(self.view)
        return self.machine.state

    def run(self, seconds: float) -> ConnectorState:
        """Steps of 0.1 s in an unchanging world."""
        for _ in range(round(seconds * 10)):
            self.step()
        return self.machine.state

    def sees(self, **ev_changes: object) -> None:
        assert self.ev is not None
        self.ev = attrs.evolve(self.ev, **ev_changes)  # type: ignore[arg-type]

    def at_output(self, voltage_v: float, current_a: float = 0.0) -> None:
        self.output = StageOutput(voltage_v=voltage_v, current_a=current_a, modules_on=2)

    # --- short cuts to a stage, each by the way a real session takes -------------------------------------------------

    def available(self) -> Scene:
        assert self.step() is ConnectorState.AVAILABLE
        return self

    def wants_session(self) -> Scene:
        self.available()
        self.step(ev=READY)
        self.machine.authorize(TOKEN, self.now_s)
        self.step()
        assert self.machine.wants_session
        return self

    def cable_check(self) -> Scene:
        self.wants_session()
        self.machine.about_to_begin()
        self.machine.begin(self.now_s)
        return self

    def precharge(self) -> Scene:
        self.cable_check()
        self.step()
        self.sees(contactors_closed=True, insulation=Insulation.TESTING)
        self.step()
        assert self.machine.wish is not None
        self.at_output(self.machine.wish.voltage_v)
        self.step()
        self.sees(insulation=Insulation.VALID)
        self.step()
        self.at_output(20)
        assert self.step() is ConnectorState.PRECHARGE
        return self

    def charging(self) -> Scene:
        self.precharge()
        self.at_output(398)
        if self.meter is not None:
            self.meter = attrs.evolve(self.meter, voltage_v=398.0)
        self.sees(ready=True, target_current_a=100.0)
        assert self.step() is ConnectorState.CHARGING
        return self
