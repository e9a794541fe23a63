"""Where the peers fall short in their dealings with the API: retries, refused connections, start-up, what is shown.

One test for each fault of the official collection that behaviour can show, by a name that says so.
"""

from __future__ import annotations

import http.client
import http.server
import socket
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import cloud
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError

from localregion.settings import COMPARTMENT_NAME
from localregion.testing import Region

from .conftest import Door
from .playbook import play

pytestmark = pytest.mark.usefixtures("no_faults_after")


def _vcn(region: Region, name: str, **more: Any) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, "display_name": name, "cidr_blocks": ["10.50.0.0/16"], **more}


def _session(region: Region, **options: Any) -> Session:
    options = {"config_file": str(region.config_file), "endpoints": {"default": region.endpoint}, **options}
    return Session(Connection.from_options(options, {}))


def _list(session: Session, region: Region) -> None:
    session.call(session.client("core.VirtualNetworkClient"), "list_vcns", region.compartment_id)


# --- nobody there ------------------------------------------------------------------------------------------------


def test_a_refused_connection_is_told_within_seconds(door: Door, region: Region) -> None:
    """With the default of `retry_timeout`, five minutes. (Peer: 97 s.)"""
    began = time.monotonic()
    endpoints = {"default": "http://127.0.0.1:9"}
    told = door("vcn", fails=True, endpoints=endpoints, retry_timeout=300, **_vcn(region, "nobody"))["msg"]
    assert time.monotonic() - began < 15
    assert "127.0.0.1:9" in told and "refused" in told and "list_vcns" in told


def test_a_name_without_an_address_is_told_within_seconds(door: Door, region: Region) -> None:
    began = time.monotonic()
    endpoints = {"default": "http://iaas.nowhere.invalid"}
    told = door("vcn", fails=True, endpoints=endpoints, retry_timeout=300, **_vcn(region, "nobody"))["msg"]
    assert time.monotonic() - began < 15
    assert "iaas.nowhere.invalid" in told and "region" in told


def test_an_endpoint_that_is_no_url_is_told(door: Door, region: Region) -> None:
    for wrong in ("127.0.0.1:9", "iaas.example.com", "ftp://iaas.example.com"):
        told = door("vcn", fails=True, endpoints={"default": wrong}, **_vcn(region, "nobody"))["msg"]
        assert f"{wrong!r} is not a URL like https://host" in told and "endpoints" in told


