"""Shares the site's power among connectors: pure arithmetic, and the one task that runs it on every event."""
