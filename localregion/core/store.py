"""The region's memory: records of resources in one SQLite file.

One connection, write-ahead log, every write its own transaction without an fsync: a killed process loses nothing, only
a crash of the machine may lose the last moments.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, service TEXT NOT NULL, kind TEXT NOT NULL,
    compartment TEXT, parent TEXT, etag TEXT NOT NULL, dead INTEGER NOT NULL DEFAULT 0, forget REAL,
    doc TEXT NOT NULL, private TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_kind ON records (service, kind, compartment);
CREATE INDEX IF NOT EXISTS records_parent ON records (parent);
CREATE INDEX IF NOT EXISTS records_forget ON records (forget) WHERE forget IS NOT NULL;
CREATE TABLE IF NOT EXISTS transitions (
    record TEXT PRIMARY KEY, service TEXT NOT NULL, target TEXT, due REAL NOT NULL, also TEXT, request TEXT,
    failed TEXT);
CREATE TABLE IF NOT EXISTS retry_tokens (
    caller TEXT NOT NULL, operation TEXT NOT NULL, token TEXT NOT NULL, digest TEXT NOT NULL, expires REAL NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, doc TEXT, record TEXT, PRIMARY KEY (caller, operation, token));
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

Document = dict[str, Any]


@dataclass
class Record:
    """A resource as the region keeps it.

    ``doc`` is the wire document as the API shows it (camelCase); ``private`` is what is never shown. ``parent`` is the
    id of the record it lives in (a subnet's VCN), ``dead`` says that it is deleted and only still readable.
    """

    id: str
    service: str
    kind: str
    doc: Document
    private: Document = field(default_factory=dict)
    compartment: str | None = None
    parent: str | None = None
    etag: str = ""
    dead: bool = False
    forget: float | None = None
    seq: int = 0

    @property
    def state(self) -> str:
        """Its life-cycle state (also where the service calls it `status`)."""
        return str(self.doc.get("lifecycleState") or self.doc.get("status") or "")

    @property
    def name(self) -> str:
        """Its name, however the service calls it."""
        for key in ("displayName", "name", "secretName"):
            if self.doc.get(key) is not None:
                return str(self.doc[key])
        return ""


@dataclass(frozen=True)
class PendingTransition:
    """A change of state that is to come: kept so that a restarted region goes on with it."""

    record: str
    service: str
    target: str | None
    due: float
    also: str | None
    request: str | None
    failed: str | None


_TABLES = ("records", "transitions", "retry_tokens", "facts")
_TRANSITION = "record, service, target, due, also, request, failed"
_FIELDS = "seq, id, service, kind, compartment, parent, etag, dead, forget, doc, private"


class Store:
    """Records, pending transitions, retry tokens and facts of one region."""

    def __init__(self, path: Path | None) -> None:
        """Open the file at `path`, or a store in memory."""
        self.etag_forms: dict[str, str] = {}
        """Service to the form of its etags: how many digits, and whether hexadecimal (x) or decimal (d)."""
        if path:
            # First: the journals beside it are made with its mode.
            path.touch(mode=0o600)
            path.chmod(0o600)
        self._db = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        self._watchers: dict[str, list[Callable[[], None]]] = {}

    def close(self) -> None:
        """Write everything into the one file and close it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """All of it, for `load`: rows by table."""
        return {table: self._db.execute(f"SELECT * FROM {table}").fetchall() for table in _TABLES}

    def load(self, dump: Mapping[str, list[tuple[Any, ...]]]) -> None:
        """Become what `dump` gave."""
        self._db.execute("BEGIN")
        for table, rows in dump.items():
            self._db.execute(f"DELETE FROM {table}")
            if rows:
                self._db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
        self._db.execute("COMMIT")

    def watch(self, kinds: Iterable[str], changed: Callable[[], None]) -> None:
        """Have `changed` called after each write of a record of these kinds."""
        for kind in kinds:
            self._watchers.setdefault(kind, []).append(changed)

    def _written(self, kind: str) -> None:
        for changed in self._watchers.get(kind, ()):
            changed()

    # records

    def insert(self, record: Record) -> Record:
        """Add a record; its id must be new."""
        record.etag = self._etag(record)
        cursor = self._db.execute(
            "INSERT INTO records (id, service, kind, compartment, parent, etag, dead, forget, doc, private)"
            " VALUES (?,?,?,?,?,?,?,?,?,?)",
            (record.id, record.service, record.kind, record.compartment, record.parent, record.etag, record.dead,
             record.forget, json.dumps(record.doc), json.dumps(record.private)),
        )  # fmt: skip
        record.seq = cursor.lastrowid or 0
        self._written(record.kind)
        return record

    def save(self, record: Record, *, etag: bool = True) -> Record:
        """Write a record back; with a new etag unless ``etag`` is False."""
        if etag:
            record.etag = self._etag(record)
        self._db.execute(
            "UPDATE records SET compartment=?, parent=?, etag=?, dead=?, forget=?, doc=?, private=? WHERE id=?",
            (record.compartment, record.parent, record.etag, record.dead, record.forget, json.dumps(record.doc),
             json.dumps(record.private), record.id),
        )  # fmt: skip
        self._written(record.kind)
        return record

    def _etag(self, record: Record) -> str:
        form = self.etag_forms.get(record.service, "032x")
        return format(secrets.randbelow((16 if form[-1] == "x" else 10) ** int(form[:-1])), form)

    def find(self, record_id: str) -> Record | None:
        """The record with this id, dead ones too."""
        row = self._db.execute(f"SELECT {_FIELDS} FROM records WHERE id=?", (record_id,)).fetchone()
        return _record(row) if row else None

    def select(
        self,
        service: str | None = None,
        kind: str | None = None,
        *,
        compartment: str | None = None,
        parent: str | None = None,
        dead: bool | None = False,
    ) -> list[Record]:
        """The records that match, oldest first. ``dead``: False the living, True the dead, None both."""
        wanted = {"service": service, "kind": kind, "compartment": compartment, "parent": parent}
        terms = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join([f"{name}=?" for name in terms] + ([] if dead is None else [f"dead={int(dead)}"])) or "1"
        rows = self._db.execute(f"SELECT {_FIELDS} FROM records WHERE {where} ORDER BY seq", tuple(terms.values()))
        return [_record(row) for row in rows]

    def remove(self, record_id: str) -> None:
        """Forget a record."""
        for (kind,) in self._db.execute("DELETE FROM records WHERE id=? RETURNING kind", (record_id,)).fetchall():
            self._written(kind)

    def forget_due(self, now: float) -> None:
        """Forget the dead records and retry tokens whose time is over."""
        self._db.execute("DELETE FROM records WHERE forget IS NOT NULL AND forget <= ?", (now,))
        self._db.execute("DELETE FROM retry_tokens WHERE expires <= ?", (now,))

    # transitions

    def put_transition(self, pending: PendingTransition) -> None:
        """Note the change of state to come; it takes the place of an earlier one of the same record."""
        self._db.execute(f"INSERT OR REPLACE INTO transitions ({_TRANSITION}) VALUES (?,?,?,?,?,?,?)", astuple(pending))

    def remove_transition(self, record_id: str) -> None:
        """Delete a change of state that is done or void."""
        self._db.execute("DELETE FROM transitions WHERE record=?", (record_id,))

    def transitions(self, service: str | None = None) -> Iterator[PendingTransition]:
        """All changes of state to come."""
        rows = self._db.execute(f"SELECT {_TRANSITION} FROM transitions").fetchall()
        return (PendingTransition(*row) for row in rows if service in (None, row[1]))

    # retry tokens

    def get_answer(self, caller: str, operation: str, token: str) -> Document | None:
        """What was answered to this retry token."""
        row = self._db.execute(
            "SELECT digest, status, headers, doc, record FROM retry_tokens"
            " WHERE caller=? AND operation=? AND token=? AND expires > unixepoch('now')",
            (caller, operation, token),
        ).fetchone()
        if row is None:
            return None
        doc = None if row[3] is None else json.loads(row[3])
        return {"digest": row[0], "status": row[1], "headers": json.loads(row[2]), "doc": doc, "record": row[4]}

    def put_answer(
        self, caller: str, operation: str, token: str, *, digest: str, expires: float, status: int,
        headers: Mapping[str, str], doc: Any, record: str | None,
    ) -> None:  # fmt: skip
        """Keep what was answered to a retry token."""
        self._db.execute(
            "INSERT OR REPLACE INTO retry_tokens"
            " (caller, operation, token, digest, expires, status, headers, doc, record) VALUES (?,?,?,?,?,?,?,?,?)",
            (caller, operation, token, digest, expires, status, json.dumps(dict(headers)),
             None if doc is None else json.dumps(doc), record),
        )  # fmt: skip

    # facts

    def get_fact(self, name: str) -> Any:
        """A value kept under a name, or None: what is not a resource (addresses, keys of the region)."""
        row = self._db.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def put_fact(self, name: str, value: Any) -> None:
        """Keep a value under a name."""
        self._db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?,?)", (name, json.dumps(value)))


def _record(row: tuple[Any, ...]) -> Record:
    seq, record_id, service, kind, compartment, parent, etag, dead, forget, doc, private = row
    return Record(
        id=record_id, service=service, kind=kind, doc=json.loads(doc), private=json.loads(private), seq=seq,
        compartment=compartment, parent=parent, etag=etag, dead=bool(dead), forget=forget,
    )  # fmt: skip
