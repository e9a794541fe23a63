"""The types, their cases, and a walk for each."""

from __future__ import annotations

import importlib
import pkgutil

from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

from . import cases
from .case import Case
from .prerequisites import Prerequisites
from .walk import Walk

TYPES = all_types()
CASES: dict[str, Case] = {}
for _room in pkgutil.iter_modules(cases.__path__):
    CASES.update(importlib.import_module(f"{cases.__name__}.{_room.name}").CASES)


class Walks(dict[str, Walk]):
    """The walk of each type, made when it is asked for."""

    def __init__(self, ground: Prerequisites) -> None:
        super().__init__()
        self.ground = ground
        ground.make()
        self.bare = ground.region.snapshot()

    def __missing__(self, name: str) -> Walk:
        self[name] = Walk(TYPES[name], CASES[name], self.ground, self.bare)
        return self[name]

    @staticmethod
    def names(name: str) -> list[str]:
        """The names of a type's steps."""
        return Walk.names_of(TYPES[name], CASES[name])
