"""Texts of a configuration: read with their places, edited in place, compared."""
