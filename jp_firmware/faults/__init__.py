"""Faults: the catalogue of what can go wrong, as data, and the register of what is wrong now.

It raises nothing by itself, and decides nothing: whoever sees a cause raises the fault and clears it.
"""
