# SPDX-License-Identifier: GPL-3.0-or-later
"""The Logging service's query language, as far as the region speaks it: pure, from a query and entries to rows.

    search "COMPARTMENT[/GROUP[/LOG]]", ... [| STAGE]...

    where EXPRESSION      = != < <= > >= in (...), and, or, not, parentheses; `*` in a text matches any characters;
                          the field `logContent` is the whole entry as text
    sort by FIELD [asc|desc], ...
    select FIELD [as NAME], ...
    summarize FUNCTION [as NAME], ... [by FIELD [as NAME], ...]
                          count(), sum(F), avg(F), min(F), max(F); by rounddown(datetime, '5m') too
    limit N, head N

Fields are paths in an entry's `logContent` (`data.action`, `oracle.logid`; with or without `logContent.` before them)
and `datetime`, in milliseconds. Reference: https://docs.oracle.com/iaas/Content/Logging/Reference/query_language_specification.htm
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]
"""`{"datetime": milliseconds, "logContent": {...}}`."""
Row = dict[str, Any]
Stage = Callable[[list[Row]], list[Row]]

ALL = "*"
_TOKEN = re.compile(
    r"""\s+ | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_*][\w.\-*]*) | (?P<sign><=|>=|!=|<>|==|=|<|>|\||\(|\)|,)""",
    re.VERBOSE,
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class QueryError(ValueError):
    """A query that the language does not know."""


class NotSpoken(QueryError):
    """A part of the language that the region does not speak."""


@dataclass(frozen=True)
class Scope:
    """Where is searched: a compartment, and a log group and a log of it, by OCID or name; empty: all."""

    compartment: str
    group: str = ""
    log: str = ""


@dataclass(frozen=True)
class Query:
    """A query, parsed."""

    scopes: tuple[Scope, ...]
    stages: tuple[Stage, ...]

    def rows(self, entries: Sequence[Entry]) -> list[Row]:
        """The rows of entries, the newest first unless the query sorts them."""
        found: list[Row] = sorted((dict(each) for each in entries), key=lambda each: -each["datetime"])
        for stage in self.stages:
            found = stage(found)
        return found


def parse(text: str) -> Query:
    """A query. Raises QueryError, or NotSpoken with the name of what the region lacks."""
    return _Parser(text).query()


def field(row: Row, name: str) -> Any:
    """A field of a row; None where it has none."""
    if name in row:
        return row[name]
    value: Any = row.get("logContent", row)
    for part in name.removeprefix("logContent.").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise QueryError(f"cannot parse '{text[at : at + 20]}' at character {at + 1}")
            at = found.end()
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found.group()))
        self.at = 0

    # tokens

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "the end")

    def next(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def word(self, *words: str) -> bool:
        """Whether one of these words comes next; then it is taken."""
        kind, text = self.peek()
        if kind in ("word", "sign") and text.lower() in words:
            self.at += 1
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.word(*words):
            raise QueryError(f"expected {' or '.join(words)}, not {self.peek()[1]}")

    def name(self) -> str:
        kind, text = self.next()
        if kind != "word":
            raise QueryError(f"expected a field, not {text}")
        return text

    def value(self) -> Any:
        kind, text = self.next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "word" and text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()]
        raise QueryError(f"expected a value, not {text}")

    def whole(self, what: str) -> int:
        value = self.value()
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise QueryError(f"expected a whole number after {what}, not {value}")
        return value

    def several(self, one: Callable[[], Any]) -> list[Any]:
        found = [one()]
        while self.word(","):
            found.append(one())
        return found

    # queries

    def query(self) -> Query:
        self.expect("search")
        scopes = tuple(self.several(self.scope))
        stages = []
        while self.word("|"):
            stages.append(self.stage())
        if self.peek()[0] != "end":
            raise QueryError(f"expected |, not {self.peek()[1]}")
        return Query(scopes, tuple(stages))

    def scope(self) -> Scope:
        kind, text = self.next()
        parts = text[1:-1].split("/")
        if kind != "text" or not parts[0] or len(parts) > 3:
            raise QueryError(f'expected "COMPARTMENT/LOGGROUP/LOG", not {text}')
        return Scope(*("" if part == ALL else part for part in parts))

    def stage(self) -> Stage:
        kind, text = self.next()
        known: dict[str, Callable[[], Stage]] = {
            "where": self.where, "sort": self.sort, "select": self.select, "summarize": self.summarize,
            "limit": self.limit, "head": self.limit,
        }  # fmt: skip
        if kind == "word" and text.lower() in known:
            return known[text.lower()]()
        if kind == "word":
            raise NotSpoken(text)
        raise QueryError(f"expected {', '.join(known)}, not {text}")

    def limit(self) -> Stage:
        count = self.whole("limit")
        return lambda rows: rows[:count]

    def where(self) -> Stage:
        test = self.either()
        return lambda rows: [row for row in rows if test(row)]

    def either(self) -> Callable[[Row], bool]:
        tests = [self.both()]
        while self.word("or"):
            tests.append(self.both())
        return lambda row: any(test(row) for test in tests)

    def both(self) -> Callable[[Row], bool]:
        tests = [self.test()]
        while self.word("and"):
            tests.append(self.test())
        return lambda row: all(test(row) for test in tests)

    def test(self) -> Callable[[Row], bool]:
        if self.word("not"):
            inner = self.test()
            return lambda row: not inner(row)
        if self.word("("):
            inner = self.either()
            self.expect(")")
            return inner
        name = self.name()
        if self.peek() == ("sign", "("):
            raise NotSpoken(f"{name}() in where")
        negated = self.word("not")
        if negated or self.peek()[1].lower() == "in":
            self.expect("in")
            self.expect("(")
            values = self.several(self.value)
            self.expect(")")
            return lambda row: any(_compare(_read(row, name), "=", value) for value in values) != negated
        kind, sign = self.next()
        if kind != "sign" or sign not in ("=", "==", "!=", "<>", "<", "<=", ">", ">="):
            if kind == "word":
                raise NotSpoken(f"the operator {sign} in where")
            raise QueryError(f"expected an operator after {name}, not {sign}")
        value = self.value()
        return lambda row: _compare(_read(row, name), sign, value)

    def sort(self) -> Stage:
        self.expect("by")

        def one() -> tuple[str, bool]:
            name = self.name()
            return name, self.word("desc") or (self.word("asc") and False)

        order = self.several(one)

        def sorted_(rows: list[Row]) -> list[Row]:
            for name, down in reversed(order):
                rows = sorted(rows, key=lambda row: _key(field(row, name)), reverse=down)
            return rows

        return sorted_

    def select(self) -> Stage:
        shown = self.several(lambda: self.named(self.name()))

        def selected(rows: list[Row]) -> list[Row]:
            return [{name: field(row, path) for path, name in shown} for row in rows]

        return selected

    def named(self, path: str) -> tuple[str, str]:
        """A field or function with the name that it is to have."""
        return path, self.name() if self.word("as") else path

    # summaries

    def summarize(self) -> Stage:
        counted = self.several(self.function)
        groups: list[tuple[Callable[[Row], Any], str]] = self.several(self.group) if self.word("by") else []

        def summed(rows: list[Row]) -> list[Row]:
            parts: dict[tuple[Any, ...], list[Row]] = {}
            for row in rows:
                parts.setdefault(tuple(read(row) for read, _name in groups), []).append(row)
            if not groups and not rows:
                parts[()] = []
            names = [name for _read, name in groups]
            return [
                dict(zip(names, key, strict=True)) | {name: function(part) for function, name in counted}
                for key, part in parts.items()
            ]

        return summed

    def function(self) -> tuple[Callable[[list[Row]], Any], str]:
        called = self.name().lower()
        self.expect("(")
        over = "" if self.peek() == ("sign", ")") else self.name()
        self.expect(")")
        _path, name = self.named(called if called == "count" else f"{called}({over})")
        functions: dict[str, Callable[[list[float]], Any]] = {
            "sum": sum, "avg": lambda each: sum(each) / len(each) if each else None,
            "min": lambda each: min(each, default=None), "max": lambda each: max(each, default=None),
        }  # fmt: skip
        if called == "count":
            if over:
                return lambda rows: sum(field(row, over) is not None for row in rows), name
            return len, name
        if called not in functions:
            raise NotSpoken(f"{called}() in summarize")
        if not over:
            raise QueryError(f"{called}() needs a field")

        def numbers(rows: list[Row]) -> Iterator[float]:
            for row in rows:
                value = field(row, over)
                if isinstance(value, (int, float)):
                    yield value

        return lambda rows: functions[called](list(numbers(rows))), name

    def group(self) -> tuple[Callable[[Row], Any], str]:
        path = self.name()
        if not self.word("("):
            _path, name = self.named(path)
            return lambda row: field(row, path), name
        if path.lower() != "rounddown":
            raise NotSpoken(f"{path}() in summarize")
        over = self.name()
        self.expect(",")
        span = re.fullmatch(r"(\d+)([smhd])", str(self.value()))
        if span is None or not int(span[1]):
            raise QueryError("rounddown needs a span such as '5m'")
        self.expect(")")
        _path, name = self.named(f"rounddown({over}, '{span[0]}')")
        size = int(span[1]) * _UNITS[span[2]] * 1000
        return lambda row: int(field(row, over) or 0) // size * size, name


def _read(row: Row, name: str) -> Any:
    """A field as `where` compares it: `logContent` is the text of all of it."""
    return json.dumps(row.get("logContent")) if name == "logContent" else field(row, name)


def _compare(have: Any, sign: str, want: Any) -> bool:
    if sign in ("!=", "<>"):
        return not _compare(have, "=", want)
    if have is None or want is None:
        return have is want and sign in ("=", "==")
    if sign in ("=", "=="):
        if isinstance(want, str) and "*" in want:
            pattern = ".*".join(re.escape(part) for part in want.split("*"))
            return re.fullmatch(pattern, _text(have), re.DOTALL) is not None
        return have == want or _text(have) == _text(want)
    left, right = _key(have), _key(want)
    if left[0] != right[0]:
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _key(value: Any) -> tuple[int, Any]:
    """What sorts values of all kinds: nothing, numbers, texts."""
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))


__all__ = ["NotSpoken", "Query", "QueryError", "Row", "Scope", "field", "parse"]