def test_an_outage_in_the_middle_of_a_task_is_waited_through(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that has answered before is not a wrong address: it is given the whole of `retry_timeout`."""
    monkeypatch.setattr(cloud, "NOBODY_SECONDS", 0.2)
    sessions = {}
    for name in ("known", "unknown"):
        with _proxy() as proxy:
            sessions[name] = _session(region, retry_timeout=20, proxy_url=proxy.url)
            if name == "known":
                _list(sessions[name], region)
    with pytest.raises(CloudError, match="refused"):
        _list(sessions["unknown"], region)
    port = urlsplit(str(sessions["known"].connection.proxy_url)).port
    later = threading.Timer(1.5, lambda: back.append(_Proxy(port or 0)))
    back: list[_Proxy] = []
    later.start()
    began = time.monotonic()
    _list(sessions["known"], region)
    assert time.monotonic() - began > 1
    back[0].stop()


# --- retries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [{"status": 429}, {"status": 503}, {"status": 409, "code": "IncorrectState"}],
    ids=lambda fault: str(fault["status"]),
)
@pytest.mark.parametrize("header", ["seconds", "date"])
def test_rate_limits_and_conflicts_are_retried_as_retry_after_says(
    region: Region, fault: dict[str, Any], header: str
) -> None:
    session = _session(region)
    _list(session, region)
    wait = 2 if header == "date" else 1.4  # a date has whole seconds: at least one of the two is left
    text = formatdate(time.time() + wait, usegmt=True) if header == "date" else str(wait)
    region.faults.add("core.list_vcns", headers={"retry-after": text}, **fault)
    region.forget_calls()
    began = time.monotonic()
    _list(session, region)
    assert wait - 1 <= time.monotonic() - began < wait + 5
    assert [call.status for call in region.calls] == [fault["status"], 200]


def test_a_wait_that_is_longer_than_allowed_is_not_begun(region: Region) -> None:
    region.faults.add("core.list_vcns", status=429, headers={"retry-after": "3600"}, message="Slow down")
    began = time.monotonic()
    with pytest.raises(CloudError, match=r"429 TooManyRequests: Slow down.*rate limit"):
        _list(_session(region, retry_timeout=30), region)
    assert time.monotonic() - began < 5


def test_many_errors_do_not_open_a_circuit_breaker(region: Region) -> None:
    """The SDK's own would refuse to ask for 30 s after ten of them."""
    region.faults.add("core.list_vcns", status=503, headers={"retry-after": "0"}, times=25)
    began = time.monotonic()
    _list(_session(region), region)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("code", ["InvalidatedRetryToken", "IncorrectState"])
def test_a_create_that_is_refused_for_a_moment_makes_one(door: Door, region: Region, code: str) -> None:
    region.faults.add("core.create_vcn", status=409, code=code, times=2)
    assert door("vcn", **_vcn(region, f"refused {code}"))["changed"]
    found = region.client(oci.core.VirtualNetworkClient).list_vcns(
        region.compartment_id, display_name=f"refused {code}"
    )
    assert len(found.data) == 1


def test_a_404_after_a_create_is_waited_through(door: Door, region: Region) -> None:
    """The peer fails, and leaves the resource behind."""
    region.faults.hidden = 1.0
    made = door("vcn", **_vcn(region, "hidden"))
    assert made["vcn"]["lifecycle_state"] == "AVAILABLE"
    region.faults.clear()
    assert not door("vcn", **_vcn(region, "hidden"))["changed"], "there is one, and it is found"
    region.faults.add("core.get_subnet", status=404, times=3)
    subnet = {"compartment_id": region.compartment_id, "vcn_id": made["vcn"]["id"], "display_name": "hidden"}
    assert door("subnet", cidr_block="10.50.1.0/24", **subnet)["changed"]


# --- if-match ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(region: Region, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """Method and headers of each request."""
    seen: list[tuple[str, dict[str, str]]] = []
    handle = region.inner.handle

    async def spy(method: str, *rest: Any) -> Any:
        seen.append((method, dict(rest[2])))
        return await handle(method, *rest)

    monkeypatch.setattr(region.inner, "handle", spy)
    return seen


def test_if_match_is_sent_with_each_update(door: Door, region: Region, sent: list[tuple[str, dict[str, str]]]) -> None:
    """For services of each kind; the peer never sends it."""
    common = {"compartment_id": region.compartment_id}
    vcn = door("vcn", **_vcn(region, "guarded"))["vcn"]["id"]
    in_vcn = {**common, "vcn_id": vcn, "display_name": "guarded"}
    policy = {
        **common,
        "name": "guarded",
        "statements": [f"Allow group Administrators to read vcns in compartment {COMPARTMENT_NAME}"],
    }
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("vcn", _vcn(region, "guarded"), {"freeform_tags": {"a": "1"}}),
        ("route_table", {**in_vcn, "route_rules": []}, {"freeform_tags": {"a": "1"}}),
        ("security_list", {**in_vcn, "egress_security_rules": []}, {"freeform_tags": {"a": "1"}}),
        ("network_security_group", in_vcn, {"freeform_tags": {"a": "1"}}),
        ("internet_gateway", in_vcn, {"is_enabled": False}),
        ("policy", {**policy, "description": "one"}, {"description": "two"}),
        ("vault", {**common, "display_name": "guarded"}, {"freeform_tags": {"a": "1"}}),
        ("container_repository", {**common, "display_name": "guarded"}, {"is_public": True}),
    ]
    for module, options, change in cases:
        door(module, **options)
        sent.clear()
        assert door(module, **{**options, **change})["changed"], module
        updates = [headers for method, headers in sent if method == "PUT"]
        assert updates, module
        for headers in updates:
            assert headers.get("if-match"), module


