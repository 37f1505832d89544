"""The one kind of error that the central system shows to a person."""

from jp_firmware.console.protocol import ConsoleError


class CsmsError(ConsoleError):
    """The central system cannot do what was asked: what, and what to do about it, in one line."""
