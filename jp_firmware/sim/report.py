"""What can be seen of the emulated cabinet, as plain JSON: the state of everything, and the energy balance.

It only reads. These are the true values inside the emulation, not what the devices say of themselves on their wires.
"""

from __future__ import annotations

from jp_firmware.sim.outlet import Outlet
from jp_firmware.sim.plant import Plant
from jp_firmware.sim.plc_board import PlcBoard


def state(plant: Plant, now_s: float) -> dict[str, object]:
    """All devices, contactors, currents, cars. Ages in seconds; times on the monotonic clock."""
    return {
        "t": now_s,
        "worst_gap_s": round(plant.worst_gap_s, 4),
        "connectors": {str(number): _connector(outlet) for number, outlet in plant.outlets.items()},
        "modules": {
            name: {
                "on": node.module.on,
                "high_range": node.module.high_range,
                "voltage_v": round(node.module.voltage_v, 3),
                "current_a": round(node.module.current_a, 3),
                "set_voltage_v": node.module.set_voltage_v,
                "set_current_a": node.module.set_current_a,
                "temperature_c": round(node.module.temperature_c, 1),
                "alarms": sorted(alarm.value for alarm in node.module.alarms),
                "comm_lost": node.module.comm_lost,
                "starting_up": node.module.starting_up(now_s),
                "heard_age_s": _age(node.module.heard_at_s, now_s),
                "last_off_at_s": node.last_off_at_s,
                "last_set_at_s": node.last_set_at_s,
                "last_answer_at_s": node.last_answer_at_s,
                "energy_wh": node.module.energy_wh,
                "behaviour": node.misbehaviour.name,
            }
            for name, node in plant.nodes.items()
        },
        "switched": {node.module.id: one.at for one in plant.switchyard.groups for node in one.nodes},
        "meters": {
            name: {
                "connector": meter.connector,
                "register_wh": meter.register_wh,
                "energy_wh": meter.energy_wh,
                "alarms": sorted(meter.alarms),
                "last_answer_at_s": meter.last_answer_at_s,
                "behaviour": meter.misbehaviour.name,
            }
            for name, meter in plant.meters.items()
        },
        "plc_boards": {name: _board(board, now_s) for name, board in plant.boards.items()},
        "readers": {name: {"behaviour": reader.misbehaviour.name} for name, reader in plant.readers.items()},
        "opened_under_load": sum(outlet.opened_under_load for outlet in plant.outlets.values())
        + plant.switchyard.opened_under_load,
        "modules_switched": plant.switchyard.closed,
        "closed_onto_live": plant.switchyard.closed_onto_live,
        "connectors_joined": plant.switchyard.joined,
    }


def energy(plant: Plant) -> dict[str, object]:
    """By connector: integral of its modules, its meter exactly and as its register counts, and what cars took."""
    by_connector = {meter.connector: meter for meter in plant.meters.values()}
    connectors: dict[str, object] = {}
    for number, outlet in plant.outlets.items():
        meter = by_connector.get(number)
        connectors[str(number)] = {
            "modules_wh": outlet.bus.modules_wh,
            "meter": meter.id if meter else None,
            "meter_wh": meter.energy_wh if meter else None,
            "meter_start_wh": meter.start_wh if meter else None,
            "meter_register_wh": meter.register_wh if meter else None,
            "cars_wh": outlet.cars_wh,
        }
    return {"connectors": connectors}


def _connector(outlet: Outlet) -> dict[str, object]:
    car, bus = outlet.car, outlet.bus
    return {
        "plugged": car is not None,
        "pilot": outlet.pilot.value,
        "lock": outlet.lock.value,
        "stage": outlet.command.stage.value,
        "authorized": outlet.command.authorized,
        "contactors_closed": bus.closed,
        "opened_because": outlet.opened_because,
        "opened_under_load": outlet.opened_under_load,
        "insulation": outlet.insulation.value,
        "plug_temperatures_c": list(outlet.plug_temperatures_c),
        "bus_voltage_v": round(bus.voltage_v, 3),
        "cable_voltage_v": round(bus.cable_v, 3),
        "current_a": round(bus.current_a, 3),
        "power_w": round(bus.voltage_v * bus.current_a, 1),
        "alarms": sorted(alarm.value for alarm in outlet.alarms),
        "car": None
        if car is None
        else {
            "vehicle": car.vehicle.name,
            "evccid": car.evccid,
            "phase": car.phase.value,
            "soc_percent": round(car.battery.soc_percent, 3),
            "capacity_wh": car.battery.capacity_wh,
            "leave_at_percent": car.leave_at_percent,
            "battery_voltage_v": round(car.battery.open_circuit_v, 2),
            "target_current_a": round(car.target_current_a, 2),
            "contactor_closed": car.contactor_closed,
            "ready": car.ready,
            "paused": car.paused,
            "stop_request": car.stop_request,
            "ended_because": car.ended_because,
            "taken_wh": car.battery.taken_wh,
        },
    }


def _board(board: PlcBoard, now_s: float) -> dict[str, object]:
    return {
        "connectors": [outlet.number for outlet in board.outlets],
        "mode": board.mode.value,
        "trip": board.trip,
        "heartbeat": board.heartbeat,
        "controller_alive": board.controller_alive,
        "controller_heartbeat": board.controller_heartbeat,
        "controller_heartbeat_age_s": _age(board.moved_at_s, now_s),
        "alarms": sorted(alarm.value for alarm in board.alarms),
        "relays_closed": [number for number, relay in board.relays.items() if relay.closed],
        "last_answer_at_s": board.last_answer_at_s,
        "behaviour": board.misbehaviour.name,
    }


def _age(at_s: float, now_s: float) -> float | None:
    """Age, or None for what never was."""
    return round(now_s - at_s, 4) if at_s > float("-inf") else None
