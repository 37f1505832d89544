"""What both clients of the console link share: where the socket is, what a failure means, and the picture deltas make.

Opens nothing and waits for nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from jp_firmware.console.protocol import (
    HEARTBEAT_S,
    CallFailed,
    ConsoleError,
    Delta,
    DeltaMismatch,
    ErrorCode,
    Malformed,
    Message,
    Request,
    Snapshot,
    apply,
)


def default_socket_path() -> Path:
    """Where the charger of this machine or user serves its consoles: JP_SOCKET, or below the runtime directory."""
    if named := os.environ.get("JP_SOCKET"):
        return Path(named)
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/run", "jp", "console.sock")


def explain(path: Path, exc: OSError) -> ConsoleError:
    """What a failed connection to `path` means, and what to do about it."""
    match exc:
        case FileNotFoundError():
            return ConsoleError(
                f"no charger is running here (no socket at {path}); start it with jp run CABINET, or name its socket "
                "with --socket"
            )
        case ConnectionRefusedError() if not _is_socket(path):
            return ConsoleError(f"{path} is not a socket; name the charger's socket with --socket")
        case ConnectionRefusedError():
            return ConsoleError(
                f"no charger is running here (nobody answers at {path}); start it with jp run CABINET, or name its "
                "socket with --socket"
            )
        case PermissionError():
            return ConsoleError(
                f"no permission to open {path}; join the group that owns it ({_group_of(path)}), or use sudo"
            )
        case BlockingIOError() | TimeoutError():
            return ConsoleError(f"the charger does not answer at {path}; look at its log, or at jp tree once it does")
    return ConsoleError(f"cannot open {path}: {exc.strerror or exc}")


class Picture:
    """The topics of one connection as the server last told them: snapshots, and deltas laid over them."""

    def __init__(self) -> None:
        self._topics: dict[str, tuple[int, Snapshot]] = {}

    def take(self, message: Request) -> tuple[str, Snapshot] | None:
        """The topic that `message` renews, whole; None where it is about nothing else.

        Raises DeltaMismatch when a delta does not follow what was told before, and CallFailed where the server says
        that the topic cannot be told.
        """
        match message.method, message.params:
            case "snapshot", {"topic": str(topic), "revision": int(revision), "snapshot": dict(snapshot)}:
                self._topics[topic] = revision, snapshot
                return topic, snapshot
            case "delta", {"topic": str(topic), "revision": int(revision), "delta": delta}:
                known = self._topics.get(topic)
                if known is None:
                    return None  # was on its way when the topic was unsubscribed
                if known[0] + 1 != revision:
                    raise DeltaMismatch(f"{topic}: delta {revision} does not follow {known[0]}")
                snapshot = apply(known[1], Delta.from_json(delta))
                self._topics[topic] = revision, snapshot
                return topic, snapshot
            case "unavailable", {"topic": str(topic), "message": str(text)}:
                self._topics.pop(topic, None)
                raise CallFailed(ErrorCode.UNAVAILABLE, f"{topic}: {text}")
        return None

    def latest(self, topic: str) -> Snapshot | None:
        """The topic as last told."""
        known = self._topics.get(topic)
        return known[1] if known else None

    def forget(self, topics: Iterable[str]) -> None:
        """Drops what is no longer kept up to date."""
        for topic in topics:
            self._topics.pop(topic, None)


def silence_limit_s(interval_s: float) -> float:
    """How long a subscribed server may say nothing before the link counts as lost."""
    return 2.0 * max(interval_s, HEARTBEAT_S) + 2.0


def well_formed(event: Message | Malformed) -> Message:
    if isinstance(event, Malformed):
        raise ConsoleError(f"the charger sent what is no message ({event.message}); are both of the same version?")
    return event


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _group_of(path: Path) -> str:
    try:
        return path.group()
    except (OSError, KeyError):
        return "unknown from here"
