"""The configuration as an editor holds it: keys, the draft, the tree of rows, the text. Pure; the charger decides."""
