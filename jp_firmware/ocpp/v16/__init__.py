"""OCPP 1.6-J: the charger's side of it, between the words of `charging` and those of the specification."""
