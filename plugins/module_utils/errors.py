# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, in words that say what to do: every error that a task ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MESSAGE_LIMIT = 2000
"""Characters kept of a server's message: a refused Deployment repeats its whole template."""


class TaskError(Exception):
    """What stops a task. The text is for the person who reads it: what, where, why and what to do."""


class BadOptions(TaskError):
    """A task's options are not what its argument spec takes; the text holds no secret."""


class ResourceError(TaskError):
    """What is declared cannot be done; the text says what, where and what to do."""


class Stopped(ResourceError):
    """The task was stopped while it waited."""


class PlanError(TaskError):
    """The declared state cannot be had from the observed one; the text says which field and what to do."""


class SignInError(TaskError):
    """There is no credential; the text says what is missing and what to do. ``passing``: it may be there later."""

    def __init__(self, text: str, *, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing


class CloudError(TaskError):
    """A call that failed for good, told for the reader at 3 a.m.

    ``status`` is the HTTP status (0 where there was no answer), ``code`` and ``message`` are the service's,
    ``request_id`` Oracle's.
    """

    def __init__(self, text: str, *, status: int = 0, code: str = "", request_id: str = "", message: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.message = message


class Uncertain(CloudError):
    """A write got no clear answer: look again before sending it. ``spent``: it was sent again until time was up."""

    spent = False


class Stale(CloudError):
    """The resource changed since it was read: 412, or 409 NoEtagMatch of the identity service."""


class Cancelled(CloudError):
    """The task was asked to stop."""


class NotTheAnswer(Exception):
    """A 2xx whose body is not of the declared type. ``status`` and ``request_id`` are those of the answer."""

    def __init__(self, text: str, status: int = 0, request_id: str = "") -> None:
        super().__init__(text)
        self.status, self.request_id = status, request_id


class KubeError(TaskError):
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
