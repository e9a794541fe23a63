# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task behind url_wait: until a URL answers, seen from the controller."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, holds_unknown
from ansible_collections.okestack.oci.plugins.module_utils.redaction import passwords, shown_url
from ansible_collections.okestack.oci.plugins.module_utils.run import Context
from ansible_collections.okestack.oci.plugins.module_utils.waiting import Wait

from .base_task import KubeTask


class UrlTask(KubeTask):
    """Asks until the answer is the one that is waited for."""

    name = "url_wait"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "url": {"type": "str", "required": True},
            "address": {"type": "str"},
            "ca_certificate": {"type": "str"},
            "status": {"type": "list", "elements": "int", "default": [200]},
            "contains": {"type": "str"},
            "wait_timeout": {"type": "int", "default": 300},
            "wait_interval": {"type": "float", "default": 10.0},
        }

    def perform(self, params: Document, context: Context) -> Document:
        asked = [params.get(name) for name in ("url", "address", "ca_certificate")]
        if context.check_mode and holds_unknown(asked):
            return {"changed": False, "url": shown_url(params["url"]), "status": None, "duration": 0.0}
        url, tls = shown_url(params["url"]), _checked(params)
        context.secrets |= passwords(params["url"])
        waiting = Wait(
            url,
            timeout=float(params["wait_timeout"]),
            interval=float(params["wait_interval"]),
            report=context.report,
            stop=context.stop,
        )
        waited = False
        while True:
            text, status = _ask(params, tls)
            if text == "ready":
                if waited:
                    waiting.tell(str(status))
                return {"changed": False, "url": url, "status": status, "duration": round(waiting.elapsed, 1)}
            if context.check_mode:
                context.warn(f"{url}: {text}")
                return {"changed": False, "url": url, "status": status, "duration": 0.0}
            waiting.tell(text)
            waited = True
            waiting.pause(lambda took, why=text: f"{url} is not ready within {params['wait_timeout']}s: {why}")  # type: ignore[misc]


def _checked(params: Mapping[str, Any]) -> ssl.SSLContext | None:
    """What is used of TLS, after a look at all that could never succeed. Raises KubeError."""
    try:
        parts = urlsplit(params["url"])
        host, port = parts.hostname or "", parts.port
        good = parts.scheme in ("http", "https") and bool(host) and port != 0 and params["url"].isprintable()
        good = good and " " not in params["url"] and bool(host.encode("idna"))
        (params.get("address") or "").encode("idna")
    except ValueError:
        good = False
    if not good:
        raise KubeError(
            f"url: {shown_url(params['url'])!r} (address {params.get('address')!r}) is not an http or https URL"
        )
    if not params["status"]:
        raise KubeError("status: empty, so no answer is the one that is waited for")
    if parts.scheme == "http":
        return None
    try:
        return ssl.create_default_context(cadata=params.get("ca_certificate") or None)
    except (ssl.SSLError, ValueError):
        raise KubeError("ca_certificate: no PEM text of certificates") from None


def _ask(params: Mapping[str, Any], tls: ssl.SSLContext | None) -> tuple[str, int | None]:
    """`ready` or what is wrong, and the status if there was an answer."""
    parts = urlsplit(params["url"])
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        with socket.create_connection((params.get("address") or host, port), timeout=10) as raw:
            if tls:
                stream: socket.socket = tls.wrap_socket(raw, server_hostname=host)
            else:
                stream = raw
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.sock = stream
            headers = {"Host": parts.netloc.rpartition("@")[2], "Connection": "close"}
            if parts.username:
                login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
            connection.request("GET", quote(target, safe="/?&=%:;,+@!$'()*~-._[]"), headers=headers)
            answer = connection.getresponse()
            body = answer.read(1 << 20).decode(errors="replace")
            stream.close()
    except ssl.SSLCertVerificationError as error:
        return f"its certificate does not hold: {error.verify_message}", None
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {getattr(error, 'strerror', None) or error or type(error).__name__}", None
    if answer.status not in params["status"]:
        return f"status {answer.status}", answer.status
    if params.get("contains") and params["contains"] not in body:
        return f"status {answer.status}, without the text that is waited for", answer.status
    return "ready", answer.status
