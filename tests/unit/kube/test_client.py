# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client asks again, what it takes for an answer, and what it tells."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError, Unreachable
from ansible_collections.okestack.oci.plugins.module_utils.kube import client as client_module
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import WELL_KNOWN, Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import Connection
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT

MAPS = WELL_KNOWN[("v1", "ConfigMap")]
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}}
LIST = {"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {}, "items": [{"metadata": {"name": "c"}}]}
Answer = tuple[int, Any]


def status(code: int, reason: str, message: str = "", **details: Any) -> Answer:
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


HTML = "<html><body>Bad gateway</body></html>"
NOT_THERE = status(404, "NotFound", "not found")


class Server:
    """Gives one answer after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append(f"{self.command} {self.path.partition('?')[0]}")
                code, body = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PATCH = do_DELETE = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def client(self, *answers: Answer, retry_timeout: float = 0.59) -> Client:
        self.answers, self.asked = list(answers), []
        address = f"http://127.0.0.1:{self.server.server_address[1]}"
        return Client(Connection(server=address), retry_timeout=retry_timeout)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()


NO_ANSWERS: dict[str, Answer] = {
    "empty": (200, ""),
    "HTML": (200, HTML),
    "{}": (200, {}),
    "list": (200, []),
    "null": (200, "null"),
    "truncated": (200, json.dumps(MAP)[:-9]),
    "another kind": (200, LIST),
    "another object": (200, {**MAP, "metadata": {"name": "other"}}),
    "a proxy's 404": (404, HTML),
    "an empty 404": (404, ""),
}
PASSING: dict[str, Answer] = {
    **NO_ANSWERS,
    "500": status(500, "InternalError", "etcd is gone"),
    "500 of a proxy": (500, HTML),
    "502": (502, HTML),
    "503": (503, HTML),
    "504": (504, ""),
    "429": status(429, "TooManyRequests"),
    "401": status(401, "Unauthorized"),
    "403": status(403, "Forbidden", 'configmaps is forbidden: User "u" cannot get resource'),
    "403 of a start": status(403, "Forbidden", 'pods "c" is forbidden: not yet ready to handle request'),
    "409": status(409, "Conflict", "the object has been modified"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_again(server: Server, name: str) -> None:
    client = server.client(PASSING[name], (200, MAP), retry_timeout=60)
    assert client.apply(MAPS, MAP) == MAP
    if name != "409":
        client = server.client(PASSING[name], (200, MAP), retry_timeout=60)
        assert client.get(MAPS, "n", "c") == MAP
    assert len(server.asked) == 2


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_told_and_never_absence(server: Server, name: str) -> None:
    with pytest.raises(Unreachable, match="is not one of a Kubernetes API"):
        server.client(NO_ANSWERS[name]).get(MAPS, "n", "c")
    assert len(server.asked) == 2
    if not name.startswith("another"):  # a deletion is answered with the object, or with a status
        with pytest.raises(Unreachable, match="is not one of a Kubernetes API"):
            server.client(NO_ANSWERS[name]).delete(MAPS, "n", "c")


@pytest.mark.parametrize(
    "body", ["", HTML, {}, MAP, {"kind": "ConfigMapList"}, {"kind": "ConfigMapList", "items": [{}]}]
)
def test_a_wrong_list_is_no_empty_list(server: Server, body: Any) -> None:
    assert [
        row["metadata"]["name"] for row in server.client((200, body), (200, LIST), retry_timeout=60).list(MAPS)
    ] == ["c"]
    with pytest.raises(Unreachable):
        server.client((200, body)).list(MAPS)


@pytest.mark.parametrize(
    "answer",
    [
        status(400, "BadRequest"),
        status(422, "Invalid"),
        status(403, "Forbidden", "exceeded quota: small"),
        status(409, "Conflict", "Apply failed", causes=[{"reason": "FieldManagerConflict"}]),
        status(500, "", "failed to create typed patch object (expected string)"),
        status(500, "InternalError", "failed calling webhook x"),
    ],
)
def test_what_stands_is_told_at_once(server: Server, answer: Answer) -> None:
    with pytest.raises(ApiError):
        server.client(answer).apply(MAPS, MAP)
    assert len(server.asked) == 1


def test_a_denial_is_waited_out_once(server: Server) -> None:
    denied = status(403, "Forbidden", 'configmaps is forbidden: User "u" cannot list resource')
    client = server.client(denied)
    for count in (2, 1):
        server.asked.clear()
        with pytest.raises(ApiError):
            client.list(MAPS)
        assert len(server.asked) == count


@pytest.mark.parametrize("answer", [NOT_THERE, (404, "404 page not found\n")])
def test_absence(server: Server, answer: Answer) -> None:
    assert server.client(answer).get(MAPS, "n", "c") is None
    assert server.client(answer).delete(MAPS, "n", "c") is False
    assert len(server.asked) == 1


def test_a_create_is_not_repeated(server: Server) -> None:
    for answer in (PASSING["500"], PASSING["HTML"], PASSING["502"]):
        with pytest.raises(KubeError):
            server.client(answer).request("POST", "/api/v1/namespaces", body={})
        assert len(server.asked) == 1


def test_wrong_discovery_is_no_missing_kind(server: Server) -> None:
    client = server.client((200, {}))
    with pytest.raises(Unreachable):
        client.resource("example.com/v1", "Thing")


def test_a_list_whose_place_is_too_old_begins_again(server: Server) -> None:
    first = {**LIST, "metadata": {"continue": "x"}}
    client = server.client((200, first), status(410, "Expired"), (200, first), (200, {**LIST, "items": []}))
    assert [row["metadata"]["name"] for row in client.list(MAPS)] == ["c"]
    with pytest.raises(ApiError):
        server.client(status(410, "Expired")).list(MAPS)


def test_a_server_that_was_waited_for_in_vain_is_not_waited_for_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SILENCE_LASTS", 0.1)
    SNAPSHOT.open()
    try:
        requests = []
        for answer in (HTML, HTML, MAP, HTML):
            with contextlib.suppress(Unreachable):
                server.client((200, answer)).get(MAPS, "n", "c")
            requests.append(len(server.asked))
        assert requests == [2, 1, 1, 2], "patient at first, and again once it has answered"
    finally:
        SNAPSHOT.close()


def test_a_server_that_hung_is_given_less_time_to_answer_a_read() -> None:
    client = Client(Connection(server="http://127.0.0.1:9"), timeout=30.0, retry_timeout=0.0)
    given: list[float] = []

    def request(*_: Any, timeout: urllib3.Timeout, **__: Any) -> Any:
        given.append(float(timeout.read_timeout or 0))
        raise urllib3.exceptions.ReadTimeoutError(client._pool, "", "no answer")

    client._pool.request = request
    for method in ("GET", "GET", "PATCH", "DELETE"):
        with pytest.raises(Unreachable):
            client.request(method, "/api/v1/namespaces/n")
    assert given == [30.0, client_module.SILENT_READ, 30.0, 30.0]
