"""The charger's durable memory: one SQLite file, one writer.

Events, sessions, samples, outgoing messages and small facts. It decides nothing, and forgets nothing it confirmed.
"""
