# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches of the Logging service: a query over the logs of compartments, groups and logs that it names.

`log_query` says how much of the query language the region speaks; the rest is refused by its name with 501.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from localregion.core.errors import ServiceError, invalid, not_found, not_implemented
from localregion.core.store import Document, Record
from localregion.services import lists, log_query
from localregion.services.base import Service
from localregion.services.log_query import Scope
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply

if TYPE_CHECKING:
    from localregion.services.logging import Logging

LONGEST = dt.timedelta(days=14)
_TYPES = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", list: "ARRAY"}


class LogSearch(Service):
    """Searches what logs hold."""

    name = "loggingsearch"
    package = "loggingsearch"
    access = {"search_logs": None}

    @operation
    async def search_logs(self, call: Call) -> Reply:
        """The rows of a query; the caller must have the right to read the content of each log that it names."""
        start, end = (_moment(call.body[name], name) for name in ("timeStart", "timeEnd"))
        if not 0 <= end - start <= LONGEST / dt.timedelta(milliseconds=1):
            raise _cannot("timeEnd must be within 14 days after timeStart")
        try:
            query = log_query.parse(call.body["searchQuery"])
        except log_query.NotSpoken as error:
            raise not_implemented(f"{error} of the logging query language") from None
        except log_query.QueryError as error:
            raise _cannot(str(error)) from None
        logs = {log.id: log for scope in query.scopes for log in self._logs(call, scope)}
        content = cast("Logging", self.region.services["logging"]).content
        entries = [entry for log in logs for entry in content.between(log, start, end)]
        found = query.rows(entries)
        answer = lists.page(call, found)
        rows: list[Document] = answer.doc["items"]
        fields = {name: value for row in found for name, value in row.items() if value is not None}
        answer.doc = {
            "results": [{"data": row} for row in rows],
            "summary": {"resultCount": len(rows), "fieldCount": len(fields)},
        }
        if call.body.get("isReturnFieldInfo"):
            answer.doc["fields"] = [
                {"fieldName": name, "fieldType": _TYPES.get(type(value), "STRING")} for name, value in fields.items()
            ]
        return answer

    def _logs(self, call: Call, scope: Scope) -> Iterator[Record]:
        """The logs of a scope. Raises 404."""
        if not self.region.compartment_exists(scope.compartment):
            raise not_found()
        self.authorize(call, "read", "log-content", scope.compartment)
        groups = self.store.select("logging", "log_group", compartment=scope.compartment)
        groups = [group for group in groups if scope.group in ("", group.id, group.name)]
        logs = [log for group in groups for log in self.store.select("logging", "log", parent=group.id)]
        logs = [log for log in logs if scope.log in ("", log.id, log.name)]
        if (scope.group and not groups) or (scope.log and not logs):
            raise not_found()
        yield from logs


def _moment(text: str, name: str) -> int:
    """Milliseconds since 1970."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name}: '{text}' is not a time") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1000)


def _cannot(why: str) -> ServiceError:
    return ServiceError(400, "CannotParseRequest", f"Cannot parse the search: {why}")


__all__ = ["LogSearch"]
