"""Supervision for Trio: ordered start, reverse ordered stop, watchdogs fed by evidence, safe states with deadlines.

Knows Trio and nothing about chargers; imports nothing from the rest of the package.
"""
