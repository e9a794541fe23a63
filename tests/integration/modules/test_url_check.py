"""An entry written, read and removed through a URL: against a small server that can be made wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from localregion.testing import Region

from .conftest import Door


class Server(ThreadingHTTPServer):
    """Keeps entries; ``wrong`` names the method that fails, or what it forgets."""

    entries: dict[int, Any] = {}
    wrong = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _answer(self, status: int, body: Any = None) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _do(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        number = self.path.rpartition("/")[2]
        entries = self.server.entries
        if self.server.wrong == self.command:
            self._answer(500, {"error": "broken"})
        elif self.command == "POST":
            key = len(entries) + 1
            entries[key] = {**body, "name": "other"} if self.server.wrong == "forgets" else body
            self._answer(201, {} if self.server.wrong == "no id" else {"id": key})
        elif number == "items":
            self._answer(200, list(entries.values()))
        elif not number.isdigit() or int(number) not in entries:
            self._answer(404)
        elif self.command == "GET":
            self._answer(200, entries[int(number)])
        else:
            if self.server.wrong != "keeps":
                del entries[int(number)]
            self._answer(204)

    do_GET = do_POST = do_DELETE = _do

    def log_message(self, format: str, *args: Any) -> None:
        """Not in the tests' output."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.entries, made.wrong = {}, ""
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/items"


def test_what_is_written_is_read_removed_and_gone(door: Door, server: Server) -> None:
    result = door("url_check", url=url(server))
    assert [(s["step"], s["ok"]) for s in result["steps"]] == [
        ("a write", True), ("a read", True), ("a removal", True), ("a look that it is gone", True),
    ]  # fmt: skip
    assert (result["changed"], result["certificate"], server.entries) == (False, None, {})


@pytest.mark.parametrize(
    ("wrong", "step", "text"),
    [
        ("POST", "a write", "status 500 instead of 200 or 201"),
        ("no id", "a write", "no id in the answer"),
        ("GET", "a read", "status 500 instead of 200"),
        ("forgets", "a read", "not what was written"),
        ("DELETE", "a removal", "status 500 instead of 200 or 204"),
        ("keeps", "a look that it is gone", "status 200 instead of 404 or 410"),
    ],
)
def test_the_step_that_fails_is_named(door: Door, server: Server, wrong: str, step: str, text: str) -> None:
    server.wrong = wrong
    steps = door("url_check", url=url(server), entry={"name": "tea"})["steps"]
    failed = [s for s in steps if not s["ok"]]
    assert failed and failed[0]["step"] == step and text in failed[0]["text"]


def test_check_mode_only_reads(door: Door, server: Server) -> None:
    steps = door("url_check", check=True, url=url(server))["steps"]
    assert [(s["step"], s["ok"]) for s in steps] == [("a read", True)] and server.entries == {}


def test_nobody_answers_and_what_is_no_url(door: Door, server: Server) -> None:
    server.shutdown()
    server.server_close()
    (step,) = door("url_check", url=url(server), timeout=2)["steps"]
    assert not step["ok"] and step["text"].startswith("no answer")
    assert "is not an http or https URL" in door("url_check", url="ftp://x", fails=True)["msg"]


def test_the_certificate_is_told_trusted_or_not(door: Door, region: Region, tmp_path: Any) -> None:
    with region.by_tls(tmp_path) as (address, authority):
        place = f"https://{address.partition('//')[2]}/"
        result = door("url_check", url=place)
        assert result["certificate"]["days_left"] > 0 and result["certificate"]["names"]
        checked = door("url_check", url=place, ca_certificate=authority.read_text())
        assert checked["certificate"]["not_after"] == result["certificate"]["not_after"]
