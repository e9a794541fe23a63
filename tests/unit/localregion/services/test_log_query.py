"""The Logging service's query language: rows of queries that people write, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.services.log_query import NotSpoken, QueryError, Scope, parse


def entry(at: int, action: str, port: int, size: int, source: str = "10.0.0.5") -> dict[str, Any]:
    data = {"action": action, "destinationPort": port, "bytesOut": size, "sourceAddress": source}
    return {"datetime": at, "logContent": {"data": data, "oracle": {"logid": "ocid1.log.a"}, "type": "flow"}}


ENTRIES = [
    entry(1000, "ACCEPT", 443, 500),
    entry(61_000, "REJECT", 22, 60, "192.0.2.9"),
    entry(62_000, "REJECT", 3306, 60),
    entry(130_000, "ACCEPT", 3306, 900),
]


@pytest.mark.parametrize(
    ("stages", "moments"),
    [
        ("", [130_000, 62_000, 61_000, 1000]),
        ("| where data.action = 'REJECT' | sort by datetime desc", [62_000, 61_000]),
        ("| where logContent.data.action = \"ACCEPT\" | sort by datetime", [1000, 130_000]),
        ("| where data.action != 'REJECT' and data.destinationPort = 443", [1000]),
        ("| where data.destinationPort in (22, 443) | sort by data.destinationPort asc", [61_000, 1000]),
        ("| where data.destinationPort not in (22, 443)", [130_000, 62_000]),
        ("| where data.bytesOut >= 500 or data.sourceAddress = '192.*'", [130_000, 61_000, 1000]),
        ("| where not (data.action = 'REJECT' or data.bytesOut > 800)", [1000]),
        ("| where logContent = '*192.0.2.9*'", [61_000]),
        ("| where data.nothing = null | limit 1", [130_000]),
        ("| where data.destinationPort = '22'", [61_000]),
        ("| sort by data.action asc, data.bytesOut desc | head 2", [130_000, 1000]),
    ],
)  # fmt: skip
def test_rows(stages: str, moments: list[int]) -> None:
    rows = parse(f'search "ocid1.compartment.a/group/log" {stages}').rows(ENTRIES)
    assert [row["datetime"] for row in rows] == moments


@pytest.mark.parametrize(
    ("stages", "rows"),
    [
        ("| where data.action = 'REJECT' | select datetime, data.sourceAddress as who",
         [{"datetime": 62_000, "who": "10.0.0.5"}, {"datetime": 61_000, "who": "192.0.2.9"}]),
        ("| summarize count() by data.action | sort by count",
         [{"data.action": "ACCEPT", "count": 2}, {"data.action": "REJECT", "count": 2}]),
        ("| summarize count() as n, sum(data.bytesOut) as size, max(data.bytesOut), avg(data.bytesOut) as mean",
         [{"n": 4, "size": 1520, "max(data.bytesOut)": 900, "mean": 380}]),
        ("| summarize count() by rounddown(datetime, '1m') as minute | sort by minute",
         [{"minute": 0, "count": 1}, {"minute": 60_000, "count": 2}, {"minute": 120_000, "count": 1}]),
        ("| where data.action = 'NONE' | summarize count()", [{"count": 0}]),
    ],
)  # fmt: skip
def test_selected_and_summed(stages: str, rows: list[dict[str, Any]]) -> None:
    assert parse(f'search "c" {stages}').rows(ENTRIES) == rows


def test_scopes() -> None:
    assert parse("search \"c/g/l\", 'd/h', \"e\", \"f/*/l\"").scopes == (
        Scope("c", "g", "l"), Scope("d", "h"), Scope("e"), Scope("f", "", "l")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("where a = 1", QueryError, "expected search, not where"),
        ("search c", QueryError, "COMPARTMENT/LOGGROUP/LOG"),
        ('search "c/g/l/x"', QueryError, "COMPARTMENT/LOGGROUP/LOG"),
        ('search "c" | where', QueryError, "expected a field, not the end"),
        ('search "c" | where a =', QueryError, "expected a value"),
        ('search "c" | where a = 1 b', QueryError, "expected |, not b"),
        ('search "c" | limit x', QueryError, "expected a value, not x"),
        ('search "c" | 5', QueryError, "expected where, sort"),
        ('search "c" ; drop', QueryError, "cannot parse '; drop'"),
        ('search "c" | dedup a', NotSpoken, "dedup"),
        ('search "c" | top 10 by a', NotSpoken, "top"),
        ('search "c" | where cidr(a, b)', NotSpoken, "cidr() in where"),
        ('search "c" | where a like b', NotSpoken, "the operator like"),
        ('search "c" | summarize percentile(a)', NotSpoken, "percentile()"),
        ('search "c" | summarize count() by upper(a)', NotSpoken, "upper()"),
    ],
)
def test_what_is_refused(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        parse(text)
    assert type(caught.value) is error and words in str(caught.value)
