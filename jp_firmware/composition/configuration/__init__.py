"""The configuration of a charger that runs: found at the start, shown, changed, and taken over by its parts."""
