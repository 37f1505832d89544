"""A central system of our own for OCPP 1.6-J: for the bench, the demo, and sites that have no other."""
