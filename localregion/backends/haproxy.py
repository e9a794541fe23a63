"""A load balancer: one HAProxy in the namespace of its VNIC.

It is given the service's own document (`LoadBalancer` in wire names: listeners, backendSets, certificates) and the
certificates' private keys. A change is a reload: a new worker takes over the listening sockets and what was known of
the backends' health, the old one ends with its last connection. HTTP and TCP listeners, TLS on either side, the three
policies, HTTP and TCP health checks, both kinds of cookie persistence, PROXY protocol.

Not as in the service: the shape's bandwidth is not enforced; a cipher suite's name chooses TLS versions only, the
ciphers are HAProxy's; a backend that is down is looked at every second, so that it is back sooner.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import resource
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localregion.host.content import content_key
from localregion.host.pki import write_private
from localregion.host.process import Process, ProcessError, run
from localregion.host.unix_socket import connected

__all__ = ["Haproxy", "HaproxyError"]

Document = dict[str, Any]

_BALANCE = {"ROUND_ROBIN": ["balance roundrobin"], "LEAST_CONNECTIONS": ["balance leastconn"]}
_BALANCE["IP_HASH"] = ["balance source", "hash-type consistent"]
_ROUTE_COOKIE = "X-Oracle-BMC-LBS-Route"


class HaproxyError(Exception):
    """The load balancer could not be set up as asked."""


def _quote(text: str) -> str:
    """A word of HAProxy's configuration."""
    if any(ord(character) < 32 for character in text):
        raise HaproxyError(f"a control character in {text!r}")
    return "'" + text.replace("'", "'\\''") + "'"


def for_next_worker(state: str, doc: Document) -> str:
    """What is known of the servers (`show servers state`), for the next worker: with the ports that are to be checked
    now, as it would go on to check the old ones."""
    sets = {f"set:{name}": each["healthChecker"] for name, each in (doc.get("backendSets") or {}).items()}
    lines, columns = [], []
    for line in state.splitlines():
        words = line.split(" ")
        if line.startswith("# "):
            columns = words[1:]
        elif "srv_check_port" in columns and len(words) >= len(columns):
            checker = sets.get(words[columns.index("be_name")])
            if checker is not None:
                words[columns.index("srv_check_port")] = str(checker.get("port") or 0)
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


