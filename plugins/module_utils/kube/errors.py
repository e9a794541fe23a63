# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on the Kubernetes side, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MESSAGE_LIMIT = 2000
"""Characters kept of a server's message: a refused Deployment repeats its whole template."""


class KubeError(Exception):
    """Anything that stops a Kubernetes task; the text is what the person reads."""


class ApiError(KubeError):
    """An answer of the API server that is not a success."""

    def __init__(self, method: str, path: str, status: int, body: Mapping[str, Any] | None = None) -> None:
        body = body or {}
        self.method = method
        self.path = path
        self.status = status
        self.reason = str(body.get("reason") or "")
        self.message = str(body.get("message") or "")
        self.details: Mapping[str, Any] = body.get("details") or {}
        self.causes: Sequence[Mapping[str, Any]] = self.details.get("causes") or ()
        text = self.message if len(self.message) <= MESSAGE_LIMIT else self.message[:MESSAGE_LIMIT] + " ..."
        super().__init__(f"{method} {path}: {status} {self.reason}: {text}".rstrip(": "))

    @property
    def not_found(self) -> bool:
        return self.status == 404

    @property
    def namespace_missing(self) -> bool:
        """The object's namespace is what was not found, not the object."""
        return self.status == 404 and self.details.get("kind") == "namespaces"

    @property
    def webhook_unavailable(self) -> bool:
        """An admission webhook's own server did not answer; it may be starting."""
        return self.status == 500 and "failed calling webhook" in self.message

    @property
    def ours(self) -> bool:
        """What was sent is at fault though the status is a server's: an apply of values of other types."""
        return self.status == 500 and self.message.startswith("failed to ")


class Unreachable(KubeError):
    """No answer from the API server, or none that is its own."""


class UnknownKind(KubeError):
    """The server has no such kind (its CustomResourceDefinition is not there)."""

    def __init__(self, api_version: str, kind: str) -> None:
        self.api_version = api_version
        self.kind = kind
        super().__init__(f"the cluster has no kind {kind} in {api_version}: is its CustomResourceDefinition installed?")


def shown_url(url: str) -> str:
    """A URL for people's eyes: without the name and password that it may hold."""
    return re.sub(r"(?<=//)[^/?#]*@", "", url)
