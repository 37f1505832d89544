"""Rules that a configuration is held to once each of its keys has its type and range: whether its parts fit together,
and whether what it says can be meant.

`table.RULES` has all of them that follow from the configuration alone, `hardware` those against what is really there.
"""