def test_a_change_by_somebody_else_is_never_overwritten_blindly(door: Door, region: Region) -> None:
    """Another client writes between our reading and our writing: the service refuses ours, we look again."""
    door("vcn", **_vcn(region, "raced", freeform_tags={"a": "1"}))
    client = region.client(oci.core.VirtualNetworkClient)
    vcn = client.list_vcns(region.compartment_id, display_name="raced").data[0].id
    region.faults.add("core.update_vcn", delay=1.0)  # ours is the first

    def other() -> None:
        time.sleep(0.4)
        client.update_vcn(vcn, {"freeformTags": {"theirs": "kept"}})

    racing = threading.Thread(target=other)
    region.forget_calls()
    racing.start()
    changed = door("vcn", **_vcn(region, "raced", freeform_tags={"a": "2"}))
    racing.join()
    assert changed["vcn"]["freeform_tags"] == {"theirs": "kept", "a": "2"}
    assert [call.status for call in region.calls if call.operation == "core.update_vcn"] == [200, 412, 200]


# --- in a real play: who is called, what is loaded, what is shown ---------------------------------------------------

_WATCH = """
import os, sys
_out = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def _hook(event, args):
    if event == "socket.connect":
        os.write(_out, f"connect {args[1]!r}\\n".encode())
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        os.write(_out, f"resolve {args[0]!r}\\n".encode())
    elif event == "exec" and getattr(args[0], "co_filename", "").endswith("/oci/core/__init__.py"):
        os.write(_out, b"load oci.core\\n")
    elif event == "subprocess.Popen":
        os.write(_out, f"run {args[0]!r}\\n".encode())
sys.addaudithook(_hook)
"""


@pytest.fixture(scope="module")
def played(region: Region, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Counter[str]]:
    """A play of five tasks, at -vvvvv: what it shows, and what all of its processes did."""
    folder = tmp_path_factory.mktemp("play")
    (folder / "sitecustomize.py").write_text(_WATCH)
    task = {"okestack.oci.vcn": _vcn(region, "watched")}
    watched = folder / "watched"
    environment = {"PYTHONPATH": str(folder), "WATCHED": str(watched)}
    shown = play(region, folder, [task] * 5, "-vvvvv", environment=environment)
    assert "ok=5 " in shown
    return shown, Counter(watched.read_text().splitlines())


def test_no_call_leaves_for_the_internet(region: Region, played: tuple[str, Counter[str]]) -> None:
    """Nobody but the region's endpoint is connected to, and no other name is looked up. (Peer: a release page.)"""
    endpoint = urlsplit(region.endpoint)
    connected = {line for line in played[1] if line.startswith("connect ")}
    assert connected == {f"connect {(endpoint.hostname, endpoint.port)!r}"}
    assert {line for line in played[1] if line.startswith("resolve ")} <= {f"resolve {endpoint.hostname!r}"}


def test_the_sdk_is_loaded_once_a_run_and_not_once_a_task(played: tuple[str, Counter[str]]) -> None:
    """(Peer: 1.6 s a task.) What each task has to load costs a process and a second; here nothing is left to load."""
    assert played[1]["load oci.core"] == 1
    assert not [line for line in played[1] if line.startswith("run ") and "AnsiballZ" in line]


def test_no_authorization_header_is_shown_at_vvvvv(played: tuple[str, Counter[str]]) -> None:
    """(Peer: `-vvv` shows it.)"""
    for part in ("Signature version", "keyId=", "PRIVATE KEY", "authorization:"):
        assert part.lower() not in played[0].lower()


# --- the way to the service --------------------------------------------------------------------------------------


