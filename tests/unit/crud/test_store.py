"""A connection that is lost: what may run twice does, what may not is reported."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest
from crud.store import Items, Unavailable
from sqlalchemy.exc import OperationalError


class Pool:
    """Connections that fail as planned, one after the other, then work."""

    def __init__(self, *failures: tuple[int, bool]) -> None:
        self.failures = list(failures)
        self.statements: list[str] = []

    def begin(self) -> Pool:
        return self

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def execute(self, statement: Any, _values: Any) -> Any:
        self.statements.append(str(statement).split()[0])
        if self.failures:
            number, lost = self.failures.pop(0)
            error = pymysql.err.OperationalError(number, "lost")
            raise OperationalError("statement", {}, error, connection_invalidated=lost)

        class Result:
            returns_rows, rowcount, lastrowid = str(statement).startswith("SELECT"), 1, 7

            def mappings(self) -> list[Any]:
                return [{"id": 7}]

        return Result()


LOST, KILLED, LOCKED = (2013, True), (1927, False), (1205, False)
CALLS = {
    "check": lambda items: items.check(),
    "list": lambda items: items.list(limit=1, after=0),
    "get": lambda items: items.get(7),
    "update": lambda items: items.update(7, "a", "b"),
}


@pytest.mark.parametrize("failure", [LOST, KILLED])
@pytest.mark.parametrize("name", CALLS)
def test_what_may_run_twice_does_once_more(name: str, failure: tuple[int, bool]) -> None:
    pool = Pool(failure)
    CALLS[name](Items(pool))  # type: ignore[arg-type]
    assert pool.statements[0] == pool.statements[1]
    pool = Pool(failure, failure)
    with pytest.raises(Unavailable, match=str(failure[0])):
        CALLS[name](Items(pool))  # type: ignore[arg-type]
    assert len(pool.statements) == 2, "not for ever"


@pytest.mark.parametrize("failure", [LOST, KILLED])
def test_what_would_be_done_twice_is_not(failure: tuple[int, bool]) -> None:
    for call in (lambda items: items.create("a", "b"), lambda items: items.delete(7)):
        pool = Pool(failure)
        with pytest.raises(Unavailable):
            call(Items(pool))  # type: ignore[arg-type]
        assert len(pool.statements) == 1


def test_what_another_try_on_the_same_connection_would_not_mend() -> None:
    pool = Pool(LOCKED)
    with pytest.raises(Unavailable):
        Items(pool).get(7)  # type: ignore[arg-type]
    assert len(pool.statements) == 1
