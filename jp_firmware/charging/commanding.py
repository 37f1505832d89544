"""What the PLC board shall be told of one connector, for the state that it is in. Pure."""

from __future__ import annotations

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.offer import Offer
from jp_firmware.charging.view import View
from jp_firmware.model.connector import ConnectorState, EvCommand, Stage


def command_of(machine: ConnectorMachine, view: View) -> EvCommand:
    """The whole of it: the board takes each command for the only one."""
    session, ev, output = machine.session, view.ev, view.output
    offer = Offer(machine.connector, machine.limits)
    return EvCommand(
        stage=session.stage if session else Stage.IDLE,
        authorized=machine.token is not None and (session is not None or machine.state is ConnectorState.PREPARING),
        close_contactors=session is not None and session.close_contactors,
        precharge_done=session is not None and session.stage is Stage.CHARGING,
        unlock=machine.wants_unlock,
        offered_voltage_v=offer.voltage_v(view),
        offered_current_a=offer.current_a(ev, view) if ev else 0.0,
        offered_power_w=offer.power_w(ev, view)[0] if ev else 0.0,
        present_voltage_v=output.voltage_v if output else 0.0,
        present_current_a=output.current_a if output else 0.0,
    )
