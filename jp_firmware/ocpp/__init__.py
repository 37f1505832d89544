"""OCPP: a sans-IO RPC core, a transport that says why it failed, a durable outbox, and one package for each version."""
