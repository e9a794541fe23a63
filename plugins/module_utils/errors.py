# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, in words that say what to do: every error that a task ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

MESSAGE_LIMIT = 2000
"""Characters kept of a server's message: a refused Deployment repeats its whole template."""


class TaskError(Exception):
    """What stops a task. The text is for the person who reads it: what, where, why and what to do.

    The rest is for code that decides by it, and empty where there is no such thing: the ``service`` and the
    ``operation`` that failed, the HTTP ``status`` (0 where there was no answer), the service's ``code`` and
    ``message``, its ``request_id``, and the ``hint`` that ends the text.
    """

    def __init__(
        self,
        text: str,
        *,
        service: str = "",
        operation: str = "",
        status: int = 0,
        code: str = "",
        message: str = "",
        request_id: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(text)
        self.service, self.operation, self.status, self.code = service, operation, status, code
        self.message, self.request_id, self.hint = message, request_id, hint


class BadOptions(TaskError):
    """A task's options are not what its argument spec takes; the text holds no secret."""


class ResourceError(TaskError):
    """What is declared cannot be done; the text says what, where and what to do."""


class Failed(ResourceError):
    """A resource that was waited for ended in a failed state; ``document`` is it."""

    def __init__(self, text: str, document: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.document = document


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
    """A call of Oracle's API that failed for good."""

    @classmethod
    def like(cls, error: TaskError) -> Self:
        """The same error as one of this class."""
        names = ("service", "operation", "status", "code", "message", "request_id", "hint")
        return cls(str(error), **{name: getattr(error, name) for name in names})


class Uncertain(CloudError):
    """A write got no clear answer: look again before sending it. ``spent``: it was sent again until time was up."""

    spent = False


class Stale(CloudError):
    """The resource changed since it was read: 412, or 409 NoEtagMatch of the identity service."""


class Cancelled(CloudError):
    """The task was asked to stop."""


class NotTheAnswer(TaskError):
    """A 2xx whose body is not of the declared type. ``status`` and ``request_id`` are those of the answer."""


class KubeError(TaskError):
    """Anything that stops a Kubernetes task; the text is what the person reads."""


class ApiError(KubeError):
    """An answer of the API server that is not a success."""

    def __init__(self, method: str, path: str, status: int, body: Mapping[str, Any] | None = None) -> None:
        body = body or {}
        self.details: Mapping[str, Any] = body.get("details") or {}
        self.causes: Sequence[Mapping[str, Any]] = self.details.get("causes") or ()
        operation, reason, message = f"{method} {path}", str(body.get("reason") or ""), str(body.get("message") or "")
        text = message if len(message) <= MESSAGE_LIMIT else message[:MESSAGE_LIMIT] + " ..."
        super().__init__(
            f"{operation}: {status} {reason}: {text}".rstrip(": "),
            service="kubernetes",
            operation=operation,
            status=status,
            code=reason,
            message=message,
        )

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
        super().__init__(
            f"the cluster has no kind {kind} in {api_version}: is its CustomResourceDefinition installed?",
            service="kubernetes",
        )
