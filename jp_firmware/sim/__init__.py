"""The emulated cabinet: modules, meters, PLC boards with cars and readers, on real ttys, ports and interfaces.

A process beside the charger, commanded through a control port; `cabinet.run` is the process, `control` its clients.
Only the command line, the demo and tests know it.
"""
