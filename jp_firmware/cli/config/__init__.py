"""`jp config`: a configuration explained, checked, and changed: in its file, or on a charger that runs."""
