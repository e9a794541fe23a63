# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error holds for code that decides by it, the same for all: a table."""

from __future__ import annotations

from types import SimpleNamespace as Row
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import errors
from ansible_collections.okestack.oci.plugins.module_utils.cloud import explain

FIELDS = ("service", "operation", "status", "code", "message", "request_id", "hint")
EMPTY = ("", "", 0, "", "", "", "")
REFUSED = Row(
    target_service="virtual_network", status=404, code="NotAuthorizedOrNotFound", message="no", request_id="r"
)
FORBIDDEN = {"reason": "Forbidden", "message": "no"}
HINT = "it does not exist, or the policies do not allow it: the service does not tell which"


def held(error: errors.TaskError) -> tuple[Any, ...]:
    return tuple(getattr(error, name) for name in FIELDS)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.TaskError("x"), EMPTY),
        (errors.Failed("x", {"id": "i"}), EMPTY),
        (errors.SignInError("x", passing=True), EMPTY),
        (errors.NotTheAnswer("x", status=200, request_id="r"), ("", "", 200, "", "", "r", "")),
        (explain(REFUSED, "get_vcn"),
         ("virtual_network", "get_vcn", 404, "NotAuthorizedOrNotFound", "no", "r", HINT)),
        (errors.Stale.like(explain(REFUSED, "get_vcn")),
         ("virtual_network", "get_vcn", 404, "NotAuthorizedOrNotFound", "no", "r", HINT)),
        (errors.ApiError("GET", "/api/v1/pods", 403, FORBIDDEN),
         ("kubernetes", "GET /api/v1/pods", 403, "Forbidden", "no", "", "")),
        (errors.ApiError("GET", "/api", 502), ("kubernetes", "GET /api", 502, "", "", "", "")),
        (errors.UnknownKind("v1", "Thing"), ("kubernetes", "", 0, "", "", "", "")),
    ],
)  # fmt: skip
def test_each_error_holds_where_it_failed(error: errors.TaskError, expected: tuple[Any, ...]) -> None:
    assert held(error) == expected
    assert str(error)


def test_the_text_says_all_of_it() -> None:
    text = str(explain(REFUSED, "get_vcn", "Signed in by api_key as x"))
    assert text == (
        "virtual_network get_vcn: 404 NotAuthorizedOrNotFound: no (request r). "
        f"{HINT[0].upper()}{HINT[1:]}. Signed in by api_key as x"
    )


def test_an_error_of_another_class_says_the_same() -> None:
    error = explain(REFUSED, "get_vcn")
    other = errors.Uncertain.like(error)
    assert isinstance(other, errors.Uncertain) and str(other) == str(error) and not other.spent


def test_a_long_message_is_cut_in_the_text_alone() -> None:
    error = errors.ApiError("PATCH", "/x", 422, {"message": "y" * 5000})
    assert len(error.message) == 5000 and len(str(error)) < errors.MESSAGE_LIMIT + 100
