"""How the parts of a service say which of their methods answer calls, and which are steps of a life cycle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_Method = TypeVar("_Method", bound=Callable[..., Any])
_MARK = "registered_as"


def operation(method: _Method) -> _Method:
    """The method answers the SDK's operation of its name: it gets a `Call` and returns a `Reply`."""
    setattr(method, _MARK, "operation")
    return method


def step(method: _Method) -> _Method:
    """The method is what happens with a change of state. A restarted region finds it by its name in the store, so it
    must be able to run twice, and its name is unique in its service."""
    setattr(method, _MARK, "step")
    return method


def registered(thing: object, mark: Callable[[Any], Any]) -> dict[str, Any]:
    """The bound methods of a thing that carry a mark (`operation` or `step`), by their names."""
    found = {}
    for name in dir(type(thing)):
        if getattr(getattr(type(thing), name), _MARK, "") == mark.__name__:
            found[name] = getattr(thing, name)
    return found
