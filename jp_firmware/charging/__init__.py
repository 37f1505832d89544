"""Connectors and sessions: pure state machines, the tasks that run them, and the ports they need from the world."""
