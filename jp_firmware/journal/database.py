"""The journal's file: its schema with its history, how it is opened, and what its errors mean in one line.

Migrations only ever go forward, each in a transaction of its own; a file of a newer firmware is refused, never touched.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

BUSY_TIMEOUT_S = 2.0  # ours: how long another process that has the file open may hold us up

# Times are text of fixed width in UTC (`records.to_text`), amounts are integers in Wh where a meter gave them.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE sessions (
            id TEXT PRIMARY KEY,
            connector_id INTEGER NOT NULL,
            token_uid TEXT NOT NULL,
            token_source TEXT NOT NULL,
            started_at TEXT NOT NULL,
            meter_start_wh INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            evccid TEXT NOT NULL,
            meter_last_wh INTEGER,
            last_at TEXT,
            stopped_at TEXT,
            meter_stop_wh INTEGER,
            stop_reason TEXT,
            stop_detail TEXT NOT NULL,
            stop_token_uid TEXT,
            stop_token_source TEXT,
            modules_wh REAL NOT NULL
        ) STRICT""",
        "CREATE INDEX sessions_by_start ON sessions (started_at)",
        "CREATE INDEX sessions_open ON sessions (id) WHERE stopped_at IS NULL",
        """CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES sessions (id),
            connector_id INTEGER NOT NULL,
            at TEXT NOT NULL,
            import_wh INTEGER NOT NULL,
            voltage_v REAL NOT NULL,
            current_a REAL NOT NULL,
            power_w REAL NOT NULL,
            soc_percent REAL,
            offered_w REAL
        ) STRICT""",
        "CREATE INDEX samples_by_session ON samples (session_id, id)",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            kind TEXT NOT NULL,
            source TEXT NOT NULL,
            text TEXT NOT NULL
        ) STRICT""",
        # A sequence number is never used twice, also after the last row has gone: the order of messages is their order.
        """CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT,
            version TEXT NOT NULL,
            action TEXT NOT NULL,
            payload TEXT NOT NULL,
            created_at TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        # What the central system would not take: kept with the reason, for a person to look at.
        """CREATE TABLE outbox_discarded (
            seq INTEGER PRIMARY KEY,
            session_id TEXT,
            version TEXT NOT NULL,
            action TEXT NOT NULL,
            payload TEXT NOT NULL,
            created_at TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            reason TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE transactions (
            id INTEGER PRIMARY KEY,
            session_id TEXT NOT NULL UNIQUE,
            transaction_id INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX transactions_by_id ON transactions (transaction_id)",
        "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
)


class JournalError(Exception):
    """The journal could not do it: what, in which file, and what to do, in one line.

    `storage` tells trouble with the file or the disk below, which concerns every record, from a record's own mistake.
    """

    def __init__(self, text: str, *, storage: bool = False) -> None:
        super().__init__(text)
        self.storage = storage


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Opens the one connection that writes, brings the schema up to date, and makes the directory if need be.

    Blocks; for the writer's thread. Raises JournalError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise explain(path, error) from error
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA journal_size_limit = 4000000")  # the write-ahead log does not keep its worst day's size
        _migrate(db, path)
    except BaseException as error:
        db.close()
        if isinstance(error, sqlite3.Error):
            raise explain(path, error) from error
        raise
    return db


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Opens a connection that cannot write. Blocks; raises JournalError if there is no journal yet."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    except sqlite3.Error as error:
        raise explain(path, error) from error
    db.row_factory = sqlite3.Row
    return db


def explain(path: Path, error: Exception) -> JournalError:
    """An error of SQLite or the file system as one line with its remedy."""
    name = getattr(error, "sqlite_errorname", None) or ("SQLITE_CANTOPEN" if isinstance(error, OSError) else "")
    for prefix, remedy in _REMEDIES:
        if name.startswith(prefix):
            return JournalError(f"journal {path}: {_words(error)}; {remedy}", storage=True)
    return JournalError(f"journal {path}: {_words(error)}")


_REMEDIES = (
    ("SQLITE_FULL", "free space on its file system"),
    ("SQLITE_READONLY", "make the file and its directory writable for the user the charger runs as"),
    ("SQLITE_CANTOPEN", "make its directory writable for the user the charger runs as"),
    ("SQLITE_PERM", "make the file and its directory writable for the user the charger runs as"),
    ("SQLITE_BUSY", "another process is writing to it: stop it"),
    ("SQLITE_LOCKED", "another process is writing to it: stop it"),
    ("SQLITE_NOTADB", "move it away; a new one will be made"),
    ("SQLITE_CORRUPT", "move it away and keep it for recovery; a new one will be made"),
    ("SQLITE_IOERR", "check the storage it lies on: it fails"),
    ("SQLITE_NOMEM", "free memory"),
)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) or type(error).__name__


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise JournalError(
            f"journal {path}: written by a newer firmware (schema {version}, this one knows {len(MIGRATIONS)}); "
            "install that firmware again, or move the file away",
            storage=True,
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
