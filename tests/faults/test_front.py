"""Bytes that are not a request, two, or too much, at the region's HTTP server: refused, nothing of them is performed,
and the next caller is served."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import oci
import pytest

from localregion.testing import Region

HOST = b"host: 127.0.0.1\r\n"
POST = b"POST /20160918/policies HTTP/1.1\r\n" + HOST + b"content-type: application/json\r\n"
INNER = b"GET /20160918/regions HTTP/1.1\r\n" + HOST + b"\r\n"

REFUSED: dict[str, bytes] = {
    "a length and chunks": POST + b"content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "chunks and a length": POST + b"transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n" + INNER,
    "two lengths": POST + b"content-length: 0\r\ncontent-length: 60\r\n\r\n" + INNER,
    "an invalid length": POST + b"content-length: +6\r\n\r\n" + INNER,
    "a length below zero": POST + b"content-length: -6\r\n\r\n" + INNER,
    "a length of many digits": POST + b"content-length: " + b"9" * 40 + b"\r\n\r\n",
    "an invalid coding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + INNER,
    "chunked, but not last": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "an invalid chunk size": POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + INNER,
    "a chunk's size of many digits": POST + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "a space before the colon": POST + b"content-length : 6\r\n\r\n" + INNER,
    "a folded header": POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + INNER,
    "a header without a colon": POST + b"nothing\r\n\r\n",
    "a NUL in a header": POST + b"x: a\0b\r\n\r\n",
    "a line feed alone": POST.replace(b"\r\n", b"\n") + b"\n",
    "no version": b"GET /20160918/regions\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a ClientHello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "binary": bytes(range(256)) * 10,
    "a method of nobody's": b"x" * 3000 + b" / HTTP/1.1\r\n\r\n",
    "a header of a megabyte": POST + b"x: " + b"a" * 2**20 + b"\r\n\r\n",
    "a name of a megabyte": POST + b"a" * 2**20 + b": x\r\n\r\n",
    "a hundred thousand headers": POST + b"x: a\r\n" * 100_000 + b"\r\n",
    "a path of a megabyte": b"GET /" + b"a" * 2**20 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "headers without an end": POST + b"x: a\r\n" * 100_000,
    "nobody's authorization": POST + b"authorization: Signature x\r\ncontent-length: 0\r\n\r\n",
    "a path above the root": b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "a URL for a path": b"GET http://169.254.169.254/opc/v2/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "another's host": b"GET /20160918/regions HTTP/1.1\r\nhost: iam.eu-other-1.oraclecloud.com\r\n\r\n",
    "no host": b"GET /20160918/regions HTTP/1.1\r\n\r\n",
    "bytes that are not text": b"GET /20160918/\xff\xfe HTTP/1.1\r\n" + HOST + b"x: \xff\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an upgrade": b"GET / HTTP/1.1\r\n" + HOST + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as region:
        yield region


def answers(region: Region, sent: bytes) -> list[int]:
    """The status of each answer until the server ends the connection, or says nothing for a second."""
    place = urlsplit(region.endpoint)
    with socket.create_connection((place.hostname, place.port), 5) as one:
        with contextlib.suppress(OSError):  # it may have ended it before all was sent
            one.sendall(sent)
        one.settimeout(1)
        got = b""
        with contextlib.suppress(OSError):
            while part := one.recv(65536):
                got += part
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", got)]


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_request_is_refused(served: Region, case: str) -> None:
    served.forget_calls()
    found = answers(served, REFUSED[case])
    assert all(400 <= status < 500 for status in found), found
    assert len(found) <= 1, f"{found}: it was taken for several"
    assert all(call.status in (400, 401, 404, 405) for call in served.calls), served.calls
    client = served.client(oci.identity.IdentityClient)
    assert client.list_regions().data


def test_a_head_without_an_end_is_not_kept(served: Region) -> None:
    """A caller that nobody knows cannot make the server remember more than it takes."""
    place = urlsplit(served.endpoint)
    with socket.create_connection((place.hostname, place.port), 5) as one:
        one.sendall(POST + b"x: ")
        taken = 0
        with contextlib.suppress(OSError):
            for _ in range(1000):
                taken += one.send(b"a" * 65536)
    assert taken < 8 * 2**20, "what the system buffers"


def test_nobody_else_reads_the_regions_state(served: Region, tmp_path: Path) -> None:
    """Whatever made the folder before, and with any umask."""
    old = os.umask(0)
    try:
        (tmp_path / "made").mkdir()
        with Region.started(tmp_path / "made") as region:
            state = Path(region.settings.state)
            assert stat.S_IMODE(state.stat().st_mode) == 0o700
            for path in state.rglob("*"):
                if re.search(r"key|config|token|\.sqlite", path.name):
                    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    finally:
        os.umask(old)
