# SPDX-License-Identifier: GPL-3.0-or-later
"""What logs hold: a file of entries for each log, one a line, the oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20
"""Of a log's file; beyond, the older half of its entries goes (the cloud keeps what retention says)."""


class LogContent:
    """The entries of a region's logs, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, log_id: str, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add entries (`{"datetime": milliseconds, "logContent": {...}}`)."""
        lines = [json.dumps(entry, separators=(",", ":")) for entry in entries]
        if not lines:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._file(log_id)
        with path.open("a") as file:
            file.write("\n".join(lines) + "\n")
            full = file.tell() > MOST_BYTES
        if full:
            kept = path.read_text().splitlines(keepends=True)
            path.write_text("".join(kept[len(kept) // 2 :]))

    def between(self, log_id: str, start: int, end: int) -> Iterator[dict[str, Any]]:
        """The entries of a log from one time to another, in milliseconds since 1970, the end excluded."""
        path = self._file(log_id)
        if not path.exists():
            return
        with path.open() as file:
            for line in file:
                entry: dict[str, Any] = json.loads(line)
                if start <= entry["datetime"] < end:
                    yield entry

    def forget(self, log_id: str) -> None:
        """Remove what a log holds."""
        self._file(log_id).unlink(missing_ok=True)

    def _file(self, log_id: str) -> Path:
        return self._folder / f"{log_id.rpartition('.')[2]}.jsonl"


__all__ = ["MOST_BYTES", "LogContent"]
