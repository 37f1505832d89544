"""A charge controller for DC fast chargers that explains itself."""

__version__ = "0.1.0"