class _Proxy:
    """A small HTTP proxy on loopback: what came through it, as `GET http://...` or `CONNECT host:port`."""

    def __init__(self, port: int = 0) -> None:
        seen = self.seen = list[str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                seen.append(f"CONNECT {self.path}")
                host, _, port = self.path.partition(":")
                with socket.create_connection((host, int(port))) as far:
                    self.send_response(200)
                    self.end_headers()
                    _join(self.connection, far)
                self.close_connection = True

            def _forward(self) -> None:
                seen.append(f"{self.command} {self.path}")
                parts = urlsplit(self.path)
                far = http.client.HTTPConnection(parts.hostname or "", parts.port)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
                far.request(self.command, f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
                answer = far.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                far.close()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _forward

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """No longer."""
        self._server.shutdown()
        self._server.server_close()


def _join(near: socket.socket, far: socket.socket) -> None:
    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    back = threading.Thread(target=pump, args=(far, near), daemon=True)
    back.start()
    pump(near, far)
    back.join(5)


@contextmanager
def _proxy() -> Iterator[_Proxy]:
    proxy = _Proxy()
    try:
        yield proxy
    finally:
        proxy.stop()


def test_proxy_url_is_the_way_of_each_call(door: Door, region: Region) -> None:
    region.forget_calls()
    with _proxy() as proxy:
        assert door("vcn", proxy_url=proxy.url, **_vcn(region, "by proxy"))["changed"]
    assert len(proxy.seen) == len(region.calls) > 2
    assert all(urlsplit(line.split()[1]).netloc == urlsplit(region.endpoint).netloc for line in proxy.seen)


def test_proxy_url_tunnels_to_a_service_with_tls(door: Door, region: Region, tmp_path: Path) -> None:
    with region.by_tls(tmp_path) as (url, ca), _proxy() as proxy:
        options = {**_vcn(region, "by tunnel"), "endpoints": {"default": url}, "ca_file": str(ca)}
        assert door("vcn", environment={"OCI_PROXY_URL": proxy.url}, **options)["changed"]
        assert set(proxy.seen) == {f"CONNECT {urlsplit(url).netloc}"}


def test_an_instance_asks_its_metadata_directly_and_for_its_token_through_the_proxy(
    door: Door, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # does not count
    environment = {"OCI_METADATA_BASE_URL": region.metadata_url}
    options = {**_vcn(region, "by proxy"), "auth_type": "instance_principal"}
    with _proxy() as proxy:
        told = door("vcn", fails=True, environment=environment, proxy_url=proxy.url, **options)["msg"]
    assert "404" in told, "nothing is granted to the instance here"
    assert proxy.seen[0] == f"POST {region.endpoint}/v1/x509"
    assert not [line for line in proxy.seen if "/opc/" in line]


def test_a_proxy_that_is_not_there_is_named_without_its_password(door: Door, region: Region) -> None:
    options = {**_vcn(region, "no proxy"), "proxy_url": "http://user:s3cret-word@127.0.0.1:9"}
    told = door("vcn", fails=True, **options)["msg"]
    assert "through the proxy http://127.0.0.1:9" in told and "refused" in told
    assert "s3cret-word" not in told


def test_ca_file_is_what_the_services_certificate_is_checked_against(
    door: Door, region: Region, tmp_path: Path
) -> None:
    with region.by_tls(tmp_path / "right") as (url, ca):
        options = {**_vcn(region, "by tls"), "endpoints": {"default": url}}
        assert door("vcn", ca_file=str(ca), **options)["changed"]
        assert not door("vcn", environment={"OCI_CA_FILE": str(ca)}, **options)["changed"]
        region.authority(tmp_path / "wrong")
        for wrong in (None, str(tmp_path / "wrong" / "ca.pem")):
            began = time.monotonic()
            told = door("vcn", fails=True, ca_file=wrong, retry_timeout=300, **options)["msg"]
            assert time.monotonic() - began < 5, "asking again does not help"
            assert "certificate verify failed" in told and "ca_file" in told
        told = door("vcn", fails=True, ca_file=str(tmp_path / "none.pem"), **options)["msg"]
        assert "none.pem: no such file" in told
