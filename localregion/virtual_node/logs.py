# SPDX-License-Identifier: GPL-3.0-or-later
"""Container logs: choosing lines of a file in the CRI form (`TIME stdout|stderr F|P TEXT`).

`server` asks, `volumes.PodFolders` says where the file is, and podman writes it (`document` in host/podman.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from localregion.virtual_node.pods import seconds


@dataclass(frozen=True)
class Options:
    """What `kubectl logs` asks for."""

    tail: int | None = None
    since: float = 0.0
    """Seconds since the epoch."""
    since_seconds: float | None = None
    limit: int | None = None
    timestamps: bool = False
    previous: bool = False
    stream: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Options:
        """From the query of a request. Raises ValueError."""

        def number(name: str) -> int | None:
            value = query.get(name)
            if value in (None, ""):
                return None
            if not value.isdigit():
                raise ValueError(f"invalid {name}: {value}")
            return int(value)

        since = query.get("sinceTime", "")
        stream = query.get("stream", "")
        return cls(
            tail=number("tailLines"),
            since=seconds(since) if since else 0.0,
            since_seconds=number("sinceSeconds"),
            limit=number("limitBytes"),
            timestamps=query.get("timestamps") == "true",
            previous=query.get("previous") == "true",
            stream="" if stream in ("", "All") else stream.lower(),
        )


def select(lines: Iterator[str], options: Options, now: float) -> bytes:
    """The log's text, partial lines put together again."""
    since = options.since
    if options.since_seconds is not None:
        since = max(since, now - options.since_seconds)
    kept: deque[str] = deque(maxlen=options.tail)
    open_line: dict[str, str] = {}
    for line in lines:
        parts = line.rstrip("\n").split(" ", 3)
        if len(parts) < 3:
            continue
        moment, stream, mark = parts[:3]
        text = parts[3] if len(parts) > 3 else ""
        if options.stream and stream != options.stream:
            continue
        if since and _moment(moment) < since:
            continue
        if stream not in open_line:
            open_line[stream] = f"{_shown(moment)} " if options.timestamps else ""
        open_line[stream] += text
        if mark == "F":
            kept.append(open_line.pop(stream) + "\n")
    # What a process wrote last without an end of line.
    kept.extend(open_line.values())
    result = "".join(kept).encode()
    return result if options.limit is None else result[: options.limit]


def read(path: Path, options: Options, now: float) -> bytes:
    """The chosen part of a log file; empty if there is none. Blocking."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            return select(iter(lines), options, now)
    except FileNotFoundError:
        return b""


def _moment(text: str) -> float:
    # podman writes its host's zone; ours is UTC as a rule.
    if text.endswith("Z"):
        return seconds(text)
    import datetime as dt

    head, _, rest = text.partition(".")
    zone = rest[-6:] if rest else text[-6:]
    digits = rest[:-6][:6] if rest else ""
    base = head if rest else text[:-6]
    return dt.datetime.fromisoformat(f"{base}.{digits or '0':0<6}{zone}").timestamp()


def _shown(text: str) -> str:
    return text.replace("+00:00", "Z")
