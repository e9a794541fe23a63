"""The HTTP face over a store in memory: content rules, status codes, headers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from crud.app import Health, create_app
from crud.store import Unavailable
from starlette.testclient import TestClient


class Memory:
    """A store like crud.store.Items, without a database."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.made = 0
        self.down = False

    def check(self) -> None:
        if self.down:
            raise Unavailable("the database does not answer (OperationalError 2003)")

    def list(self, *, limit: int, after: int) -> list[dict[str, Any]]:
        self.check()
        return [row for key, row in sorted(self.rows.items()) if key > after][:limit]

    def get(self, item_id: int) -> dict[str, Any] | None:
        self.check()
        return self.rows.get(item_id)

    def create(self, name: str, description: str) -> dict[str, Any]:
        self.check()
        self.made += 1
        self.rows[self.made] = {"id": self.made, "name": name, "description": description}
        return self.rows[self.made]

    def update(self, item_id: int, name: str, description: str) -> dict[str, Any] | None:
        self.check()
        if item_id in self.rows:
            self.rows[item_id] |= {"name": name, "description": description}
        return self.rows.get(item_id)

    def delete(self, item_id: int) -> bool:
        self.check()
        return self.rows.pop(item_id, None) is not None


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def client(store: Memory) -> TestClient:
    return TestClient(create_app(store), raise_server_exceptions=False)  # type: ignore[arg-type]


def test_a_life(client: TestClient) -> None:
    made = client.post("/api/items", json={"name": "  tea ", "description": "green"})
    assert made.status_code == 201
    item = made.json()
    assert item["name"] == "tea"
    path = f"/api/items/{item['id']}"
    assert made.headers["location"] == path
    assert client.get(path).json() == item
    assert client.get("/api/items").json() == [item]
    assert client.put(path, json={"name": "coffee"}).json() == item | {"name": "coffee", "description": ""}
    gone = client.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert client.request(method, path).status_code == 404
    assert client.put(path, json={"name": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"name": "is required"}),
        ({"name": "   "}, {"name": "must not be empty"}),
        ({"name": 7, "description": None}, {"name": "must be a string", "description": "must be a string"}),
        ({"name": "n" * 121}, {"name": "is longer than 120 characters"}),
        ({"name": "n", "description": "d" * 2001}, {"description": "is longer than 2000 characters"}),
        ({"name": "n", "nmae": "x"}, {"nmae": "unknown field"}),
        ({"name": "a\x00b"}, {"name": "holds characters that cannot be stored"}),
        ({"name": "n", "\ud800": 1}, {"?": "unknown field"}),
        ({"name": "\ud800"}, {"name": "holds characters that cannot be stored"}),
    ],
)
def test_every_wrong_field_is_told(client: TestClient, store: Memory, body: Any, wrong: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/items", content=json.dumps(body), headers=headers)
    assert (answer.status_code, answer.json()["fields"]) == (422, wrong)
    assert store.rows == {}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("[" * 9000, "application/json", 400),
        ('{"name": "x"}', "text/plain", 415),
        ('{"name": "' + "x" * 17000 + '"}', "application/json", 413),
    ],
)
def test_bad_bodies(client: TestClient, content: str, kind: str, status: int) -> None:
    answer = client.post("/api/items", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=-1", "after=9" * 2, "limit=" + "9" * 5000])
def test_bad_queries(client: TestClient, query: str) -> None:
    assert client.get(f"/api/items?{query}").status_code == 422


@pytest.mark.parametrize(
    "path", ["/api/items/x", "/api/items/-1", "/api/items/" + "9" * 40, "/api/none", "/../etc/passwd"]
)
def test_paths_that_lead_nowhere(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_pages(client: TestClient) -> None:
    for index in range(5):
        client.post("/api/items", json={"name": f"n{index}"})
    first = client.get("/api/items?limit=3")
    assert [row["name"] for row in first.json()] == ["n0", "n1", "n2"]
    assert first.headers["link"] == '</api/items?limit=3&after=3>; rel="next"'
    rest = client.get("/api/items?limit=3&after=3")
    assert [row["name"] for row in rest.json()] == ["n3", "n4"]
    assert "link" not in rest.headers


def test_a_database_that_is_away(client: TestClient, store: Memory) -> None:
    assert client.get("/healthz").status_code == 200
    store.down = True
    assert client.get("/healthz").status_code == 503
    assert client.get("/livez").status_code == 200
    answer = client.get("/api/items")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_draining_is_not_ready_but_alive(store: Memory) -> None:
    client = TestClient(create_app(store, Health(draining=True)))  # type: ignore[arg-type]
    assert client.get("/healthz").status_code == 503
    assert client.get("/livez").status_code == 200
    assert client.get("/api/items").status_code == 200


def test_the_page_brings_all_it_needs(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "") and "https://" not in page.text
    for path in ("/static/app.js", "/static/style.css", "/static/favicon.svg"):
        assert path in page.text
        assert client.get(path).status_code == 200
    assert client.get("/api/items").headers["cache-control"] == "no-store"
