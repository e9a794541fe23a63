# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task behind url_check: one entry written, read and removed through a URL, and the certificate that it shows."""

from __future__ import annotations

import datetime
import http.client
import json
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, holds_unknown
from ansible_collections.okestack.oci.plugins.module_utils.redaction import shown_url
from ansible_collections.okestack.oci.plugins.module_utils.run import Context

from .base_task import KubeTask


class UrlCheckTask(KubeTask):
    """Writes, reads and removes an entry; what it wrote is gone afterwards."""

    name = "url_check"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "url": {"type": "str", "required": True},
            "address": {"type": "str"},
            "ca_certificate": {"type": "str"},
            "entry": {"type": "dict", "default": {}},
            "id_field": {"type": "str", "default": "id"},
            "timeout": {"type": "int", "default": 20},
        }

    def perform(self, params: Document, context: Context) -> Document:
        """``steps``: what was done, up to the first that failed; ``certificate``: None for plain HTTP."""
        if holds_unknown([params["url"], params.get("address")]):
            return {"changed": False, "url": shown_url(params["url"]), "certificate": None, "steps": []}
        place = _Place.of(params)
        certificate = _certificate(place)
        steps = [_read(place)] if context.check_mode else list(_round(place, params))
        return {"changed": False, "url": shown_url(params["url"]), "certificate": certificate, "steps": steps}


@dataclass(frozen=True)
class _Place:
    """Where requests go, and what the server must show."""

    scheme: str
    host: str
    netloc: str
    port: int
    path: str
    address: str
    ca_certificate: str
    timeout: int

    @staticmethod
    def of(params: Mapping[str, Any]) -> _Place:
        url = params["url"]
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            good = parts.scheme in ("http", "https") and bool(host) and not parts.username and url.isprintable()
            good = good and bool(host.encode("idna"))
            (params.get("address") or "").encode("idna")
        except ValueError:
            good = False
        if not good:
            raise KubeError(f"url: {shown_url(url)!r} is not an http or https URL without a log-in")
        port = port or (443 if parts.scheme == "https" else 80)
        address, ca = params.get("address") or host, params.get("ca_certificate") or ""
        path = (parts.path or "/").rstrip("/") or "/"
        return _Place(parts.scheme, host, parts.netloc, port, path, address, ca, int(params["timeout"]))

    def connect(self, checked: bool = True) -> socket.socket:
        raw = socket.create_connection((self.address, self.port), timeout=self.timeout)
        if self.scheme == "http":
            return raw
        context = ssl.create_default_context(cadata=self.ca_certificate or None)
        if not (checked and self.ca_certificate):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(raw, server_hostname=self.host)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body. Raises OSError or HTTPException."""
        with self.connect() as stream:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            connection.sock = stream
            headers = {"Host": self.netloc, "Connection": "close", "Accept": "application/json"}
            text = None if body is None else json.dumps(body).encode()
            if text is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body=text, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(1 << 20)


def _certificate(place: _Place) -> Document | None:
    """What the server shows, checked or not: its names and its end."""
    if place.scheme == "http":
        return None
    from .certificates import describe

    try:
        with place.connect(checked=False) as stream:
            shown = (stream.getpeercert(binary_form=True) if isinstance(stream, ssl.SSLSocket) else None) or b""
        summary: Document = dict(describe(ssl.DER_cert_to_PEM_cert(shown or b"")))
    except (OSError, ValueError):
        return None
    end = datetime.datetime.strptime(summary["not_after"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    summary["days_left"] = (end - datetime.datetime.now(datetime.UTC)).days
    return summary


def _step(place: _Place, name: str, method: str, path: str, wanted: tuple[int, ...], body: Any = None) -> Document:
    """One request: whether it was answered as wanted, and the answer's JSON if it has one."""
    try:
        status, content = place.ask(method, path, body)
    except ssl.SSLCertVerificationError as error:
        return {
            "step": name,
            "ok": False,
            "status": None,
            "text": f"the certificate does not hold: {error.verify_message}",
        }
    except (OSError, http.client.HTTPException) as error:
        summary = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return {"step": name, "ok": False, "status": None, "text": f"no answer: {summary}"}
    try:
        answer = json.loads(content) if content else None
    except ValueError:
        answer = None
    ok = status in wanted
    text = f"status {status}" + ("" if ok else f" instead of {' or '.join(map(str, wanted))}")
    return {"step": name, "ok": ok, "status": status, "text": text, "answer": answer}


def _read(place: _Place) -> Document:
    return _shown(_step(place, "a read", "GET", place.path, (200,)))


def _round(place: _Place, params: Mapping[str, Any]) -> Any:
    """A write, a read, a removal and a look that it is gone; ends with the first that is not as it should be."""
    entry = {**params["entry"]} or {"name": f"okestack verify {secrets.token_hex(4)}"}
    written = _step(place, "a write", "POST", place.path, (200, 201), entry)
    number = (written.get("answer") or {}).get(params["id_field"]) if isinstance(written.get("answer"), dict) else None
    if written["ok"] and number is None:
        written |= {"ok": False, "text": f"{written['text']}, but no {params['id_field']} in the answer"}
    yield _shown(written)
    if not written["ok"]:
        return
    path = f"{place.path.rstrip('/')}/{number}"
    read = _step(place, "a read", "GET", path, (200,))
    if read["ok"] and any((read.get("answer") or {}).get(k) != v for k, v in entry.items()):
        read |= {"ok": False, "text": "what is read is not what was written"}
    yield _shown(read)
    removed = _step(place, "a removal", "DELETE", path, (200, 204))
    yield _shown(removed)
    if removed["ok"]:
        yield _shown(_step(place, "a look that it is gone", "GET", path, (404, 410)))


def _shown(step: Document) -> Document:
    return {k: v for k, v in step.items() if k != "answer"}


TASKS = (UrlCheckTask(),)
