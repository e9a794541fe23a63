# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an answer is what its operation declares: a proxy's page with a 200 is not one, least of all "none there".

The SDK takes whatever comes: an empty body is an empty list to it, and a model made of `{}` has no id.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import NotTheAnswer


def guard(client: Any) -> None:
    """Has a client of the SDK hold each answer against the type that its operation declares; raises NotTheAnswer."""
    base, last = client.base_client, threading.local()
    parse, send = base.deserialize_response_data, base.request

    def note(response: Any, *args: Any, **kwargs: Any) -> None:
        last.response = response

    def refused(text: str) -> NotTheAnswer:
        response = last.response
        return NotTheAnswer(text, status=response.status_code, request_id=response.headers.get("opc-request-id") or "")

    def parsed(content: bytes, declared: str, *args: Any, **kwargs: Any) -> Any:
        if not content and last.response.status_code == 202 and "opc-work-request-id" in last.response.headers:
            return None  # the work request tells
        problem = fault_of(content, declared, base.type_mappings)
        if problem:
            raise refused(problem)
        try:
            return parse(content, declared, *args, **kwargs)
        except Exception as error:
            raise refused(f"not {type_text(declared)} ({type(error).__name__}: {str(error)[:100]})") from None

    def sent(request: Any, *args: Any, **kwargs: Any) -> Any:
        answer = send(request, *args, **kwargs)
        if not request.response_type and _json(last.response.content) is _NONE and last.response.content.strip():
            raise refused(f"not empty but {_shown(last.response.content)}")
        return answer

    base.session.hooks["response"].append(note)
    base.deserialize_response_data, base.request = parsed, sent


_NONE = object()


def fault_of(content: bytes, declared: str, models: Mapping[str, Any]) -> str | None:
    """Why a body is not of a type that the SDK declares, worded to follow "the answer is"; None: it is."""
    value = _json(content)
    if declared == "str" and content.strip() and not content.lstrip().startswith(b"<"):
        return None  # some come as plain text
    if value is _NONE:
        return f"not {type_text(declared)} but {_shown(content)}"
    problem = _fault(value, declared, models)
    return f"not {type_text(declared)} but {problem}" if problem else None


def type_text(declared: str) -> str:
    """A type of the SDK as people say it: ``a list of Vcn``."""
    if declared.startswith("list["):
        return f"a list of {declared[5:-1]}"
    return f"a {declared}" if declared[:1] not in "AEIO" else f"an {declared}"


def _json(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"), strict=False)
    except (ValueError, RecursionError):
        return _NONE


def _shown(content: bytes) -> str:
    text = content.decode("utf-8", "replace").strip()
    if not text:
        return "empty"
    if text.startswith("<"):
        title = re.search(r"(?is)<title[^>]*>\s*(.{1,80}?)\s*</title>", text)
        return "a web page" + (f" ({' '.join(title[1].split())})" if title else "")
    if text[0] in "[{":
        return "JSON that breaks off"
    return "text that is not JSON"


def _fault(value: Any, declared: str, models: Mapping[str, Any]) -> str | None:
    if declared.startswith("list["):
        if not isinstance(value, list):
            return _kind(value)
        inner = declared[5:-1]
        rows = ((n, _fault(v, inner, models)) for n, v in enumerate(value))
        return next((f"a list whose row {n} is {p}" for n, p in rows if p), None)
    if declared.startswith("dict("):
        return None if isinstance(value, Mapping) else _kind(value)
    model = models.get(declared)
    if not isinstance(model, type) or not model.__module__.startswith("oci."):
        nested = isinstance(value, (list, Mapping)) and declared != "object"
        return _kind(value) if value is None or nested else None
    if not isinstance(value, Mapping):
        return _kind(value)
    names, needed, items = _form(model)
    if lacking := [n for n in needed if value.get(n) in (None, "")]:
        return f"an object without {' and '.join(lacking)}"
    if not names & value.keys():
        return "an empty object" if not value else f"an object with {', '.join(sorted(map(str, value))[:3])}"
    return _fault(value["items"], items, models) if items else None


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


@functools.cache
def _form(model: Any) -> tuple[frozenset[str], tuple[str, ...], str]:
    """The names that a model's JSON has, those it is never without, and the type of `items` where it is a page."""
    made = model()
    names, types = made.attribute_map, made.swagger_types
    items = types.get("items", "")
    if items.startswith("list["):
        return frozenset(names.values()), ("items",), items
    required = "[Required]" in (model.id.__doc__ or "") if "id" in names else False
    lives = "id" in names and ("lifecycle_state" in names or "status" in names)
    return frozenset(names.values()), (names["id"],) if required or lives else (), ""
