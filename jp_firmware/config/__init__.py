"""Configuration as data: its schema with units and ranges, and the reader that says where a mistake stands."""
