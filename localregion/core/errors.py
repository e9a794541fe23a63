"""Errors as Oracle Cloud answers them.

Source of the codes: https://docs.oracle.com/en-us/iaas/Content/API/References/apierrors.htm
"""

from __future__ import annotations

NOT_FOUND_MESSAGE = "Authorization failed or requested resource not found."


class ServiceError(Exception):
    """An answer that is an error: HTTP status, code and message of its body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def not_found(message: str = NOT_FOUND_MESSAGE) -> ServiceError:
    """What the URI names does not exist, or the caller may not know that it does."""
    return ServiceError(404, "NotAuthorizedOrNotFound", message)


def related_not_found(message: str = NOT_FOUND_MESSAGE) -> ServiceError:
    """A resource named in the body does not exist, or the caller may not use it."""
    return ServiceError(400, "RelatedResourceNotAuthorizedOrNotFound", message)


def invalid(message: str) -> ServiceError:
    """A parameter is invalid or incorrectly formatted."""
    return ServiceError(400, "InvalidParameter", message)


def missing(name: str) -> ServiceError:
    """A required parameter is missing."""
    return ServiceError(400, "MissingParameter", f"Missing required parameter: {name}")


def limit_exceeded(message: str) -> ServiceError:
    """A limit of the tenancy is reached."""
    return ServiceError(400, "LimitExceeded", message)


def incorrect_state(message: str) -> ServiceError:
    """The resource's state forbids it now; it may be right later."""
    return ServiceError(409, "IncorrectState", message)


def conflict(message: str) -> ServiceError:
    """The resource's state forbids it; waiting does not help."""
    return ServiceError(409, "Conflict", message)


def not_authenticated(message: str = "") -> ServiceError:
    """The signature is missing or wrong. The cloud says no more than this; neither does the region to the caller."""
    return ServiceError(
        401,
        "NotAuthenticated",
        message or "The required information to complete authentication was not provided or was incorrect.",
    )


def not_implemented(operation: str) -> ServiceError:
    """The local region has no such operation yet."""
    return ServiceError(501, "NotImplemented", f"The local region does not implement {operation}.")