class Haproxy:
    """One load balancer. `folder` is its own; the listeners are at `address` of the namespace `netns`."""

    def __init__(self, folder: Path, *, netns: str, address: str) -> None:
        self.folder = folder
        self.netns = netns
        self.address = address
        self._process: Process | None = None
        self._lock = asyncio.Lock()
        self._mark = ""

    @property
    def running(self) -> bool:
        return self._process is not None

    # -- configuration --------------------------------------------------------------------------------------------

    def configuration(self, doc: Document, mark: str = "") -> str:
        """HAProxy's configuration for a document; a pure function of both."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        connections = 4000 if hard == resource.RLIM_INFINITY else max(100, min(4000, (hard - 200) // 4))
        lines = [
            "global",
            f"  description {mark or 'none'}",
            "  log stdout format raw local0 notice",
            f"  maxconn {connections}",
            "  nbthread 1",
            "  user nobody",
            "  group nogroup",
            "  stats socket unix@s mode 600 level admin",
            f"  server-state-file {_quote(str(self.folder / 'state'))}",
            "  hard-stop-after 30m",
            "  spread-checks 0",
            "  tune.ssl.default-dh-param 2048",
            "  ssl-default-bind-options no-sslv3 no-tlsv10 no-tlsv11 no-tls-tickets",
            "",
            "defaults",
            "  log global",
            "  option dontlognull",
            "  option redispatch",
            "  retries 3",
            "  load-server-state-from-file global",
            "  timeout connect 10s",
            "  timeout http-request 60s",
            "",
        ]
        sets = doc.get("backendSets") or {}
        for name, each in sorted(sets.items()):
            lines += self._health_of(name, each)
        for name, each in sorted((doc.get("listeners") or {}).items()):
            lines += self._listener(name, each, sets[each["defaultBackendSetName"]], doc)
        return "\n".join(lines) + "\n"

    def _health_of(self, name: str, each: Document) -> list[str]:
        """The backend set's health checks: a backend that no listener uses, and the others follow."""
        checker = each["healthChecker"]
        timeout, interval = checker["timeoutInMillis"], checker["intervalInMillis"]
        lines = [f"backend set:{name}", "  mode tcp", f"  timeout server {timeout}ms", f"  timeout check {timeout}ms"]
        if checker["protocol"] == "HTTP":
            lines += [
                "  option httpchk",
                f"  http-check send meth GET uri {_quote(checker.get('urlPath') or '/')} ver HTTP/1.1"
                " hdr Host localhost hdr User-Agent 'OCI-LoadBalancer-HealthCheck' hdr Connection close",
                f"  http-check expect status {checker['returnCode']}",
            ]
            expression = checker.get("responseBodyRegex") or ""
            if expression not in ("", ".*"):
                lines.append(f"  http-check expect rstring {_quote(expression)}")
        secure = each.get("sslConfiguration")
        plain = checker.get("isForcePlainText") or not secure
        for backend in each["backends"]:
            options = [
                f"check inter {interval}ms fastinter {min(interval, 1000)}ms downinter {min(interval, 1000)}ms",
                f"fall {checker['retries']} rise 1",
            ]
            if checker.get("port"):
                options.append(f"port {checker['port']}")
            if not plain:
                options.append("check-ssl verify none")
            lines.append(f"  server {backend['name']} {backend['ipAddress']}:{backend['port']} {' '.join(options)}")
        return [*lines, ""]

    def _listener(self, name: str, each: Document, backends: Document, doc: Document) -> list[str]:
        port = each["port"]
        http = each["protocol"] == "HTTP"
        connection = each.get("connectionConfiguration") or {}
        idle = int(connection.get("idleTimeout") or (60 if http else 300))
        mode = "http" if http else "tcp"
        bind = f"  bind {self.address}:{port}"
        secure = each.get("sslConfiguration")
        if secure:
            bind += self._bind_tls(secure)
        lines = [
            f"frontend listener:{port}",
            f"  # {json.dumps(name)}",
            f"  mode {mode}",
            bind,
            f"  timeout client {idle}s",
            f"  timeout http-keep-alive {idle}s",
            f"  default_backend listener:{port}",
        ]
        if http:
            lines += [
                # A reload closes idle connections only with the answer to their next request.
                "  option idle-close-on-response",
                "  option forwardfor",
                f"  http-request set-header X-Forwarded-Proto {'https' if secure else 'http'}",
                f"  http-request set-header X-Forwarded-Port {port}",
                "  http-request set-header X-Forwarded-Host %[req.hdr(host)]",
                "  http-request set-header X-Real-IP %[src]",
            ]
            if doc.get("isRequestIdEnabled"):
                header = doc.get("requestIdHeader") or "X-Request-Id"
                lines += [
                    f"  http-request set-header {header} %[uuid()] unless {{ req.hdr({header}) -m found }}",
                    f"  http-request set-var(txn.request_id) req.hdr({header})",
                    f"  http-response set-header {header} %[var(txn.request_id)]",
                ]
        lines += ["", f"backend listener:{port}", f"  mode {mode}", f"  timeout server {idle}s", "  option allbackups"]
        lines += [f"  {line}" for line in _BALANCE[backends["policy"]]]
        # Idle connections to a pod are not kept for others: the pod may be gone when they are used again.
        lines += ["  http-reuse never", f"  timeout tunnel {max(idle, 3600)}s"] if http else []
        cookies, cookie_option = self._persistence(backends, http)
        lines += [f"  {line}" for line in cookies]
        for backend in backends["backends"]:
            options = [f"weight {0 if backend.get('drain') else backend.get('weight', 1)}"]
            options.append(f"track set:{backends['name']}/{backend['name']}")
            if backend.get("backup"):
                options.append("backup")
            if backend.get("offline"):
                options.append("disabled")
            most = backend.get("maxConnections") or backends.get("backendMaxConnections")
            if most:
                options.append(f"maxconn {most}")
            if version := connection.get("backendTcpProxyProtocolVersion"):
                options.append("send-proxy" if version == 1 else "send-proxy-v2")
            if cookie_option:
                options.append(f"cookie {content_key(backend['name'])}")
            if backends.get("sslConfiguration"):
                options.append(self._server_tls(backends["sslConfiguration"], doc))
            lines.append(f"  server {backend['name']} {backend['ipAddress']}:{backend['port']} {' '.join(options)}")
        return [*lines, ""]

    def _bind_tls(self, secure: Document) -> str:
        words = f" ssl crt {_quote(str(self._bundle(secure['certificateName'])))} alpn http/1.1"
        versions = sorted(version.removeprefix("TLSv") for version in secure.get("protocols") or ["1.2"])
        known = {"1": "TLSv1.0", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3"}
        words += f" ssl-min-ver {known[versions[0]]} ssl-max-ver {known[versions[-1]]}"
        if secure.get("verifyPeerCertificate"):
            words += f" verify required ca-file {_quote(str(self._authorities(secure['certificateName'])))}"
        return words

    def _server_tls(self, secure: Document, doc: Document) -> str:
        name = secure.get("certificateName")
        if secure.get("verifyPeerCertificate"):
            if not name or not doc["certificates"][name].get("caCertificate"):
                raise HaproxyError("verifyPeerCertificate of a backend set needs a certificate with a caCertificate")
            words = f"ssl verify required ca-file {_quote(str(self._authorities(name)))}"
        else:
            words = "ssl verify none"
        if name and doc["certificates"][name].get("publicCertificate"):
            words += f" crt {_quote(str(self._bundle(name)))}"
        return words

    def _persistence(self, backends: Document, http: bool) -> tuple[list[str], bool]:
        """Lines of a backend, and whether its servers carry a cookie of their own."""
        own = backends.get("lbCookieSessionPersistenceConfiguration")
        application = backends.get("sessionPersistenceConfiguration")
        if not http or not (own or application):
            return [], False
        if own:
            line = f"cookie {_quote(own.get('cookieName') or _ROUTE_COOKIE)} insert indirect nocache"
            if own.get("domain"):
                line += f" domain {_quote(own['domain'])}"
            if own.get("isHttpOnly", True):
                line += " httponly"
            if own.get("isSecure"):
                line += " secure"
            if own.get("maxAgeInSeconds"):
                line += f" maxlife {own['maxAgeInSeconds']}s"
            return ([line] if not own.get("disableFallback") else [line, "no option redispatch"]), True
        assert application is not None
        name = application["cookieName"]
        if name == "*":
            raise HaproxyError("session persistence by any cookie (*) is not there")
        lines = [
            "stick-table type string len 128 size 100k expire 1h",
            f"stick store-response {_quote(f'res.cook({name})')}",
            f"stick match {_quote(f'req.cook({name})')}",
        ]
        return (lines if not application.get("disableFallback") else [*lines, "no option redispatch"]), False

    def _bundle(self, certificate: str) -> Path:
        return self.folder / "tls" / f"{content_key(certificate)}.pem"

    def _authorities(self, certificate: str) -> Path:
        return self.folder / "tls" / f"{content_key(certificate)}-ca.pem"

    # -- life -----------------------------------------------------------------------------------------------------

    async def apply(self, doc: Document, keys: Mapping[str, bytes] | None = None) -> None:
        """Serve as the document says: started the first time, else reloaded without losing a connection. Does nothing
        when nothing changed. Returns when the new configuration serves. Raises HaproxyError (and what ran goes on)."""
        async with self._lock:
            await self._apply(doc, keys or {})

    async def _apply(self, doc: Document, keys: Mapping[str, bytes]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        secrets = [part for name in sorted(keys) for part in (name.encode(), keys[name])]
        certificates = json.dumps(doc.get("certificates") or {}, sort_keys=True)
        mark = content_key(self.configuration(doc), certificates, *secrets)
        if self._process is not None and mark == self._mark:
            return
        self._write_certificates(doc, keys)
        text = self.configuration(doc, mark)
        new = self.folder / "haproxy.cfg.new"
        new.write_text(text)
        if not (self.folder / "state").exists():
            (self.folder / "state").write_text("1\n")
        try:
            # In the namespace: it checks that addresses can be bound to as far as it can.
            await run(["haproxy", "-c", "-q", "-f", str(new)], netns=self.netns, cwd=self.folder)
        except ProcessError as error:
            raise HaproxyError(f"HAProxy refuses the configuration: {error}") from error
        new.replace(self.folder / "haproxy.cfg")
        if self._process is None:
            (self.folder / "state").write_text("1\n")
            self._process = Process(
                f"haproxy {self.folder.name}",
                ["haproxy", "-W", "-f", str(self.folder / "haproxy.cfg")],
                log=self.folder / "haproxy.log",
                netns=self.netns,
                cwd=self.folder,
                stop_timeout=3.0,
            )
            await self._process.start()
        else:
            (self.folder / "state").write_text(for_next_worker(await self._ask("show servers state"), doc))
            self._process.send_signal(signal.SIGUSR2)
        self._mark = mark
        try:
            await self._process.wait_ready(self._current, timeout=20.0, interval=0.02)
        except ProcessError as error:
            self._mark = ""
            raise HaproxyError(str(error)) from error

    def _write_certificates(self, doc: Document, keys: Mapping[str, bytes]) -> None:
        for name, each in (doc.get("certificates") or {}).items():
            if each.get("publicCertificate") and name in keys:
                chain = each["publicCertificate"].strip() + "\n"
                write_private(self._bundle(name), chain.encode() + keys[name])
            if each.get("caCertificate"):
                write_private(self._authorities(name), each["caCertificate"])

    async def stop(self) -> None:
        """End it, with its connections."""
        async with self._lock:
            if self._process is not None:
                await self._process.stop()
                self._process = None
                self._mark = ""

    async def destroy(self) -> None:
        """End it and delete its folder, keys and all."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder, True)

    # -- what it knows --------------------------------------------------------------------------------------------

    async def _ask(self, command: str) -> str:
        """An answer of the worker's command socket. Raises OSError."""
        async with connected(self.folder / "s") as made:
            reader, writer = await asyncio.open_unix_connection(sock=made)
            writer.write(command.encode() + b"\n")
            async with asyncio.timeout(5.0):
                answer = await reader.read(-1)
            writer.close()
            return answer.decode(errors="replace")

    async def _current(self) -> bool:
        lines = (await self._ask("show info")).splitlines()
        return f"description: {self._mark}" in lines

    async def health(self) -> dict[str, dict[str, str]]:
        """Backend set, then backend (`address:port`), to OK, WARNING (it is changing), CRITICAL or UNKNOWN (not looked
        at yet). Empty when it does not run."""
        try:
            text = await self._ask("show stat -1 4 -1")
        except OSError:
            return {}
        found: dict[str, dict[str, str]] = {}
        for row in csv.DictReader(io.StringIO(text.lstrip("# "))):
            if row["pxname"].startswith("set:"):
                found.setdefault(row["pxname"].removeprefix("set:"), {})[row["svname"]] = _health(row)
        return found


def _health(row: Mapping[str, str]) -> str:
    if row.get("check_status") in ("", "INI", None):
        return "UNKNOWN"
    status = row["status"]
    if status == "UP":
        return "OK"
    # `UP 1/3`: failing, not down yet; `DOWN 1/2`: coming back.
    return "WARNING" if " " in status else "CRITICAL"
